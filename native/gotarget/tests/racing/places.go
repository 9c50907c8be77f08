package main

// A place has an access of each kind, each a function of its own that shows in a stack: whether it is racer
// A's or B's is told by who calls it.

func pick(race string, write, read, iterate, remove, empty, copied func(int)) (func(int), func(int)) {
	switch race {
	case "write":
		return write, write
	case "read":
		return write, read
	case "iterate":
		return write, iterate
	case "delete":
		return write, remove
	case "clear":
		return write, empty
	case "clone":
		return write, copied
	}
	panic("no such race")
}

func globals(race string) (func(int), func(int)) {
	return pick(race, writeGlobal, readGlobal, iterateGlobal, deleteGlobal, clearGlobal, cloneGlobal)
}

//go:noinline
func writeGlobal(i int) { shared[i] = i }

//go:noinline
func readGlobal(i int) { seen += shared[i] }

//go:noinline
func iterateGlobal(int) {
	for _, value := range shared {
		seen += value
	}
}

//go:noinline
func deleteGlobal(i int) { delete(shared, i) }

//go:noinline
func clearGlobal(int) { empty(shared) }

//go:noinline
func cloneGlobal(int) { seen += len(clone(shared)) }

func fields(race string) (func(int), func(int)) {
	return pick(race, direct.write, direct.read, direct.iterate, direct.remove, direct.empty, direct.copied)
}

func pointers(race string) (func(int), func(int)) {
	return pick(race, pointed.write, pointed.read, pointed.iterate, pointed.remove, pointed.empty, pointed.copied)
}

//go:noinline
func (s *server) write(i int) { s.users[i] = i }

//go:noinline
func (s *server) read(i int) { seen += s.users[i] }

//go:noinline
func (s *server) iterate(int) {
	for _, value := range s.users {
		seen += value
	}
}

//go:noinline
func (s *server) remove(i int) { delete(s.users, i) }

//go:noinline
func (s *server) empty(int) { empty(s.users) }

//go:noinline
func (s *server) copied(int) { seen += len(clone(s.users)) }

// shardOf is where the key's map is: always the same here, but who reads the code must not know.
//
//go:noinline
func shardOf(i int) *shard { return shards[2+i/entries] }

func sharded(race string) (func(int), func(int)) {
	return pick(race,
		func(i int) { shardOf(i).m[i] = i },
		func(i int) { seen += shardOf(i).m[i] },
		func(i int) {
			for _, value := range shardOf(i).m {
				seen += value
			}
		},
		func(i int) { delete(shardOf(i).m, i) },
		func(i int) { empty(shardOf(i).m) },
		func(i int) { seen += len(clone(shardOf(i).m)) },
	)
}

func locals(m table, race string) (func(int), func(int)) {
	return pick(race, m.write, m.read, m.iterate, m.remove, m.empty, m.copied)
}

//go:noinline
func (m table) write(i int) { m[i] = i }

//go:noinline
func (m table) read(i int) { seen += m[i] }

//go:noinline
func (m table) iterate(int) {
	for _, value := range m {
		seen += value
	}
}

//go:noinline
func (m table) remove(i int) { delete(m, i) }

//go:noinline
func (m table) empty(int) { empty(m) }

//go:noinline
func (m table) copied(int) { seen += len(clone(m)) }

func closures(m map[int]int, race string) (func(int), func(int)) {
	// Assigned once more, so that the closures share the variable and not its value.
	if m == nil {
		m = newMap()
	}
	return pick(race,
		func(i int) { m[i] = i },
		func(i int) { seen += m[i] },
		func(int) {
			for _, value := range m {
				seen += value
			}
		},
		func(i int) { delete(m, i) },
		func(int) { empty(m) },
		func(int) { seen += len(clone(m)) },
	)
}
