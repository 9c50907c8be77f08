// Counter has two goroutines that count the same steps twice: in a plain variable with no lock, and atomically.
package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

// steps is how often each goroutine counts before it pauses.
const steps = 100

var (
	plain int
	safe  atomic.Int64
)

func main() {
	begin(nil)
	running.Add(2)
	go counterA()
	go counterB()
	finish(nil)
	fmt.Println("plain", plain, "safe", safe.Load())
}

func counterA() {
	defer running.Done()
	for pause(5 * time.Millisecond) {
		for i := 0; i < steps; i++ {
			plain++ // counter A's write
			safe.Add(1)
		}
	}
}

func counterB() {
	defer running.Done()
	for pause(5 * time.Millisecond) {
		for i := 0; i < steps; i++ {
			plain++ // counter B's write
			safe.Add(1)
		}
	}
}
