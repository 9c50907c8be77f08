//! Names as people write them: the linker's escapes undone, and names that look alike.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Undoes the escapes that Go's linker puts into package paths, as in `example.com/y%2ev2.Var`
/// (objabi.PathToPrefix in Go's src/cmd/internal/objabi/path.go).
pub(crate) fn unescape(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.contains(&b'%') {
        return Cow::Borrowed(name);
    }
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                plain.push(high << 4 | low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                plain.push(first);
                rest = tail;
            }
        }
    }
    Cow::Owned(plain)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A name's hash, the same for an escaped name and a plain one.
pub(crate) fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    unescape(name).hash(&mut hasher);
    hasher.finish()
}

/// Splits `example.com/a.b/c.Var` after the last element of the package path: (`example.com/a.b/c`, `Var`).
/// A path whose last element has dots is split at its first; whoever knows the packages knows better.
pub(crate) fn split_package(name: &str) -> Option<(&str, &str)> {
    let element = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = element + name.get(element..)?.find('.')?;
    Some((name.get(..dot)?, name.get(dot + 1..)?))
}

/// How many single-character edits lead from one name to the other; letters' case does not count.
/// `None` if it takes more than `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut least = left;
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let change = usize::from(!x.eq_ignore_ascii_case(y));
            let value = (diagonal + change).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            least = least.min(value);
            left = value;
            *cell = value;
        }
        if let Some(first) = row.first_mut() {
            // The first cell's old value was the diagonal of the row's first column.
            *first = i + 1;
        }
        if least > limit {
            return None;
        }
    }
    row.last().copied().filter(|&edits| edits <= limit)
}

/// Collects the names that look most like the one asked for.
pub(crate) struct Near<'a> {
    wanted: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Near<'a> {
    pub(crate) fn new(wanted: &'a str) -> Near<'a> {
        Near { wanted, found: Vec::new() }
    }

    /// Compares `part` with the wanted name, and remembers `name` if they are alike.
    pub(crate) fn offer(&mut self, part: &str, name: &str) {
        let limit = ((self.wanted.len() + 1) / 3).clamp(1, 4);
        if let Some(edits) = distance(self.wanted, part, limit) {
            self.found.push((edits, name.to_owned()));
        }
    }

    /// The nearest names, at most three.
    pub(crate) fn names(mut self) -> Vec<String> {
        self.found.sort();
        self.found.dedup();
        self.found.truncate(3);
        self.found.into_iter().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linkers_escapes_are_undone() {
        assert_eq!(&*unescape(b"example.com/y%2ev2.Var"), b"example.com/y.v2.Var");
        assert_eq!(&*unescape(b"100%"), b"100%");
        assert_eq!(&*unescape(b"%zz%2"), b"%zz%2");
        assert_eq!(hash(b"y%2ev2"), hash(b"y.v2"));
    }

    #[test]
    fn a_name_is_split_after_its_package_path() {
        assert_eq!(split_package("main.srv"), Some(("main", "srv")));
        assert_eq!(split_package("example.com/a.b/c.Var"), Some(("example.com/a.b/c", "Var")));
        assert_eq!(split_package("shared"), None);
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(distance("shared", "shared", 2), Some(0));
        assert_eq!(distance("Shared", "shared", 2), Some(0));
        assert_eq!(distance("shard", "shared", 2), Some(1));
        assert_eq!(distance("sahred", "shared", 2), Some(2));
        assert_eq!(distance("kitten", "sitting", 3), Some(3));
        assert_eq!(distance("", "abc", 3), Some(3));
        assert_eq!(distance("abc", "xyz", 2), None);
    }

    #[test]
    fn the_nearest_names_come_first() {
        let mut near = Near::new("cahce");
        for name in ["number", "cache", "cahe"] {
            near.offer(name, &format!("main.{name}"));
        }
        assert_eq!(near.names(), ["main.cahe", "main.cache"]);
    }
}
