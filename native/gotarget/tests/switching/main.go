// Switching has two pairs of goroutines that do nothing but wait for each other, so that threads go from one to
// another all the time. It ends when its input does.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	for i := 0; i < 2; i++ {
		there, back := make(chan int), make(chan int)
		go switcher(there, back)
		go switcher(back, there)
		there <- 0
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

//go:noinline
func switcher(from, to chan int) {
	for n := range from {
		to <- n + 1
	}
}
