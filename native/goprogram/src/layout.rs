//! Where the runtime keeps what a debugger wants: map headers, goroutines, threads. From DWARF.

use gomap::{ClassicBits, ClassicLayout, Layout, SwissLayout, TableLayout};

use crate::types::{Field, Type, TypeKind};
use crate::{Error, Program, Variable, layout_known};

/// Where the fields of the runtime's own structures lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeLayout {
    /// `runtime.g`: a goroutine.
    pub g: GLayout,
    /// `runtime.m`: a thread.
    pub m: MLayout,
    /// The values of `g.atomicstatus` and their names: (4, `waiting`). Bit 0x1000 (`_Gscan`) may be added to them.
    pub statuses: Vec<(u64, String)>,
    /// `runtime.waitReasonStrings`, an array of strings: what `g.waitreason` means.
    pub wait_reasons: Option<Variable>,
}

/// Where the fields of `runtime.g` lie, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GLayout {
    /// Size of the structure, in bytes.
    pub size: u64,
    /// `goid` (uint64).
    pub goid: u64,
    /// `atomicstatus` (uint32).
    pub atomicstatus: u64,
    /// `waitreason` (uint8).
    pub waitreason: u64,
    /// `m` (pointer): the thread that runs the goroutine, or nil.
    pub m: u64,
    /// `sched.pc` (uintptr).
    pub sched_pc: u64,
    /// `sched.sp` (uintptr).
    pub sched_sp: u64,
    /// `sched.bp` (uintptr).
    pub sched_bp: u64,
    /// `stack.lo` (uintptr).
    pub stack_lo: u64,
    /// `stack.hi` (uintptr).
    pub stack_hi: u64,
    /// `gopc` (uintptr): the return address of the `go` statement that created it.
    pub gopc: u64,
    /// `startpc` (uintptr): the goroutine's function.
    pub startpc: u64,
    /// `parentGoid` (uint64): the goroutine that created it. Since Go 1.21.
    pub parent_goid: Option<u64>,
}

/// Where the fields of `runtime.m` lie, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MLayout {
    /// `procid` (uint64): the thread's id.
    pub procid: u64,
    /// `curg` (pointer): the goroutine that runs on it, or nil.
    pub curg: u64,
    /// `g0` (pointer): the goroutine with the thread's system stack.
    pub g0: u64,
    /// `gsignal` (pointer): the goroutine with the thread's signal stack.
    pub gsignal: u64,
    /// `id` (int64): the runtime's own number for it.
    pub id: u64,
}

/// The fields of a structure.
pub(crate) struct Structure {
    pub(crate) name: String,
    pub(crate) size: u64,
    fields: Vec<Field>,
}

impl Structure {
    fn named(program: &Program, name: &str) -> Result<Structure, Error> {
        Structure::of(program.ty(program.type_named(name)?)?)
    }

    /// The first type that has one of these names.
    pub(crate) fn first(program: &Program, names: &[&str]) -> Result<Structure, Error> {
        match program.find_first_type(names)? {
            Some(found) => Structure::of(program.ty(found)?),
            None => {
                let name = names.first().copied().unwrap_or_default();
                Err(Error::UnknownType { name: name.to_owned(), near: Vec::new() })
            }
        }
    }

    pub(crate) fn of(ty: Type) -> Result<Structure, Error> {
        match ty.kind {
            TypeKind::Struct { fields } => Ok(Structure { name: ty.name, size: ty.size, fields }),
            _ => Err(Error::damaged(format_args!("{} is not a structure", ty.name))),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Result<&Field, Error> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .ok_or_else(|| Error::UnknownField { ty: self.name.clone(), field: name.to_owned() })
    }

    /// The descriptor of a map type: of Swiss maps it has a `Group`, of classic ones a `Bucket`. The linker
    /// writes it before other types, and only that of the maps that the program has.
    pub(crate) fn map_type(program: &Program) -> Result<Structure, Error> {
        const NAMES: [&str; 4] =
            ["internal/abi.MapType", "internal/abi.SwissMapType", "internal/abi.OldMapType", "runtime.maptype"];
        Structure::first(program, &NAMES)
    }

    /// The offset of the first of these fields that it has: their names differ between versions.
    pub(crate) fn any(&self, names: &[&str]) -> Result<u64, Error> {
        let field = names.iter().find_map(|name| self.field(name).ok());
        match field {
            Some(field) => Ok(field.offset),
            None => self.offset(names.first().copied().unwrap_or_default()),
        }
    }

    pub(crate) fn offset(&self, name: &str) -> Result<u64, Error> {
        Ok(self.field(name)?.offset)
    }

    /// The offset of a field of a field.
    fn inner(&self, program: &Program, outer: &str, inner: &str) -> Result<u64, Error> {
        let field = self.field(outer)?;
        let inner = Structure::of(program.ty(field.ty)?)?.offset(inner)?;
        Ok(field.offset.saturating_add(inner))
    }
}

impl Program {
    /// The offset of a field in a structure type, in bytes: `field_offset("runtime.m", "alllink")`.
    ///
    /// # Errors
    /// [`Error::NoDwarf`]; [`Error::UnknownType`] or [`Error::UnknownField`].
    pub fn field_offset(&self, type_name: &str, field: &str) -> Result<u64, Error> {
        if !self.has_dwarf() {
            return layout_known::field(self, type_name, field);
        }
        Structure::named(self, type_name)?.offset(field)
    }

