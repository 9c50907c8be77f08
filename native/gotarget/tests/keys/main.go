// The program keys has maps with every kind of key, in every state of growth, and tells, a JSON object a line,
// how the runtime hashes their keys and which keys they have.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"unsafe"
)

func main() {
	hashes()
	states()
	fmt.Println("ready")
	// Until whoever looks has seen enough.
	io.Copy(io.Discard, os.Stdin)
}

func tell(what map[string]any) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// kept keeps alive what addresses were told of.
var kept []any

func hex(value uintptr) string {
	return fmt.Sprintf("%#x", value)
}

// hasherOffset is where a map type's descriptor has its Hasher, in every version.
const hasherOffset = 72

// hash tells how the map type's own hasher hashes keys, with a few seeds.
func hash[K comparable](variable string, m map[K]int, keys ...K) {
	var holder any = m
	descriptor := *(*unsafe.Pointer)(unsafe.Pointer(&holder))
	hasher := *(*func(unsafe.Pointer, uintptr) uintptr)(unsafe.Add(descriptor, hasherOffset))
	for _, key := range keys {
		place := new(K)
		*place = key
		kept = append(kept, place)
		for _, seed := range []uintptr{0, 1, 0x12345678, 0xfedcba9876543210} {
			tell(map[string]any{
				"hashed": variable,
				"key":    hex(uintptr(unsafe.Pointer(place))),
				"size":   unsafe.Sizeof(key),
				"seed":   hex(seed),
				"hash":   hex(hasher(unsafe.Pointer(place), seed)),
			})
		}
	}
}
