//go:build go1.26 || goexperiment.swissmap

package main

import "unsafe"

const kind = "swiss"

// The offsets of Map's fields (src/internal/runtime/maps/map.go), which are the same in every version.
const (
	dirPtrAt = 16
	dirLenAt = 24
)

// growing tells how much of a classic map's growth is done: a Swiss map grows a table in one go.
func growing(header unsafe.Pointer) (sameSize bool, evacuated, of int) { return false, 0, 0 }

// tables tells how many directory entries there are, and how many tables they name.
func tables(header unsafe.Pointer) (entries, distinct int) {
	entries = *(*int)(unsafe.Add(header, dirLenAt))
	directory := *(*unsafe.Pointer)(unsafe.Add(header, dirPtrAt))
	seen := map[unsafe.Pointer]bool{}
	for i := 0; i < entries; i++ {
		seen[*(*unsafe.Pointer)(unsafe.Add(directory, 8*i))] = true
	}
	return entries, len(seen)
}
