package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"
)

type (
	Numbers struct {
		I8   int8
		I16  int16
		I32  int32
		I64  int64
		I    int
		U8   uint8
		U16  uint16
		U32  uint32
		U64  uint64
		U    uint
		Ptr  uintptr
		F32  float32
		F64  float64
		C64  complex64
		C128 complex128
		Yes  bool
		R    rune
	}
	Base struct {
		ID   int
		Name string
	}
	Derived struct {
		Base
		*Point
		Extra []string
	}
	Node struct {
		Value int
		Next  *Node
	}
	Tree[T any] struct {
		Left, Right *Tree[T]
		Value       T
	}
	Role struct {
		Name  string
		Level int
	}
	User struct {
		Name  string
		roles []Role
		tags  map[string]int
		boss  *User
	}
	Server struct {
		users  map[string]*User
		byID   map[int]User
		points map[Point]string
		any    interface{}
		mu     sync.Mutex
		since  time.Time
	}
	Service struct {
		*Server
		Limits [3]Limit
	}
	Limit   struct{ Low, High int }
	Coded   struct{ Code int }
	Opened  struct{ Path string }
	Shape   interface{ Area() float64 }
	Square  struct{ Side float64 }
	Handler func(string) error
	Names   []string
	Empty   struct{}
	Skips   struct {
		_ int64
		A int
		_ [3]byte
		B string
	}
)

func (c Coded) Error() string   { return fmt.Sprint("code ", c.Code) }
func (o *Opened) Error() string { return "can't open " + o.Path }
func (s Square) Area() float64  { return s.Side * s.Side }
func handle(s string) error     { return errors.New(s) }
func (s *Square) Grow(by int)   { s.Side += float64(by) }

// One of each.
var (
	least     = Numbers{math.MinInt8, math.MinInt16, math.MinInt32, math.MinInt64, math.MinInt64, 0, 0, 0, 0, 0, 0, -math.MaxFloat32, -math.MaxFloat64, -1 - 2i, -3.5 - 1e-7i, false, -1}
	most      = Numbers{math.MaxInt8, math.MaxInt16, math.MaxInt32, math.MaxInt64, math.MaxInt64, 255, 65535, math.MaxUint32, math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxFloat32, math.MaxFloat64, 1 + 2i, 3.5 + 1e300i, true, '世'}
	oddFloats = [...]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, 0.1, 1e21, 1e-7, 123456789.125, math.Pi}
	oddSmalls = [...]float32{0.1, 16777217, math.SmallestNonzeroFloat32, 3.4e38, float32(math.Inf(-1))}
	oddPairs  = []complex128{complex(math.NaN(), math.Inf(1)), complex(math.Copysign(0, -1), 0)}

	texts    = []string{"", "plain", "é世🎉", "a\x00b", "\xff\xfeinvalid", "quote\" back\\ tab\t", "\u2028<&>"}
	long     = strings.Repeat("0123456789", 1000)
	longOdd  = strings.Repeat("\xff0", 500)
	aBytes   = []byte("bytes")
	nilInts  []int
	noInts   = []int{}
	someInts = make([]int, 3, 10)
	manyInts = make([]int, 5000)
	grid     = [][]string{{"a", "b"}, nil, {}}
	matrix   = [2][3]int8{{1, 2, 3}, {4, 5, 6}}
	nobody   [0]string
	mixed    = []interface{}{nil, 1, "two", 3.5, Point{1, 2}, &Point{3, 4}, []int{5}, map[string]int{"six": 6}, Coded{7}, struct{ A int }{8}, [2]bool{true}}
	pairs2   = []Pair[string, *Point]{{"nil", nil}, {"one", &Point{1, 1}}}
	floating = [3]float32{1.5, -2.25, 1e-3}
	names    = Names{"a", "b"}

	empty   Empty
	skips   = Skips{A: 1, B: "b"}
	derived = Derived{Base{1, "base"}, &Point{1, 2}, []string{"x"}}
	orphan  = Derived{Base: Base{2, "orphan"}}
	inner   = struct {
		A int
		B struct{ C, D string }
	}{1, struct{ C, D string }{"c", "d"}}

	nilPoint  *Point
	toPoint   = &Point{7, 8}
	toToPoint = &toPoint
	toInts    = &someInts
	toNumber  = new(int64)
	toMap     = &strange
	toText    = &long
	loop      = &Node{Value: 1}
	ring      = &Node{Value: 1}
	list      = &Node{1, &Node{2, &Node{3, nil}}}
	tree      = &Tree[string]{&Tree[string]{Value: "left"}, nil, "root"}
	leaves    = Tree[Point]{Value: Point{1, 2}}
	aUintptr  = uintptr(0x2a)
	nilUnsafe unsafe.Pointer
	toUnsafe  = unsafe.Pointer(toPoint)

	nilAny      interface{}
	anInt       interface{} = 42
	aText       interface{} = "text"
	aStruct     interface{} = Point{1, 2}
	aPointer    interface{} = toPoint
	aNilPointer interface{} = nilPoint
	aSlice      interface{} = []string{"a"}
	aMap        interface{} = map[string]int{"a": 1}
	aFunc       interface{} = handle
	aType       interface{} = Celsius(36.6)
	aGeneric    interface{} = Pair[string, int]{"a", 1}
	aBig        interface{} = [20]int{19: 1}
	aZero       interface{} = struct{}{}
	nilShape    Shape
	square      Shape     = Square{2}
	toSquare    Shape     = &Square{3}
	writer      io.Writer = os.Stderr
	buffer      io.Reader = bytes.NewBufferString("abc")

	nilError  error
	plain           = errors.New("boom")
	wrapped         = fmt.Errorf("while at it: %w", plain)
	coded     error = Coded{3}
	opened    error = &Opened{"/etc"}
	allErrors       = []error{nil, plain, coded, opened, io.EOF, os.ErrNotExist}

	nilFunc   func()
	aFunction = handle
	stdFunc   = strings.ToUpper
	method    = (*Square).Grow
	handler   = Handler(handle)
	closure   func() int
	bound     func() float64
	functions = []func(int) int{number, minus, nil}

	noTime    time.Time
	aTime     = time.Date(2026, 11, 23, 7, 30, 0, 500000000, time.UTC)
	elsewhere = time.Date(1969, 7, 20, 22, 17, 40, 1, time.FixedZone("west", -4*3600))
	ancient   = time.Date(-44, 3, 15, 12, 0, 0, 0, time.UTC)
	now       = time.Now()
	manyTimes = []time.Time{aTime, now, {}}
	lengths   = []time.Duration{0, 1, 1500 * time.Microsecond, time.Second + 500*time.Millisecond, -90 * time.Minute, math.MaxInt64, math.MinInt64}
	weekday   = time.Sunday

	temperature = Celsius(21.5)
	byName2     = map[Name]Celsius{"room": 21.5}
	server      = &Server{}
	service     = Service{}
	registry    = []*Server{nil, server}
	everything  = struct {
		Numbers
		Text  string
		Any   interface{}
		Err   error
		When  time.Time
		Maps  []map[string]int
		Mu    sync.Mutex
		Once  sync.Once
		Chan  chan int
		Func  func()
		Array [2]Point
	}{Text: "text", Any: 1, Err: Coded{1}, When: aTime, Maps: []map[string]int{nil, {"a": 1}}, Chan: make(chan int, 2), Array: [2]Point{{1, 2}, {3, 4}}}
)

