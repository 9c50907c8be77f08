//go:build (go1.26 || goexperiment.swissmap) && !goexperiment.mapsplitgroup

package main

// From one key of a group to the next, in bytes: an elem lies between them.
const keyStride = 16
