package main

import (
	"fmt"
	"math"
	"strconv"
	"unsafe"
)

// Maps that the states below have the types of.
var (
	ints    = map[int]int{}
	smalls  = map[int32]int{}
	texts   = map[string]int{}
	bigKeys = map[[200]byte]int{}
	bigInts = map[int][300]byte{}
	sets    = map[string]struct{}{}
	records = map[Mixed]int{}
	things  = map[any]int{}
	nans    = map[float64]int{math.NaN(): 1, math.NaN(): 2, 1: 3, -2.5: 4}
	none    map[string]int
)

// header is the address of a map's header.
func header[K comparable, V any](m map[K]V) string {
	return hex(*(*uintptr)(unsafe.Pointer(&m)))
}

// state tells which of the keys from 0 on the map has, each with how it is written, and keeps the map.
func state[K comparable, V any](variable string, m map[K]V, upTo int, key func(int) K, literal func(int) string) {
	kept = append(kept, m)
	present, absent := []string{}, []string{}
	for i := 0; i < upTo; i++ {
		if _, has := m[key(i)]; has {
			present = append(present, literal(i))
		} else if len(absent) < 20 {
			absent = append(absent, literal(i))
		}
	}
	tell(map[string]any{"of": variable, "header": header(m), "len": len(m), "present": present, "absent": absent})
}

// grown makes maps of every size, of many ways to get there.
func grown[K comparable, V any](variable string, key func(int) K, elem func(int) V, literal func(int) string) {
	put := func(m map[K]V, i int) { m[key(i)] = elem(i) }
	for _, size := range []int{0, 1, 2, 7, 8, 9, 10, 12, 13, 14, 15, 16, 20, 26, 27, 28, 30, 53, 54, 60, 105, 106, 120,
		209, 210, 230, 417, 500, 896, 897, 1800} {
		m := map[K]V{}
		for i := 0; i < size; i++ {
			put(m, i)
		}
		state(variable, m, size+5, key, literal)
	}
	for _, size := range []int{8, 9, 20, 60, 230, 1000} {
		for _, more := range []int{0, size / 2} {
			m := map[K]V{}
			for i := 0; i < size; i++ {
				put(m, i)
			}
			for i := 0; i < size; i += 3 {
				delete(m, key(i))
			}
			for i := size; i < size+more; i++ {
				put(m, i)
				delete(m, key(i-more))
			}
			state(variable, m, size+more+5, key, literal)
		}
	}
	// Many overflow buckets with little in them: a classic map then grows to its own size.
	for _, rounds := range []int{1, 2, 3, 4, 5, 6} {
		m := make(map[K]V, 50)
		for round := 0; round < rounds*20; round++ {
			for i := 0; i < 52; i++ {
				put(m, round*52+i)
			}
			for i := 0; i < 52; i++ {
				if i%26 != 0 || round%4 != 0 {
					delete(m, key(round*52+i))
				}
			}
		}
		state(variable, m, rounds*20*52, key, literal)
	}
	// One entry, alone in a map made for many.
	lone := make(map[K]V, 5000)
	put(lone, 3)
	state(variable, lone, 6, key, literal)
	m := map[K]V{}
	for i := 0; i < 40; i++ {
		put(m, i)
	}
	for i := 0; i < 40; i++ {
		delete(m, key(i))
	}
	state(variable, m, 40, key, literal)
}

func number(i int) int     { return i * 7 }
func itself(i int) int     { return i }
func big(i int) [200]byte  { return [200]byte{byte(i), 100: byte(i >> 8)} }
func nothing(int) struct{} { return struct{}{} }

func states() {
	grown("main.ints", itself, number, strconv.Itoa)
	grown("main.smalls", func(i int) int32 { return int32(-i) }, number, func(i int) string { return strconv.Itoa(-i) })
	text := func(i int) string { return fmt.Sprint("key ", i) }
	grown("main.texts", text, number, text)
	grown("main.sets", text, nothing, func(i int) string { return strconv.Quote(text(i)) })
	grown("main.bigKeys", big, number, func(i int) string {
		literal := fmt.Sprintf("[200]uint8{%d, 0", byte(i))
		for j := 2; j < 100; j++ {
			literal += ", 0"
		}
		return literal + fmt.Sprintf(", %#x}", byte(i>>8))
	})
	grown("main.bigInts", itself, func(i int) [300]byte { return [300]byte{byte(i)} }, strconv.Itoa)
	grown("main.records", func(i int) Mixed { return Mixed{int32(i), 2, text(i), -1, true} }, number, func(i int) string {
		return fmt.Sprintf("Mixed{A: %d, B: 2, S: %q, C: -0b1, D: true}", i, text(i))
	})
	thing := func(i int) any {
		switch i % 6 {
		case 0:
			return i
		case 1:
			return text(i)
		case 2:
			return float64(i) + 0.5
		case 3:
			return Box{i, 2}
		case 4:
			return int8(i)
		}
		return [3]string{text(i)}
	}
	grown("main.things", thing, number, func(i int) string {
		switch i % 6 {
		case 0:
			return strconv.Itoa(i)
		case 1:
			return strconv.Quote(text(i))
		case 2:
			return fmt.Sprint(float64(i) + 0.5)
		case 3:
			return fmt.Sprintf("main.Box{%d, 2}", i)
		case 4:
			return fmt.Sprintf("int8(%d)", int8(i))
		}
		return fmt.Sprintf("[3]string{%q}", text(i))
	})
	use(ints, smalls, texts, bigKeys, bigInts, sets, records, things, nans, none)
}

// use keeps the linker from dropping variables.
func use(maps ...any) {
	kept = append(kept, maps...)
}
