//! What a name stands for: a local, or a package variable, and how much of it is a path of fields.

use goprogram::{Local, Location, TypeKind};

use super::{At, Place, steps};
use crate::error::Error;
use crate::frame::FrameContext;
use crate::memory::{RuntimeAddr, read_bytes};
use crate::target::Target;

/// The value of a local may be so large that it is in pieces, in bytes.
const LARGEST_IN_PIECES: u64 = 1 << 12;

/// The value of `main.srv.cache`, or of `srv.cache` where `srv` is a local.
pub(super) fn named(target: &Target<'_>, frame: Option<&FrameContext<'_>>, text: &str) -> Result<Place, Error> {
    // A package path may hold dots and slashes: the variable's own name begins at a dot after the last
    // slash, and everything after it is a path of fields.
    let from = text.rfind('/').map_or(0, |slash| slash + 1);
    let dots: Vec<usize> = text.match_indices('.').map(|(at, _)| at).filter(|at| *at >= from).collect();
    if text.ends_with(['.', '/']) || text.starts_with('.') || text.contains("..") {
        let column =
            text.find("..").map_or(if text.starts_with('.') { 1 } else { text.chars().count() + 1 }, |at| at + 2);
        return Err(Error::Syntax { expression: text.to_owned(), column, why: "a name is missing here" });
    }
    if let Some(frame) = frame.filter(|_| from == 0)
        && let Some(place) = of_frame(target, frame, text, dots.first().copied())?
    {
        return Ok(place);
    }
    if dots.is_empty() {
        return Err(match frame {
            Some(_) => Error::NoSuchName { name: text.to_owned() },
            None => Error::Syntax {
                expression: text.to_owned(),
                column: 1,
                why: "a variable needs its package's name, as in main.cache",
            },
        });
    }
    let mut first_error = None;
    for end in dots.iter().skip(1).copied().chain([text.len()]) {
        let (name, path) = text.split_at(end);
        match package_variable(target, name, path) {
            Err(Error::Program(error @ goprogram::Error::UnknownVariable { .. })) => {
                first_error = first_error.or(Some(error));
            }
            found => return found,
        }
    }
    if let Some(place) = by_end_of_path(target, text, &dots)? {
        return Ok(place);
    }
    let unknown = || goprogram::Error::UnknownVariable { name: text.to_owned(), near: Vec::new() };
    Err(first_error.unwrap_or_else(unknown).into())
}

fn package_variable(target: &Target<'_>, name: &str, path: &str) -> Result<Place, Error> {
    let variable = target.program.variable(name)?;
    let at = At::Memory(target.bias.to_runtime(variable.addr));
    fields(target, Place { expression: name.to_owned(), ty: variable.ty, at }, path)
}

/// Follows `.a.b.c`.
fn fields(target: &Target<'_>, place: Place, path: &str) -> Result<Place, Error> {
    path.split('.').skip(1).try_fold(place, |place, name| steps::field(target, place, name))
}

/// `http.DefaultServeMux`: only the end of the package's path is given, as in source. It must be the end of one
/// package's alone.
fn by_end_of_path(target: &Target<'_>, text: &str, dots: &[usize]) -> Result<Option<Place>, Error> {
    let Some((package, rest)) = dots.first().and_then(|dot| text.split_at_checked(*dot)) else { return Ok(None) };
    let end = format!("/{package}");
    let (name, path) =
        rest.split_at(rest.char_indices().skip(1).find(|(_, c)| *c == '.').map_or(rest.len(), |(at, _)| at));
    let full = target.program.packages()?.into_iter().filter(|path| path.ends_with(&end));
    let mut found: Vec<String> =
        full.map(|full| format!("{full}{name}")).filter(|name| target.program.variable(name).is_ok()).collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(package_variable(target, one, path)?)),
        several => {
            let several = several.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
            Err(Error::SeveralPackages { name: format!("{package}{name}"), several })
        }
    }
}

