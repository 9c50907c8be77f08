//! Package variables and constants, from DWARF.

use crate::entry::Entry;
use crate::names::{self, Near};
use crate::types::{GO_KIND, KIND_MAP, TypeRef, plain, target};
use crate::units::{Kind, Reader, TYPES, Unit};
use crate::{Error, LinkAddr, Program};

/// A package variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name with the full package path: `example.com/a.b/c.Var`.
    pub name: String,
    /// Where it lies.
    pub addr: LinkAddr,
    /// Its type.
    pub ty: TypeRef,
}

/// The operation that puts an address on the stack of a DWARF expression: all that Go writes for a package variable.
const DW_OP_ADDR: u8 = gimli::DW_OP_addr.0;

impl Program {
    /// The package variable with this name: `main.shared`, `example.com/a.b/c.Var`.
    ///
    /// # Errors
    /// [`Error::UnknownVariable`] with similar names; [`Error::NoDwarf`].
    pub fn variable(&self, name: &str) -> Result<Variable, Error> {
        let reader = self.dwarf()?;
        let wanted = plain(name.as_bytes());
        for unit in reader.units().iter().filter(|unit| holds(unit, &wanted)) {
            if let Some(found) = reader.find(unit, Kind::Variable, &[&wanted], variable_of)? {
                return Ok(found);
            }
        }
        Err(Error::UnknownVariable { near: near_variables(&reader, &wanted)?, name: wanted })
    }

    /// The package variables whose type is a map and whose name starts with `prefix`, for completion:
    /// those of package main first, then of the main module, of other modules, and of Go itself.
    ///
    /// # Errors
    /// [`Error::NoDwarf`].
    pub fn map_variables(&self, prefix: &str) -> Result<Vec<Variable>, Error> {
        self.variables_that(prefix, is_map)
    }

    /// The package variables whose name starts with `prefix`, in the order of [`Program::map_variables`].
    ///
    /// # Errors
    /// [`Error::NoDwarf`].
    pub fn variables(&self, prefix: &str) -> Result<Vec<Variable>, Error> {
        self.variables_that(prefix, |_, _| Ok(true))
    }

    /// The paths of the packages that the program is made of.
    ///
    /// # Errors
    /// [`Error::NoDwarf`].
    pub fn packages(&self) -> Result<Vec<String>, Error> {
        Ok(self.dwarf()?.units().iter().map(|unit| unit.package.clone()).collect())
    }

