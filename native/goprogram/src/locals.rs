//! The variables of a frame: parameters and locals of a function and of those inlined into it, from DWARF.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::entry::Entry;
use crate::location::{self, Location, Piece, Placed};
use crate::types::{TypeKind, TypeRef, plain};
use crate::units::{Die, Offset, Place, Reader};
use crate::{Error, LinkAddr, Program};

/// A parameter or local variable of the function, or inlined function, that an instruction belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its name. Of a variable that escaped to the heap the plain one, though the DWARF may call it `&x`.
    pub name: String,
    /// Its type; of an escaped variable that of the value, not of the pointer to it.
    pub ty: TypeRef,
    /// Whether it is a parameter or a result (`~r0` where the source gives it no name).
    pub parameter: bool,
    /// The function that declares it, as Go names it; it may be inlined.
    pub function: String,
    /// The line that declares it, from 1; 0 if unknown.
    pub line: u32,
    /// Whether it escaped to the heap: then what lies at its location is the address of the value.
    pub escaped: bool,
    /// Where its bytes are, in order; `None` where the compiler keeps them nowhere. A value without bytes may
    /// have no pieces.
    pub location: Option<Vec<Piece>>,
}

/// The function at an instruction, or one that is inlined there.
struct Function {
    name: String,
    /// The line of the instruction in this function; 0 if unknown.
    line: u64,
}

/// A function or block around the instruction.
#[derive(Clone, Copy)]
struct Scope {
    /// How deep its entry lies in the unit.
    depth: isize,
    /// Which function it is or belongs to: 0 is the one that contains all others.
    function: usize,
    /// How many blocks of that function are around it.
    block: usize,
}

/// A variable that is in scope.
struct Variable {
    scope: Scope,
    name: String,
    ty: Option<Offset>,
    parameter: bool,
    line: u64,
    placed: Placed,
}

/// Functions inlined into each other, and blocks inside each other: far more than the compiler makes.
const DEEPEST: usize = 1 << 8;

/// More variables than any function has.
const MOST: usize = 1 << 16;

/// A pointer's size, in bytes.
const POINTER: u64 = 8;

impl Program {
    /// The variables in scope at `pc`: those of the innermost inlined function first, then of the functions
    /// around it; within a function those of the innermost block first, and of a block the one declared last
    /// first, so that the first one with a name is the one that Go code there would mean. For a return
    /// address ask for the byte before it. None for an address outside Go code.
    ///
    /// # Errors
    /// [`Error::NoDwarf`], or [`Error::Damaged`] DWARF.
    pub fn locals(&self, pc: LinkAddr) -> Result<Vec<Local>, Error> {
        let (mut functions, mut variables) = self.around(pc)?;
        if let Some(innermost) = functions.last_mut() {
            let lines = self.lines_at(pc).unwrap_or_default();
            innermost.line = lines.first().map_or(0, |line| line.line.into());
        }
        let line_in = |scope: &Scope| functions.get(scope.function).map_or(0, |function| function.line);
        // A variable's scope begins where it is declared: before that, its name means one further out.
        variables.retain(|variable| {
            let line = line_in(&variable.scope);
            variable.parameter || line == 0 || variable.line <= line
        });
        variables.sort_by_key(|variable| {
            let Scope { function, block, .. } = variable.scope;
            Reverse((function, block, !variable.parameter, variable.line))
        });
        let mut locals = Vec::new();
        for variable in variables {
            let function = functions.get(variable.scope.function).map_or("", |function| &function.name);
            locals.extend(self.local(variable, function)?);
        }
        Ok(locals)
    }

    fn local(&self, variable: Variable, function: &str) -> Result<Option<Local>, Error> {
        let Some(mut ty) = variable.ty.map(TypeRef) else { return Ok(None) };
        let (mut name, mut escaped) = (variable.name, variable.placed.is_address);
        // Up to Go 1.26 an escaped variable is written as a pointer of that name.
        if let Some(plain) = name.strip_prefix('&')
            && let TypeKind::Pointer { target: Some(target) } = self.ty(ty)?.kind
        {
            (name, ty, escaped) = (plain.to_owned(), target, true);
        }
        let size = if escaped { POINTER } else { self.ty(ty)?.size };
        let mut pieces = variable.placed.pieces;
        if let [whole] = pieces.as_mut_slice()
            && whole.size == 0
        {
            whole.size = size;
        }
        let is_somewhere = size == 0 || pieces.iter().any(|piece| piece.location.is_some());
        Ok(Some(Local {
            name,
            ty,
            parameter: variable.parameter,
            function: function.to_owned(),
            line: u32::try_from(variable.line).unwrap_or(0),
            escaped,
            location: is_somewhere.then_some(pieces),
        }))
    }

    /// Where the parameter `name` of the function at `pc` is when `pc` is executed, not of one inlined there.
    /// `None` where the function has no such parameter or the compiler keeps it no longer. For a return
    /// address ask for the byte before it.
    ///
    /// # Errors
    /// [`Error::NoDwarf`], or [`Error::Damaged`] DWARF.
    pub fn parameter_location(&self, pc: LinkAddr, name: &str) -> Result<Option<Location>, Error> {
        let (_, variables) = self.around(pc)?;
        let is_it = |found: &&Variable| found.parameter && found.scope.function == 0 && found.name == name;
        let placed = variables.iter().find(is_it).map(|found| &found.placed);
        Ok(match placed.map(|placed| placed.pieces.as_slice()) {
            Some([Piece { location, .. }]) => *location,
            _ => None,
        })
    }

