//! What of a process's memory can be watched.

use goprogram::{Field, Type, TypeKind};

use crate::error::Error;
use crate::expression::{self, At};
use crate::memory::RuntimeAddr;
use crate::target::Target;

/// A variable, or a part of one, that the processor can watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The expression that led to it.
    pub expression: String,
    /// Its type, as Go writes it.
    pub type_name: String,
    /// Where it is.
    pub address: RuntimeAddr,
    /// How many bytes it has: 1, 2, 4 or 8.
    pub size: u64,
    form: Form,
}

/// How its values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Bool,
    Signed,
    Unsigned,
    Float,
    Address,
    Bits,
}

/// How many bytes a debug register can watch.
const SIZES: [u64; 4] = [1, 2, 4, 8];

/// So many parts are offered in place of what is too large.
const OFFERED: usize = 6;

impl Variable {
    /// Finds what an expression names.
    ///
    /// # Errors
    /// It names nothing, or nothing that the processor can watch: then the error says which part it could.
    pub fn find(target: &Target<'_>, text: &str) -> Result<Self, Error> {
        let place = expression::place(target, None, text)?;
        let expression = place.expression;
        let At::Memory(address) = place.at else { return Err(Error::NoAddress { expression }) };
        let ty = target.program.ty(place.ty)?;
        let size = ty.size;
        if !SIZES.contains(&size) {
            let parts = parts(target, &expression, address, &ty);
            return Err(Error::NotWatchable { expression, type_name: ty.name, size, parts });
        }
        if !address.0.is_multiple_of(size) {
            let parts = parts(target, &expression, address, &ty);
            return Err(Error::Unaligned { expression, address: address.0, size, parts });
        }
        let form = form(target, &ty.kind, DEEPEST);
        Ok(Variable { expression, type_name: ty.name, address, size, form })
    }

    /// A value of it, as Go prints it; of what is made of several values, their bits.
    #[must_use]
    pub fn show(&self, value: u64) -> String {
        let unused = 64 - 8 * u32::try_from(self.size).unwrap_or(8).clamp(1, 8);
        let value = value << unused >> unused;
        match self.form {
            Form::Bool => match value {
                0 => "false".to_owned(),
                1 => "true".to_owned(),
                odd => format!("bool({odd:#x})"),
            },
            Form::Signed => ((value << unused).cast_signed() >> unused).to_string(),
            Form::Unsigned => value.to_string(),
            Form::Float if self.size == 4 => f32::from_bits(value as u32).to_string(),
            Form::Float => f64::from_bits(value).to_string(),
            Form::Address if value == 0 => "nil".to_owned(),
            Form::Address | Form::Bits => format!("{value:#x}"),
        }
    }

    /// A difference of two of its values: of what the processor added, the bits that the variable has.
    #[must_use]
    pub fn difference(&self, by: i64) -> i64 {
        let unused = 64 - 8 * u32::try_from(self.size).unwrap_or(8).clamp(1, 8);
        by << unused >> unused
    }

    /// Which of its bytes an access of so many bytes touches, a bit for each. What is one value counts as a whole. Of
    /// what may hold several, an access whose place is not known touches none for certain.
    pub(super) fn touched(&self, address: Option<u64>, size: u64) -> u8 {
        let whole = u8::MAX >> (8 - self.size.clamp(1, 8));
        if self.form != Form::Bits {
            return whole;
        }
        let Some(address) = address else { return 0 };
        let is_touched = |byte: &u64| self.address.0.wrapping_add(*byte).wrapping_sub(address) < size;
        (0..self.size.min(8)).filter(is_touched).fold(0, |bytes, byte| bytes | 1 << byte)
    }

    /// A value of it as a number, for a graph; `None` if it is none.
    #[must_use]
    pub fn number(&self, value: u64) -> Option<f64> {
        match self.form {
            Form::Bits => None,
            // An f64 has fewer digits, which a graph doesn't show.
            Form::Address => Some(value as f64),
            Form::Bool => Some(value as f64),
            Form::Signed | Form::Unsigned | Form::Float => self.show(value).parse().ok(),
        }
    }
}

/// Structs in structs that are looked into for the one value that they hold.
const DEEPEST: u32 = 4;

