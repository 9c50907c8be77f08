// Holds maps to look at: says when they are ready, and stays until its standard input is closed.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

type Role struct{ Name string }

type User struct {
	Name   string
	Age    int
	Joined time.Time
	Tags   []string
	Role   *Role
}

type Point struct{ X, Y int }

var (
	shared   = map[int]int{}
	users    = map[string]User{}
	points   = map[Point]string{{1, 2}: "a", {3, -4}: "b,\"c\"\nd"}
	anything = map[any]any{1: "one", "two": 2.5, Point{1, 2}: nil}
	empty    = map[string]int{}
	none     map[string]int
	once     sync.Map
	count    = 42
	hammered = map[int]int{}
)

func main() {
	entries := 12
	if len(os.Args) > 1 {
		entries, _ = strconv.Atoi(os.Args[1])
	}
	for i := range make([]struct{}, entries) {
		shared[i] = i * i
	}
	admin := &Role{"admin"}
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		user := User{Name: name, Age: 20 + 10*i, Joined: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC), Tags: []string{"go", name}}
		if i%2 == 0 {
			user.Role = admin
		}
		users[name] = user
	}
	once.Store("key", 1)
	if len(os.Args) > 2 && os.Args[2] == "hammer" {
		go hammer()
	}
	if len(os.Args) > 2 && os.Args[2] == "race" {
		go race()
		go race()
	}
	if len(os.Args) > 2 && os.Args[2] == "births" {
		go births()
	}
	go waits(users)
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	runtime.KeepAlive([]any{shared, users, points, anything, empty, none, &once, count, hammered})
}

// hammer writes without a pause.
func hammer() {
	for i := 0; ; i++ {
		hammered[i%100_000] = i
		if i%100_000 == 0 {
			clear(hammered)
		}
	}
}

// race writes without a pause what another one writes too.
func race() {
	for i := 0; ; i++ {
		hammered[i%100] = i
	}
}

// births makes one thread after the other, each of which writes once.
func births() {
	for i := 0; ; i++ {
		done := make(chan bool)
		go func() {
			// Without an unlock the thread ends with the goroutine.
			runtime.LockOSThread()
			hammered[i%100] = i
			done <- true
		}()
		<-done
	}
}

// waits forever, with locals to look at.
//
//go:noinline
func waits(local map[string]User) {
	number := len(local) * 7
	text := "local " + strconv.Itoa(number)
	<-make(chan int)
	fmt.Println(number, text, local)
}
