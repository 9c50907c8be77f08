//go:build !go1.26 && !goexperiment.swissmap

package main

import "unsafe"

const kind = "classic"

// The offsets of hmap's fields (src/runtime/map.go), which are the same in every version.
const (
	flagsAt      = 8
	bAt          = 9
	oldbucketsAt = 24
	nevacuateAt  = 32
	sameSizeGrow = 8
)

// growing tells how many of how many old buckets are evacuated: none of none unless the map grows.
func growing(header unsafe.Pointer) (sameSize bool, evacuated, of int) {
	if *(*unsafe.Pointer)(unsafe.Add(header, oldbucketsAt)) == nil {
		return false, 0, 0
	}
	sameSize = *(*uint8)(unsafe.Add(header, flagsAt))&sameSizeGrow != 0
	b := *(*uint8)(unsafe.Add(header, bAt))
	if !sameSize {
		b--
	}
	return sameSize, *(*int)(unsafe.Add(header, nevacuateAt)), 1 << b
}

// tables tells how many directory entries there are, and how many tables they name: a classic map has none.
func tables(header unsafe.Pointer) (entries, distinct int) { return 0, 0 }
