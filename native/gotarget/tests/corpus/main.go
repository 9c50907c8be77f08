// Corpus holds a map of every layout and a value of every type, tells through reflection what each
// of them holds, and waits. Whoever reads the process from outside must come to the same.
//
// It prints one JSON object a line, then "ready":
//
//	{"go":"go1.23.4","kind":"classic"}                             first
//	{"name":"main.x","type":"int","value":1}                       a value
//	{"name":"main.m","type":"map[int]int","len":1,                 a map; "map" is null for a nil map
//	 "map":[{"key":1,"elem":2,"get":"1"}]}                         "get": the key as an expression, where it has one
//	{"local":"a","function":"main.parked","goid":18,"type":"int","value":1}
//
// A line on its standard input says what to do next: "stop" (it stops itself with SIGSTOP), "crash"
// (it panics, which leaves a core under GOTRACEBACK=crash); any other, or the end of it, ends the program.
// With the argument "script" it does what its standard input says (script.go); with "hammer" two goroutines
// work on its maps without end (hammer.go).
//
// Every state that it claims is checked: it exits with status 1 if it has not come about.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

var out = bufio.NewWriterSize(os.Stdout, 1<<20)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "script" {
		follow()
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "hammer" {
		hammer()
		return
	}
	buildMaps()
	buildByInterface()
	buildValues()
	buildWaiting()
	fmt.Fprintf(out, "{\"go\":%q,\"kind\":%q}\n", runtime.Version(), kind)
	tellMaps()
	tellByInterface()
	tellValues()
	tellWaiting()
	tellAtomics()
	fmt.Fprintln(out, "ready")
	if out.Flush() != nil {
		os.Exit(1)
	}
	in := bufio.NewReader(os.Stdin)
	for {
		line, _ := in.ReadString('\n')
		switch line {
		case "stop\n":
			must(syscall.Kill(os.Getpid(), syscall.SIGSTOP) == nil, "can't stop")
		case "crash\n":
			panic("as told")
		default:
			return
		}
	}
}

// must ends the program if a state has not been reached.
func must(reached bool, format string, args ...interface{}) {
	if !reached {
		fmt.Fprintf(os.Stderr, "corpus: "+format+"\n", args...)
		os.Exit(1)
	}
}
