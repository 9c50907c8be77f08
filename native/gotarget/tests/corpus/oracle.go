package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
	"unsafe"
)

// tell prints what a variable holds; pointer points to it.
func tell(name string, pointer interface{}) {
	v := reflect.ValueOf(pointer).Elem()
	var b strings.Builder
	b.WriteString(`{"name":`)
	b.WriteString(quote(name))
	b.WriteString(`,"type":` + quote(typeName(v.Type())))
	if v.Kind() == reflect.Map {
		fmt.Fprintf(&b, `,"len":%d,"map":`, v.Len())
		if v.IsNil() {
			b.WriteString("null")
		} else {
			b.WriteString("[")
			for i, it := 0, v.MapRange(); it.Next(); i++ {
				if i > 0 {
					b.WriteString(",")
				}
				key := settable(it.Key())
				b.WriteString(`{"key":`)
				encode(&b, key, nil)
				b.WriteString(`,"elem":`)
				encode(&b, settable(it.Value()), nil)
				if text, ok := literal(key); ok {
					b.WriteString(`,"get":` + quote(text))
				}
				b.WriteString("}")
			}
			b.WriteString("]")
		}
	} else {
		b.WriteString(`,"value":`)
		encode(&b, v, nil)
	}
	b.WriteString("}\n")
	out.WriteString(b.String())
}

// settable gives a copy that has an address.
func settable(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// open lifts reflection's ban on unexported fields.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// typeName is the type's name with full package paths, as DWARF has it.
func typeName(t reflect.Type) string {
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name()
		}
		return t.PkgPath() + "." + t.Name()
	}
	switch t.Kind() {
	case reflect.Ptr:
		return "*" + typeName(t.Elem())
	case reflect.Slice:
		return "[]" + typeName(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), typeName(t.Elem()))
	case reflect.Map:
		return "map[" + typeName(t.Key()) + "]" + typeName(t.Elem())
	case reflect.Chan:
		return t.ChanDir().String() + " " + typeName(t.Elem())
	}
	return t.String()
}

// A special renders a type that stands for something else than its fields.
type special func(b *strings.Builder, at unsafe.Pointer, t reflect.Type, path []uintptr) bool

// Those of newer versions of Go add themselves.
var specials []special

func init() { specials = append(specials, ofTime, ofSync) }

// encode writes a value that has an address. The path has the pointers that led to it.
func encode(b *strings.Builder, v reflect.Value, path []uintptr) {
	v = open(v)
	at := unsafe.Pointer(v.UnsafeAddr())
	for _, special := range specials {
		if special(b, at, v.Type(), path) {
			return
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		b.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32:
		b.WriteString(float(v.Float(), 32))
	case reflect.Float64:
		b.WriteString(float(v.Float(), 64))
	case reflect.Complex64, reflect.Complex128:
		bits := v.Type().Bits() / 2
		fmt.Fprintf(b, `{"real":%s,"imag":%s}`, float(real(v.Complex()), bits), float(imag(v.Complex()), bits))
	case reflect.String:
		text(b, v.String())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			b.WriteString("null")
			return
		}
		b.WriteString("[")
		for i := 0; i < v.Len(); i++ {
			if i > 0 {
				b.WriteString(",")
			}
			encode(b, v.Index(i), path)
		}
		b.WriteString("]")
	case reflect.Struct:
		b.WriteString("{")
		first := true
		for i := 0; i < v.NumField(); i++ {
			if v.Type().Field(i).Name == "_" {
				continue
			}
			if !first {
				b.WriteString(",")
			}
			first = false
			b.WriteString(quote(v.Type().Field(i).Name) + ":")
			encode(b, v.Field(i), path)
		}
		b.WriteString("}")
	case reflect.Ptr:
		pointer(b, v.Pointer(), v.Type().Elem(), path)
	case reflect.Map:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		b.WriteString(`{"$map":`)
		pairs(b, path, func(each func(key, elem reflect.Value)) {
			for it := v.MapRange(); it.Next(); {
				each(it.Key(), it.Value())
			}
		})
		fmt.Fprintf(b, `,"len":%d}`, v.Len())
	case reflect.Interface:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		dynamic(b, v.Elem(), path)
	case reflect.Func:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		fmt.Fprintf(b, `{"$func":%s}`, quote(runtime.FuncForPC(v.Pointer()).Name()))
	case reflect.Chan:
		channel(b, v)
	case reflect.UnsafePointer:
		fmt.Fprintf(b, `"%#x"`, v.Pointer())
	default:
		must(false, "no form for a %s", v.Kind())
	}
}

