package main

// Maps whose keys and elems lie in every way.
type Wide [129]byte

type Edge [128]byte

type Point struct{ X, Y int32 }

var maps struct {
	ints      map[int]int
	bytes     map[byte]byte
	set       map[string]struct{}
	nothings  map[struct{}]int
	nothing   map[struct{}]struct{}
	wideKey   map[Wide]int
	wideElem  map[int]Wide
	wide      map[Wide]Wide
	edges     map[Edge]Edge
	pointers  map[*Wide]*Wide
	points    map[Point][]Point
	anys      map[any]any
	odd       map[[3]byte][5]uint16
	floats    map[float64]complex128
	nested    map[string]map[[2]string]chan int
	funcs     map[string]func()
	aligned   map[int8]int64
	emptyTail map[int64][0]int64
}

func fillMaps(n int) {
	m := &maps
	m.ints = map[int]int{n: n}
	m.bytes = map[byte]byte{byte(n): 1}
	m.set = map[string]struct{}{"a": {}}
	m.nothings = map[struct{}]int{{}: n}
	m.nothing = map[struct{}]struct{}{{}: {}}
	m.wideKey = map[Wide]int{{}: n}
	m.wideElem = map[int]Wide{n: {}}
	m.wide = map[Wide]Wide{{}: {}}
	m.edges = map[Edge]Edge{{}: {}}
	m.pointers = map[*Wide]*Wide{nil: nil}
	m.points = map[Point][]Point{{1, 2}: nil}
	m.anys = map[any]any{n: n}
	m.odd = map[[3]byte][5]uint16{{1}: {2}}
	m.floats = map[float64]complex128{1: 2}
	m.nested = map[string]map[[2]string]chan int{"": {{}: nil}}
	m.funcs = map[string]func(){"": nil}
	m.aligned = map[int8]int64{1: int64(n)}
	m.emptyTail = map[int64][0]int64{1: {}}
}
