package main

// The books: what the goroutines do with maps, and the proof that it is right.

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	accounts = 64
	deposit  = 1000
	// burst is how often a goroutine takes a lock before it sleeps.
	burst = 50
	// orders is how many names a clerk has in use at a time.
	orders = 100
)

var (
	// Accounts says how much lies where. Transfers move it about, so its sum stays.
	Accounts = map[int]int{}
	// Transfers counts them, under the lock of Accounts.
	Transfers uint64
	mutex     sync.Mutex

	// Orders come and go.
	Orders      = map[string]int{}
	ordersMutex sync.RWMutex

	closing = make(chan struct{}) // closed when the goroutines shall end
	working sync.WaitGroup
	// turns counts what each goroutine has done.
	turns [4]atomic.Uint64
	// made counts the transfers that each teller has made.
	made [2]uint64
)

// open fills the books and starts the goroutines.
func open() {
	for account := 0; account < accounts; account++ {
		Accounts[account] = deposit
	}
	for number, work := range [...]func(){func() { teller(0) }, func() { teller(1) }, auditor, clerk} {
		working.Add(1)
		go func(turns *atomic.Uint64, work func()) {
			defer working.Done()
			for pause() {
				work()
				turns.Add(1)
			}
		}(&turns[number], work)
	}
}

// closeBooks ends the goroutines and looks whether all is right.
func closeBooks() {
	close(closing)
	working.Wait()
	audit()
	if made[0]+made[1]+borrowed != Transfers {
		wrong("%d, %d and %d transfers were made, and %d are counted", made[0], made[1], borrowed, Transfers)
	}
	if turns[3].Load() > 0 && len(Orders) != orders {
		wrong("%d orders are left, not %d", len(Orders), orders)
	}
}

// report says how far everything is.
func report() map[string]any {
	each := make([]uint64, len(turns))
	for number := range turns {
		each[number] = turns[number].Load()
	}
	return map[string]any{"turns": each, "threads": threads.Load(), "children": children.Load()}
}

// pause sleeps for a moment and says whether to go on.
func pause() bool {
	select {
	case <-closing:
		return false
	case <-time.After(time.Millisecond):
		return true
	}
}

// teller makes a burst of transfers.
func teller(number int) {
	for count := 0; count < burst; count++ {
		transfer(int(made[number])+31*number, &made[number])
	}
}

// transfer moves an amount from one account to another, and counts.
func transfer(seed int, count *uint64) {
	mutex.Lock()
	defer mutex.Unlock()
	from, to := seed%accounts, (seed*7+3)%accounts
	Accounts[from] -= seed % 10
	Accounts[to] += seed % 10
	Transfers++
	*count++
}

// auditor looks whether the sum is right.
func auditor() {
	mutex.Lock()
	defer mutex.Unlock()
	audit()
}

func audit() {
	sum, count := 0, 0
	for _, amount := range Accounts {
		sum += amount
		count++
	}
	if sum != accounts*deposit || count != accounts || len(Accounts) != accounts {
		wrong("%d accounts (len %d) hold %d", count, len(Accounts), sum)
	}
}

// clerk replaces all orders by new ones, and looks each one up.
func clerk() {
	turn := int(turns[3].Load())
	for order := 0; order < orders; order++ {
		ordersMutex.Lock()
		delete(Orders, fmt.Sprint("order ", (turn-1)*orders+order))
		Orders[fmt.Sprint("order ", turn*orders+order)] = turn
		ordersMutex.Unlock()

		ordersMutex.RLock()
		found := Orders[fmt.Sprint("order ", turn*orders+order)]
		ordersMutex.RUnlock()
		if found != turn {
			wrong("order %d is of turn %d, and %d was found", turn*orders+order, turn, found)
		}
	}
}