func dynamic(b *strings.Builder, v reflect.Value, path []uintptr) {
	b.WriteString(`{"$type":` + quote(typeName(v.Type())) + `,"value":`)
	encode(b, settable(v), path)
	b.WriteString("}")
}

// pairs writes key and elem of each entry.
func pairs(b *strings.Builder, path []uintptr, entries func(each func(key, elem reflect.Value))) {
	b.WriteString("[")
	first := true
	entries(func(key, elem reflect.Value) {
		if !first {
			b.WriteString(",")
		}
		first = false
		b.WriteString(`{"key":`)
		encode(b, settable(key), path)
		b.WriteString(`,"elem":`)
		encode(b, settable(elem), path)
		b.WriteString("}")
	})
	b.WriteString("]")
}

// pointer writes a pointer, and what it points to where it is the first on the way.
func pointer(b *strings.Builder, to uintptr, elem reflect.Type, path []uintptr) {
	if to == 0 {
		b.WriteString("null")
		return
	}
	fmt.Fprintf(b, `{"$ptr":"%#x"`, to)
	for _, passed := range path {
		if passed == to {
			b.WriteString(`,"cycle":true}`)
			return
		}
	}
	if len(path) == 0 {
		b.WriteString(`,"to":`)
		encode(b, reflect.NewAt(elem, *(*unsafe.Pointer)(unsafe.Pointer(&to))).Elem(), []uintptr{to})
	}
	b.WriteString("}")
}

// float is the shortest decimal that is read back as the same number.
func float(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return `"NaN"`
	case math.IsInf(f, 1):
		return `"+Inf"`
	case math.IsInf(f, -1):
		return `"-Inf"`
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

func text(b *strings.Builder, s string) {
	if utf8.ValidString(s) {
		b.WriteString(quote(s))
	} else {
		b.WriteString(`{"$bytes":"` + hex.EncodeToString([]byte(s)) + `"}`)
	}
}

func quote(s string) string {
	quoted, err := json.Marshal(s)
	must(err == nil, "%q can't be quoted", s)
	return string(quoted)
}

// What buildWaiting knows of a channel, by its address: reflection doesn't tell.
var (
	closed    = map[uintptr]bool{}
	receivers = map[uintptr][]int{}
	senders   = map[uintptr][]int{}
)

func channel(b *strings.Builder, v reflect.Value) {
	if v.IsNil() {
		b.WriteString("null")
		return
	}
	list := func(goids []int) string {
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(goids), "[]"), " ", ",")
	}
	at := v.Pointer()
	fmt.Fprintf(b, `{"$chan":{"len":%d,"cap":%d,"closed":%t,"receivers":[%s],"senders":[%s]}}`,
		v.Len(), v.Cap(), closed[at], list(receivers[at]), list(senders[at]))
}

func ofTime(b *strings.Builder, at unsafe.Pointer, t reflect.Type, path []uintptr) bool {
	switch t {
	case reflect.TypeOf(time.Time{}):
		fmt.Fprintf(b, `{"$time":"%s"}`, (*time.Time)(at).UTC().Format(time.RFC3339Nano))
	case reflect.TypeOf(time.Duration(0)):
		d := *(*time.Duration)(at)
		fmt.Fprintf(b, `{"$duration":"%s","ns":%d}`, d, int64(d))
	default:
		return false
	}
	return true
}

