// Read-write has one goroutine that reads a map while another writes it, with no lock.
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
	go reader()
	finish(shared)
}

func writer() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		shared[i%entries] = i // the writer's write
	}
}

func reader() {
	defer running.Done()
	for i := 1; pause(5 * time.Millisecond); i++ {
		seen += shared[i%entries] // the reader's read
	}
}
