//go:build !go1.26 && !goexperiment.swissmap

package main

import "unsafe"

const kind = "classic"

// The bits of hmap.flags.
const (
	iterator     = 1
	oldIterator  = 2
	hashWriting  = 4
	sameSizeGrow = 8
)

func fieldsOf(header unsafe.Pointer) map[string]uint64 {
	h := (*hmap)(header)
	fields := map[string]uint64{
		"count":      uint64(h.count),
		"flags":      uint64(h.flags),
		"B":          uint64(h.B),
		"noverflow":  uint64(h.noverflow),
		"hash0":      uint64(h.hash0),
		"buckets":    uint64(uintptr(h.buckets)),
		"oldbuckets": uint64(uintptr(h.oldbuckets)),
		"nevacuate":  uint64(h.nevacuate),
		"extra":      uint64(uintptr(h.extra)),
	}
	h.addClearSeq(fields)
	return fields
}

func growthOf(header unsafe.Pointer) growth {
	h := (*hmap)(header)
	switch {
	case h.oldbuckets == nil:
		return growth{Kind: "not_growing"}
	case h.flags&sameSizeGrow != 0:
		return growth{Kind: "same_size", Evacuated: uint64(h.nevacuate), OldBuckets: 1 << h.B}
	default:
		return growth{Kind: "doubling", Evacuated: uint64(h.nevacuate), OldBuckets: 1 << (h.B - 1)}
	}
}

func tablesOf(unsafe.Pointer) tables { return tables{} }

// check ends the program unless every map is in the state that its name says.
func check() {
	at := func(header unsafe.Pointer) *hmap { return (*hmap)(header) }
	must(at(headerOf(empty)).buckets == nil, "empty: has buckets")
	for _, h := range []*hmap{at(headerOf(small)), at(headerOf(full)), at(headerOf(server.cache))} {
		must(h.B == 0 && h.buckets != nil, "a small map has 2^%d buckets", h.B)
	}
	must(at(headerOf(full)).count == 8, "full: has %d entries", len(full))
	must(at(headerOf(hinted)).B >= 9, "hinted: has 2^%d buckets", at(headerOf(hinted)).B)
	must(at(headerOf(allDeleted)).count == 0 && at(headerOf(allDeleted)).B > 0, "allDeleted: has entries, or too few buckets")
	must(at(headerOf(cleared)).count == 0 && at(headerOf(cleared)).B > 0, "cleared: has entries, or too few buckets")
	must(at(headerOf(iterated)).flags&(iterator|oldIterator) == iterator|oldIterator, "iterated: flags = %d", at(headerOf(iterated)).flags)
	// Growth moves the mark from the new buckets to the old ones, and the iterator is still there.
	flags := at(headerOf(iteratedDoubling)).flags
	must(flags&(iterator|oldIterator) == oldIterator, "iteratedDoubling: flags = %d", flags)
	must(growthOf(headerOf(iteratedDoubling)).Kind == "doubling", "iteratedDoubling: does not grow")
}