    /// Where the fields of this program's map headers lie.
    ///
    /// # Errors
    /// [`Error::NoDwarf`]; [`Error::UnknownType`] or [`Error::UnknownField`] if the runtime is of an unknown kind.
    pub fn map_layout(&self) -> Result<&Layout, Error> {
        if let Some(layout) = self.map_layout_cell().get() {
            return Ok(layout);
        }
        if !self.has_dwarf() {
            let layout = layout_known::map(self)?;
            return Ok(self.map_layout_cell().get_or_init(|| layout));
        }
        // The types decide, not the version: GOEXPERIMENT=noswissmap brings hmap back in 1.24 and 1.25.
        let layout = match Structure::map_type(self)?.field("Group") {
            Err(_) => Layout::Classic(self.classic_layout(&Structure::named(self, "runtime.hmap")?)?),
            Ok(_) => Layout::Swiss(self.swiss_layout()?),
        };
        Ok(self.map_layout_cell().get_or_init(|| layout))
    }

    fn classic_layout(&self, hmap: &Structure) -> Result<ClassicLayout, Error> {
        let bit = |name: &str, fallback: u8| {
            self.constant(name).ok().and_then(|value| u8::try_from(value).ok()).unwrap_or(fallback)
        };
        Ok(ClassicLayout {
            size: hmap.size,
            count: hmap.offset("count")?,
            flags: hmap.offset("flags")?,
            b: hmap.offset("B")?,
            noverflow: hmap.offset("noverflow")?,
            hash0: hmap.offset("hash0")?,
            buckets: hmap.offset("buckets")?,
            oldbuckets: hmap.offset("oldbuckets")?,
            nevacuate: hmap.offset("nevacuate")?,
            clear_seq: hmap.offset("clearSeq").ok(),
            extra: hmap.offset("extra")?,
            bits: ClassicBits {
                iterator: bit("runtime.iterator", ClassicBits::GO.iterator),
                old_iterator: bit("runtime.oldIterator", ClassicBits::GO.old_iterator),
                hash_writing: bit("runtime.hashWriting", ClassicBits::GO.hash_writing),
                same_size_grow: bit("runtime.sameSizeGrow", ClassicBits::GO.same_size_grow),
            },
        })
    }

    fn swiss_layout(&self) -> Result<SwissLayout, Error> {
        let map = Structure::named(self, "internal/runtime/maps.Map")?;
        let table = Structure::named(self, "internal/runtime/maps.table")?;
        Ok(SwissLayout {
            size: map.size,
            used: map.offset("used")?,
            seed: map.offset("seed")?,
            dir_ptr: map.offset("dirPtr")?,
            dir_len: map.offset("dirLen")?,
            global_depth: map.offset("globalDepth")?,
            global_shift: map.offset("globalShift")?,
            writing: map.offset("writing")?,
            clear_seq: map.offset("clearSeq")?,
            tombstone_possible: map.offset("tombstonePossible").ok(),
            table: TableLayout {
                size: table.size,
                used: table.offset("used")?,
                capacity: table.offset("capacity")?,
                growth_left: table.offset("growthLeft")?,
                local_depth: table.offset("localDepth")?,
                index: table.offset("index")?,
                groups_data: table.inner(self, "groups", "data")?,
                groups_length_mask: table.inner(self, "groups", "lengthMask")?,
            },
        })
    }

    /// Where the runtime keeps goroutines and threads.
    ///
    /// # Errors
    /// [`Error::NoDwarf`]; [`Error::UnknownType`] or [`Error::UnknownField`] if the runtime is of an unknown kind.
    pub fn runtime_layout(&self) -> Result<&RuntimeLayout, Error> {
        if let Some(layout) = self.runtime_layout_cell().get() {
            return Ok(layout);
        }
        if !self.has_dwarf() {
            let layout = layout_known::runtime(self)?;
            return Ok(self.runtime_layout_cell().get_or_init(|| layout));
        }
        let g = Structure::named(self, "runtime.g")?;
        let m = Structure::named(self, "runtime.m")?;
        let layout = RuntimeLayout {
            g: GLayout {
                size: g.size,
                goid: g.offset("goid")?,
                atomicstatus: g.offset("atomicstatus")?,
                waitreason: g.offset("waitreason")?,
                m: g.offset("m")?,
                sched_pc: g.inner(self, "sched", "pc")?,
                sched_sp: g.inner(self, "sched", "sp")?,
                sched_bp: g.inner(self, "sched", "bp")?,
                stack_lo: g.inner(self, "stack", "lo")?,
                stack_hi: g.inner(self, "stack", "hi")?,
                gopc: g.offset("gopc")?,
                startpc: g.offset("startpc")?,
                parent_goid: g.offset("parentGoid").ok(),
            },
            m: MLayout {
                procid: m.offset("procid")?,
                curg: m.offset("curg")?,
                g0: m.offset("g0")?,
                gsignal: m.offset("gsignal")?,
                id: m.offset("id")?,
            },
            statuses: self.statuses()?,
            wait_reasons: self.variable("runtime.waitReasonStrings").ok(),
        };
        Ok(self.runtime_layout_cell().get_or_init(|| layout))
    }

    /// The constants `_Gidle`, `_Grunnable` … without their prefix (Go's src/runtime/runtime2.go).
    fn statuses(&self) -> Result<Vec<(u64, String)>, Error> {
        let mut statuses: Vec<(u64, String)> = self
            .runtime_constants("_G")?
            .into_iter()
            .filter(|(name, _)| {
                // `_GC…` and `_GoidCacheBatch` are no states; `_Gscan…` are states with the scan bit.
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    && !name.starts_with("scan")
                    && !name.ends_with("_unused")
            })
            .filter_map(|(name, value)| Some((u64::try_from(value).ok()?, name)))
            .collect();
        statuses.sort();
        Ok(statuses)
    }
}
