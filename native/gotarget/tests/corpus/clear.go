//go:build go1.21

package main

func clearMap[K comparable, V any](m map[K]V) { clear(m) }
