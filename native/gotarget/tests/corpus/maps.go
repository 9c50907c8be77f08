package main

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"
)

// Keys and elems of every way to store and to hash them.
type (
	Point  struct{ X, Y int }
	Padded struct { // between the fields, and after them, are bytes that belong to none
		A int8
		B int64
		C int8
	}
	Blank struct { // a field without a name takes no part
		A int32
		_ int32
		B int32
	}
	Mixed struct {
		Name  string
		Ratio float64
		Any   interface{}
	}
	Inline                    [128]byte // the largest that is stored in place
	Indirect                  [129]byte // the smallest that isn't
	Celsius                   float64
	Name                      string
	Set                       map[string]struct{}
	Pair[K comparable, V any] struct {
		Key  K
		Elem V
	}
)

func number(i int) int     { return i }
func minus(i int) int      { return -i }
func text32(i int) string  { return fmt.Sprintf("key %d", i) }
func inline(i int) Inline  { return Inline{byte(i), byte(i >> 8), 127: 1} }
func point(i int) Point    { return Point{X: i, Y: -i} }
func wide(i int) Indirect  { return Indirect{byte(i), byte(i >> 8), byte(i >> 16), 128: 7} }
func nothing(int) struct{} { return struct{}{} }

// anything gives keys of many dynamic types.
func anything(i int) interface{} {
	switch i % 9 {
	case 0:
		return i
	case 1:
		return text32(i)
	case 2:
		return float64(i) / 8
	case 3:
		return point(i)
	case 4:
		return Name(text32(i))
	case 5:
		return int32(i)
	case 6:
		return [2]string{text32(i), "x"}
	case 7:
		return uint64(math.MaxUint64 - uint64(i))
	}
	return Pair[int, string]{i, "pair"}
}

// Fast paths, other paths, and everything that is stored behind a pointer.
var (
	byInt      Layouts[int, int]
	byInt32    Layouts[int32, string]
	byUint64   Layouts[uint64, [3]uint16]
	byString   Layouts[string, int]
	byName     Layouts[Name, []string]
	byPoint    Layouts[Point, string]
	byFloat    Layouts[float64, float32]
	byInline   Layouts[Inline, Inline]
	byIndirect Layouts[Indirect, Indirect]
	byHalf     Layouts[int, Indirect]
	byOther    Layouts[Indirect, struct{}]
	asSet      Layouts[string, struct{}]
	asBytes    Layouts[uint16, uint8]
)

