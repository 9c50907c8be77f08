package main

import "errors"

//go:noinline
func use(values ...any) {}

//go:noinline
func entry(name string, m map[string]int, xs []int, v any, f float64) (count int, err error) {
	use(name, m, xs, v, f) // entry body
	if count = len(m); count > len(xs) {
		return count, errors.New(name)
	}
	return 0, nil
}

//go:noinline
func shadow(x int) int {
	total := x // outer x
	for i := 0; i < 3; i++ {
		x := i * 2 // declares x
		if x > 2 {
			x := "text" // declares x again
			use(x)      // innermost x
			total += len(x)
		}
		use(x) // middle x
	}
	use(x) // outer x again
	return total
}

//go:noinline
func escape(n int) *int {
	moved := n // moved to the heap
	use(&moved)
	moved++ // after it moved
	return &moved
}

func inner(a, b int) int {
	sum := a + b
	use(sum) // inside inner
	return sum
}

//go:noinline
func outer(a int) int {
	own := a * 3
	got := inner(own, a) // inner inlined here
	use(own, got)
	return own + got
}

//go:noinline
func closure(n int) func() int {
	count := n
	return func() int {
		count++ // inside the closure
		use(count)
		return count
	}
}

//go:noinline
func generic[T comparable](a, b T) bool {
	same := a == b
	use(a, b, same) // inside generic
	return same
}

//go:noinline
func unnamed(_ int, s string) (int, string) {
	use(s) // inside unnamed
	return len(s), s
}

//go:noinline
func started(n int, done chan bool) {
	done <- n > 0
}

//go:noinline
func start(n int) {
	done := make(chan bool)
	go started(n, done)
	<-done
}

func runLocals(n int) {
	start(n)
	entry("a", map[string]int{"a": n}, []int{n}, n, float64(n))
	use(shadow(n), *escape(n), outer(n), closure(n)(), generic(n, 2), generic("a", "b"))
	unnamed(n, "s")
}
