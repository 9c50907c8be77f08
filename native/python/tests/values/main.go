// Values of every kind that gdb is to print, in package variables and in the locals of functions.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type point struct{ X, Y int }

type user struct {
	Name  string
	Tags  []string
	Extra map[string]int
	Next  *user
}

type shape interface{ Area() int }

func (p point) Area() int { return p.X * p.Y }

type large [40]int

type tree map[string]tree

var (
	// Maps.
	nothing  map[string]int
	empty    = map[string]int{}
	small    = map[string]int{"alice": 1, "bob": 2, "carol": 3}
	numbers  = map[int]int{}
	users    = map[string]*user{}
	points   = map[point]string{{1, 2}: "a", {3, 4}: "b"}
	wide     = map[large]large{{1}: {2}}
	set      = map[string]struct{}{"only": {}}
	anything = map[interface{}]interface{}{1: "one", "two": 2}
	nested   = map[string]map[string]int{"outer": {"inner": 7}}
	forest   = tree{"a": {"b": nil}}
	floats   = map[float64]bool{1.5: true}
	many     = map[int]string{}

	// Strings and slices.
	noString   string
	text       = "hello \"gdb\"\n"
	long       = strings.Repeat("0123456789", 100)
	invalid    = "a\xffb"
	noSlice    []int
	slice      = []int{1, 2, 3}
	capacity   = make([]string, 2, 5)
	structures = []point{{1, 2}, {3, 4}}
	matrix     = [][]int{{1}, {2, 3}}

	// Interfaces.
	noError    error
	anError    error       = errors.New("boom")
	someShape  shape       = point{3, 4}
	anyInt     interface{} = 42
	anyString  interface{} = "forty-two"
	anyPoint   interface{} = point{5, 6}
	anyPointer interface{} = &point{7, 8}
	anyMap     interface{} = map[string]int{"k": 9}
	anySlice   interface{} = []int{10, 11}
	anyFunc    interface{} = show
	anyArray   interface{} = [2]bool{true, false}
	anyChan    interface{} = buffer

	// Functions.
	noFunc   func(int) int
	callback = double
	handlers = map[string]func(int) int{"double": double}

	// Channels.
	noChan chan int
	buffer = make(chan int, 4)
	closed = make(chan string, 1)
	ring   = make(chan point, 3)
	tables = make(chan map[string]int, 1)
	things = make(chan interface{}, 3)
	faults = make(chan error, 1)
	queue  = make(chan int, 1000)

	// Package sync, atomic and time.
	mutex     sync.Mutex
	locked    sync.Mutex
	rw        sync.RWMutex
	group     sync.WaitGroup
	once      sync.Once
	onceDone  sync.Once
	syncMap   sync.Map
	syncEmpty sync.Map
	syncMany  sync.Map
	syncParts sync.Map
	counter   atomic.Int64
	flag      atomic.Bool
	pointer   atomic.Pointer[point]
	stored    atomic.Value
	moment    = time.Date(2026, 11, 23, 7, 30, 0, 500000000, time.UTC)
	duration  = 1500 * time.Millisecond
	everybody = []*user{}

	sink int
)

// keep makes the linker keep variables that nothing else uses.
//
//go:noinline
func keep(values ...interface{}) { sink += len(values) }

func main() {
	for i := 0; i < 1000; i++ {
		numbers[i] = i * i
	}
	size := 100
	if len(os.Args) > 1 {
		fmt.Sscan(os.Args[1], &size)
	}
	for i := 0; i < size; i++ {
		many[i] = "v"
	}
	alice := &user{Name: "alice", Tags: []string{"admin", "dev"}, Extra: map[string]int{"age": 30}}
	alice.Next = alice
	users["alice"] = alice
	everybody = append(everybody, alice)
	buffer <- 1
	buffer <- 2
	closed <- "last"
	close(closed)
	for i := 0; i < 5; i++ {
		ring <- point{i, i}
		if i >= 2 {
			<-ring
		}
	}
	tables <- map[string]int{"k": 9}
	things <- 1
	things <- point{5, 6}
	things <- buffer
	faults <- anError
	for i := 0; i < cap(queue); i++ {
		queue <- i
	}
	locked.Lock()
	rw.RLock()
	group.Add(2)
	onceDone.Do(func() {})
	syncMap.Store("k", 1)
	syncMap.Store(2, "v")
	for i := 0; i < 3000; i++ {
		syncMany.Store(i, i*i)
	}
	for i := 2000; i < 3000; i++ {
		syncMany.Delete(i)
	}
	syncParts.Store(point{1, 2}, map[string]*point{"p": {3, 4}})
	counter.Store(-5)
	flag.Store(true)
	pointer.Store(&point{1, 2})
	stored.Store("stored")
	keep(&nothing, &empty, &points, &wide, &set, &anything, &nested, &forest, &floats, &noString, &text, &long)
	keep(&invalid, &noSlice, &slice, &capacity, &structures, &matrix, &noError, &anError, &someShape, &anyInt)
	keep(&anyString, &anyPoint, &anyPointer, &anyMap, &anySlice, &anyFunc, &anyArray, &noChan, &mutex, &once)
	keep(&moment, &duration, &noFunc, &callback, &handlers, &anyChan, &syncEmpty)
	fmt.Println("ready", os.Getpid())
	input := bufio.NewReader(os.Stdin)
	input.ReadString('\n')
	sink = show(small, "argument", []int{4, 5}, point{6, 7}, errors.New("inner"))
	caller(users)
	input.ReadString('\n')
}

func double(n int) int { return 2 * n }

//go:noinline
func caller(people map[string]*user) {
	local := map[string]int{"x": 1}
	callee(local)
	fmt.Fprintln(os.Stderr, len(people), len(local))
}

//go:noinline
func callee(m map[string]int) {
	m["y"] = 2 // in the callee
}

//go:noinline
func show(m map[string]int, s string, list []int, area shape, err error) int {
	total := map[string]int{}
	for key, value := range m {
		total[key] += value // in the loop
	}
	what := fmt.Sprint(s, list, area, err)
	total[what] = 1
	return len(total) + len(what) // at the end
}