// Maps of every key type, and of what is special about a key.
var (
	nilMap     map[int]int
	emptyMap   = map[int]int{}
	shared     map[int]int
	sameSize   map[int]int
	sameNames  map[string]string
	samePoints map[Point]int
	sameWide   map[Indirect]Indirect
	iterated   = map[int]int{}
	growingIt  = map[int]int{}
	big        = map[int]int{}

	bools      = map[bool]string{true: "yes", false: "no"}
	int8s      = map[int8]int8{}
	uint8s     = map[uint8]bool{}
	int16s     = map[int16]int{-32768: 1, 32767: 2, 0: 3}
	uintptrs   = map[uintptr]string{0: "zero", math.MaxUint64: "all"}
	runes      = map[rune]string{'x': "x", '世': "world", -1: "none"}
	floats     = map[float64]string{0: "zero", math.Inf(1): "inf", math.Inf(-1): "-inf", 1e300: "big", 5e-324: "least", 0.1: "tenth"}
	float32s   = map[float32]int{0.1: 1, 16777216: 2, -2.5: 3}
	nans       = map[float64]int{}
	manyNaNs   = map[float64]int{}
	nanPoints  = map[[2]float32]string{}
	complexes  = map[complex128]int{1 + 2i: 1, -0.5i: 2, 0: 3}
	complex64s = map[complex64]int{1 + 2i: 1, -0.5i: 2}
	strange    = map[string]string{"": "empty", "\xff\xfe": "invalid", "a\x00b": "nul", "\"quoted\"\\": "escaped\n\t", "é世🎉": "\u2028<&>"}
	nothings   = map[struct{}]struct{}{{}: {}}
	zeros      = map[[0]int]string{{}: "zero"}
	arrays     = map[[3]int16]string{{1, 2, 3}: "up", {3, 2, 1}: "down", {}: "zero"}
	stringsOf  = map[[2]string]int{{"a", "b"}: 1, {"", ""}: 2}
	padded     = map[Padded]string{}
	blanks     = map[Blank]int{}
	anonymous  = map[struct{ A, B int }]string{{1, 2}: "one two"}
	pointers   = map[*Point]string{nil: "nil"}
	unsafes    = map[unsafe.Pointer]int{nil: 0}
	chans      = map[chan int]string{nil: "nil"}
	anys       = map[interface{}]interface{}{}
	errorsBy   = map[error]string{nil: "nil"}
	stringers  = map[fmt.Stringer]int{time.Duration(3): 3}
	times      = map[time.Time]int{}
	durations  = map[time.Duration]string{time.Second: "one", 90 * time.Minute: "many", -1: "less"}
	generic    = map[Pair[string, int]]Pair[int, []string]{{"a", 1}: {1, []string{"x"}}, {"b", 2}: {}}
	named      = Set{"a": {}, "b": {}}

	nested     = map[string]map[int]string{"nil": nil, "empty": {}, "two": {1: "one", 2: "two"}}
	deep       = map[int]map[int]map[int]int{1: {2: {3: 4}, 5: nil}, 6: {}}
	slices     = map[string][]int{"nil": nil, "empty": {}, "three": {1, 2, 3}}
	toPointers = map[string]*Point{"nil": nil, "one": {1, 2}}
	toFuncs    = map[string]func(int) int{"nil": nil, "number": number}
	toAnys     = map[int]interface{}{}
	toChans    = map[int]chan int{0: nil, 1: make(chan int, 3)}
	toErrors   = map[int]error{0: nil, 1: errors.New("boom")}
	toArrays   = map[int][0]int{1: {}, 2: {}}
	atLimit    = map[int][16]int64{1: {1, 2, 15: 3}} // 128 bytes
	overLimit  = map[int][17]int64{1: {1, 2, 16: 3}}
)

func buildMaps() {
	byInt.build("byInt", number, minus)
	byInt32.build("byInt32", func(i int) int32 { return int32(-i) }, text32)
	byUint64.build("byUint64", func(i int) uint64 { return uint64(i) << 40 }, func(i int) [3]uint16 { return [3]uint16{uint16(i), 1, 2} })
	byString.build("byString", text32, number)
	byName.build("byName", func(i int) Name { return Name(text32(i)) }, func(i int) []string { return []string{text32(i)} })
	byPoint.build("byPoint", point, text32)
	byFloat.build("byFloat", func(i int) float64 { return float64(i) / 7 }, func(i int) float32 { return float32(i) / 3 })
	byInline.build("byInline", inline, inline)
	byIndirect.build("byIndirect", wide, wide)
	byHalf.build("byHalf", number, wide)
	byOther.build("byOther", wide, nothing)
	asSet.build("asSet", text32, nothing)
	asBytes.build("asBytes", func(i int) uint16 { return uint16(i) }, func(i int) uint8 { return uint8(i) })

	shared = share()
	sameSize = churn("sameSize", number, minus)
	sameNames = churn("sameNames", text32, text32)
	samePoints = churn("samePoints", point, minus)
	sameWide = churn("sameWide", wide, wide)
	for i := 0; i < 5000; i++ {
		iterated[i] = i
	}
	iterate(iterated, func() {})
	for i := 0; i < 300; i++ {
		growingIt[i] = i
	}
	// Once one iterates, growth keeps the old entries where they are as long as the iteration goes on.
	iterate(growingIt, func() {
		for i := 300; i < mostEntries; i++ {
			growingIt[i] = i
			same, evacuated, of := growing(headerOf(growingIt))
			if (kind == "swiss" && i == 3000) || (of >= 64 && !same && 9 < evacuated && evacuated < of) {
				return
			}
		}
		must(false, "growingIt: doesn't grow")
	})
	for i := 0; i < 30000; i++ {
		big[i*i] = i
	}
	for i := 0; i < 256; i++ {
		int8s[int8(i)] = int8(-i)
		uint8s[uint8(i)] = i%3 == 0
	}
	for i := 0; i < 5; i++ {
		nans[math.NaN()] = i
		nanPoints[[2]float32{float32(math.NaN()), float32(i)}] = text32(i)
		padded[Padded{int8(i), int64(i), int8(-i)}] = text32(i)
		blanks[Blank{A: int32(i), B: int32(i * 2)}] = i
		pointers[&Point{i, i}] = text32(i)
		unsafes[unsafe.Pointer(new(int))] = i
		chans[make(chan int)] = text32(i)
		errorsBy[errors.New(text32(i))] = text32(i)
		times[time.Unix(int64(i)*1e9, int64(i)).UTC()] = i
	}
	nans[1] = 1
	for i := 0; i < 500; i++ {
		manyNaNs[math.NaN()] = i
	}
	for i := 0; i < 40; i++ {
		anys[anything(i)] = anything(i + 1)
		toAnys[i] = anything(i)
	}
	anys[nil], anys[true], anys[math.NaN()], anys[math.NaN()] = "nil", nil, 1, 2
	anys[&byInt], anys[Padded{1, 2, 3}] = 3, Blank{1, 2, 3}
	toAnys[-1] = nil
}

