// Goroutines holds goroutines that rest in every way there is, tells what the runtime says of them, and
// waits. Whoever looks into the process from outside must come to the same.
//
// It prints one JSON object a line for each goroutine, one with all their stacks as the runtime prints
// them, then "ready". A line on its standard input, or the end of it, ends the program.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// The longest that goroutines take to come to rest.
const longest = 30 * time.Second

// A line tells of one goroutine.
type line struct {
	Name string `json:"name"`
	// As the runtime numbers it.
	Goid uint64 `json:"goid"`
	// As the runtime prints it: the reason, when it waits for something.
	State string `json:"state"`
}

// Stacks are those of all goroutines.
type stacks struct {
	Stacks string `json:"stacks"`
}

// A worker rests in a method, below other calls.
type worker struct {
	mutex sync.Mutex
	cond  *sync.Cond
}

var (
	never   = make(chan int)
	other   = make(chan int)
	unheard = make(chan int)
	started = make(chan uint64)
	shared  = &worker{}
)

func main() {
	shared.cond = sync.NewCond(&sync.Mutex{})
	shared.mutex.Lock()
	lines := []line{
		start("receives", "chan receive", func() { receive(never) }),
		start("sends", "chan send", func() { unheard <- 1 }),
		start("selects", "select", choose),
		start("stays", "select (no cases)", func() { select {} }),
		start("ranges", "chan receive", func() { drain(other) }),
		start("nil", "chan receive (nil chan)", func() { receive(nil) }),
		start("sleeps", "sleep", func() { time.Sleep(time.Hour) }),
		start("locks", "sync.Mutex.Lock", shared.lock),
		start("waits", "sync.Cond.Wait", shared.wait),
		start("deep", "chan receive", func() { descend(40) }),
		startGo(),
	}
	all := rest(lines)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for _, l := range lines {
		must(encoder.Encode(l) == nil, "cannot tell")
	}
	must(encoder.Encode(stacks{all}) == nil, "cannot tell")
	fmt.Fprintln(out, "ready")
	must(out.Flush() == nil, "cannot tell")
	bufio.NewReader(os.Stdin).ReadString('\n')
}

// start begins a goroutine that comes to rest in do.
func start(name, state string, do func()) line {
	go begin(do)
	return line{name, <-started, state}
}

// startGo begins one by a function literal of its own.
func startGo() line {
	go func() {
		started <- self()
		receive(never)
	}()
	return line{"literal", <-started, "chan receive"}
}

func begin(do func()) {
	started <- self()
	do()
}

// receive is inlined.
func receive(from chan int) int { return <-from }

// drain is instantiated.
func drain[T any](from chan T) {
	for range from {
	}
}

func choose() {
	select {
	case <-never:
	case unheard <- 1:
	}
}

func descend(depth int) int {
	if depth == 0 {
		return receive(never)
	}
	return descend(depth-1) + 1
}

func (w *worker) lock() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	fmt.Println("locked")
}

//go:noinline
func (w *worker) wait() {
	w.cond.L.Lock()
	defer w.cond.L.Unlock()
	w.cond.Wait()
}

// self gives the number of the goroutine that calls it.
func self() (goid uint64) {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)]
	_, err := fmt.Sscanf(string(text), "goroutine %d ", &goid)
	must(err == nil, "cannot read %q", text)
	return goid
}

// rest waits until each goroutine is in its state, and gives all stacks as they are then.
func rest(lines []line) string {
	text := make([]byte, 1<<20)
	for begun := time.Now(); time.Since(begun) < longest; runtime.Gosched() {
		all := string(text[:runtime.Stack(text, true)])
		at := 0
		for _, l := range lines {
			if strings.Contains(all, fmt.Sprintf("goroutine %d [%s]:\n", l.Goid, l.State)) {
				at++
			}
		}
		if at == len(lines) {
			return all
		}
	}
	must(false, "not all at rest after %v", longest)
	return ""
}

// must ends the program if something is not as it should be.
func must(reached bool, format string, args ...any) {
	if !reached {
		fmt.Fprintf(os.Stderr, "goroutines: "+format+"\n", args...)
		os.Exit(1)
	}
}