// What guards.
var (
	free      sync.Mutex
	locked    sync.Mutex
	marked    sync.Mutex // every bit and many waiters
	crowded   sync.Mutex
	rwFree    sync.RWMutex
	rwRead    sync.RWMutex
	rwLocked  sync.RWMutex
	rwWaiting sync.RWMutex
	toMutex   = &locked
	waitNone  sync.WaitGroup
	waitThree sync.WaitGroup
	waited    sync.WaitGroup
	onceNot   sync.Once
	onceDone  sync.Once
	guarded   = struct {
		sync.Mutex
		n int
	}{n: 3}
)

// sync.Map in every state of both implementations.
var (
	syncNone    sync.Map
	syncDirty   sync.Map // never read: up to Go 1.23 all is in dirty
	syncRead    sync.Map // all promoted to read
	syncBoth    sync.Map // some in read, some of them deleted, others only in dirty
	syncDeleted sync.Map
	syncMany    sync.Map
	syncKinds   sync.Map
	toSync      = &syncRead
)

func buildValues() {
	for i := range manyInts {
		manyInts[i] = i * i
	}
	copy(someInts, []int{1, 2, 3})
	*toNumber = -5
	loop.Next = loop
	ring.Next = &Node{2, ring}
	n := len(texts)
	closure = func() int { n++; return n }
	bound = Square{5}.Area

	boss := &User{Name: "boss", roles: []Role{{"root", 9}}}
	alice := &User{"alice", []Role{{"admin", 3}, {"dev", 2}}, map[string]int{"x": 1, "y z": 2}, boss}
	server.users = map[string]*User{"alice": alice, "boss": boss, "nobody": nil}
	server.byID = map[int]User{1: *alice, -2: {Name: "bob"}}
	server.points = map[Point]string{{1, 2}: "here", {-1, 0}: "there"}
	server.any = alice
	server.since = aTime
	service = Service{server, [3]Limit{{1, 2}, {3, 4}, {5, 6}}}

	locked.Lock()
	rwRead.RLock()
	rwRead.RLock()
	rwRead.RLock()
	syncs[uintptr(unsafe.Pointer(&rwRead))] = `{"$rwmutex":{"locked":false,"writer_waiting":false,"readers":3}}`
	rwLocked.Lock()
	syncs[uintptr(unsafe.Pointer(&rwLocked))] = `{"$rwmutex":{"locked":true,"writer_waiting":false,"readers":0}}`
	waitThree.Add(3)
	syncs[uintptr(unsafe.Pointer(&waitThree))] = `{"$waitgroup":{"counter":3,"waiters":0}}`
	onceDone.Do(func() {})
	syncs[uintptr(unsafe.Pointer(&onceDone))] = `{"$once":{"done":true}}`
	// Nobody can bring it about in time, but it is what memory holds.
	*(*int32)(unsafe.Pointer(&marked)) = mutexLocked | mutexWoken | mutexStarving | 5<<mutexWaiters

	for i := 0; i < 10; i++ {
		syncDirty.Store(i, text32(i))
		syncRead.Store(text32(i), i)
		syncBoth.Store(i, i)
		syncDeleted.Store(i, i)
	}
	promote := func(m *sync.Map) {
		for i := 0; i < 100; i++ {
			m.Load(-1)
		}
		m.Range(func(_, _ interface{}) bool { return true })
	}
	promote(&syncRead)
	promote(&syncBoth)
	promote(&syncDeleted)
	for i := 0; i < 10; i++ {
		syncDeleted.Delete(i)
		if i%3 == 0 {
			syncBoth.Delete(i)
		}
		if i%3 == 1 {
			syncBoth.Store(i, "overwritten")
		}
	}
	for i := 10; i < 15; i++ {
		syncBoth.Store(i, i) // the deleted ones of read are expunged by that
	}
	for i := 0; i < 3000; i++ {
		syncMany.Store(i, -i)
	}
	for i := 0; i < 60; i++ {
		syncKinds.Store(anything(i), anything(i+1))
	}
	syncKinds.Store(nil, nil)
	syncKinds.Store("nil", nil)
	syncKinds.Store(math.NaN(), "NaN")
	buildChained()
}

