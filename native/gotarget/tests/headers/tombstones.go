//go:build go1.25

package main

// Whether swissMap has tombstonePossible.
const hasTombstonePossible = true
