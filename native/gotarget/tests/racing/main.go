// Racing dies of a map race between two goroutines that are known by their names, racerA and racerB, among
// others that have to do with the map and did not do it:
//
//   - main has filled it,
//
//   - prepare has written it before the race and waits since,
//
//   - keepers hold it and wait,
//
//   - holder holds it and runs, without a look at it,
//
//   - strangers write and read a map of their own, of the same type, all the time,
//
//   - outsider has written a map of another type, by the same function of the runtime, and waits since.
//
//     racing PLACE RACE PACE [KEEPERS]
//
// PLACE is where the map is: global, field, pointer, shard, local or closure. RACE is what the two do: write
// (both), read, iterate, delete, clear or clone (the one; the other writes). PACE is how: tight loops, paced by
// sleeping, a worker that gets its orders from a channel, or a goroutine spawned for each access.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const entries = 64

type table map[int]int

// A server has its map in a field, with others around it.
type server struct {
	name  string
	other map[int]int
	users map[int]int
}

type shard struct {
	_ [3]uint64
	m map[int]int
}

var (
	shared  map[int]int
	direct  server
	pointed = &server{name: "pointed"}
	shards  [4]*shard
	foreign map[int]int

	seen  int
	ready = make(chan bool)
	never = make(chan bool)
	begin = make(chan bool)
)

func main() {
	place, race, pace := os.Args[1], os.Args[2], os.Args[3]
	keepers := 2
	if len(os.Args) > 4 {
		keepers, _ = strconv.Atoi(os.Args[4])
	}
	m := newMap()
	foreign = newMap()
	direct.other, pointed.other = foreign, foreign
	for i := range shards {
		shards[i] = &shard{m: foreign}
	}
	go prepare(m)
	<-ready
	for i := 0; i < keepers; i++ {
		go keeper(m)
		<-ready
	}
	go holder(m)
	<-ready
	go stranger()
	<-ready
	go outsider()
	<-ready
	var a, b func(int)
	switch place {
	case "global":
		shared = m
		a, b = globals(race)
	case "field":
		direct.users = m
		a, b = fields(race)
	case "pointer":
		pointed.users = m
		a, b = pointers(race)
	case "shard":
		shards[2].m = m
		a, b = sharded(race)
	case "local":
		a, b = locals(m, race)
	case "closure":
		a, b = closures(m, race)
	default:
		panic("no such place")
	}
	fmt.Printf("ready pid=%d map=%p\n", os.Getpid(), m)
	m = nil
	go racerA(pace, a)
	go racerB(pace, b)
	<-ready
	<-ready
	close(begin)
	<-never
}

func newMap() map[int]int {
	m := make(map[int]int)
	for key := 0; key < entries; key++ {
		m[key] = key
	}
	return m
}

//go:noinline
func prepare(m map[int]int) {
	for key := 0; key < entries; key++ {
		m[key] = -key
	}
	ready <- true
	<-never
	m[0]++
}

//go:noinline
func keeper(m map[int]int) {
	ready <- true
	<-never
	runtime.KeepAlive(m)
}

//go:noinline
func holder(m map[int]int) {
	ready <- true
	for i := 0; ; i++ {
		seen += work(i)
		if i%256 == 0 {
			time.Sleep(time.Millisecond)
		}
		runtime.KeepAlive(m)
	}
}

//go:noinline
func stranger() {
	ready <- true
	for i := 0; ; i++ {
		foreign[i%entries] = i
		seen += foreign[(i+1)%entries]
		if i%64 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

//go:noinline
func outsider() {
	names := map[int]string{}
	for i := range [1000]int{} {
		names[i] = "name"
	}
	seen += len(names)
	ready <- true
	<-never
}

//go:noinline
func racerA(pace string, access func(int)) {
	run(pace, access)
}

//go:noinline
func racerB(pace string, access func(int)) {
	run(pace, access)
}

// run accesses the map for ever, in its way.
func run(pace string, access func(int)) {
	ready <- true
	<-begin
	switch pace {
	case "tight":
		for i := 0; ; i++ {
			access(i % entries)
		}
	case "paced":
		for i := 0; ; i++ {
			work(i)
			access(i % entries)
			if i%8 == 0 {
				time.Sleep(time.Duration(20+i%50) * time.Microsecond)
			}
		}
	case "worker":
		orders := make(chan int)
		go func() {
			for i := 0; ; i++ {
				orders <- i
			}
		}()
		for i := range orders {
			access(i % entries)
			work(i)
		}
	case "spawn":
		done := make(chan bool)
		for i := 0; ; i++ {
			go func(i int) {
				work(i)
				access(i % entries)
				done <- true
			}(i)
			<-done
		}
	}
}

// work takes about a microsecond.
//
//go:noinline
func work(n int) int {
	for i := 0; i < 300; i++ {
		n = n*31 + i
	}
	return n
}
