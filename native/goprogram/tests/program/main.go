// The program that the tests of goprogram read: never run, only built.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"example.com/a.b/c"
	y "example.com/a.b/y.v2"
)

const (
	Answer   = 42
	Negative = -7
)

type Cache map[string]int

type Pair[K comparable, V any] struct {
	Key K
	Val V
	m   map[K]V
}

type Inner struct{ depth int8 }

type Server struct {
	Inner
	*strings.Builder
	name   string
	cache  Cache
	byID   map[uint64]*Server
	tags   []string
	grid   [3][4]float32
	handle func(int) error
	any    interface{}
	err    error
	events chan time.Duration
	raw    unsafe.Pointer
	ratio  float64
	z      complex128
	ok     bool
	next   *Server
	inline struct{ a, b uint16 }
}

var (
	shared = map[int]int{1: 1}
	words  = map[string]string{}
	cache  = Cache{}
	srv    = &Server{name: "first", cache: cache}
	table  [4]Server
	pair   = Pair[string, int]{m: map[string]int{}}
	nested = map[string]map[int]int{}
	number int
	twice  = func(x int) int { return x + x }
)

//go:noinline
func write(m map[int]int, n int) {
	bump(m, n) // inlined here
}

func bump(m map[int]int, n int) {
	m[n]++ // inside bump
}

//go:noinline
func deep(n int) int {
	var room [300]int
	for i := range room {
		room[i] = n + i
	}
	if n > 0 {
		return deep(n-1) + room[n]
	}
	return room[len(os.Args)]
}

func main() {
	write(shared, Answer+Negative)
	fillMaps(len(os.Args))
	runLocals(len(os.Args))
	count()
	delete(shared, 2)
	words["a"] = "b"
	for k := range words { // becomes mapclear
		delete(words, k)
	}
	cache["x"]++
	m32 := map[uint32]bool{}
	m32[uint32(len(os.Args))] = true
	byServer := map[*Server]Inner{srv: {}}
	byServer[&table[0]] = Inner{3}
	anys := map[any]any{1: 2}
	anys[len(os.Args)] = 3
	for k := range shared {
		number += k
		delete(shared, k)
	}
	for k := range anys {
		delete(anys, k)
	}
	number += len(m32) + shared[number] + cache["y"] + len(words["z"]) + c.Var["one"] + len(y.Dotted[2])
	if _, found := m32[3]; found {
		number++
	}
	reflect.ValueOf(shared).SetMapIndex(reflect.ValueOf(1), reflect.ValueOf(2))
	runtime.KeepAlive(byServer)
	fmt.Println(twice(deep(number)), pair, srv, nested, table[1].name, maps)
}
