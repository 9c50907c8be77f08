//! The package variables that are maps.

use gotarget::RuntimeAddr;
use gotarget::expression::MapValue;

use crate::context::{Context, Error};

/// A package variable that is a map.
pub(crate) struct Found {
    /// The map as if it were nil, for where its variable cannot be read.
    pub(crate) as_nil: MapValue,
    /// The map.
    pub(crate) value: Result<MapValue, Error>,
}

/// The package variables that are maps and whose names contain `pattern`, the program's own first.
pub(crate) fn maps(context: &Context<'_>, pattern: &str) -> Result<Vec<Found>, Error> {
    let target = &context.target;
    let variables = target.program.map_variables("")?;
    let found = variables.into_iter().filter(|variable| variable.name.contains(pattern)).map(|variable| {
        let type_name = target.program.ty(variable.ty).map_or_else(|_| "map".to_owned(), |ty| ty.name);
        let as_nil = MapValue { expression: variable.name, type_name, ty: variable.ty, header: RuntimeAddr(0) };
        let header = target.pointer(target.bias.to_runtime(variable.addr));
        let value = header.map(|header| MapValue { header, ..as_nil.clone() }).map_err(Error::from);
        Found { as_nil, value }
    });
    Ok(found.collect())
}
