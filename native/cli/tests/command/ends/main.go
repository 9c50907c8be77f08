// Ends in a way that the runtime does not let it recover from, and that is no race on a map; or counts signals.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "unlock":
		var mutex sync.Mutex
		mutex.Unlock()
	case "deadlock":
		<-make(chan int)
	case "panic":
		panic("on purpose")
	case "sysmon":
		// The runtime starts it second, and it sleeps most of the time.
		tasks, _ := os.ReadDir("/proc/self/task")
		second, _ := strconv.Atoi(tasks[1].Name())
		// It has begun once it is in nanosleep, on amd64 system call 35.
		for where := ""; !strings.HasPrefix(where, "35 "); {
			read, _ := os.ReadFile("/proc/self/task/" + tasks[1].Name() + "/syscall")
			where = string(read)
		}
		syscall.Tgkill(os.Getpid(), second, syscall.SIGSEGV)
		time.Sleep(time.Minute)
	case "signals":
		// A line for each, until it is asked to end.
		got := make(chan os.Signal, 64)
		signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
		fmt.Println("ready")
		for sig := range got {
			fmt.Println(sig)
			if sig == syscall.SIGTERM {
				return
			}
		}
	}
}
