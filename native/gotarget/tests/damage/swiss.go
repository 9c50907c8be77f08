//go:build go1.26 || goexperiment.swissmap

package main

import "unsafe"

// swissMap is the runtime's Map (src/internal/runtime/maps/map.go).
type swissMap struct {
	used        uint64
	seed        uintptr
	dirPtr      unsafe.Pointer
	dirLen      int
	globalDepth uint8
	globalShift uint8
	writing     uint8
	tombstones  bool
	clearSeq    uint64
}

// table is the runtime's (src/internal/runtime/maps/table.go).
type table struct {
	used       uint16
	capacity   uint16
	growthLeft uint16
	localDepth uint8
	index      int
	groups     unsafe.Pointer
	lengthMask uint64
}

// Bytes of a group of a map[int]int: the control word, and eight slots of two words.
const groupSize = 8 + 8*16

func growing(unsafe.Pointer) bool { return false }

func made(entries int) unsafe.Pointer { return pointer(filled(entries)) }

func entry(m unsafe.Pointer, number int) **table {
	return (**table)(unsafe.Add((*swissMap)(m).dirPtr, uintptr(number)*8))
}

func control(group unsafe.Pointer, slot int) *uint8 {
	return (*uint8)(unsafe.Add(group, slot))
}

func key(group unsafe.Pointer, slot int) *int {
	return (*int)(unsafe.Add(group, 8+slot*keyStride))
}

// full gives a group of a table, and two of its slots that hold entries.
func full(t *table) (unsafe.Pointer, int, int) {
	for number := uint64(0); ; number++ {
		group := unsafe.Add(t.groups, uintptr(number)*groupSize)
		first := -1
		for slot := 0; slot < 8; slot++ {
			if *control(group, slot) >= 0x80 {
				continue
			}
			if first >= 0 {
				return group, first, slot
			}
			first = slot
		}
	}
}

// firstKey is where the first key of a small map lies.
func firstKey(m unsafe.Pointer) unsafe.Pointer {
	return unsafe.Add((*swissMap)(m).dirPtr, 8)
}

var damages = []damage{
	{"a control byte flipped", "control", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		group, slot, _ := full(*entry(m, 1))
		*control(group, slot) ^= 0x11
		return unsafe.Pointer(control(group, slot))
	}},
	{"a small map's control byte flipped", "control", 5, func(m unsafe.Pointer) unsafe.Pointer {
		group := (*swissMap)(m).dirPtr
		*control(group, 2) ^= 0x11
		return unsafe.Pointer(control(group, 2))
	}},
	{"a control byte that stands for nothing", "control", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		group, slot, _ := full(*entry(m, 1))
		*control(group, slot) = 0x91
		return unsafe.Pointer(control(group, slot))
	}},
	{"a full slot marked deleted", "table.used", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		group, slot, _ := full(*entry(m, 1))
		*control(group, slot) = 0xfe
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a small map's tombstone", "control", 5, func(m unsafe.Pointer) unsafe.Pointer {
		*control((*swissMap)(m).dirPtr, 6) = 0xfe
		return (*swissMap)(m).dirPtr
	}},
	{"a key changed", "", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		group, slot, _ := full(*entry(m, 1))
		return misplaced(m, key(group, slot))
	}},
	{"two entries of two tables swapped", "key", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		last := (*swissMap)(m).dirLen - 1
		a, i, _ := full(*entry(m, 0))
		b, j, _ := full(*entry(m, last))
		*control(a, i), *control(b, j) = *control(b, j), *control(a, i)
		*key(a, i), *key(b, j) = *key(b, j), *key(a, i)
		return unsafe.Pointer(key(a, i))
	}},
	{"a key twice in its group", "key", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		group, first, second := full(*entry(m, 1))
		*control(group, second), *key(group, second) = *control(group, first), *key(group, first)
		return unsafe.Pointer(key(group, second))
	}},
	{"a key twice in a small map", "key", 5, func(m unsafe.Pointer) unsafe.Pointer {
		group := (*swissMap)(m).dirPtr
		*control(group, 3), *key(group, 3) = *control(group, 1), *key(group, 1)
		return unsafe.Pointer(key(group, 3))
	}},
	{"a table's used one too high", "table.used", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).used++
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's growthLeft one too low", "table.growthLeft", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).growthLeft--
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's growthLeft too high", "table.growthLeft", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).growthLeft = 60000
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's capacity not a power of two", "table.capacity", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).capacity = 1000
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's lengthMask beyond its groups", "table.groups.lengthMask", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).lengthMask = 1<<20 - 1
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's groups not there", "table.groups.data", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		*(*uintptr)(unsafe.Pointer(&(*entry(m, 1)).groups)) = nowhere
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's groups nil", "table.groups.data", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).groups = nil
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's groups another table's", "", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 0)).groups = (*entry(m, (*swissMap)(m).dirLen-1)).groups
		return unsafe.Pointer(*entry(m, 0))
	}},
	{"a table's localDepth too high", "table.localDepth", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).localDepth = 60
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's localDepth one too low", "directory", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).localDepth--
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table's index another's", "table.index", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).index = 0
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a table that is replaced", "table.index", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*entry(m, 1)).index = -1
		return unsafe.Pointer(*entry(m, 1))
	}},
	{"a directory entry nil", "directory", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		*entry(m, 1) = nil
		return unsafe.Pointer(entry(m, 1))
	}},
	{"a directory entry that leads nowhere", "directory", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		*(*uintptr)(unsafe.Pointer(entry(m, 1))) = nowhere
		return unsafe.Pointer(entry(m, 1))
	}},
	{"a directory entry that names another table", "directory", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		*entry(m, 1) = *entry(m, (*swissMap)(m).dirLen-1)
		return nil
	}},
	{"two directory entries swapped", "", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		last := (*swissMap)(m).dirLen - 1
		*entry(m, 0), *entry(m, last) = *entry(m, last), *entry(m, 0)
		return unsafe.Pointer(*entry(m, 0))
	}},
	{"dirLen not a power of two", "dirLen", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).dirLen = 3
		return m
	}},
	{"dirLen beyond all memory", "", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).dirLen = 1 << 50
		return m
	}},
	{"dirLen 0 of a map with tables", "", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).dirLen = 0
		return m
	}},
	{"dirPtr nil", "dirPtr", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).dirPtr = nil
		return m
	}},
	{"a small map's dirPtr not there", "dirPtr", 5, func(m unsafe.Pointer) unsafe.Pointer {
		*(*uintptr)(unsafe.Pointer(&(*swissMap)(m).dirPtr)) = nowhere
		return m
	}},
	{"globalDepth one too high", "", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).globalDepth++
		return m
	}},
	{"globalShift 7", "globalShift", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).globalShift = 7
		return m
	}},
	{"writing left set", "writing", 100, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).writing = 1
		return m
	}},
	{"a flag that there is not", "writing", 100, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).writing = 0x42
		return m
	}},
	{"the seed of another map", "", 5000, func(m unsafe.Pointer) unsafe.Pointer {
		(*swissMap)(m).seed ^= 0x5555
		return m
	}},
}
