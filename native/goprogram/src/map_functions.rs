//! Which functions are the runtime's map code, and what they do to a map.

use crate::{Function, Program};

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
        } else if starts("mapclone") || starts("makemap") || starts("maplen") || starts("moveToBmap") {
            of(Other, false)
        } else {
            None
        }
    }
}

impl Program {
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
