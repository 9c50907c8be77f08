//go:build cgo

package main

// int answer(void) { return 42; }
import "C"

// A cgo program starts otherwise, and its threads are C's.
func init() { must(C.answer() == 42, "C doesn't answer") }
