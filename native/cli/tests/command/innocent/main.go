// Dies of a map, once it gets SIGUSR1, and somebody has used the map that is watched and is innocent of that.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	watched = map[int]int{}
	other   = map[int]int{}
	lock    sync.Mutex
	begun   int32
)

func main() {
	for i := 0; i < 64; i++ {
		watched[i], other[i] = i, i
	}
	begin := make(chan os.Signal, 1)
	signal.Notify(begin, syscall.SIGUSR1)
	done := make(chan bool)
	switch os.Args[1] {
	case "elsewhere":
		go writes()
		go reads()
		go reads()
		close(done)
	case "before":
		go innocent(done)
	}
	fmt.Println("ready")
	<-begin
	atomic.StoreInt32(&begun, 1)
	<-done
	if os.Args[1] == "before" {
		go guilty()
		go guilty()
	}
	select {}
}

// writes keeps to a lock.
func writes() {
	for i := 0; ; i++ {
		lock.Lock()
		watched[i%64] = i
		lock.Unlock()
		time.Sleep(50 * time.Microsecond)
	}
}

// reads keeps to the lock too, but races with its like for another map.
func reads() {
	for i := 0; ; i++ {
		lock.Lock()
		_ = watched[i%64]
		lock.Unlock()
		for j := 0; atomic.LoadInt32(&begun) == 1 && j < 100; j++ {
			other[j%64] = j
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// innocent writes without a pause, and has ended before others begin.
func innocent(done chan bool) {
	for i := 0; atomic.LoadInt32(&begun) == 0; i++ {
		watched[i%64] = i
	}
	close(done)
}

// guilty writes without a pause what its like writes too.
func guilty() {
	for i := 0; ; i++ {
		watched[i%64] = i
	}
}
