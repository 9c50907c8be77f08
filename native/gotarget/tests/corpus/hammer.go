package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

// What two goroutines hammer, under a lock. The elem is a function of the key, so that a wrong pair shows.
//
// The keys below Kept are always there. Those from there on come and go. The runtime gives an elem's place away
// before the elem is in it: of a key that has just come the elem may still be zero.
var (
	hammerLock   sync.Mutex
	hammerInt    = map[int]int{}
	hammerString = map[string]int{}
	hammerWide   = map[Indirect]int{}
	retired      [64][]interface{}
	retirements  int
)

const (
	hammerKept = 500
	hammerMost = 1500 // of those that come and go
)

func hammerElem(i int) int { return i*7 + 1 }

// hammer works on the maps until standard input ends.
func hammer() {
	for i := 0; i < hammerKept; i++ {
		put(i)
	}
	for worker := 0; worker < 2; worker++ {
		worker := worker
		go func() {
			random := uint32(worker + 1)
			for {
				random = random*1664525 + 1013904223
				i := hammerKept + int(random>>8)%hammerMost
				hammerLock.Lock()
				switch {
				case random>>8%50021 == 0:
					// New maps, so that they grow over and over again. Who still reads the old ones must find them whole.
					retired[retirements%len(retired)] = []interface{}{hammerInt, hammerString, hammerWide}
					retirements++
					hammerInt, hammerString, hammerWide = kept()
				case random>>4%3 == 0:
					delete(hammerInt, i)
					delete(hammerString, text32(i))
					delete(hammerWide, wide(i))
				default:
					put(i)
				}
				hammerLock.Unlock()
			}
		}()
	}
	fmt.Printf("{\"kind\":%q,\"kept\":%d}\nready\n", kind, hammerKept)
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func put(i int) {
	hammerInt[i] = hammerElem(i)
	hammerString[text32(i)] = hammerElem(i)
	hammerWide[wide(i)] = hammerElem(i)
}

// kept gives maps with only those that are always there.
func kept() (map[int]int, map[string]int, map[Indirect]int) {
	ints, strings, wides := map[int]int{}, map[string]int{}, map[Indirect]int{}
	for i := 0; i < hammerKept; i++ {
		ints[i], strings[text32(i)], wides[wide(i)] = hammerElem(i), hammerElem(i), hammerElem(i)
	}
	return ints, strings, wides
}
