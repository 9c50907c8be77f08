// Busy writes one entry of a map after the other, and answers each line of its standard input with how many it has
// written by now and how many nanoseconds that took.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Shared is written to by one goroutine.
var Shared = map[int]int{}

const keys = 64

var written atomic.Int64

func main() {
	for key := 0; key < keys; key++ {
		Shared[key] = 0
	}
	began := time.Now()
	go write()
	fmt.Println("ready")
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		fmt.Println(written.Load(), time.Since(began).Nanoseconds())
	}
}

func write() {
	for i := 0; ; i++ {
		Shared[i%keys] = i
		written.Add(1)
	}
}
