package main

import "unsafe"

// Limits beyond which a state that has not come about never will.
const (
	mostEntries = 100000
	mostChanges = 10000000
)

// Layouts are the maps of one type, each in another state.
type Layouts[K comparable, V any] struct {
	Nil      map[K]V
	Empty    map[K]V
	Small    map[K]V // a single bucket or group, with room
	Full     map[K]V // the same without
	Emptied  map[K]V // a single bucket or group, all deleted
	Grown    map[K]V // just larger than that
	Table    map[K]V // some overflow buckets, or one table
	Many     map[K]V // many overflow buckets, or a directory
	Holes    map[K]V // two of three deleted
	Cleared  map[K]V
	Hinted   map[K]V // made with room for many
	Doubling map[K]V // classic: with entries left in old buckets
}

// build brings every map into its state. No two of the keys are equal.
func (l *Layouts[K, V]) build(name string, key func(int) K, elem func(int) V) {
	fill := func(n int) map[K]V {
		m := map[K]V{}
		for i := 0; i < n; i++ {
			m[key(i)] = elem(i)
		}
		return m
	}
	l.Empty, l.Small, l.Full, l.Grown = fill(0), fill(3), fill(8), fill(9)
	l.Table, l.Many, l.Holes, l.Cleared = fill(100), fill(1000), fill(600), fill(300)
	l.Emptied = fill(5)
	for i := 0; i < 5; i++ {
		delete(l.Emptied, key(i))
	}
	for i := 0; i < 600; i++ {
		if i%3 != 0 {
			delete(l.Holes, key(i))
		}
	}
	for k := range l.Cleared {
		delete(l.Cleared, k)
	}
	l.Hinted = make(map[K]V, 1000)
	for i := 0; i < 20; i++ {
		l.Hinted[key(i)] = elem(i)
	}
	must(len(l.Emptied) == 0 && len(l.Cleared) == 0 && len(l.Holes) == 200, "%s: the keys are not equal to themselves", name)
	l.Doubling = double(name, key, elem)
}

// double fills a map until it has evacuated some of at least 64 buckets to twice as many. Swiss maps have
// no such state: there it stops at the same size.
func double[K comparable, V any](name string, key func(int) K, elem func(int) V) map[K]V {
	m := map[K]V{}
	for i := 0; i < mostEntries; i++ {
		m[key(i)] = elem(i)
		if kind == "swiss" && i == 500 {
			return m
		}
		if same, evacuated, of := growing(headerOf(m)); of >= 64 && !same && 9 < evacuated && evacuated < of {
			return m
		}
	}
	must(false, "%s: not in the middle of doubling after %d entries", name, mostEntries)
	return m
}

// churn keeps replacing the keys of a map that stays as large as it is. Sooner or later each of its buckets
// was once fuller than eight and has an overflow bucket: then a classic map grows to the same size. A Swiss
// map does the same for a while, and has tombstones.
func churn[K comparable, V any](name string, key func(int) K, elem func(int) V) map[K]V {
	const entries = 370 // of the 416 that 64 buckets hold before they double; 384 up to Go 1.21
	m := map[K]V{}
	for i := 0; i < entries; i++ {
		m[key(i)] = elem(i)
	}
	for i := entries; i < mostChanges; i++ {
		delete(m, key(i-entries))
		m[key(i)] = elem(i)
		if kind == "swiss" && i == 20*entries {
			return m
		}
		if same, evacuated, of := growing(headerOf(m)); same && of >= 64 && 3 < evacuated && evacuated < of {
			return m
		}
	}
	must(false, "%s: not in the middle of same-size growth after %d changes", name, mostChanges)
	return m
}

// share fills a map until its directory has at least four entries, two of which name the same table: it
// depends on the hash seed when that is.
func share() map[int]int {
	m := map[int]int{}
	for i := 0; i < mostEntries; i++ {
		m[i] = -i
		if kind == "classic" && i == 5000 {
			return m
		}
		if entries, distinct := tables(headerOf(m)); entries >= 4 && distinct < entries {
			return m
		}
	}
	must(false, "shared: no table is shared after %d entries", mostEntries)
	return m
}

// headerOf gives the address of a map's header.
func headerOf[K comparable, V any](m map[K]V) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

func tellAll[K comparable, V any](name string, l *Layouts[K, V]) {
	tell(name+".Nil", &l.Nil)
	tell(name+".Empty", &l.Empty)
	tell(name+".Small", &l.Small)
	tell(name+".Full", &l.Full)
	tell(name+".Emptied", &l.Emptied)
	tell(name+".Grown", &l.Grown)
	tell(name+".Table", &l.Table)
	tell(name+".Many", &l.Many)
	tell(name+".Holes", &l.Holes)
	tell(name+".Cleared", &l.Cleared)
	tell(name+".Hinted", &l.Hinted)
	tell(name+".Doubling", &l.Doubling)
}
