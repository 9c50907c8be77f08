//go:build !go1.21

package main

func empty(m map[int]int) {
	for key := range m {
		delete(m, key)
	}
}

func clone(m map[int]int) map[int]int {
	copied := make(map[int]int, len(m))
	for key, value := range m {
		copied[key] = value
	}
	return copied
}