// iterate begins to range over a map, does something within the first round, and stays there for good.
func iterate(m map[int]int, first func()) {
	within := make(chan struct{})
	go func() {
		for range m {
			first()
			close(within)
			select {}
		}
	}()
	<-within
}

func tellMaps() {
	tellAll("main.byInt", &byInt)
	tellAll("main.byInt32", &byInt32)
	tellAll("main.byUint64", &byUint64)
	tellAll("main.byString", &byString)
	tellAll("main.byName", &byName)
	tellAll("main.byPoint", &byPoint)
	tellAll("main.byFloat", &byFloat)
	tellAll("main.byInline", &byInline)
	tellAll("main.byIndirect", &byIndirect)
	tellAll("main.byHalf", &byHalf)
	tellAll("main.byOther", &byOther)
	tellAll("main.asSet", &asSet)
	tellAll("main.asBytes", &asBytes)
	tell("main.nilMap", &nilMap)
	tell("main.emptyMap", &emptyMap)
	tell("main.shared", &shared)
	tell("main.sameSize", &sameSize)
	tell("main.sameNames", &sameNames)
	tell("main.samePoints", &samePoints)
	tell("main.sameWide", &sameWide)
	tell("main.iterated", &iterated)
	tell("main.growingIt", &growingIt)
	tell("main.big", &big)
	tell("main.bools", &bools)
	tell("main.int8s", &int8s)
	tell("main.uint8s", &uint8s)
	tell("main.int16s", &int16s)
	tell("main.uintptrs", &uintptrs)
	tell("main.runes", &runes)
	tell("main.floats", &floats)
	tell("main.float32s", &float32s)
	tell("main.nans", &nans)
	tell("main.manyNaNs", &manyNaNs)
	tell("main.nanPoints", &nanPoints)
	tell("main.complexes", &complexes)
	tell("main.complex64s", &complex64s)
	tell("main.strange", &strange)
	tell("main.nothings", &nothings)
	tell("main.zeros", &zeros)
	tell("main.arrays", &arrays)
	tell("main.stringsOf", &stringsOf)
	tell("main.padded", &padded)
	tell("main.blanks", &blanks)
	tell("main.anonymous", &anonymous)
	tell("main.pointers", &pointers)
	tell("main.unsafes", &unsafes)
	tell("main.chans", &chans)
	tell("main.anys", &anys)
	tell("main.errorsBy", &errorsBy)
	tell("main.stringers", &stringers)
	tell("main.times", &times)
	tell("main.durations", &durations)
	tell("main.generic", &generic)
	tell("main.named", &named)
	tell("main.nested", &nested)
	tell("main.deep", &deep)
	tell("main.slices", &slices)
	tell("main.toPointers", &toPointers)
	tell("main.toFuncs", &toFuncs)
	tell("main.toAnys", &toAnys)
	tell("main.toChans", &toChans)
	tell("main.toErrors", &toErrors)
	tell("main.toArrays", &toArrays)
	tell("main.atLimit", &atLimit)
	tell("main.overLimit", &overLimit)
}
