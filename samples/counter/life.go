package main

// The life of a sample, the same file in each of them: make the map, say so, wait for a line if told to,
// run, and print what the map holds.

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"sort"
	"sync"
	"syscall"
	"time"
)

// entries is how many keys the map has from the start: it never grows while a sample runs.
const entries = 64

var (
	wait  = flag.Bool("wait", false, "wait for a line on stdin before the goroutines start")
	limit = flag.Duration("for", 0, "end after this time (default: at SIGINT or SIGTERM)")
	hurry = flag.Int("hurry", 1, "make all pauses so many times shorter: a race then ends the process much sooner")

	asked   = make(chan os.Signal, 1) // a signal asks for the end
	stop    = make(chan struct{})     // closed when the goroutines shall end
	running sync.WaitGroup            // the goroutines
)

// newMap returns a map that has all its keys.
func newMap() map[int]int {
	m := make(map[int]int)
	for key := 0; key < entries; key++ {
		m[key] = 0
	}
	return m
}

// begin reads the flags, says that the map m is there, and waits for a line if told to.
func begin(m map[int]int) {
	flag.Parse()
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	fmt.Printf("ready pid=%d map=%p\n", os.Getpid(), m)
	if *wait {
		bufio.NewReader(os.Stdin).ReadString('\n') // the end of the input will do as well
	}
}

// finish lets the goroutines run until the time is over or a signal asks for the end, and prints what m holds.
func finish(m map[int]int) {
	var over <-chan time.Time
	if *limit > 0 {
		over = time.After(*limit)
	}
	select {
	case <-asked:
	case <-over:
	}
	close(stop)
	running.Wait()
	show(m)
}

// show prints the entries in the order of their keys, and how many there are.
func show(m map[int]int) {
	keys := make([]int, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Ints(keys)
	for _, key := range keys {
		fmt.Println(key, m[key])
	}
	fmt.Println("count", len(m))
}

// shortest is how long one can sleep. A shorter pause is spent waiting.
const shortest = 100 * time.Microsecond

// pause takes about period, half of it up or down, and says whether to go on.
func pause(period time.Duration) bool {
	period /= time.Duration(*hurry)
	end := time.Now().Add(period/2 + time.Duration(rand.Int63n(int64(period)+1)))
	if period >= shortest {
		time.Sleep(time.Until(end))
	}
	for time.Now().Before(end) {
	}
	select {
	case <-stop:
		return false
	default:
		return true
	}
}
