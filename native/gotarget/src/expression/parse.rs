//! The grammar of expressions: `*main.srv.users["alice"].roles[0]`, `(*main.Server)0xc000012180.cache`.

use crate::error::Error;

/// An expression: `*` so many times, what it begins with, and what follows that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ast {
    pub(super) stars: usize,
    pub(super) first: First,
    pub(super) steps: Vec<Step>,
}

/// What an expression begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// A local or a package variable, and perhaps fields of it: only the program knows where its name ends,
    /// since a package's path may hold dots.
    Name(String),
    /// A type, and the address as it was written.
    Typed { type_name: String, number: String, addr: u64 },
    /// An expression in parentheses.
    Inner(Box<Ast>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    /// What stands between the brackets.
    Index(String),
    /// What stands between the parentheses of `.(T)`.
    Assert(String),
}

/// Parentheses and stars in each other, at most.
const DEEPEST: usize = 64;

/// Reads an expression.
///
/// # Errors
/// [`Error::Syntax`].
pub(super) fn parse(text: &str) -> Result<Ast, Error> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let ast = parser.expression()?;
    parser.skip_spaces();
    match parser.peek() {
        None => Ok(ast),
        Some(_) => Err(parser.wrong("what follows is no part of an expression (there are no operators)")),
    }
}

struct Parser<'t> {
    text: &'t str,
    /// Bytes read.
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_it = self.peek() == Some(wanted);
        if is_it {
            self.at += wanted.len_utf8();
        }
        is_it
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn wrong(&self, why: &'static str) -> Error {
        self.wrong_at(self.at, why)
    }

    fn wrong_at(&self, at: usize, why: &'static str) -> Error {
        let column = self.text.get(..at).unwrap_or(self.text).chars().count() + 1;
        Error::Syntax { expression: self.text.to_owned(), column, why }
    }

    fn expression(&mut self) -> Result<Ast, Error> {
        self.skip_spaces();
        let mut stars = 0;
        while self.eat('*') {
            stars += 1;
            self.skip_spaces();
        }
        self.depth += 1;
        if self.depth > DEEPEST || stars > DEEPEST {
            return Err(self.wrong("it is nested too deeply"));
        }
        let first = self.first()?;
        let mut steps = Vec::new();
        while let Some(step) = self.step()? {
            steps.push(step);
        }
        self.depth -= 1;
        Ok(Ast { stars, first, steps })
    }

    fn first(&mut self) -> Result<First, Error> {
        match self.peek() {
            None => Err(self.wrong("a name is missing here")),
            Some('(') => self.parenthesis(),
            // gdb's way to write a name that it must not take apart.
            Some(quote @ '\'') => {
                self.at += quote.len_utf8();
                let name = self.run(|c| c != quote);
                if !self.eat(quote) {
                    return Err(self.wrong("the quote is never closed"));
                }
                Ok(First::Name(name.trim().to_owned()))
            }
            Some(_) => {
                let mut name = self.run(is_in_name);
                // The dot of a type assertion is none of the name's.
                if self.peek() == Some('(')
                    && let Some(shorter) = name.strip_suffix('.')
                {
                    name = shorter;
                    self.at -= 1;
                }
                if name.is_empty() {
                    return Err(self.wrong("a name is missing here"));
                }
                Ok(First::Name(name.to_owned()))
            }
        }
    }

    /// `(map[int]string)0xc000012180`, or an expression in parentheses.
    fn parenthesis(&mut self) -> Result<First, Error> {
        let opened = self.at;
        let inside = self.enclosed()?;
        let closed = self.at;
        self.skip_spaces();
        if self.peek().is_some_and(|c| c.is_ascii_digit()) {
            let from = self.at;
            let number = self.run(|c| c.is_ascii_alphanumeric() || c == '_');
            let why = "after the type comes an address such as 0xc000012180";
            let addr = number_of(number).and_then(|addr| u64::try_from(addr).ok());
            let addr = addr.ok_or_else(|| self.wrong_at(from, why))?;
            return Ok(First::Typed { type_name: inside.trim().to_owned(), number: number.to_owned(), addr });
        }
        self.at = opened + 1;
        let inner = self.expression()?;
        self.skip_spaces();
        if self.at + 1 != closed {
            return Err(self.wrong("after a type in parentheses comes an address; there are no operators"));
        }
        self.at = closed;
        Ok(First::Inner(Box::new(inner)))
    }

    fn step(&mut self) -> Result<Option<Step>, Error> {
        Ok(match self.peek() {
            Some('[') => Some(Step::Index(self.enclosed()?.trim().to_owned())),
            Some('.') => {
                self.at += 1;
                if self.peek() == Some('(') {
                    return Ok(Some(Step::Assert(self.enclosed()?.trim().to_owned())));
                }
                let name = self.run(|c| is_in_name(c) && c != '.' && c != '/');
                if name.is_empty() {
                    return Err(self.wrong("a field's name is missing here"));
                }
                Some(Step::Field(name.to_owned()))
            }
            _ => None,
        })
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// What stands between the bracket that comes next and the one that closes it.
    fn enclosed(&mut self) -> Result<&'t str, Error> {
        let opened = self.at;
        let mut open = Vec::new();
        let mut characters = self.rest().char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                ')' | ']' | '}' => {
                    if open.pop() != Some(character) {
                        return Err(self.wrong_at(opened + offset, "this bracket closes none"));
                    }
                    if open.is_empty() {
                        self.at = opened + offset + 1;
                        return Ok(self.text.get(opened + 1..opened + offset).unwrap_or_default());
                    }
                }
                '"' | '\'' | '`' => {
                    let mut is_escaped = false;
                    let closes = |(_, c): (usize, char)| {
                        let closes = c == character && !is_escaped;
                        is_escaped = c == '\\' && !is_escaped && character != '`';
                        closes
                    };
                    if !characters.any(closes) {
                        return Err(self.wrong_at(opened + offset, "this quote is never closed"));
                    }
                }
                _ => {}
            }
        }
        Err(self.wrong_at(opened, "this bracket is never closed"))
    }
}

