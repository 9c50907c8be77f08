// Package y has a dot in the last element of its path, which the linker escapes.
package y

// Dotted is a map in a package whose symbol names are escaped.
var Dotted = map[int32]string{2: "two"}
