// The program damage makes maps, damages each in one way, and tells, a JSON object a line, what it did.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"strconv"
	"unsafe"
)

// The maps' types.
var (
	ints  = map[int]int{}
	texts = map[string]int{}
	bigs  = map[[200]byte]int{}
)

// kept keeps the maps alive.
var kept = []any{ints, texts, bigs}

// nowhere is an address that nothing is mapped at.
const nowhere = 0x1000

// A damage is done to a healthy map of so many entries, or one that is growing. It gives the address of what is
// wrong then, nil if there is more than one, and field is Go's name of what shows it.
type damage struct {
	name, field string
	entries     int
	do          func(m unsafe.Pointer) unsafe.Pointer
}

func main() {
	healthy()
	// From here on pointers lead nowhere, which the collector must not see.
	debug.SetGCPercent(-1)
	for _, damage := range append(damages, both...) {
		m := made(damage.entries)
		tell("damaged", damage, "main.ints", m, damage.do(m))
	}
	damageKeys()
	fmt.Println("ready")
	// Until whoever looks has seen enough.
	io.Copy(io.Discard, os.Stdin)
}

func tell(what string, damage damage, of string, m, at unsafe.Pointer) {
	line, err := json.Marshal(map[string]string{
		what: damage.name, "field": damage.field, "of": of, "header": hex(uintptr(m)), "at": hex(uintptr(at)),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func hex(value uintptr) string {
	return fmt.Sprintf("%#x", value)
}

func pointer[K comparable, V any](m map[K]V) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

// filled makes a map that is not growing.
func filled(entries int) map[int]int {
	m := map[int]int{}
	for i := 1; i <= entries || growing(pointer(m)); i++ {
		m[i] = i
	}
	kept = append(kept, m)
	return m
}

// healthy tells of maps in every state, none of them damaged.
func healthy() {
	for entries := 0; entries < 600; entries += 1 + entries/7 {
		m, t, b := map[int]int{}, map[string]int{}, map[[200]byte]int{}
		for i := 0; i < entries; i++ {
			m[i], t[strconv.Itoa(i)], b[[200]byte{byte(i), byte(i >> 8)}] = i, i, i
		}
		kept = append(kept, m, t, b)
		if entries%2 == 1 {
			for i := 0; i < entries; i += 2 {
				delete(m, i)
				delete(t, strconv.Itoa(i))
			}
		}
		name := damage{name: fmt.Sprint(entries, " entries")}
		tell("healthy", name, "main.ints", pointer(m), nil)
		tell("healthy", name, "main.texts", pointer(t), nil)
		tell("healthy", name, "main.bigs", pointer(b), nil)
	}
}

// damageKeys damages keys that are not in the map's own memory.
func damageKeys() {
	text, big := map[string]int{}, map[[200]byte]int{}
	for i := 0; i < 5; i++ {
		text["key "+strconv.Itoa(i)], big[[200]byte{byte(i)}] = i, i
	}
	kept = append(kept, text, big)
	key := firstKey(pointer(text))
	*(*uintptr)(key) = nowhere
	tell("damaged", damage{name: "a string that is not there", field: "key"}, "main.texts", pointer(text), key)
	key = firstKey(pointer(big))
	*(*uintptr)(key) = nowhere
	tell("damaged", damage{name: "an indirect key that is not there", field: "key"}, "main.bigs", pointer(big), key)
}

// misplaced changes a key to one that doesn't belong where it lies. Some do: those whose hash has the same few bits in
// the same place, and the runtime finds them.
func misplaced(m unsafe.Pointer, key *int) unsafe.Pointer {
	for right := *key; *key == right || isFound(m, *key); {
		*key += 1 << 40
	}
	return unsafe.Pointer(key)
}

// isFound tells whether the runtime finds a key by its hash. Where the compiler knows a key's type, it needs none in
// a small map.
func isFound(m unsafe.Pointer, key int) bool {
	return reflect.ValueOf(*(*map[int]int)(unsafe.Pointer(&m))).MapIndex(reflect.ValueOf(key)).IsValid()
}

// both are what can happen to a map of either kind.
var both = []damage{
	{"the first key changed", "", 5, func(m unsafe.Pointer) unsafe.Pointer {
		return misplaced(m, (*int)(firstKey(m)))
	}},
	{"count one too high", "count", 100, func(m unsafe.Pointer) unsafe.Pointer {
		*(*int)(m)++
		return m
	}},
	{"count one too low", "count", 100, func(m unsafe.Pointer) unsafe.Pointer {
		*(*int)(m)--
		return m
	}},
	{"count beyond all memory", "count", 100, func(m unsafe.Pointer) unsafe.Pointer {
		*(*int)(m) = 1 << 60
		return m
	}},
	{"count negative", "count", 100, func(m unsafe.Pointer) unsafe.Pointer {
		*(*int)(m) = -1
		return m
	}},
}