/// Whether a character may be part of a package's path, a variable's or a field's name (`~r0`, `&x`, and paths
/// such as `example.com/a-b/c.d`).
fn is_in_name(c: char) -> bool {
    !c.is_whitespace() && !"()[]{}*\"'`,;:<>=!|^?".contains(c)
}

/// A number as Go writes it, negative or not: decimal, or after `0x`, `0o`, `0b`.
pub(super) fn number_of(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let digits = digits.replace('_', "").to_ascii_lowercase();
    let in_base = |prefix, base| digits.strip_prefix(prefix).map(|digits| u64::from_str_radix(digits, base).ok());
    let number = in_base("0x", 16)
        .or_else(|| in_base("0o", 8))
        .or_else(|| in_base("0b", 2))
        .unwrap_or_else(|| digits.parse().ok());
    number.map(|number| sign * i128::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> First {
        First::Name(text.to_owned())
    }

    fn field(text: &str) -> Step {
        Step::Field(text.to_owned())
    }

    fn index(text: &str) -> Step {
        Step::Index(text.to_owned())
    }

    #[test]
    fn a_name_and_what_follows_it() {
        let ast = parse(r#" *main.srv.users["a]\"b"].roles[ 0 ].(*io/fs.PathError).Err "#).unwrap();
        assert_eq!(ast.stars, 1);
        assert_eq!(ast.first, name("main.srv.users"));
        let assert = Step::Assert("*io/fs.PathError".to_owned());
        assert_eq!(ast.steps, [index(r#""a]\"b""#), field("roles"), index("0"), assert, field("Err")]);
        assert_eq!(parse("main.err.(T)").unwrap().first, name("main.err"));
        assert_eq!(parse("'example.com/a.b-c/d.V'.x").unwrap().first, name("example.com/a.b-c/d.V"));
    }

    #[test]
    fn a_type_with_an_address_and_parentheses() {
        let ast = parse("(map[int]func(int)) 0xc0.x").unwrap();
        let type_name = "map[int]func(int)".to_owned();
        assert_eq!(ast.first, First::Typed { type_name, number: "0xc0".to_owned(), addr: 0xc0 });
        assert_eq!(ast.steps, [field("x")]);
        let ast = parse("(*main.p).x").unwrap();
        let First::Inner(inner) = &ast.first else { panic!("{ast:?}") };
        assert_eq!((inner.stars, &inner.first), (1, &name("main.p")));
        assert_eq!(parse("((main.x))").unwrap().steps, []);
    }

    #[test]
    fn a_mistake_is_shown_by_its_column() {
        for (text, at) in [
            ("", 1),
            ("main.small + 1", 12),
            ("main.a[", 7),
            ("main.a[(]", 9),
            ("main.a['x]", 8),
            ("main.a]", 7),
            ("main.a[0].", 11),
            ("(map[int]int)", 10),
            ("(main.x", 1),
            ("(int)0xzz", 6),
            ("'main.x", 8),
            ("()", 2),
        ] {
            let Err(Error::Syntax { column, .. }) = parse(text) else { panic!("{text}") };
            assert_eq!(column, at, "{text}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&format!("{}x{}", "(".repeat(1000), ")".repeat(1000))).is_err());
        assert!(parse(&"*".repeat(1000)).is_err());
    }

    #[test]
    fn numbers_are_written_as_in_go() {
        assert_eq!(number_of("0xc000012180"), Some(0xc0_0001_2180));
        assert_eq!(number_of("-1_000"), Some(-1000));
        assert_eq!(number_of("0b11"), Some(3));
        assert_eq!(number_of("c000"), None);
        assert_eq!(number_of("0x"), None);
        assert_eq!(number_of("99999999999999999999"), None);
    }
}
