//go:build goexperiment.mapsplitgroup

package main

// From one key of a group to the next, in bytes.
const keyStride = 8
