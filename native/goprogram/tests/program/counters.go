package main

import "sync"

var (
	mutex   sync.Mutex
	counter int
	ratio   float64
	tally   = struct{ names map[string]int }{map[string]int{"k": 0}}
)

//go:noinline
func raiseAtOnce(by int) {
	counter += by
}

//go:noinline
func raiseAndReturn() int {
	counter++
	return counter
}

//go:noinline
func raiseUpTo(limit int) bool {
	now := counter
	if now < limit {
		counter = now + 1
		return true
	}
	return false
}

//go:noinline
func raiseStepByStep() {
	mutex.Lock()
	now := counter // reads in a step
	mutex.Unlock()
	now += 3
	mutex.Lock()
	counter = now // stores in a step
	mutex.Unlock()
}

//go:noinline
func tripleStepByStep() {
	mutex.Lock()
	now := counter
	mutex.Unlock()
	mutex.Lock()
	counter = now*3 + 1
	mutex.Unlock()
}

//go:noinline
func readThenReset() int {
	mutex.Lock()
	now := counter
	mutex.Unlock()
	mutex.Lock()
	counter = 0
	mutex.Unlock()
	return now
}

//go:noinline
func restore() {
	mutex.Lock()
	now := counter
	mutex.Unlock()
	use(now)
	mutex.Lock()
	counter = now
	mutex.Unlock()
}

//go:noinline
func computeOnce(make func() int) {
	mutex.Lock()
	now := counter
	mutex.Unlock()
	if now == 0 {
		now = make()
	}
	mutex.Lock()
	counter = now
	mutex.Unlock()
}

//go:noinline
func markStepByStep() {
	mutex.Lock()
	now := counter
	mutex.Unlock()
	now |= 4
	mutex.Lock()
	counter = now
	mutex.Unlock()
}

//go:noinline
func adjust(value *int) { *value = 1 }

//go:noinline
func adjustStepByStep() {
	mutex.Lock()
	now := counter
	mutex.Unlock()
	adjust(&now)
	mutex.Lock()
	counter = now + 1
	mutex.Unlock()
}

//go:noinline
func halveStepByStep() {
	mutex.Lock()
	now := ratio
	mutex.Unlock()
	mutex.Lock()
	ratio = now / 2
	mutex.Unlock()
}

//go:noinline
func countName(name string) {
	mutex.Lock()
	now := tally.names[name] // reads a name's count
	mutex.Unlock()
	now++
	mutex.Lock()
	tally.names[name] = now // stores a name's count
	mutex.Unlock()
}

//go:noinline
func nameCount(name string) int {
	mutex.Lock()
	defer mutex.Unlock()
	return tally.names[name] // gets a name's count
}

//go:noinline
func setNameCount(name string, count int) {
	mutex.Lock()
	defer mutex.Unlock()
	tally.names[name] = count // sets a name's count
}

//go:noinline
func countNameByMethods(name string) {
	count := nameCount(name) // calls the getter
	use(count)
	setNameCount(name, count+1) // calls the setter
}

//go:noinline
func setNameByMethods(name string, count int) {
	use(nameCount(name))      // calls only the getter
	setNameCount(name, count) // calls only the setter
}

func count() {
	raiseAtOnce(2)
	raiseAndReturn()
	raiseUpTo(3)
	raiseStepByStep()
	tripleStepByStep()
	readThenReset()
	restore()
	computeOnce(raiseAndReturn)
	markStepByStep()
	adjustStepByStep()
	halveStepByStep()
	countName("k")
	countNameByMethods("k")
	setNameByMethods("k", 1)
}
