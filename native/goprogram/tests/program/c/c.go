// Package c has a plain name below a path with dots.
package c

// Var is a map in a package whose path has dots.
var Var = map[string]int{"one": 1}
