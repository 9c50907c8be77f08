//go:build go1.19

package main

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"unsafe"
)

// Atomic values, which have types of their own since Go 1.19.
var (
	atomicBool    atomic.Bool
	atomicInt32   atomic.Int32
	atomicInt64   atomic.Int64
	atomicUint32  atomic.Uint32
	atomicUint64  atomic.Uint64
	atomicUintptr atomic.Uintptr
	atomicNil     atomic.Pointer[Point]
	atomicPointer atomic.Pointer[Point]
	atomicNone    atomic.Value
	atomicValue   atomic.Value
	atomics       = struct {
		Hits  atomic.Int64
		State atomic.Pointer[Base]
	}{}
	byAtomic = map[string]*atomic.Int64{}
)

func init() { specials = append(specials, ofAtomic) }

func ofAtomic(b *strings.Builder, at unsafe.Pointer, t reflect.Type, path []uintptr) bool {
	if t.PkgPath() != "sync/atomic" {
		return false
	}
	switch x := reflect.NewAt(t, at).Interface().(type) {
	case *atomic.Bool:
		fmt.Fprint(b, x.Load())
	case *atomic.Int32:
		fmt.Fprint(b, x.Load())
	case *atomic.Int64:
		fmt.Fprint(b, x.Load())
	case *atomic.Uint32:
		fmt.Fprint(b, x.Load())
	case *atomic.Uint64:
		fmt.Fprint(b, x.Load())
	case *atomic.Uintptr:
		fmt.Fprint(b, x.Load())
	case *atomic.Value:
		if held := x.Load(); held == nil {
			b.WriteString("null")
		} else {
			dynamic(b, reflect.ValueOf(held), path)
		}
	case *atomic.Pointer[Point]:
		pointer(b, uintptr(unsafe.Pointer(x.Load())), reflect.TypeOf(Point{}), path)
	case *atomic.Pointer[Base]:
		pointer(b, uintptr(unsafe.Pointer(x.Load())), reflect.TypeOf(Base{}), path)
	default:
		return false
	}
	return true
}

func tellAtomics() {
	atomicBool.Store(true)
	atomicInt32.Store(-32)
	atomicInt64.Store(-1 << 62)
	atomicUint32.Store(1 << 31)
	atomicUint64.Store(1 << 63)
	atomicUintptr.Store(42)
	atomicPointer.Store(&Point{1, 2})
	atomicValue.Store([]string{"a", "b"})
	atomics.Hits.Store(7)
	atomics.State.Store(&Base{1, "one"})
	byAtomic["one"], byAtomic["nil"] = &atomicInt64, nil
	tell("main.atomicBool", &atomicBool)
	tell("main.atomicInt32", &atomicInt32)
	tell("main.atomicInt64", &atomicInt64)
	tell("main.atomicUint32", &atomicUint32)
	tell("main.atomicUint64", &atomicUint64)
	tell("main.atomicUintptr", &atomicUintptr)
	tell("main.atomicNil", &atomicNil)
	tell("main.atomicPointer", &atomicPointer)
	tell("main.atomicNone", &atomicNone)
	tell("main.atomicValue", &atomicValue)
	tell("main.atomics", &atomics)
	tell("main.byAtomic", &byAtomic)
}
