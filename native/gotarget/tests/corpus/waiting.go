package main

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Channels, with and without goroutines that wait.
var (
	nilChan     chan int
	unbuffered  = make(chan int)
	buffered    = make(chan string, 4)
	fullChan    = make(chan int, 2)
	receiving   = make(chan int)
	sending     = make(chan Point, 1)
	selecting   = make(chan bool)
	closedChan  = make(chan int, 3)
	onlyReceive <-chan int
	onlySend    chan<- string
	ofNothing   = make(chan struct{}, 5)
	inStruct    = struct{ C chan int }{receiving}
	toChannels  = []chan int{nil, fullChan}
	blocker     = make(chan struct{})
	toTimer     = time.NewTimer(time.Hour).C
)

// goid is the number of the goroutine that asks.
func goid() int {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)]
	n, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	must(err == nil, "no number in %s", text)
	return n
}

// park starts a goroutine and returns its number once it waits where it was to wait.
func park(wait func()) int {
	started := make(chan int)
	go func() {
		started <- goid()
		wait()
	}()
	return parked(<-started)
}

// parked returns once a goroutine waits.
func parked(number int) int {
	text := make([]byte, 1<<20)
	for {
		all := string(text[:runtime.Stack(text, true)])
		prefix := fmt.Sprintf("goroutine %d [", number)
		at := strings.Index(all, prefix)
		must(at >= 0, "goroutine %d has ended", number)
		state := all[at+len(prefix):]
		state = state[:strings.IndexAny(state, "],")]
		if state != "running" && state != "runnable" && !strings.HasPrefix(state, "GC") {
			return number
		}
		runtime.Gosched()
	}
}

func buildWaiting() {
	buffered <- "one"
	buffered <- "two"
	<-buffered
	fullChan <- 1
	fullChan <- 2
	closedChan <- 7
	close(closedChan)
	closed[reflect.ValueOf(closedChan).Pointer()] = true
	onlyReceive, onlySend = fullChan, buffered
	ofNothing <- struct{}{}

	at := reflect.ValueOf(receiving).Pointer()
	for i := 0; i < 3; i++ {
		receivers[at] = append(receivers[at], park(func() { <-receiving }))
	}
	sending <- Point{1, 1}
	at = reflect.ValueOf(sending).Pointer()
	for i := 0; i < 2; i++ {
		i := i
		senders[at] = append(senders[at], park(func() { sending <- Point{i, i} }))
	}
	at = reflect.ValueOf(selecting).Pointer()
	receivers[at] = append(receivers[at], park(func() {
		select {
		case <-selecting:
		case <-blocker:
		}
	}))
	at = reflect.ValueOf(blocker).Pointer()
	receivers[at] = append(receivers[at], receivers[reflect.ValueOf(selecting).Pointer()]...)

	crowded.Lock()
	for i := 0; i < 3; i++ {
		park(crowded.Lock)
	}
	rwWaiting.RLock()
	rwWaiting.RLock()
	park(rwWaiting.Lock)
	park(rwWaiting.RLock)
	syncs[uintptr(unsafe.Pointer(&rwWaiting))] = `{"$rwmutex":{"locked":false,"writer_waiting":true,"readers":2}}`
	waited.Add(2)
	park(waited.Wait)
	syncs[uintptr(unsafe.Pointer(&waited))] = `{"$waitgroup":{"counter":2,"waiters":1}}`

	locals(func() {
		holdsArguments(-7, "argument", []int{1, 2, 3}, map[string]int{"a": 1, "b": 2}, &Point{5, 6}, 2.5, Coded{9}, Base{1, "base"}, true, 3+4i)
	})
	locals(func() { holdsLocals(3) })
}

func tellWaiting() {
	tell("main.nilChan", &nilChan)
	tell("main.unbuffered", &unbuffered)
	tell("main.buffered", &buffered)
	tell("main.fullChan", &fullChan)
	tell("main.receiving", &receiving)
	tell("main.sending", &sending)
	tell("main.selecting", &selecting)
	tell("main.closedChan", &closedChan)
	tell("main.onlyReceive", &onlyReceive)
	tell("main.onlySend", &onlySend)
	tell("main.ofNothing", &ofNothing)
	tell("main.inStruct", &inStruct)
	tell("main.toChannels", &toChannels)
	tell("main.blocker", &blocker)
	tell("main.toTimer", &toTimer)
	out.WriteString(told.String())
}

// What the frames below hold: told by themselves, since nobody else can.
var (
	told  strings.Builder
	quiet = make(chan struct{}) // nobody ever sends
	sink  sync.Map
)

// locals runs a function that tells of its locals and then waits.
func locals(f func()) { park(f) }

// local tells of a local variable. It takes a copy: a variable whose address is taken lies in the heap.
func local(function, name string, value interface{}) {
	localValue(function, name, settable(reflect.ValueOf(value)))
}

func localValue(function, name string, v reflect.Value) {
	fmt.Fprintf(&told, `{"local":%q,"function":%q,"goid":%d,"type":%s,"value":`, name, function, goid(), quote(typeName(v.Type())))
	encode(&told, v, nil)
	told.WriteString("}\n")
}

//go:noinline
func holdsArguments(i int, s string, ints []int, m map[string]int, p *Point, f float64, e Coded, b Base, yes bool, c complex128) {
	const here = "main.holdsArguments"
	local(here, "i", i)
	local(here, "s", s)
	local(here, "ints", ints)
	local(here, "m", m)
	local(here, "p", p)
	local(here, "f", f)
	local(here, "e", e)
	local(here, "b", b)
	local(here, "yes", yes)
	local(here, "c", c)
	<-quiet
	// All are used afterwards, so that all are still somewhere.
	sink.Store(i, []interface{}{s, ints, m, p, f, e, b, yes, c})
}

//go:noinline
func holdsLocals(n int) {
	const here = "main.holdsLocals"
	total := 0
	array := [3]int16{}
	inHeap := Point{n, n}
	sink.Store("inHeap", &inHeap)
	names := map[Name]Point{}
	for i := 0; i < n; i++ {
		total += i * i
		array[i%3] = int16(i)
		names[Name(text32(i))] = Point{i, total}
	}
	var any interface{} = total
	text := fmt.Sprint("total ", total)
	local(here, "n", n)
	local(here, "total", total)
	local(here, "array", array)
	local(here, "inHeap", inHeap)
	local(here, "names", names)
	dynamic := any
	localValue(here, "any", reflect.ValueOf(&dynamic).Elem())
	local(here, "text", text)
	<-quiet
	sink.Store(total, []interface{}{n, array, inHeap, names, any, text})
}
