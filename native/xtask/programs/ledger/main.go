// Ledger keeps books in maps, from several goroutines and under locks, and proves all the time that they
// balance: whoever disturbs it is found out. It does what the lines of its standard input say (see commands),
// answers with lines of JSON, and ends when that input does, or at SIGINT.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// unbalanced is the exit status of a program that found itself wrong.
const unbalanced = 3

// leave makes the first thread of the process end, and nothing else.
var leave = make(chan struct{})

func init() {
	// The main goroutine stays on the first thread, to be able to end it.
	runtime.LockOSThread()
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childWord {
		beChild()
		return
	}
	open()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT)
	go func() {
		<-asked
		end()
	}()
	say(map[string]any{"ready": os.Getpid()})
	go obey()
	<-leave
	// As a call of the system that never returns: the runtime goes on without this thread.
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

// commands is what one can write to it, each with a number that may follow.
var commands = map[string]func(number int){
	"report":   func(int) { say(report()) },
	"end":      func(int) { end() },
	"threads":  makeThreads,
	"children": makeChildren,
	"exec":     func(int) { execItself() },
	"leave":    func(int) { close(leave) },
	"race":     func(int) { race() },
}

func obey() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), " ")
		number, _ := strconv.Atoi(rest)
		command, known := commands[name]
		if !known {
			wrong("no such command: %q", lines.Text())
		}
		command(number)
	}
	end()
}

var ending sync.Once

// end closes the books and ends the process, well if they are right. It may be asked to twice at the same time.
func end() {
	ending.Do(func() {
		closeBooks()
		say(report())
		os.Exit(0)
	})
}

// wrong ends the process, which has found itself damaged.
func wrong(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "wrong: "+format+"\n", arguments...)
	os.Exit(unbalanced)
}

// say prints a line of JSON.
func say(what map[string]any) {
	line, err := json.Marshal(what)
	if err != nil {
		wrong("%v", err)
	}
	os.Stdout.Write(append(line, '\n'))
}
