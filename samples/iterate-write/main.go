// Iterate-write has one goroutine that ranges over a map while another writes it, with no lock.
package main

import "time"

var shared map[int]int

// seen keeps the reads from being optimised away.
var seen int

func main() {
	shared = newMap()
	begin(shared)
	running.Add(2)
	go writer()
	go iterator()
	finish(shared)
}

func writer() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		shared[i%entries] = i // the writer's write
	}
}

func iterator() {
	defer running.Done()
	// A whole iteration takes longer than a read: less often, so that the program lives as long as the others.
	for pause(20 * time.Millisecond) {
		for _, value := range shared { // the iterator's iteration
			seen += value
		}
	}
}
