package main

// What makes it hard to watch a process without harm: threads that come and go, children that are forked, a
// program that is replaced; and a race.

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// childWord tells a copy of this program that it is a child.
const childWord = "child"

// program is the path of this program: /proc/self/exe is none once the first thread has ended.
var program, _ = os.Executable()

var (
	// threads counts those that have ended, and children too.
	threads, children atomic.Uint64
	// borrowed counts the transfers that such threads have made, under the lock of Accounts.
	borrowed uint64
)

// each does something so many times a second, until the books are closed.
func each(perSecond int, do func()) {
	if perSecond <= 0 {
		wrong("how many a second?")
	}
	working.Add(1)
	go func() {
		defer working.Done()
		ticks := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticks.Stop()
		for {
			select {
			case <-closing:
				return
			case <-ticks.C:
				do()
			}
		}
	}()
}

// makeThreads makes so many threads a second, each of which makes a transfer and ends.
func makeThreads(perSecond int) {
	each(perSecond, func() {
		working.Add(1)
		go func() {
			defer working.Done()
			// Its thread ends with a goroutine that does not unlock it.
			runtime.LockOSThread()
			transfer(int(threads.Load()), &borrowed)
			threads.Add(1)
		}()
	})
}

// makeChildren makes so many pairs of children a second: one that is another program, and one that is a copy
// of this process.
func makeChildren(perSecond int) {
	each(perSecond, func() {
		said, err := exec.Command(program, childWord).CombinedOutput()
		if err != nil || string(said) != "285\n" {
			wrong("a child ended with %v and said %q", err, said)
		}
		if status := touchInCopy(headerOf(Accounts)); status != 0 {
			wrong("a copy of the process ended with %#x", status)
		}
		children.Add(1)
	})
}

// beChild uses a map, says what became of it, and ends.
func beChild() {
	squares, sum := map[int]int{}, 0
	for number := 0; number < 10; number++ {
		squares[number] = number * number
	}
	for _, square := range squares {
		sum += square
	}
	fmt.Println(sum)
}

// headerWords are the 32-bit words of a map's header: 48 bytes.
type headerWords [12]uint32

func headerOf(m map[int]int) *headerWords {
	return *(**headerWords)(unsafe.Pointer(&m))
}

// touchInCopy forks. The child reads and writes the header of a map, in its own copy of the memory, and ends.
// Returns the child's status.
func touchInCopy(header *headerWords) syscall.WaitStatus {
	mutex.Lock() // Nobody is in the middle of a change of it.
	child, errno := fork(header)
	mutex.Unlock()
	if errno != 0 {
		wrong("fork: %v", errno)
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(int(child), &status, 0, nil)
		if err != syscall.EINTR {
			return status
		}
	}
}

// fork is all that the child does: with one thread only, the runtime would not work in it. So it must not
// grow its stack either.
//
//go:nosplit
//go:norace
func fork(header *headerWords) (child uintptr, errno syscall.Errno) {
	child, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if child != 0 || errno != 0 {
		return child, errno
	}
	for round := 0; round < 100; round++ {
		for word := range header {
			atomic.StoreUint32(&header[word], atomic.LoadUint32(&header[word]))
		}
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// execItself replaces this program by itself, which begins anew.
func execItself() {
	err := syscall.Exec(program, os.Args[:1], os.Environ())
	wrong("exec: %v", err)
}

// race lets two goroutines write a map with no lock, until the runtime ends the process.
func race() {
	for number := 0; number < 2; number++ {
		go func() {
			for {
				raced[0]++
			}
		}()
	}
}

// raced is what they write.
var raced = map[int]int{}
