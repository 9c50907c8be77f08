// Locked has the traffic of the racing samples, all of it behind one mutex: nothing here is a race.
package main

import (
	"sync"
	"time"
)

var shared map[int]int

var mutex sync.Mutex

// seen keeps the reads from being optimised away.
var seen int

func main() {
	shared = newMap()
	begin(shared)
	running.Add(4)
	go writerA()
	go writerB()
	go reader()
	go iterator()
	finish(shared)
}

func writerA() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		mutex.Lock()
		shared[i%entries] = i // writer A's write
		mutex.Unlock()
	}
}

func writerB() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		mutex.Lock()
		shared[i%entries] = -i // writer B's write
		mutex.Unlock()
	}
}

func reader() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		mutex.Lock()
		seen += shared[i%entries] // the reader's read
		mutex.Unlock()
	}
}

func iterator() {
	defer running.Done()
	for pause(20 * time.Millisecond) {
		mutex.Lock()
		for _, value := range shared { // the iterator's iteration
			seen += value
		}
		mutex.Unlock()
	}
}
