package main

import (
	"math"
	"strings"
	"unsafe"
)

// Types of keys on whose hash the compilers' versions disagree, and the runtime with them.
type (
	Empty  struct{}
	Two    struct{ A, B int32 }
	Padded struct {
		A int8
		B int32
	}
	Blank struct {
		A int32
		_ int32
		B int32
	}
	Mixed struct {
		A, B int32
		S    string
		C    int64
		D    bool
	}
	Runs struct {
		A int32
		B int32
		F float64
		C uint8
		D uint8
		S string
		E [3]uint16
		G *int
	}
	Inner struct {
		A int64
		S string
		B int64
	}
	Outer struct {
		X  int64
		In Inner
		Y  int64
	}
	OneString struct{ S string }
	OneInt    struct{ I int }
	OneFloat  struct{ F float32 }
	Holder    struct {
		I any
		N int
	}
	Zero struct {
		A Empty
		S string
	}
	ZeroEnd struct {
		A int32
		B Empty
	}
	Shape interface{ Area() int }
	Box   struct{ W, H int }
	Point struct{ X, Y float64 }
	Named string
	Pair  [2]string
	ID    [16]byte
)

func (b Box) Area() int    { return b.W * b.H }
func (i OneInt) Area() int { return i.I }
func (n Named) Area() int  { return len(n) }
func (e Empty) Area() int  { return 0 }
func (o *Outer) Area() int { return 1 }
func (p Point) Area() int  { return int(p.X) }
func (p ID) Area() int     { return 16 }
func (h Holder) Area() int { return h.N }
func (p Pair) Area() int   { return 2 }

// The maps' hashers, one of each kind of key.
var (
	bools       = map[bool]int{}
	int8s       = map[int8]int{}
	uint16s     = map[uint16]int{}
	int32s      = map[int32]int{}
	int64s      = map[int64]int{}
	uintptrs    = map[uintptr]int{}
	float32s    = map[float32]int{}
	float64s    = map[float64]int{}
	complex64s  = map[complex64]int{}
	complex128s = map[complex128]int{}
	strs        = map[string]int{}
	names       = map[Named]int{}
	pointers    = map[*int]int{}
	chans       = map[chan int]int{}
	unsafes     = map[unsafe.Pointer]int{}
	anys        = map[any]int{}
	shapes      = map[Shape]int{}
	empties     = map[Empty]int{}
	twos        = map[Two]int{}
	paddeds     = map[Padded]int{}
	blanks      = map[Blank]int{}
	mixeds      = map[Mixed]int{}
	runs        = map[Runs]int{}
	outers      = map[Outer]int{}
	oneStrings  = map[OneString]int{}
	oneInts     = map[OneInt]int{}
	oneFloats   = map[OneFloat]int{}
	holders     = map[Holder]int{}
	zeros       = map[Zero]int{}
	zeroEnds    = map[ZeroEnd]int{}
	boxes       = map[Box]int{}
	points      = map[Point]int{}
	pairs       = map[Pair]int{}
	ids         = map[ID]int{}
	bytes3      = map[[3]byte]int{}
	bytes200    = map[[200]byte]int{}
	noStrings   = map[[0]string]int{}
	oneStrs     = map[[1]string]int{}
	threeStrs   = map[[3]string]int{}
	floats7     = map[[7]float32]int{}
	floats8     = map[[8]float32]int{}
	floats21    = map[[21]float32]int{}
	inners5     = map[[5]Inner]int{}
	twos3       = map[[3]Two]int{}
	padded3     = map[[3]Padded]int{}
	blanks2     = map[[2]Blank]int{}
	empties4    = map[[4]Empty]int{}
	nested      = map[[2][3]string]int{}
	anonymous   = map[struct {
		A, B uint16
		S    string
	}]int{}
)

