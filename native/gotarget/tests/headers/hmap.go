//go:build !go1.24

package main

import "unsafe"

// hmap is the runtime's (src/runtime/map.go).
type hmap struct {
	count      int
	flags      uint8
	B          uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
	nevacuate  uintptr
	extra      unsafe.Pointer
}

func (h *hmap) addClearSeq(map[string]uint64) {}
