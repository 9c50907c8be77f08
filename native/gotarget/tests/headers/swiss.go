//go:build go1.26 || goexperiment.swissmap

package main

import "unsafe"

const kind = "swiss"

// swissMap is the runtime's Map (src/internal/runtime/maps/map.go).
type swissMap struct {
	used              uint64
	seed              uintptr
	dirPtr            unsafe.Pointer
	dirLen            int
	globalDepth       uint8
	globalShift       uint8
	writing           uint8
	tombstonePossible bool // since 1.25; before, nothing is there
	clearSeq          uint64
}

// table is the runtime's (src/internal/runtime/maps/table.go).
type table struct {
	used       uint16
	capacity   uint16
	growthLeft uint16
	localDepth uint8
	index      int
	groups     struct {
		data       unsafe.Pointer
		lengthMask uint64
	}
}

func fieldsOf(header unsafe.Pointer) map[string]uint64 {
	m := (*swissMap)(header)
	fields := map[string]uint64{
		"used":        m.used,
		"seed":        uint64(m.seed),
		"dirPtr":      uint64(uintptr(m.dirPtr)),
		"dirLen":      uint64(m.dirLen),
		"globalDepth": uint64(m.globalDepth),
		"globalShift": uint64(m.globalShift),
		"writing":     uint64(m.writing),
		"clearSeq":    m.clearSeq,
	}
	if hasTombstonePossible {
		fields["tombstonePossible"] = 0
		if m.tombstonePossible {
			fields["tombstonePossible"] = 1
		}
	}
	return fields
}

func growthOf(unsafe.Pointer) growth { return growth{Kind: "not_growing"} }

func tablesOf(header unsafe.Pointer) tables {
	m := (*swissMap)(header)
	all := tables{Entries: uint64(m.dirLen)}
	if m.dirLen == 0 {
		return all
	}
	seen := map[*table]bool{}
	for _, t := range unsafe.Slice((**table)(m.dirPtr), m.dirLen) {
		if seen[t] {
			continue
		}
		seen[t] = true
		all.Distinct++
		all.Used += uint64(t.used)
		all.Tombstones += uint64(t.capacity/8*7 - t.used - t.growthLeft)
	}
	return all
}

// check ends the program unless every map is in the state that its name says.
func check() {
	must((*swissMap)(headerOf(empty)).dirPtr == nil, "empty: has a group")
	for _, header := range []unsafe.Pointer{headerOf(small), headerOf(full), headerOf(server.cache)} {
		m := (*swissMap)(header)
		must(m.dirLen == 0 && m.dirPtr != nil, "a small map has a directory of %d", m.dirLen)
	}
	must((*swissMap)(headerOf(full)).used == 8, "full: has %d entries", len(full))
	one := tablesOf(headerOf(oneTable))
	must(one.Entries == 1 && one.Distinct == 1, "oneTable: has %+v", one)
	many := tablesOf(headerOf(manyTables))
	must(many.Entries >= 4 && many.Distinct < many.Entries, "manyTables: has %+v", many)
	must(many.Used == uint64(len(manyTables)), "manyTables: has %+v, but %d entries", many, len(manyTables))
	must((*swissMap)(headerOf(hinted)).dirLen >= 4, "hinted: has %+v", tablesOf(headerOf(hinted)))
	must(tablesOf(headerOf(afterDelete)).Tombstones > 0, "afterDelete: has %+v", tablesOf(headerOf(afterDelete)))
	must(len(allDeleted) == 0 && tablesOf(headerOf(allDeleted)).Distinct > 0, "allDeleted: has %+v", tablesOf(headerOf(allDeleted)))
	must(len(cleared) == 0 && (*swissMap)(headerOf(cleared)).clearSeq == 1, "cleared: was never cleared")
}
