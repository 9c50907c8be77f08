// Headers holds maps in every state that a map header can be in, tells through unsafe what their
// headers hold, and waits. Whoever decodes the process from outside must come to the same.
//
// It prints one JSON object a line for each map, then "ready". A line on its standard input, or
// the end of it, ends the program. It checks that it has reached every state that it claims, and
// exits with status 1 otherwise.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"unsafe"
)

// Point is a key of 16 bytes without a fast path.
type Point struct{ X, Y int }

// Registry is a named map type.
type Registry map[Point]string

// Wide is too large to be stored in a map: the map holds a pointer to it.
type Wide [200]byte

// Server has a map in a field.
type Server struct {
	name  string
	cache map[string]int
}

var (
	nothing          map[int]int
	empty            = map[int]int{}
	small            = map[string]int{"one": 1, "two": 2, "three": 3}
	full             = map[int]int{}
	oneTable         = map[string]string{}
	manyTables       = map[int]int{}
	hinted           = make(map[int]int, 5000)
	afterDelete      = map[int]int{}
	allDeleted       = map[Point]int{}
	cleared          = map[int]int{}
	doubling         = map[int]int{}
	doublingStrings  = map[string]int{}
	doublingPoints   = map[Point]int{}
	sameSize         = map[int]int{}
	sameSizeStrings  = map[string]int{}
	iterated         = map[int]int{}
	iteratedDoubling = map[int]int{}
	registry         = Registry{}
	indirect         = map[Wide]Wide{}
	server           = &Server{name: "one", cache: map[string]int{}}
)

// A line tells about one map.
type line struct {
	Variable string `json:"variable"`
	Type     string `json:"type"`
	Kind     string `json:"kind"`
	Address  uint64 `json:"address"`
	Len      int    `json:"len"`
	// Every field of the header, under the runtime's name of it.
	Fields map[string]uint64 `json:"fields"`
	Growth growth            `json:"growth"`
	Tables tables            `json:"tables"`
}

// A growth is that of a classic map.
type growth struct {
	Kind       string `json:"kind"` // not_growing, doubling, same_size
	Evacuated  uint64 `json:"evacuated"`
	OldBuckets uint64 `json:"old_buckets"`
}

// Tables are those of a Swiss map.
type tables struct {
	Entries    uint64 `json:"entries"`    // of the directory
	Distinct   uint64 `json:"distinct"`   // tables, each counted once
	Used       uint64 `json:"used"`       // in all tables
	Tombstones uint64 `json:"tombstones"` // in all tables
}

func main() {
	build()
	must(keep(), "the paths lead elsewhere")
	out := bufio.NewWriter(os.Stdout)
	lines := json.NewEncoder(out)
	tell(lines, "main.nothing", nothing)
	tell(lines, "main.empty", empty)
	tell(lines, "main.small", small)
	tell(lines, "main.full", full)
	tell(lines, "main.oneTable", oneTable)
	tell(lines, "main.manyTables", manyTables)
	tell(lines, "main.hinted", hinted)
	tell(lines, "main.afterDelete", afterDelete)
	tell(lines, "main.allDeleted", allDeleted)
	tell(lines, "main.cleared", cleared)
	tell(lines, "main.doubling", doubling)
	tell(lines, "main.doublingStrings", doublingStrings)
	tell(lines, "main.doublingPoints", doublingPoints)
	tell(lines, "main.sameSize", sameSize)
	tell(lines, "main.sameSizeStrings", sameSizeStrings)
	tell(lines, "main.iterated", iterated)
	tell(lines, "main.iteratedDoubling", iteratedDoubling)
	tell(lines, "main.registry", registry)
	tell(lines, "main.indirect", indirect)
	tell(lines, "main.server.cache", server.cache)
	fmt.Fprintln(out, "ready")
	if err := out.Flush(); err != nil {
		os.Exit(1)
	}
	bufio.NewReader(os.Stdin).ReadString('\n')
}

// headerOf gives the address of a map's header.
func headerOf[M ~map[K]V, K comparable, V any](m M) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

func tell[M ~map[K]V, K comparable, V any](lines *json.Encoder, variable string, m M) {
	l := line{
		Variable: variable,
		Type:     fmt.Sprintf("%T", m),
		Kind:     kind,
		Len:      len(m),
		Growth:   growth{Kind: "not_growing"},
	}
	if header := headerOf(m); header != nil {
		l.Address = uint64(uintptr(header))
		l.Fields = fieldsOf(header)
		l.Growth = growthOf(header)
		l.Tables = tablesOf(header)
	}
	must(lines.Encode(l) == nil, "%s: cannot be told", variable)
}

// must ends the program if a state has not been reached.
func must(reached bool, format string, args ...any) {
	if !reached {
		fmt.Fprintf(os.Stderr, "headers: "+format+"\n", args...)
		os.Exit(1)
	}
}
