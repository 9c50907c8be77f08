//! What a Go value is, as a tree.

use std::rc::Rc;

use super::time::Time;

/// How much of a value is shown. What is left out is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one string.
    pub string: usize,
    /// Items of one array, slice, map or channel.
    pub items: usize,
    /// How deep values are nested in each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { string: 256, items: 64, depth: 8 }
    }
}

/// A Go value. A named type is shown by its kind; only the types that have a variant of their own differ.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A nil pointer, slice, map, interface, function or channel.
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`, `int8` … `int64`.
    Int(i64),
    /// `uint`, `uint8` … `uint64`.
    Uint(u64),
    /// `uintptr`.
    Uintptr(u64),
    /// `float32`.
    Float32(f32),
    /// `float64`.
    Float64(f64),
    /// `complex64`: the real and the imaginary part.
    Complex64(f32, f32),
    /// `complex128`: the real and the imaginary part.
    Complex128(f64, f64),
    /// `string`.
    String(Text),
    /// An array.
    Array(Items),
    /// A slice that is not nil.
    Slice(Items),
    /// A structure: its fields' names and values in order, those named `_` left out.
    Struct(Vec<(Rc<str>, Value)>),
    /// A pointer that is not nil.
    Pointer {
        /// The address in it.
        addr: u64,
        /// What it points to.
        to: Pointee,
    },
    /// A map that is not nil.
    Map(Entries),
    /// An interface that is not nil.
    Interface {
        /// The dynamic type, as the debug information names it: `*example.com/a/b.T`.
        ty: Rc<str>,
        /// What `Error()` returns, of an error whose type is known well enough to say.
        error: Option<Text>,
        /// The dynamic value.
        value: Box<Value>,
    },
    /// A function that is not nil, by its name.
    Func(Rc<str>),
    /// A channel that is not nil.
    Chan(Box<Chan>),
    /// `unsafe.Pointer`, nil or not.
    UnsafePointer(u64),
    /// `time.Time`.
    Time(Time),
    /// `time.Duration`, in nanoseconds.
    Duration(i64),
    /// `sync.Mutex`.
    Mutex {
        /// Whether it is locked.
        locked: bool,
        /// Whether a waiter was woken, or spins.
        woken: bool,
        /// Whether it is handed to waiters directly: one of them has waited for more than 1 ms.
        starving: bool,
        /// How many goroutines wait for it.
        waiters: u64,
    },
    /// `sync.RWMutex`.
    RwMutex {
        /// Whether a writer holds it.
        locked: bool,
        /// Whether a writer waits for readers, or for another writer.
        writer_waiting: bool,
        /// How many readers hold it.
        readers: u64,
    },
    /// `sync.WaitGroup`.
    WaitGroup {
        /// `Add`s less `Done`s; negative only where it is damaged.
        counter: i64,
        /// How many goroutines are in `Wait`.
        waiters: u64,
    },
    /// `sync.Once`.
    Once {
        /// Whether its function has returned.
        done: bool,
    },
    /// `sync.Map`.
    SyncMap(Entries),
    /// Memory that should hold a value, and cannot be read or makes no sense.
    Unreadable {
        /// Where.
        addr: u64,
        /// Why, in a few words.
        why: Rc<str>,
    },
    /// A local that the compiler no longer keeps at this instruction.
    OptimizedOut,
    /// Left out: the value is nested too deeply, or too much of it is shown already.
    Cut,
}

/// A string, or as much of it as the limit allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// Its first bytes, all if they are as many as `len`. A cut never divides a character of valid UTF-8.
    pub bytes: Vec<u8>,
    /// The whole string's length, in bytes.
    pub len: u64,
}

/// The items of an array or a slice, or as many as the limit allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    /// The first ones.
    pub items: Vec<Value>,
    /// How many there are.
    pub len: u64,
}

/// The entries of a map, or as many as the limit allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Entries {
    /// Keys and elems, in the order of memory.
    pub entries: Vec<(Value, Value)>,
    /// How many there are: what the map itself says.
    pub len: u64,
    /// What contradicts itself in the map, a line each.
    pub findings: Vec<Rc<str>>,
}

/// What a pointer points to.
#[derive(Clone, Debug, PartialEq)]
pub enum Pointee {
    /// This value.
    Value(Box<Value>),
    /// A value that this pointer is a part of.
    Cycle,
    /// Not followed: pointers are followed one level.
    NotFollowed,
}

/// A channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Chan {
    /// Its type: `chan int`, `<-chan int`.
    pub ty: Rc<str>,
    /// How many values are buffered.
    pub len: u64,
    /// How many may be; 0 of an unbuffered one.
    pub cap: u64,
    /// Whether it is closed.
    pub closed: bool,
    /// The numbers of the goroutines that wait to receive, the first in line first; so many as items are shown.
    pub receivers: Vec<u64>,
    /// The numbers of the goroutines that wait to send.
    pub senders: Vec<u64>,
    /// The buffered values, the next to be received first.
    pub items: Items,
}