fn form(target: &Target<'_>, kind: &TypeKind, depth: u32) -> Form {
    match kind {
        TypeKind::Bool => Form::Bool,
        TypeKind::Int => Form::Signed,
        TypeKind::Uint => Form::Unsigned,
        TypeKind::Float => Form::Float,
        TypeKind::Pointer { .. }
        | TypeKind::Map { .. }
        | TypeKind::Chan { .. }
        | TypeKind::Func
        | TypeKind::UnsafePointer => Form::Address,
        // As atomic.Int64: beside its value it has only fields without size.
        TypeKind::Struct { fields } if depth > 0 => {
            let types = fields.iter().map(|field| target.program.ty(field.ty));
            let sized: Vec<Type> = types.filter_map(|ty| ty.ok().filter(|ty| ty.size > 0)).collect();
            match sized.as_slice() {
                [only] => form(target, &only.kind, depth - 1),
                _ => Form::Bits,
            }
        }
        _ => Form::Bits,
    }
}

/// What could be watched of something that can't: expressions.
fn parts(target: &Target<'_>, expression: &str, address: RuntimeAddr, ty: &Type) -> String {
    let can_be_watched = |field: &Field| {
        let size = target.program.ty(field.ty).map_or(0, |ty| ty.size);
        SIZES.contains(&size) && address.plus(field.offset).0.is_multiple_of(size)
    };
    let first_word = format!("(uintptr){address} (its first word)");
    let found: Vec<String> = match &ty.kind {
        TypeKind::Struct { fields } => {
            let named = || fields.iter().filter(|field| field.name != "_");
            let watchable: Vec<&Field> = named().filter(|field| can_be_watched(field)).collect();
            let offered = if watchable.is_empty() { named().collect() } else { watchable };
            offered.into_iter().take(OFFERED).map(|field| format!("{expression}.{}", field.name)).collect()
        }
        TypeKind::Array { len: 0, .. } => Vec::new(),
        TypeKind::Array { .. } => vec![format!("{expression}[0]")],
        TypeKind::Slice { .. } => vec![format!("{expression}[0]"), first_word],
        _ if ty.size >= 8 => vec![first_word],
        _ => Vec::new(),
    };
    if found.is_empty() { "another variable".to_owned() } else { found.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(size: u64, form: Form) -> Variable {
        let (expression, type_name) = ("main.x".to_owned(), "T".to_owned());
        Variable { expression, type_name, address: RuntimeAddr(0x1000), size, form }
    }

    #[test]
    fn an_access_may_touch_a_part_of_what_holds_several_values() {
        let two = variable(8, Form::Bits);
        for (address, size, bytes) in [
            (0x1000, 8, 0xff),
            (0x1000, 4, 0x0f),
            (0x1004, 4, 0xf0),
            (0x1007, 1, 0x80),
            (0xff8, 16, 0xff),
            (0xffc, 8, 0x0f),
            (0x1006, 4, 0xc0),
            (0x1000, 0, 0),
        ] {
            assert_eq!(two.touched(Some(address), size), bytes, "{size} bytes at {address:#x}");
        }
        assert_eq!(two.touched(None, 8), 0);
        assert_eq!(variable(8, Form::Signed).touched(Some(0x1000), 1), 0xff, "a part of a number is the number");
        assert_eq!(variable(4, Form::Signed).touched(None, 4), 0x0f);
    }

    #[test]
    fn values_are_written_as_in_go() {
        for (size, form, value, shown) in [
            (1, Form::Bool, 1, "true"),
            (1, Form::Bool, 0xff00, "false"),
            (1, Form::Bool, 2, "bool(0x2)"),
            (1, Form::Signed, 0xff, "-1"),
            (2, Form::Signed, 0x1_8000, "-32768"),
            (8, Form::Signed, u64::MAX, "-1"),
            (4, Form::Unsigned, u64::MAX, "4294967295"),
            (8, Form::Float, 1.5f64.to_bits(), "1.5"),
            (4, Form::Float, u64::from(0.25f32.to_bits()), "0.25"),
            (8, Form::Address, 0, "nil"),
            (8, Form::Address, 0xc000, "0xc000"),
            (4, Form::Bits, 0xc000, "0xc000"),
        ] {
            assert_eq!(variable(size, form).show(value), shown, "{form:?}");
        }
        assert_eq!(variable(1, Form::Signed).number(0xff), Some(-1.0));
        assert_eq!(variable(4, Form::Bits).number(7), None);
    }
}
