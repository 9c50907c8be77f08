//go:build go1.24 && !go1.26 && !goexperiment.swissmap

package main

import "unsafe"

// hmap is the runtime's (src/runtime/map_noswiss.go), which counts clears.
type hmap struct {
	count      int
	flags      uint8
	B          uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
	nevacuate  uintptr
	clearSeq   uint64
	extra      unsafe.Pointer
}

func (h *hmap) addClearSeq(fields map[string]uint64) {
	fields["clearSeq"] = h.clearSeq
}