// The state of a sync.Mutex: its first word (src/sync/mutex.go, since Go 1.24 src/internal/sync/mutex.go).
const (
	mutexLocked   = 1
	mutexWoken    = 2
	mutexStarving = 4
	mutexWaiters  = 3 // shift
)

func ofSync(b *strings.Builder, at unsafe.Pointer, t reflect.Type, path []uintptr) bool {
	switch t {
	case reflect.TypeOf(sync.Mutex{}):
		state := *(*int32)(at)
		fmt.Fprintf(b, `{"$mutex":{"locked":%t,"woken":%t,"starving":%t,"waiters":%d}}`,
			state&mutexLocked != 0, state&mutexWoken != 0, state&mutexStarving != 0, state>>mutexWaiters)
	case reflect.TypeOf(sync.RWMutex{}), reflect.TypeOf(sync.WaitGroup{}), reflect.TypeOf(sync.Once{}):
		// buildValues knows what it has done to those; all others are as new.
		state, known := syncs[uintptr(at)]
		if !known {
			state = map[reflect.Type]string{
				reflect.TypeOf(sync.RWMutex{}):   `{"$rwmutex":{"locked":false,"writer_waiting":false,"readers":0}}`,
				reflect.TypeOf(sync.WaitGroup{}): `{"$waitgroup":{"counter":0,"waiters":0}}`,
				reflect.TypeOf(sync.Once{}):      `{"$once":{"done":false}}`,
			}[t]
		}
		b.WriteString(state)
	case reflect.TypeOf(sync.Map{}):
		n := 0
		b.WriteString(`{"$sync.Map":`)
		pairs(b, path, func(each func(key, elem reflect.Value)) {
			(*sync.Map)(at).Range(func(key, elem interface{}) bool {
				n++
				each(reflect.ValueOf(&key).Elem(), reflect.ValueOf(&elem).Elem())
				return true
			})
		})
		fmt.Fprintf(b, `,"len":%d}`, n)
	default:
		return false
	}
	return true
}

// What was done to a sync.RWMutex, WaitGroup or Once, by its address.
var syncs = map[uintptr]string{}

// literal is a key as one writes it in an expression, if it can be found by it.
func literal(v reflect.Value) (string, bool) {
	v = open(v)
	switch v.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		var b strings.Builder
		if v.Type() == reflect.TypeOf(time.Duration(0)) {
			return strconv.FormatInt(v.Int(), 10), true
		}
		encode(&b, v, nil)
		return b.String(), true
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		return float(f, v.Type().Bits()), !math.IsNaN(f) && !math.IsInf(f, 0)
	case reflect.String:
		return strconv.Quote(v.String()), true
	case reflect.Ptr, reflect.Chan, reflect.UnsafePointer:
		if v.Pointer() == 0 {
			return "nil", true
		}
		return fmt.Sprintf("%#x", v.Pointer()), true
	case reflect.Array, reflect.Struct:
		return composite(v)
	case reflect.Interface:
		if v.IsNil() {
			return "nil", true
		}
		inner := settable(v.Elem())
		text, ok := literal(inner)
		name := typeName(inner.Type())
		switch inner.Kind() {
		case reflect.Array, reflect.Struct:
			return name + text, ok
		case reflect.Ptr, reflect.Chan:
			return "(" + name + ")(" + text + ")", ok
		}
		return name + "(" + text + ")", ok
	}
	return "", false
}

func composite(v reflect.Value) (string, bool) {
	var parts []string
	add := func(name string, part reflect.Value) bool {
		text, ok := literal(part)
		parts = append(parts, name+text)
		return ok
	}
	ok := true
	if v.Kind() == reflect.Array {
		for i := 0; i < v.Len(); i++ {
			ok = ok && add("", v.Index(i))
		}
		// Longer ones are no fun to write.
		return "{" + strings.Join(parts, ", ") + "}", ok && v.Len() <= 4
	}
	for i := 0; i < v.NumField(); i++ {
		if name := v.Type().Field(i).Name; name != "_" {
			ok = ok && add(name+": ", v.Field(i))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}", ok
}
