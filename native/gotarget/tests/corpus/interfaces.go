//go:build go1.21

package main

// Interfaces satisfy comparable, and so can be a type argument, since Go 1.20.
var (
	byMixed Layouts[Mixed, bool]
	byAny   Layouts[interface{}, int]
)

func buildByInterface() {
	byMixed.build("byMixed", func(i int) Mixed { return Mixed{text32(i), float64(i) / 2, anything(i)} }, func(i int) bool { return i%2 == 0 })
	byAny.build("byAny", anything, number)
}

func tellByInterface() {
	tellAll("main.byMixed", &byMixed)
	tellAll("main.byAny", &byAny)
	elem := byAny.Small["key 1"]
	tell(`main.byAny.Small[string("key 1")]`, &elem)
}
