// Ends is ended by its own runtime, in the way that its argument names.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

var shared = map[int]int{1: 1}

// mark sets the byte of the map's header that says that somebody writes it: whoever comes next ends the process.
func mark() {
	header := *(*unsafe.Pointer)(unsafe.Pointer(&shared))
	if version := runtime.Version(); strings.HasPrefix(version, "go1.1") || version < "go1.24" {
		*(*byte)(unsafe.Add(header, 8)) |= 4 // hmap.flags, hashWriting
	} else {
		*(*byte)(unsafe.Add(header, 34)) = 1 // Map.writing
	}
}

func main() {
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	switch os.Args[1] {
	case "lock": // because of something else than a map
		shared[2] = 2
		new(sync.Mutex).Unlock()
	case "alone": // because of a map that nobody else uses
		mark()
		write()
	case "together": // by two goroutines
		mark()
		go write()
		go write()
		time.Sleep(time.Minute)
	case "stopped": // while all others are to stop, as for the garbage collector
		go func() {
			for {
				runtime.ReadMemStats(new(runtime.MemStats))
			}
		}()
		time.Sleep(10 * time.Millisecond)
		mark()
		write()
	case "exec": // not at all: another program takes its place
		// gdb hangs if that happens while it lets one thread after the other run.
		time.Sleep(time.Second / 2)
		fmt.Println(syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
	}
}

func write() {
	shared[2] = 2 // the write
}
