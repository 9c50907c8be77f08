// Ends in a way that the runtime does not let it recover from, and that is no race on a map.
package main

import (
	"os"
	"sync"
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
	}
}