func tellValues() {
	tell("main.least", &least)
	tell("main.most", &most)
	tell("main.most.I8", &most.I8)
	tell("main.most.C128", &most.C128)
	tell("main.oddFloats", &oddFloats)
	tell("main.oddSmalls", &oddSmalls)
	tell("main.oddPairs", &oddPairs)
	tell("main.texts", &texts)
	tell("main.long", &long)
	tell("main.longOdd", &longOdd)
	tell("main.aBytes", &aBytes)
	tell("main.nilInts", &nilInts)
	tell("main.noInts", &noInts)
	tell("main.someInts", &someInts)
	tell("main.manyInts", &manyInts)
	tell("main.grid", &grid)
	tell("main.matrix", &matrix)
	tell("main.nobody", &nobody)
	tell("main.mixed", &mixed)
	tell("main.pairs2", &pairs2)
	tell("main.floating", &floating)
	tell("main.names", &names)
	tell("main.empty", &empty)
	tell("main.skips", &skips)
	tell("main.derived", &derived)
	tell("main.orphan", &orphan)
	tell("main.inner", &inner)
	tell("main.nilPoint", &nilPoint)
	tell("main.toPoint", &toPoint)
	tell("main.toToPoint", &toToPoint)
	tell("main.toInts", &toInts)
	tell("main.toNumber", &toNumber)
	tell("main.toMap", &toMap)
	tell("main.toText", &toText)
	tell("main.loop", &loop)
	tell("main.ring", &ring)
	tell("main.list", &list)
	tell("main.tree", &tree)
	tell("main.leaves", &leaves)
	tell("main.aUintptr", &aUintptr)
	tell("main.nilUnsafe", &nilUnsafe)
	tell("main.toUnsafe", &toUnsafe)
	tell("main.nilAny", &nilAny)
	tell("main.anInt", &anInt)
	tell("main.aText", &aText)
	tell("main.aStruct", &aStruct)
	tell("main.aPointer", &aPointer)
	tell("main.aNilPointer", &aNilPointer)
	tell("main.aSlice", &aSlice)
	tell("main.aMap", &aMap)
	tell("main.aFunc", &aFunc)
	tell("main.aType", &aType)
	tell("main.aGeneric", &aGeneric)
	tell("main.aBig", &aBig)
	tell("main.aZero", &aZero)
	tell("main.nilShape", &nilShape)
	tell("main.square", &square)
	tell("main.toSquare", &toSquare)
	tell("main.writer", &writer)
	tell("main.buffer", &buffer)
	tell("main.nilError", &nilError)
	tell("main.plain", &plain)
	tell("main.wrapped", &wrapped)
	tell("main.coded", &coded)
	tell("main.opened", &opened)
	tell("main.allErrors", &allErrors)
	tell("main.nilFunc", &nilFunc)
	tell("main.aFunction", &aFunction)
	tell("main.stdFunc", &stdFunc)
	tell("main.method", &method)
	tell("main.handler", &handler)
	tell("main.closure", &closure)
	tell("main.bound", &bound)
	tell("main.functions", &functions)
	tell("main.noTime", &noTime)
	tell("main.aTime", &aTime)
	tell("main.elsewhere", &elsewhere)
	tell("main.ancient", &ancient)
	tell("main.now", &now)
	tell("main.manyTimes", &manyTimes)
	tell("main.lengths", &lengths)
	tell("main.weekday", &weekday)
	tell("main.temperature", &temperature)
	tell("main.byName2", &byName2)
	tell("main.server", &server)
	tell("main.service", &service)
	tell("main.registry", &registry)
	tell("main.everything", &everything)

	tell("main.free", &free)
	tell("main.locked", &locked)
	tell("main.marked", &marked)
	tell("main.crowded", &crowded)
	tell("main.rwFree", &rwFree)
	tell("main.rwRead", &rwRead)
	tell("main.rwLocked", &rwLocked)
	tell("main.rwWaiting", &rwWaiting)
	tell("main.toMutex", &toMutex)
	tell("main.waitNone", &waitNone)
	tell("main.waitThree", &waitThree)
	tell("main.waited", &waited)
	tell("main.onceNot", &onceNot)
	tell("main.onceDone", &onceDone)
	tell("main.guarded", &guarded)

	tell("main.syncNone", &syncNone)
	tell("main.syncDirty", &syncDirty)
	tell("main.syncRead", &syncRead)
	tell("main.syncBoth", &syncBoth)
	tell("main.syncDeleted", &syncDeleted)
	tell("main.syncMany", &syncMany)
	tell("main.syncKinds", &syncKinds)
	tell("main.syncChained", &syncChained)
	tell("main.toSync", &toSync)

	alice := server.users["alice"]
	name := alice.roles[1].Name
	tell(`main.server.users["alice"].roles[1].Name`, &name)
	tell(`main.server.users["alice"].roles[0]`, &alice.roles[0])
	tell(`main.server.users["alice"].tags`, &alice.tags)
	tag := alice.tags["y z"]
	tell(`main.server.users["alice"].tags["y z"]`, &tag)
	tell(`main.server.users["alice"].boss`, &alice.boss)
	tell(`main.server.users["alice"].boss.roles[0].Level`, &alice.boss.roles[0].Level)
	bob := server.byID[-2]
	tell(`main.server.byID[-2]`, &bob)
	here := server.points[Point{1, 2}]
	tell(`main.server.points[{1, 2}]`, &here)
	tell(`main.server.points[main.Point{X: 1, Y: 2}]`, &here)
	tell(`main.service.users`, &service.users)
	tell(`main.service.Server.users`, &service.users)
	tell(`main.service.Limits[1].High`, &service.Limits[1].High)
	tell(`main.registry[1].since`, &server.since)
	tell(`(main.registry[1]).byID[1].Name`, &alice.Name)
	tell(`*main.toPoint`, toPoint)
	tell(`**main.toToPoint`, toPoint)
	tell(`main.toPoint.X`, &toPoint.X)
	tell(`(*main.toPoint).Y`, &toPoint.Y)
	tell(`main.derived.ID`, &derived.ID)
	tell(`main.derived.Base.Name`, &derived.Base.Name)
	tell(`main.derived.Y`, &derived.Point.Y)
	tell(`main.matrix[1][2]`, &matrix[1][2])
	tell(`main.grid[0][1]`, &grid[0][1])
	one := "plain"[1]
	tell(`main.texts[1][1]`, &one)
	tell(`main.loop.Next.Next.Next.Value`, &loop.Value)
	tell(`main.list.Next.Next`, &list.Next.Next)
	tell(`main.everything.Maps[1]`, &everything.Maps[1])
	tell(`main.everything.Array[1].Y`, &everything.Array[1].Y)
	tell(fmt.Sprintf(`(*main.Point)%p`, toPoint), &toPoint)
	tell(fmt.Sprintf(`*(*main.Point)%p`, toPoint), toPoint)
	tell(fmt.Sprintf(`(*main.Point)%p.X`, toPoint), &toPoint.X)
	tell(fmt.Sprintf(`(main.Point)%p`, toPoint), toPoint)
	tell(fmt.Sprintf(`(map[string]int)%p`, alice.tags), &alice.tags)
	two := nested["two"]
	tell(`main.nested["two"]`, &two)
	three := deep[1][2][3]
	tell(`main.deep[1][2][3]`, &three)
}
