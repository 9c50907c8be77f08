package main

import (
	"reflect"
	"sync"
	"unsafe"
)

// A sync.Map of Go 1.24 or newer keeps keys whose whole hashes are the same in a chain. No two keys of this
// program have such hashes, so the chain is made by hand, of the entries of two maps.
var syncChained sync.Map

func buildChained() {
	var other sync.Map
	syncChained.Store("first", 1)
	other.Store("second", 2)
	if head := soleEntry(&syncChained); head != nil {
		// type entry, src/internal/sync/hashtriemap.go: a bool, then the pointer to the next one.
		*(*unsafe.Pointer)(unsafe.Pointer(uintptr(head) + 8)) = soleEntry(&other)
	} else {
		syncChained.Store("second", 2)
	}
	n := 0
	syncChained.Range(func(_, _ interface{}) bool { n++; return true })
	must(n == 2, "the chain has %d entries", n)
}

// soleEntry finds the entry of a sync.Map that has one; nil where sync.Map is no hash trie.
func soleEntry(m *sync.Map) unsafe.Pointer {
	trie, is := reflect.TypeOf(m).Elem().FieldByName("m")
	if !is {
		return nil
	}
	root, _ := trie.Type.FieldByName("root")
	indirect := root.Type.Field(0).Type.Elem().Elem() // of the field _ [0]*T
	children, is := indirect.FieldByName("children")
	must(is, "%s has no children", indirect)
	at := *(*unsafe.Pointer)(unsafe.Pointer(uintptr(unsafe.Pointer(m)) + trie.Offset + root.Offset))
	for _, child := range *(*[16]unsafe.Pointer)(unsafe.Pointer(uintptr(at) + children.Offset)) {
		if child != nil {
			return child
		}
	}
	return nil
}
