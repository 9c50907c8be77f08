// Ends in a way that the runtime does not let it recover from, and that is no race on a map; or counts signals.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

func main() {
	switch os.Args[1] {
	case "unlock":
		var mutex sync.Mutex
		mutex.Unlock()
	case "deadlock":
		<-make(chan int)
	case "panic":
		panic("on purpose")
	case "signals":
		// A line for each, until it is asked to end.
		got := make(chan os.Signal, 64)
		signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
		fmt.Println("ready")
		for sig := range got {
			fmt.Println(sig)
			if sig == syscall.SIGTERM {
				return
			}
		}
	}
}
