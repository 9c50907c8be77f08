// Goroutines that share variables, with and without care: what each argument names runs until standard input is closed.
package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

type Stats struct {
	name string
	hits int
	ok   bool
}

type Guarded struct {
	hits int
	lock sync.RWMutex
}

type Node struct {
	count int
	next  *Node
}

// Each is used by the goroutines of its own name only.
var (
	plain    int
	by       int32
	torn     int
	field    = &Stats{name: "field"}
	items    = make([]uint16, 16)
	ratio    float64
	ready    bool
	copied   [4]Stats
	pointer  *Node
	added    int64
	counted  atomic.Int64
	compared atomic.Uint32
	swapped  atomic.Pointer[Node]
	locked   int
	shared   int
	handed   int
	joined   int
	waited   int
	waiting  atomic.Bool
	parts    [2]int32
	guarded  = &Guarded{}
	kept     = map[string]int{"k": 0}
	stepped  = map[string]int{"k": 0}
	asked    = map[string]int{"k": 0}
	stepping int
	checked  = map[string]int{"k": 0}
	crossed  = map[string]int{"k": 5, "x": 5, "y": 0}
	growing  = map[string]int{"k": 0}
	deleted  = map[string]int{"k": 0}
	replaced = &Node{}
)

var (
	mutex   sync.Mutex
	rwmutex sync.RWMutex
	sink    atomic.Int64
)

// twice runs a step in two goroutines, again and again.
func twice(step func(number int)) {
	for number := 0; number < 2; number++ {
		go func(number int) {
			for {
				step(number)
			}
		}(number)
	}
}

// pause lets others run, for a moment that is never the same.
func pause() {
	time.Sleep(time.Duration(rand.Intn(50)) * time.Microsecond)
}

//go:noinline
func raise(n int32) {
	by += n // by
}

//go:noinline
func raiseAndGet() int {
	torn++ // torn
	return torn
}

//go:noinline
func setReady(now bool) {
	ready = now // writes ready
}

func lockedStep(step func()) {
	mutex.Lock()
	defer mutex.Unlock()
	step()
}

func get(key string) int {
	mutex.Lock()
	defer mutex.Unlock()
	return asked[key] // gets
}

func set(key string, value int) {
	mutex.Lock()
	defer mutex.Unlock()
	asked[key] = value // sets
}

//go:noinline
func copyTo(to *Stats, from Stats) {
	*to = from // copied
}

