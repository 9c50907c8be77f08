package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// A Scripted is a map that is changed as told.
type Scripted[K comparable, V any] struct {
	Map  map[K]V
	name string
	key  func(int) K
	elem func(int) V
}

// The maps, one of each way to store and to hash a key.
var (
	scriptInt      = Scripted[int, int]{name: "main.scriptInt", key: number, elem: number}
	scriptInt32    = Scripted[int32, string]{name: "main.scriptInt32", key: func(i int) int32 { return int32(i) }, elem: text32}
	scriptString   = Scripted[string, int]{name: "main.scriptString", key: text32, elem: number}
	scriptSet      = Scripted[string, struct{}]{name: "main.scriptSet", key: text32, elem: nothing}
	scriptPoint    = Scripted[Point, string]{name: "main.scriptPoint", key: point, elem: text32}
	scriptFloat    = Scripted[float64, int]{name: "main.scriptFloat", key: sometimesNaN, elem: number}
	scriptNames    = Scripted[[2]Name, *Point]{name: "main.scriptNames", key: func(i int) [2]Name { return [2]Name{Name(text32(i)), "x"} }, elem: func(i int) *Point { return nil }}
	scriptIndirect = Scripted[Indirect, Indirect]{name: "main.scriptIndirect", key: wide, elem: wide}
	scriptHalf     = Scripted[int, Indirect]{name: "main.scriptHalf", key: number, elem: wide}
	scriptUint8    = Scripted[uint8, uint8]{name: "main.scriptUint8", key: func(i int) uint8 { return uint8(i) }, elem: func(i int) uint8 { return uint8(i) }}
)

var scripts = map[string]scripted{
	"int": &scriptInt, "int32": &scriptInt32, "string": &scriptString, "set": &scriptSet, "point": &scriptPoint,
	"float": &scriptFloat, "names": &scriptNames, "indirect": &scriptIndirect, "half": &scriptHalf, "uint8": &scriptUint8,
}

// sometimesNaN gives a NaN, which is never equal to another, for every hundredth number.
func sometimesNaN(i int) float64 {
	if i%100 == 99 {
		return math.NaN()
	}
	return float64(i) / 4
}

type scripted interface {
	make(hint int)
	put(key, elem, n int)
	delete(key, n int)
	clear()
	iterate(n int)
	tell()
	literal(key int) string
	// Like put, delete and clear of one key, between two breakpoints.
	stepPut(key, elem int)
	stepDelete(key int)
	stepClear()
}

func (s *Scripted[K, V]) make(hint int) { s.Map = make(map[K]V, hint) }
func (s *Scripted[K, V]) tell()         { tell(s.name+".Map", &s.Map) }

func (s *Scripted[K, V]) put(key, elem, n int) {
	for i := 0; i < n; i++ {
		s.Map[s.key(key+i)] = s.elem(elem + i)
	}
}

func (s *Scripted[K, V]) delete(key, n int) {
	for i := 0; i < n; i++ {
		delete(s.Map, s.key(key+i))
	}
}

func (s *Scripted[K, V]) clear() { clearMap(s.Map) }

// iterate begins to range over the map, and stays there for good after n entries.
func (s *Scripted[K, V]) iterate(n int) {
	within := make(chan struct{})
	go func() {
		for range s.Map {
			if n--; n < 0 {
				close(within)
				select {}
			}
		}
		close(within)
	}()
	<-within
}

func (s *Scripted[K, V]) literal(key int) string {
	k := s.key(key)
	text, ok := literal(reflect.ValueOf(&k).Elem())
	if !ok {
		return ""
	}
	return text
}

func (s *Scripted[K, V]) stepPut(key, elem int) {
	m, k, e := s.Map, s.key(key), s.elem(elem)
	runtime.Breakpoint()
	m[k] = e
	runtime.Breakpoint()
}

func (s *Scripted[K, V]) stepDelete(key int) {
	m, k := s.Map, s.key(key)
	runtime.Breakpoint()
	delete(m, k)
	runtime.Breakpoint()
}

func (s *Scripted[K, V]) stepClear() {
	m := s.Map
	runtime.Breakpoint()
	clearMap(m)
	runtime.Breakpoint()
}

// follow does what the lines on standard input say, each a type, an action and numbers. It answers each with
// "ok", after what the action prints.
//
//	int make 0        int put 5 50 3 (keys 5, 6, 7: elems 50, 51, 52)      int delete 5 3
//	int clear         int iterate 4      int tell                          int literal 5
//	int stepput 5 50  int stepdelete 5   int stepclear
//	- quiet           (no garbage collection from now on)
func follow() {
	// So that a tracer knows which thread does it.
	runtime.LockOSThread()
	fmt.Printf("{\"go\":%q,\"kind\":%q,\"thread\":%d}\nready\n", runtime.Version(), kind, syscall.Gettid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Fields(in.Text())
		numbers := make([]int, 3)
		for i, word := range words[2:] {
			n, err := strconv.Atoi(word)
			must(err == nil, "no number: %s", word)
			numbers[i] = n
		}
		s, action := scripts[words[0]], words[1]
		must(s != nil || action == "quiet", "no such map: %s", words[0])
		switch action {
		case "quiet":
			debug.SetGCPercent(-1)
		case "make":
			s.make(numbers[0])
		case "put":
			s.put(numbers[0], numbers[1], numbers[2])
		case "delete":
			s.delete(numbers[0], numbers[1])
		case "clear":
			s.clear()
		case "iterate":
			s.iterate(numbers[0])
		case "tell":
			s.tell()
		case "literal":
			fmt.Fprintln(out, quote(s.literal(numbers[0])))
		case "stepput":
			s.stepPut(numbers[0], numbers[1])
		case "stepdelete":
			s.stepDelete(numbers[0])
		case "stepclear":
			s.stepClear()
		default:
			must(false, "no such action: %s", action)
		}
		fmt.Fprintln(out, "ok")
		if out.Flush() != nil {
			return
		}
	}
}