    fn variables_that(
        &self,
        prefix: &str,
        is_wanted: impl Fn(&Reader<'_>, TypeRef) -> Result<bool, Error>,
    ) -> Result<Vec<Variable>, Error> {
        let reader = self.dwarf()?;
        let module = self.build_info().module.as_str();
        let mut found = Vec::new();
        for unit in reader.units().iter() {
            if !(holds(unit, prefix) || unit.package.starts_with(prefix)) {
                continue;
            }
            let mut offsets = Vec::new();
            reader.each_name(unit, Kind::Variable, |name, offset| {
                if names::unescape(name).starts_with(prefix.as_bytes()) {
                    offsets.push(offset);
                }
            })?;
            for offset in offsets {
                if let Some(variable) = variable_of(reader.entry(offset)?)?
                    && is_wanted(&reader, variable.ty)?
                {
                    found.push((closeness(&unit.package, module), variable));
                }
            }
        }
        found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        Ok(found.into_iter().map(|(_, variable)| variable).collect())
    }

    /// The value of a constant: `runtime.hashWriting`.
    ///
    /// # Errors
    /// [`Error::UnknownConstant`]; [`Error::NoDwarf`].
    pub fn constant(&self, name: &str) -> Result<i64, Error> {
        let reader = self.dwarf()?;
        let wanted = plain(name.as_bytes());
        let value = |entry: Entry| Ok(entry.signed(gimli::DW_AT_const_value));
        for unit in reader.units().iter().filter(|unit| holds(unit, &wanted)) {
            if let Some(found) = reader.find(unit, Kind::Constant, &[&wanted], value)? {
                return Ok(found);
            }
        }
        Err(Error::UnknownConstant { name: wanted })
    }

    /// The constants of package runtime whose name starts with `prefix`, with the rest of their names.
    pub(crate) fn runtime_constants(&self, prefix: &str) -> Result<Vec<(String, i64)>, Error> {
        let reader = self.dwarf()?;
        let prefix = format!("runtime.{prefix}");
        let mut found = Vec::new();
        for unit in reader.units().of_package(TYPES) {
            let mut named = Vec::new();
            reader.each_name(unit, Kind::Constant, |name, offset| {
                if name.starts_with(prefix.as_bytes()) {
                    named.push(offset);
                }
            })?;
            for offset in named {
                let entry = reader.entry(offset)?;
                let rest = entry.name().and_then(|name| name.strip_prefix(prefix.as_bytes()));
                if let (Some(rest), Some(value)) = (rest, entry.signed(gimli::DW_AT_const_value)) {
                    found.push((String::from_utf8_lossy(rest).into_owned(), value));
                }
            }
        }
        Ok(found)
    }
}

/// Whether `name` is a name in the package of `unit`.
fn holds(unit: &Unit, name: &str) -> bool {
    name.strip_prefix(&unit.package).is_some_and(|rest| rest.starts_with('.'))
}

/// The variable that an entry declares; `None` if it has no fixed address.
fn variable_of(entry: Entry) -> Result<Option<Variable>, Error> {
    let Some((&DW_OP_ADDR, address)) = entry.block(gimli::DW_AT_location).and_then(|block| block.split_first()) else {
        return Ok(None);
    };
    let Some(address) = address.first_chunk().copied().map(u64::from_le_bytes) else {
        return Ok(None);
    };
    Ok(Some(Variable {
        name: entry.name().map(plain).unwrap_or_default(),
        addr: LinkAddr(address),
        ty: TypeRef(target(&entry, gimli::DW_AT_type)?),
    }))
}

fn is_map(reader: &Reader<'_>, ty: TypeRef) -> Result<bool, Error> {
    Ok(reader.entry(ty.0)?.number(GO_KIND) == Some(KIND_MAP))
}

/// How near a package is to the user's own code: 0 is nearest.
fn closeness(package: &str, module: &str) -> u8 {
    let in_module = package.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let first = package.split('/').next().unwrap_or(package);
    match package {
        "main" => 0,
        _ if in_module && !module.is_empty() => 1,
        // Import paths without a dot in their first element are reserved for Go's own packages.
        _ if first.contains('.') => 2,
        _ => 3,
    }
}

/// Variables with a name like `wanted`, in packages with a name like its package's.
fn near_variables(reader: &Reader<'_>, wanted: &str) -> Result<Vec<String>, Error> {
    let (package, variable) = names::split_package(wanted).unwrap_or(("main", wanted));
    let element = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let last = element(package);
    let mut near = Near::new(variable);
    for unit in reader.units().iter() {
        let unit_last = element(&unit.package);
        let mut alike = Near::new(&last);
        alike.offer(&unit_last, &unit.package);
        if alike.names().is_empty() && !holds(unit, wanted) {
            continue;
        }
        reader.each_name(unit, Kind::Variable, |name, _| {
            let name = plain(name);
            let part = name.strip_prefix(&unit.package).unwrap_or(&name);
            near.offer(part.trim_start_matches('.'), &name);
        })?;
    }
    Ok(near.names())
}

#[cfg(test)]
mod tests {
    use super::closeness;

    #[test]
    fn the_users_own_packages_are_nearest() {
        let module = "example.com/app";
        assert_eq!(closeness("main", module), 0);
        assert_eq!(closeness("example.com/app/store", module), 1);
        assert_eq!(closeness("example.com/application", module), 2);
        assert_eq!(closeness("golang.org/x/text", module), 2);
        assert_eq!(closeness("net/http", module), 3);
        assert_eq!(closeness("net/http", ""), 3);
    }
}
