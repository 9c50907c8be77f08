// Lost-update has two goroutines that raise the same entry of a map: they lock each step, and not all of them together.
package main

import (
	"sync"
	"time"
)

// key is the entry that both raise.
const key = 7

var shared map[int]int

var mutex sync.Mutex

func main() {
	shared = newMap()
	begin(shared)
	running.Add(2)
	go raiserA()
	go raiserB()
	finish(shared)
}

func raiserA() {
	defer running.Done()
	for pause(time.Millisecond) {
		mutex.Lock()
		value := shared[key] // raiser A's read
		mutex.Unlock()
		value++
		mutex.Lock()
		shared[key] = value // raiser A's write
		mutex.Unlock()
	}
}

func raiserB() {
	defer running.Done()
	for pause(time.Millisecond) {
		mutex.Lock()
		value := shared[key] // raiser B's read
		mutex.Unlock()
		value++
		mutex.Lock()
		shared[key] = value // raiser B's write
		mutex.Unlock()
	}
}
