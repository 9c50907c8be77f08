//go:build !cgo

package main

// Without C there is nothing to call.
func callC() {
	rest()
}

func waitForC() {}
