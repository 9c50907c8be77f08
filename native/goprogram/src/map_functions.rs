//! Which functions are the runtime's map code, and what they do to a map.

use crate::{Function, LinkAddr, Program};

/// What a function of the runtime's map code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MapFunctionKind {
    /// Stores an entry: `m[k] = v`.
    Assign,
    /// Removes an entry: `delete(m, k)`.
    Delete,
    /// Removes all entries: `clear(m)`.
    Clear,
    /// Reads an entry: `m[k]`.
    Access,
    /// Goes through the entries: `range m`.
    Iterate,
    /// A helper of the others, or something else, as making or cloning a map.
    Other,
}

/// A function of the runtime's map code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MapFunction {
    /// What it does.
    pub kind: MapFunctionKind,
    /// Whether it changes the map.
    pub write: bool,
}

/// Which of a map function's parameters, counted from 0, are what. All before them are one word each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// The descriptor of the map's type.
    pub ty: Option<u64>,
    /// The map: the address of its header.
    pub map: Option<u64>,
    /// An iterator: its address.
    pub iterator: Option<u64>,
}

/// What the program has of map code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MapCode {
    /// The map functions, by address.
    pub(crate) functions: Vec<(Function, MapFunction)>,
    /// The write barriers' first instructions.
    pub(crate) barriers: Vec<LinkAddr>,
}

/// The package that holds Swiss maps (Go's src/internal/runtime/maps).
const SWISS: &str = "internal/runtime/maps.";

/// How methods begin that a Swiss map calls to store an entry.
const SWISS_ASSIGN: &[&str] = &[
    "PutSlot",
    "putSlot",
    "uncheckedPutSlot",
    "grow",
    "rehash",
    "split",
    "reset",
    "installTableSplit",
    "replaceTable",
];

impl MapFunction {
    /// Classifies a function by its linker name; `None` if it is not map code.
    pub fn named(name: &str) -> Option<MapFunction> {
        use MapFunctionKind::{Access, Assign, Clear, Delete, Iterate, Other};
        let of = |kind, write| Some(MapFunction { kind, write });
        let name = name.strip_suffix(".abi0").unwrap_or(name);
        if let Some(function) = name.strip_prefix(SWISS) {
            let (receiver, word) = function.rsplit_once('.').unwrap_or(("", function));
            let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| word.starts_with(prefix));
            return match receiver {
                "(*Iter)" => of(Iterate, false),
                "(*Map)" | "(*table)" if starts(&["Get", "get"]) => of(Access, false),
                "(*Map)" | "(*table)" if starts(&["Delete", "delete", "tombstone", "pruneTombstones"]) => {
                    of(Delete, word != "tombstones")
                }
                "(*Map)" | "(*table)" if starts(&["Clear", "clear"]) => of(Clear, true),
                "(*Map)" | "(*table)" if starts(SWISS_ASSIGN) => of(Assign, true),
                "(*Map)" | "(*table)" => of(Other, false),
                "" if starts(&["runtime_mapaccess"]) => of(Access, false),
                "" if starts(&["runtime_mapassign"]) => of(Assign, true),
                "" if starts(&["runtime_mapdelete"]) => of(Delete, true),
                "" if starts(&["NewMap", "NewEmptyMap", "newTable", "fatal"]) => of(Other, false),
                _ => None,
            };
        }
        let (package, word) = name.split_once('.')?;
        if !matches!(package, "runtime" | "reflect" | "maps" | "internal/reflectlite") {
            return None;
        }
        let starts = |prefix: &str| word.starts_with(prefix);
        if starts("mapassign") {
            of(Assign, true)
        } else if starts("mapdelete") {
            of(Delete, true)
        } else if starts("mapclear") {
            of(Clear, true)
        } else if starts("mapaccess") {
            of(Access, false)
        } else if starts("mapiter") || starts("mapIter") || starts("mapinitter") {
            of(Iterate, false)
        } else if package == "runtime"
            && (starts("growWork")
                || starts("evacuate")
                || starts("hashGrow")
                || starts("advanceEvacuationMark")
                || starts("(*hmap)."))
        {
            of(Other, true)
        } else if (package == "maps" && word == "clone")
            || starts("mapclone")
            || starts("makemap")
            || starts("maplen")
            || starts("moveToBmap")
        {
            of(Other, false)
        } else {
            None
        }
    }
}

