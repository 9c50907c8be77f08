package main

import "fmt"

// Limits beyond which a state that has not come about never will.
const (
	mostEntries = 100_000
	mostChanges = 10_000_000
)

func number(i int) int    { return i }
func text(i int) string   { return fmt.Sprintf("key %d", i) }
func point(i int) Point   { return Point{X: i, Y: -i} }
func wide(i int) (w Wide) { w[0], w[1] = byte(i), byte(i>>8); return w }

// build brings every map into its state.
func build() {
	fill(full, number, 8)
	for i := 0; i < 100; i++ {
		oneTable[text(i)] = text(-i)
	}
	growManyTables()
	fill(hinted, number, 3)
	deleteSome()
	fill(allDeleted, point, 500)
	for i := 0; i < 500; i++ {
		delete(allDeleted, point(i))
	}
	fill(cleared, number, 3000)
	clear(cleared)
	growToTheMiddle("doubling", doubling, number)
	growToTheMiddle("doublingStrings", doublingStrings, text)
	growToTheMiddle("doublingPoints", doublingPoints, point)
	growSideways("sameSize", sameSize, number)
	growSideways("sameSizeStrings", sameSizeStrings, text)
	fill(iterated, number, 5000)
	iterate(iterated, func() {})
	fill(iteratedDoubling, number, 300)
	iterate(iteratedDoubling, func() { growToTheMiddle("iteratedDoubling", iteratedDoubling, number) })
	for i := 0; i < 20; i++ {
		registry[point(i)] = text(i)
		indirect[wide(i)] = wide(-i)
	}
	fill(server.cache, text, 7)
	check()
}

// fill inserts n keys.
func fill[K comparable](m map[K]int, key func(int) K, n int) {
	for i := 0; i < n; i++ {
		m[key(i)] = i
	}
}

// growManyTables fills a map until its directory has at least four entries, two of which name the
// same table: it depends on the hash seed when that is.
func growManyTables() {
	if kind == "classic" {
		fill(manyTables, number, 5000)
		return
	}
	for i := 0; i < mostEntries; i++ {
		manyTables[i] = i
		if t := tablesOf(headerOf(manyTables)); t.Entries >= 4 && t.Distinct < t.Entries {
			return
		}
	}
	must(false, "manyTables: no table is shared after %d entries", mostEntries)
}

// deleteSome leaves a map with deleted slots between the full ones. A Swiss map keeps a tombstone
// only for a slot of a group that was full: it depends on the hash seed how many there are.
func deleteSome() {
	fill(afterDelete, number, 3000)
	for i := 0; i < 3000; i++ {
		if i%3 != 0 {
			delete(afterDelete, i)
		}
	}
}

// growToTheMiddle fills a map until it has evacuated some of at least 64 buckets to twice as many.
// Swiss maps have no such state: there it stops at the same size.
func growToTheMiddle[K comparable](name string, m map[K]int, key func(int) K) {
	for i := 0; i < mostEntries; i++ {
		m[key(i)] = i
		if kind == "swiss" && i == 500 {
			return
		}
		if g := growthOf(headerOf(m)); g.Kind == "doubling" && g.OldBuckets >= 64 && 9 < g.Evacuated && g.Evacuated < g.OldBuckets {
			return
		}
	}
	must(false, "%s: not in the middle of doubling after %d entries", name, mostEntries)
}

// growSideways keeps replacing the keys of a map that stays as large as it is. Sooner or later
// each of its buckets was once fuller than eight and has an overflow bucket: then the map grows to
// the same size. Swiss maps have no such state: there it does the same for a while.
func growSideways[K comparable](name string, m map[K]int, key func(int) K) {
	const entries = 370 // of the 416 that 64 buckets hold before they double; 384 in Go 1.21
	fill(m, key, entries)
	for i := entries; i < mostChanges; i++ {
		delete(m, key(i-entries))
		m[key(i)] = i
		if kind == "swiss" && i == 20*entries {
			return
		}
		g := growthOf(headerOf(m))
		must(g.Kind != "doubling" || g.OldBuckets < 64, "%s: doubles, where it should stay as large as it is", name)
		if g.Kind == "same_size" && g.OldBuckets >= 64 && 3 < g.Evacuated && g.Evacuated < g.OldBuckets {
			return
		}
	}
	must(false, "%s: not in the middle of same-size growth after %d changes", name, mostChanges)
}

// iterate begins to range over a map, does something within the first round, and stays there for
// good.
func iterate(m map[int]int, first func()) {
	within := make(chan struct{})
	go func() {
		for range m {
			first()
			close(within)
			select {}
		}
	}()
	<-within
}
