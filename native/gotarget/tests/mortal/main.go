// Mortal holds bytes of every kind of memory and goroutines that rest, run and call C, tells where they
// are, and waits to be told how to end. Whoever looks into the process, or into its core, must find them.
//
// It prints one JSON object a line for each range of memory, one with the number of each goroutine, then
// "ready". The line "die" on its standard input makes it panic; any other, or the end of it, ends it well.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// A region is a range of memory and what it holds.
type region struct {
	Region string `json:"region"`
	Addr   uint64 `json:"addr"`
	Bytes  string `json:"bytes"`
}

// A goroutine is one that can be looked for.
type goroutine struct {
	Goroutine string `json:"goroutine"`
	Goid      uint64 `json:"goid"`
}

var (
	// Written by the linker.
	initialized = [8]uint64{1, 2, 3, 4, 5, 6, 7, 8}
	// Written by the program.
	zero [8]uint64
	// On the heap, over many pages.
	heap []uint64
	// Grows as long as the process runs.
	turns atomic.Uint64

	names   = map[string]int{"alice": 1, "bob": 2}
	never   = make(chan int)
	started = make(chan uint64)
)

const readOnly = "A text that the linker keeps among what nobody may write to."

func main() {
	heap = make([]uint64, 1<<16)
	for i := range heap {
		heap[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	for i := range zero {
		zero[i] = uint64(i + 1)
	}
	encoder := json.NewEncoder(os.Stdout)
	tell := func(value any) {
		if encoder.Encode(value) != nil {
			panic("cannot tell")
		}
	}
	text := readOnly
	tell(bytes("data", unsafe.Pointer(&initialized), unsafe.Sizeof(initialized)))
	tell(bytes("bss", unsafe.Pointer(&zero), unsafe.Sizeof(zero)))
	tell(bytes("heap", unsafe.Pointer(&heap[0]), uintptr(len(heap))*8))
	tell(bytes("rodata", unsafe.Pointer(unsafe.StringData(text)), uintptr(len(text))))
	tell(bytes("text", unsafe.Pointer(reflect.ValueOf(rest).Pointer()), 32))
	for _, one := range []struct {
		name string
		do   func()
	}{{"rests", rest}, {"runs", run}, {"calls C", callC}} {
		go begin(one.do)
		tell(goroutine{one.name, <-started})
	}
	for turns.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	waitForC()
	tell(bytes("turns", unsafe.Pointer(&turns), 8))
	listen()
}

// Here the main goroutine waits, in a system call, and here it dies. Whoever hears that it is ready finds it here.
//
//go:noinline
func listen() {
	fmt.Println("ready")
	order, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if order == "die\n" {
		die(41)
	}
}

//go:noinline
func die(argument int) {
	panic("told to die at " + strconv.Itoa(argument+1))
}

//go:noinline
func begin(do func()) {
	started <- self()
	do()
}

//go:noinline
func rest() {
	<-never
}

// The ratio stays in a register: nothing in the loop is a call.
//
//go:noinline
func run() {
	ratio := float64(len(heap)) * 0.1
	for float64(turns.Load())*ratio >= 0 {
		turns.Add(1)
	}
}

func bytes(name string, addr unsafe.Pointer, size uintptr) region {
	return region{name, uint64(uintptr(addr)), hex.EncodeToString(unsafe.Slice((*byte)(addr), size))}
}

// self is the running goroutine's number, as the runtime prints it.
func self() uint64 {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)]
	number, _, _ := strings.Cut(strings.TrimPrefix(string(text), "goroutine "), " ")
	goid, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		panic(err)
	}
	return goid
}
