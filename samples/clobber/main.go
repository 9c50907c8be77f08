// Clobber has two goroutines that write one map, with no lock.
package main

import "time"

var shared map[int]int

func main() {
	shared = newMap()
	begin(shared)
	running.Add(2)
	go writerA()
	go writerB()
	finish(shared)
}

func writerA() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		shared[i%entries] = i // writer A's write
	}
}

func writerB() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		shared[i%entries] = -i // writer B's write
	}
}