impl Parameters {
    /// Those of the function with this linker name; `None` if it is not map code, or takes no map.
    #[must_use]
    pub fn named(name: &str) -> Option<Parameters> {
        MapFunction::named(name)?;
        let of = |ty, map, iterator| Some(Parameters { ty, map, iterator });
        let name = name.strip_suffix(".abi0").unwrap_or(name);
        if let Some(function) = name.strip_prefix(SWISS) {
            return match function.rsplit_once('.') {
                Some(("(*Iter)", "Init")) => of(Some(1), Some(2), Some(0)),
                Some(("(*Iter)", "Next")) => of(None, None, Some(0)),
                Some(("(*Map)", "directoryIndex" | "directoryAt" | "directorySet" | "replaceTable" | "Used"))
                | Some(("(*Map)", "installTableSplit")) => of(None, Some(0), None),
                Some(("(*Map)", _)) => of(Some(1), Some(0), None),
                // A table doesn't know its map, but some of its methods are told.
                Some(("(*table)", "Get" | "Delete" | "PutSlot" | "pruneTombstones" | "rehash" | "split" | "grow")) => {
                    of(Some(1), Some(2), None)
                }
                None if function.starts_with("runtime_map") => of(Some(0), Some(1), None),
                _ => None,
            };
        }
        let (_, word) = name.split_once('.')?;
        let starts = |prefix: &str| word.starts_with(prefix) || word.starts_with(&format!("reflect_{prefix}"));
        if starts("mapiternext") || starts("mapIterNext") {
            of(None, None, Some(0))
        } else if starts("mapiterinit") || starts("mapIterStart") {
            of(Some(0), Some(1), Some(2))
        } else if ["mapassign", "mapdelete", "mapaccess", "mapclear", "mapclone"].into_iter().any(starts)
            || name == "maps.clone"
            || ["growWork", "evacuate", "hashGrow"].iter().any(|prefix| word.starts_with(prefix))
        {
            of(Some(0), Some(1), None)
        } else {
            None
        }
    }
}

impl Program {
    /// The map functions and write barriers, looked up once.
    pub(crate) fn map_code(&self) -> &MapCode {
        self.map_code_cell().get_or_init(|| {
            let mut found = MapCode::default();
            for function in self.functions() {
                if let Some(kind) = MapFunction::named(&function.name) {
                    found.functions.push((function, kind));
                } else if function.name.starts_with("runtime.gcWriteBarrier") {
                    found.barriers.push(function.entry);
                }
            }
            found
        })
    }

    /// The program's map functions, in the order of their addresses.
    pub fn map_functions(&self) -> impl Iterator<Item = (&Function, MapFunction)> {
        self.map_code().functions.iter().map(|(function, kind)| (function, *kind))
    }

    /// Classifies a function by its linker name; `None` if it is not map code.
    pub fn map_function(&self, name: &str) -> Option<MapFunction> {
        MapFunction::named(name)
    }

    /// The functions that the map code calls when it sees a concurrent access, just before it brings the
    /// process down.
    pub fn fatal_functions(&self) -> Vec<Function> {
        // Swiss maps have a function of their own. With GOEXPERIMENT=noswissmap it may be linked in, but the
        // maps are runtime.hmap, which evacuates.
        let classic = self.function("runtime.evacuate").is_some();
        let swiss = self.function("internal/runtime/maps.fatal").filter(|_| !classic);
        // Go 1.18 has no fatal yet: it throws, as for any other defect it finds.
        swiss
            .or_else(|| self.function("runtime.fatal"))
            .or_else(|| self.function("runtime.throw"))
            .into_iter()
            .collect()
    }
}