    /// The functions around an instruction, the outermost first, and their variables in the order of the DWARF.
    fn around(&self, pc: LinkAddr) -> Result<(Vec<Function>, Vec<Variable>), Error> {
        let (mut functions, mut variables) = (Vec::<Function>::new(), Vec::new());
        let Some(unit) = self.code_unit(pc)? else { return Ok((functions, variables)) };
        let reader = self.dwarf()?;
        let code = self.code_of(unit)?;
        let mut scopes: Vec<Scope> = Vec::new();
        let mut omitted = BTreeMap::new();
        // The depth of an entry whose children are elsewhere than at the instruction.
        let mut elsewhere = isize::MAX;
        let mut place = Place { offset: unit.root, depth: 0 };
        reader.scan(unit, &mut place, usize::MAX, |entries, Place { depth, .. }| {
            if depth > elsewhere {
                if let Some(abbreviation) = entries.read_abbreviation()? {
                    entries.skip_attributes(abbreviation.attributes())?;
                }
                return Ok(ControlFlow::Continue(()));
            }
            if depth <= 1 && !functions.is_empty() {
                return Ok(ControlFlow::Break(()));
            }
            elsewhere = isize::MAX;
            let mut die = Die::null();
            if !entries.read_entry(&mut die)? {
                return Ok(ControlFlow::Continue(()));
            }
            while scopes.last().is_some_and(|scope| scope.depth >= depth) {
                scopes.pop();
            }
            let entry = Entry::new(&die, unit.start);
            let described = Described { reader: &reader, entry: &entry };
            match (entry.tag, scopes.last().copied()) {
                (gimli::DW_TAG_compile_unit, _) => {}
                (gimli::DW_TAG_subprogram, None) if code.covers(&entry, pc)? => {
                    functions.push(Function { name: described.name()?, line: 0 });
                    scopes.push(Scope { depth, function: 0, block: 0 });
                }
                (gimli::DW_TAG_inlined_subroutine, Some(outer)) if code.covers(&entry, pc)? => {
                    if let Some(outer) = functions.get_mut(outer.function) {
                        outer.line = entry.number(gimli::DW_AT_call_line).unwrap_or(0);
                    }
                    let scope = Scope { depth, function: functions.len(), block: 0 };
                    if let Some(original) = entry.target(gimli::DW_AT_abstract_origin) {
                        omitted.extend(reader.children(original)?.into_iter().map(|it| (it.offset, (scope, it))));
                    }
                    scopes.push(scope);
                    functions.push(Function { name: described.name()?, line: 0 });
                }
                (gimli::DW_TAG_lexical_block, Some(outer)) if code.covers(&entry, pc)? => {
                    scopes.push(Scope { depth, block: outer.block + 1, ..outer });
                }
                (gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable, Some(scope)) => {
                    variables.extend(described.variable(scope, location::at(&code, &entry, pc)?)?);
                    if let Some(original) = entry.target(gimli::DW_AT_abstract_origin) {
                        omitted.remove(&original);
                    }
                }
                _ => elsewhere = depth,
            }
            if scopes.len() > DEEPEST || functions.len() > DEEPEST || variables.len() + omitted.len() > MOST {
                return Err(Error::damaged("a function with too many parts"));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Of an inlined function the compiler leaves out variables that it keeps nowhere. They are in scope
        // all the same: their names must not mean variables of the functions around.
        for (scope, entry) in omitted.into_values() {
            if matches!(entry.tag, gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable) {
                let described = Described { reader: &reader, entry: &entry };
                variables.extend(described.variable(scope, Placed::default())?);
            }
        }
        Ok((functions, variables))
    }
}

/// An entry that may take what it says from another one, of which it is a copy.
struct Described<'r, 'a> {
    reader: &'r Reader<'a>,
    entry: &'r Entry,
}

impl Described<'_, '_> {
    /// What `get` finds in the entry, or in the one that it copies.
    fn get<T>(&self, get: impl Fn(&Entry) -> Option<T>) -> Result<Option<T>, Error> {
        if let Some(found) = get(self.entry) {
            return Ok(Some(found));
        }
        let Some(original) = self.entry.target(gimli::DW_AT_abstract_origin) else { return Ok(None) };
        Ok(get(&self.reader.entry(original)?))
    }

    /// The variable that the entry declares; `None` for those that the compiler makes for itself, whose names
    /// begin with a dot (`.dict`, `.closureptr`).
    fn variable(&self, scope: Scope, placed: Placed) -> Result<Option<Variable>, Error> {
        let name = self.name()?;
        if name.is_empty() || name == "_" || name.starts_with('.') {
            return Ok(None);
        }
        Ok(Some(Variable {
            scope,
            name,
            ty: self.get(|entry| entry.target(gimli::DW_AT_type))?,
            parameter: self.entry.tag == gimli::DW_TAG_formal_parameter,
            line: self.get(|entry| entry.number(gimli::DW_AT_decl_line))?.unwrap_or(0),
            placed,
        }))
    }

    fn name(&self) -> Result<String, Error> {
        Ok(self.get(|entry| entry.name().map(plain))?.unwrap_or_default())
    }
}