/// A local of the frame, or a variable of the package that its function belongs to.
fn of_frame(
    target: &Target<'_>,
    frame: &FrameContext<'_>,
    text: &str,
    dot: Option<usize>,
) -> Result<Option<Place>, Error> {
    let (name, path) = text.split_at(dot.unwrap_or(text.len()));
    let pc = target.bias.to_link(frame.pc);
    let locals = target.program.locals(pc)?;
    if let Some(local) = locals.iter().find(|local| local.name == name) {
        return Ok(Some(fields(target, local_place(target, frame, local)?, path)?));
    }
    let Some(function) = target.program.function_at(pc) else { return Ok(None) };
    let full = format!("{}.{name}", package_of(&function.name));
    match package_variable(target, &full, path) {
        Err(Error::Program(goprogram::Error::UnknownVariable { .. })) => Ok(None),
        found => found.map(Some),
    }
}

/// The package of a function, as the linker writes it: `net/http` of `net/http.(*Server).Serve`.
fn package_of(function: &str) -> &str {
    let from = function.split(['(', '[']).next().and_then(|path| path.rfind('/')).map_or(0, |slash| slash + 1);
    let end = function.get(from..).and_then(|rest| rest.find('.')).map_or(function.len(), |dot| from + dot);
    function.get(..end).unwrap_or(function)
}

/// Where a local is.
pub(super) fn local_place(target: &Target<'_>, frame: &FrameContext<'_>, local: &Local) -> Result<Place, Error> {
    let out = || Error::OptimizedOut { name: local.name.clone() };
    let size = if local.escaped { 8 } else { target.program.ty(local.ty)?.size };
    let pieces = local.location.as_deref().ok_or_else(out)?;
    let in_memory = |offset| frame.cfa.map(|cfa| RuntimeAddr(cfa.0.wrapping_add_signed(offset))).ok_or_else(out);
    let at = match pieces {
        [piece] if matches!(piece.location, Some(Location::FromCfa(_))) => match piece.location {
            Some(Location::FromCfa(offset)) => At::Memory(in_memory(offset)?),
            _ => return Err(out()),
        },
        [] if size == 0 => At::Bytes(Vec::new()),
        [] => return Err(out()),
        pieces => {
            let mut bytes = Vec::new();
            for piece in pieces {
                let len = if piece.size == 0 { size } else { piece.size };
                let len = usize::try_from(len.min(LARGEST_IN_PIECES)).unwrap_or(0);
                match piece.location.ok_or_else(out)? {
                    Location::FromCfa(offset) => bytes.extend(read_bytes(target.memory, in_memory(offset)?, len)?),
                    Location::Register(register) => {
                        let value = (frame.registers)(register).ok_or_else(out)?;
                        bytes.extend(value.to_le_bytes().get(..len).ok_or_else(out)?);
                    }
                }
            }
            At::Bytes(bytes)
        }
    };
    let place = Place { expression: local.name.clone(), ty: local.ty, at };
    if !local.escaped {
        return Ok(place);
    }
    // The variable lies on the heap: what the frame has is its address.
    match place.word(target, 0)? {
        0 => Err(Error::OptimizedOut { name: local.name.clone() }),
        addr => Ok(Place { at: At::Memory(RuntimeAddr(addr)), ..place }),
    }
}

/// The number that a place holds, to be used as an index.
pub(super) fn integer(target: &Target<'_>, place: &Place) -> Result<Option<i128>, Error> {
    let ty = target.program.ty(place.ty)?;
    let is_signed = match ty.kind {
        TypeKind::Int => true,
        TypeKind::Uint => false,
        _ => return Ok(None),
    };
    let mut word = [0; 8];
    let bytes = place.bytes(target, 0, ty.size.min(8))?;
    for (into, byte) in word.iter_mut().zip(&bytes) {
        *into = *byte;
    }
    let unused = 64 - 8 * u32::try_from(bytes.len()).unwrap_or(8).clamp(1, 8);
    let number = u64::from_le_bytes(word) << unused;
    Ok(Some(if is_signed { i128::from(number.cast_signed() >> unused) } else { i128::from(number >> unused) }))
}

#[cfg(test)]
mod tests {
    use super::package_of;

    #[test]
    fn a_function_tells_its_package() {
        assert_eq!(package_of("main.main"), "main");
        assert_eq!(package_of("net/http.(*Server).Serve"), "net/http");
        assert_eq!(package_of("gopkg.in/yaml%2ev3.Unmarshal.func1"), "gopkg.in/yaml%2ev3");
        assert_eq!(package_of("main.Map[go.shape.struct { a/b.x int }].Get"), "main");
    }
}
