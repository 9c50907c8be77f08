package main

// Pool promotes the fields of a Server.
type Pool struct {
	*Server
	workers int
}

// Inner has a field that a Server has too.
type Inner struct{ cache map[int]int }

// Ways to a map, or to none.
var (
	pool   = Pool{Server: server, workers: 3}
	nested = struct{ inner **Server }{&server}
	orphan = Pool{}
	layers = struct {
		Pool
		Inner
	}{pool, Inner{full}}
	absent *Server
)

// keep keeps the linker from dropping variables that nobody uses.
//
//go:noinline
func keep() bool {
	return pool.workers == 3 && *nested.inner == server && orphan.Server == nil && layers.workers == 3 && absent == nil
}
