// Entries makes a map with as many entries as its argument says, prints "ready", and waits for the end of
// its standard input.
package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// Entries has, for each number below the argument, twice of it.
var Entries = map[int]int{}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	for i := range make([]struct{}, count) {
		Entries[i] = 2 * i
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	fmt.Println(len(Entries))
}
