//go:build !go1.26 && !goexperiment.swissmap

package main

import "unsafe"

// hmap is the runtime's (src/runtime/map.go), as far as the versions agree.
type hmap struct {
	count      int
	flags      uint8
	b          uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
	nevacuate  uintptr
}

// bucket is the runtime's bmap of a map[int]int.
type bucket struct {
	tophash  [8]uint8
	keys     [8]int
	elems    [8]int
	overflow unsafe.Pointer
}

func growing(m unsafe.Pointer) bool { return (*hmap)(m).oldbuckets != nil }

func at(m unsafe.Pointer, number int) *bucket {
	return (*bucket)(unsafe.Add((*hmap)(m).buckets, uintptr(number)*unsafe.Sizeof(bucket{})))
}

// full gives the bucket after a number that has at least so many entries.
func full(m unsafe.Pointer, after, entries int) *bucket {
	for number := after + 1; ; number++ {
		b := at(m, number)
		count := 0
		for _, top := range b.tophash {
			if top >= 5 {
				count++
			}
		}
		if count >= entries && count < 8 {
			return b
		}
	}
}

// firstKey is where the first key of a map with one bucket lies.
func firstKey(m unsafe.Pointer) unsafe.Pointer {
	return unsafe.Add((*hmap)(m).buckets, 8)
}

var damages = []damage{
	{"a tophash flipped", "tophash", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		b := full(m, 3, 2)
		b.tophash[1] ^= 0x40
		if b.tophash[1] < 5 {
			b.tophash[1] += 0x80
		}
		return unsafe.Pointer(&b.tophash[1])
	}},
	{"a key changed", "", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		return misplaced(m, &full(m, 3, 2).keys[1])
	}},
	{"two entries of two buckets swapped", "key", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		a := full(m, 3, 2)
		b := full(m, 100, 2)
		a.tophash[0], b.tophash[0] = b.tophash[0], a.tophash[0]
		a.keys[0], b.keys[0] = b.keys[0], a.keys[0]
		return unsafe.Pointer(&a.keys[0])
	}},
	{"a key twice in its bucket", "key", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		b := full(m, 3, 2)
		b.tophash[1], b.keys[1] = b.tophash[0], b.keys[0]
		return unsafe.Pointer(&b.keys[1])
	}},
	{"a bucket that is its own overflow bucket", "overflow", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		b := full(m, 3, 2)
		b.overflow = unsafe.Pointer(b)
		return unsafe.Pointer(b)
	}},
	{"an overflow chain that is a cycle", "overflow", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		outside := new(bucket)
		outside.overflow = unsafe.Pointer(outside)
		kept = append(kept, outside)
		full(m, 3, 2).overflow = unsafe.Pointer(outside)
		return unsafe.Pointer(outside)
	}},
	{"an overflow bucket that is not there", "overflow", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		b := full(m, 3, 2)
		*(*uintptr)(unsafe.Pointer(&b.overflow)) = nowhere
		where := uintptr(nowhere)
		return *(*unsafe.Pointer)(unsafe.Pointer(&where))
	}},
	{"an overflow pointer that is not aligned", "overflow", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		b := full(m, 3, 2)
		*(*uintptr)(unsafe.Pointer(&b.overflow)) = uintptr(unsafe.Pointer(b)) + 3
		return unsafe.Add(unsafe.Pointer(b), 3)
	}},
	{"evacuated, while nothing grows", "tophash", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		b := full(m, 3, 2)
		b.tophash[0] = 2
		return unsafe.Pointer(b)
	}},
	{"an entry after the mark that none follows", "tophash", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		b := full(m, 3, 2)
		b.tophash[0] = 0
		return unsafe.Pointer(&b.tophash[1])
	}},
	{"hashWriting left set", "flags", 100, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).flags |= 4
		return m
	}},
	{"a flag that there is not", "flags", 100, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).flags |= 64
		return m
	}},
	{"B beyond all memory", "B", 100, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).b = 200
		return m
	}},
	{"B one too high", "", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).b++
		return m
	}},
	{"B one too low", "", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).b--
		return m
	}},
	{"buckets nil", "buckets", 100, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).buckets = nil
		return m
	}},
	{"buckets not there", "buckets", 100, func(m unsafe.Pointer) unsafe.Pointer {
		*(*uintptr)(unsafe.Pointer(&(*hmap)(m).buckets)) = nowhere
		return m
	}},
	{"buckets of another map", "", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).buckets = (*hmap)(pointer(filled(1000))).buckets
		return m
	}},
	{"the seed of another map", "", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).hash0 ^= 0x5555
		return m
	}},
	{"nevacuate beyond the old buckets", "nevacuate", 1000, func(m unsafe.Pointer) unsafe.Pointer {
		(*hmap)(m).nevacuate = 1 << 40
		return m
	}},
	{"nevacuate beyond a bucket that is not evacuated", "nevacuate", isGrowing, func(g unsafe.Pointer) unsafe.Pointer {
		(*hmap)(g).nevacuate += 20
		return nil
	}},
	{"an old bucket below nevacuate not evacuated", "nevacuate", isGrowing, func(g unsafe.Pointer) unsafe.Pointer {
		old := (*bucket)((*hmap)(g).oldbuckets)
		old.tophash[0] = 77
		return unsafe.Pointer(old)
	}},
	{"oldbuckets not there", "oldbuckets", isGrowing, func(g unsafe.Pointer) unsafe.Pointer {
		*(*uintptr)(unsafe.Pointer(&(*hmap)(g).oldbuckets)) = nowhere
		return g
	}},
}

// isGrowing stands for a map in the middle of growth, where others have their number of entries.
const isGrowing = -1

func made(entries int) unsafe.Pointer {
	if entries != isGrowing {
		return pointer(filled(entries))
	}
	m := map[int]int{}
	for i := 0; !growing(pointer(m)) || i < 500; i++ {
		m[i] = i
	}
	for i := -1; (*hmap)(pointer(m)).nevacuate < 8; i-- {
		m[i] = i
	}
	kept = append(kept, m)
	return pointer(m)
}