func hashes() {
	hash("main.bools", bools, false, true)
	hash("main.int8s", int8s, 0, 1, -1)
	hash("main.uint16s", uint16s, 0, 0xbeef)
	hash("main.int32s", int32s, 0, 1, -1, 1<<30)
	hash("main.int64s", int64s, 0, 1, -1, 1<<62)
	hash("main.uintptrs", uintptrs, 0, 1)
	hash("main.float32s", float32s, 0, float32(math.Copysign(0, -1)), 1.5, float32(math.Inf(1)))
	hash("main.float64s", float64s, 0, math.Copysign(0, -1), 1.5, math.Inf(-1), math.MaxFloat64)
	hash("main.complex64s", complex64s, 0, 1+2i, complex(0, 1))
	hash("main.complex128s", complex128s, 0, 1+2i, complex(1, 0))
	lengths := []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 97, 127, 128, 129,
		130, 255, 256, 257, 384, 385, 1000, 70000}
	var texts []string
	for _, length := range lengths {
		text := make([]byte, length)
		for i := range text {
			text[i] = byte(i*131 + length)
		}
		texts = append(texts, string(text))
	}
	hash("main.strs", strs, texts...)
	hash("main.names", names, "", "x", Named(strings.Repeat("y", 100)))
	hash("main.pointers", pointers, nil, new(int))
	hash("main.chans", chans, nil, make(chan int))
	hash("main.unsafes", unsafes, nil, unsafe.Pointer(new(int)))
	number, channel := new(int), make(chan int)
	outer := Outer{1, Inner{2, "inner", 3}, 4}
	values := []any{
		nil, true, int8(3), int16(-2), 5, int32(7), uint64(9), uintptr(3), 1.5, float32(2.5), 0.0, 1 + 2i, "", "text",
		strings.Repeat("long", 40), number, channel, unsafe.Pointer(number), Empty{}, Two{1, 2}, Padded{3, 4},
		Blank{A: 1, B: 2}, Mixed{1, 2, "m", 3, true}, Runs{A: 1, F: 2, S: "r", G: number}, outer, &outer,
		OneString{"one"}, OneInt{6}, OneFloat{7}, Holder{Holder{"deep", 1}, 2}, Zero{S: "z"}, ZeroEnd{A: 5}, Box{3, 4},
		Point{1, 2}, Named("named"), Pair{"a", "b"}, ID{1, 2, 3}, [3]byte{1, 2, 3}, [0]string{}, [1]string{"s"},
		[3]string{"a", "b", "c"}, [7]float32{1, 2, 3}, [21]float32{20: 9}, [3]Two{{1, 2}, {3, 4}}, [2]Blank{{A: 1}},
		[1]*int{number}, struct{ P *int }{number}, [4]Empty{}, [5]Inner{{1, "x", 2}},
		struct {
			A, B uint16
			S    string
		}{1, 2, "anonymous"},
	}
	hash("main.anys", anys, values...)
	hash("main.shapes", shapes, []Shape{nil, Box{3, 4}, OneInt{5}, Named("named"), Empty{}, &outer, Point{1, 2}, ID{4},
		Holder{3, 4}, Pair{"p", "q"}}...)
	hash("main.empties", empties, Empty{})
	hash("main.twos", twos, Two{}, Two{1, 2})
	hash("main.paddeds", paddeds, Padded{}, Padded{1, 2})
	hash("main.blanks", blanks, Blank{}, Blank{A: 1, B: 2})
	hash("main.mixeds", mixeds, Mixed{}, Mixed{1, 2, "mixed", 3, true})
	hash("main.runs", runs, Runs{}, Runs{1, 2, 3, 4, 5, "runs", [3]uint16{6, 7, 8}, number})
	hash("main.outers", outers, Outer{}, outer)
	hash("main.oneStrings", oneStrings, OneString{}, OneString{"one"})
	hash("main.oneInts", oneInts, OneInt{}, OneInt{1})
	hash("main.oneFloats", oneFloats, OneFloat{}, OneFloat{1})
	hash("main.holders", holders, Holder{}, Holder{"held", 1}, Holder{Box{1, 2}, 3})
	hash("main.zeros", zeros, Zero{}, Zero{S: "zero"})
	hash("main.zeroEnds", zeroEnds, ZeroEnd{}, ZeroEnd{A: 1})
	hash("main.boxes", boxes, Box{}, Box{1, 2})
	hash("main.points", points, Point{}, Point{1, 2})
	hash("main.pairs", pairs, Pair{}, Pair{"a", "b"})
	hash("main.ids", ids, ID{}, ID{1, 2, 3})
	hash("main.bytes3", bytes3, [3]byte{}, [3]byte{1, 2, 3})
	hash("main.bytes200", bytes200, [200]byte{}, [200]byte{1, 199: 2})
	hash("main.noStrings", noStrings, [0]string{})
	hash("main.oneStrs", oneStrs, [1]string{}, [1]string{"one"})
	hash("main.threeStrs", threeStrs, [3]string{}, [3]string{"a", "b", "c"})
	hash("main.floats7", floats7, [7]float32{}, [7]float32{1, 2, 3, 4, 5, 6, 7})
	hash("main.floats8", floats8, [8]float32{}, [8]float32{1, 2, 3, 4, 5, 6, 7, 8})
	hash("main.floats21", floats21, [21]float32{}, [21]float32{1, 20: 2})
	hash("main.inners5", inners5, [5]Inner{}, [5]Inner{{1, "a", 2}, {3, "b", 4}})
	hash("main.twos3", twos3, [3]Two{}, [3]Two{{1, 2}, {3, 4}})
	hash("main.padded3", padded3, [3]Padded{}, [3]Padded{{1, 2}, {3, 4}})
	hash("main.blanks2", blanks2, [2]Blank{}, [2]Blank{{A: 1}, {B: 2}})
	hash("main.empties4", empties4, [4]Empty{})
	hash("main.nested", nested, [2][3]string{}, [2][3]string{{"a"}, {"b", "c"}})
	hash("main.anonymous", anonymous, struct {
		A, B uint16
		S    string
	}{1, 2, "anonymous"})
}