var modes = map[string]func(){
	// Races.
	"plain": func() { twice(func(int) { plain++ }) }, // plain
	"by":    func() { twice(func(int) { raise(2) }) },
	"torn":  func() { twice(func(int) { raiseAndGet() }) },
	"field": func() { twice(func(int) { field.hits++ }) },
	"items": func() { twice(func(int) { items[3]++ }) },
	"ratio": func() { twice(func(int) { ratio += 0.5 }) },
	"ready": func() {
		go func() {
			for n := 0; ; n++ {
				setReady(n%2 == 0)
			}
		}()
		go func() {
			for {
				if ready { // reads ready
					sink.Add(1)
				}
			}
		}()
	},
	"copied": func() {
		twice(func(number int) { copyTo(&copied[1], Stats{hits: number}) })
	},
	"pointer": func() { twice(func(int) { pointer = &Node{next: pointer} }) },

	// Atomic operations.
	"added":   func() { twice(func(int) { atomic.AddInt64(&added, 1) }) },
	"counted": func() { twice(func(int) { counted.Add(1); sink.Store(counted.Load()) }) },
	"compared": func() {
		twice(func(int) {
			for {
				if old := compared.Load(); compared.CompareAndSwap(old, old+1) {
					break
				}
			}
		})
	},
	"swapped": func() {
		twice(func(number int) {
			node := &Node{count: number}
			swapped.Store(node)
			if old := swapped.Swap(node); old != nil {
				sink.Store(int64(old.count))
			}
		})
	},

	// Kept apart otherwise.
	"locked": func() { twice(func(int) { mutex.Lock(); locked++; mutex.Unlock() }) },
	"shared": func() {
		twice(func(int) { rwmutex.RLock(); sink.Store(int64(shared)); rwmutex.RUnlock(); pause() })
		twice(func(int) { rwmutex.Lock(); shared = shared*3 + 1; rwmutex.Unlock(); pause() })
	},
	"handed": func() {
		token := make(chan int, 1)
		token <- 0
		twice(func(int) { n := <-token; handed++; sink.Store(int64(handed)); token <- n })
	},
	"joined": func() {
		go func() {
			for {
				var group sync.WaitGroup
				for number := 0; number < 2; number++ {
					group.Add(1)
					before := make(chan int)
					go func() { joined++; close(before); group.Done() }()
					<-before
				}
				group.Wait()
				joined = joined + 1
			}
		}()
	},
	// Who reads is waited for between the read and the write, by a load alone.
	"waited": func() {
		go func() {
			for {
				value := waited
				for !waiting.Load() {
				}
				waited = value + 1
				waiting.Store(false)
			}
		}()
		go func() {
			for {
				sink.Store(int64(waited))
				waiting.Store(true)
				for waiting.Load() {
				}
			}
		}()
	},
	// Each has a part of its own.
	"parts": func() {
		twice(func(number int) { parts[number]++ })
	},
	// To call a method of the lock, the code looks whether the pointer is nil, and reads what lies first.
	"guarded": func() {
		twice(func(int) { guarded.lock.Lock(); guarded.hits++; guarded.lock.Unlock() })
	},
	"kept": func() { twice(func(int) { lockedStep(func() { kept["k"]++ }) }) },

	// Each step is locked, and not all of them together.
	"stepped": func() {
		twice(func(int) {
			mutex.Lock()
			value := stepped["k"] // reads stepped
			mutex.Unlock()
			value++
			mutex.Lock()
			stepped["k"] = value // writes stepped
			mutex.Unlock()
			pause()
		})
	},
	"asked": func() { twice(func(int) { set("k", get("k")+1); pause() }) },
	"stepping": func() {
		twice(func(int) {
			mutex.Lock()
			value := stepping
			mutex.Unlock()
			pause()
			mutex.Lock()
			stepping = value*3 + 1
			mutex.Unlock()
		})
	},
	// The same, but what has changed meanwhile is not overwritten.
	"checked": func() {
		twice(func(int) {
			mutex.Lock()
			value := checked["k"]
			mutex.Unlock()
			next := value + 1
			mutex.Lock()
			if checked["k"] == value {
				checked["k"] = next
			}
			mutex.Unlock()
		})
	},
	// What is overwritten here was not computed from what was read: each key is read and another one written.
	"crossed": func() {
		keys := []string{"k", "x", "k", "y", "x", "k"}
		go func() {
			for n := 0; ; n = (n + 2) % len(keys) {
				mutex.Lock()
				value := crossed[keys[n]]
				mutex.Unlock()
				pause()
				mutex.Lock()
				crossed[keys[n+1]] = value + 1
				crossed["x"] = 5
				mutex.Unlock()
			}
		}()
		go func() {
			for n := 0; ; n++ {
				lockedStep(func() { crossed["k"] = 5 + 2*(n%2) })
			}
		}()
	},

	// They do not stay where they are.
	"growing": func() {
		twice(func(number int) {
			lockedStep(func() { growing["k"]++ })
			pause()
		})
		go func() {
			for n := 0; n < 1<<18; n++ {
				lockedStep(func() { growing[fmt.Sprint(n)] = n })
				if n%16 == 0 {
					pause()
				}
			}
		}()
	},
	"deleted": func() {
		go func() {
			for n := 0; ; n++ {
				time.Sleep(300 * time.Millisecond)
				lockedStep(func() { delete(deleted, "k") })
				time.Sleep(300 * time.Millisecond)
				lockedStep(func() { deleted[fmt.Sprint(n)] = n; deleted["k"] = n })
			}
		}()
	},
	"replaced": func() {
		go func() {
			for n := 0; ; n++ {
				lockedStep(func() { replaced = &Node{count: n, next: replaced.next} })
				for i := 0; i < 100; i++ {
					lockedStep(func() { replaced.count++ })
					pause()
				}
			}
		}()
	},
}

func main() {
	for _, name := range os.Args[1:] {
		modes[name]()
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	runtime.KeepAlive([]any{plain, by, torn, field, items, ratio, ready, &copied, pointer, added, joined, handed, locked, waited, parts})
	runtime.KeepAlive([]any{kept, stepped, asked, stepping, checked, crossed, growing, deleted, replaced, shared})
}
