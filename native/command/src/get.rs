//! `get`: one key, by its hash.

use std::io::Write;

use gomap::Header;
use gotarget::literal::Key;
use gotarget::map;
use gotarget::{MapSource, RuntimeAddr, Values, expression, lookup};
use report::value::Rendered;
use report::{FindingLine, LookupReport};

use crate::arguments::GetArgs;
use crate::context::{Context, Error, Status};

impl GetArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        let target = &context.target;
        let map = map::open(target, &expression::map(target, context.frame.as_ref(), &self.expression)?)?;
        let key = Key::parse(target, map.key, &self.key)?;
        let len = match map.value.header.0 {
            0 => 0,
            _ => Header::read(&map.view(), &MapSource(target.memory)).map_err(gotarget::Error::from)?.len(),
        };
        let mark = context.mark(map.value.header);
        let found = lookup::get(target, &map, &key)?;
        let values = Values::new(*target, self.limits.over(context.limits));
        let rendered = |ty, bytes: &[u8], addr| Rendered::new(&values.decode(ty, bytes, Some(RuntimeAddr(addr))));
        let key = found.entry.as_ref().map(|entry| rendered(map.key, &entry.key, entry.key_addr));
        let elem = found.entry.as_ref().map(|entry| rendered(map.elem, &entry.elem, entry.elem_addr));
        let written_meanwhile = context.has_changed(map.value.header, &mark);
        let report = LookupReport {
            map: context.subject(&map.value),
            len,
            found: elem.is_some(),
            key: key.unwrap_or_else(|| Rendered::written(&self.key)),
            elem,
            by_hash: found.scanned.is_none(),
            why_scanned: found.scanned,
            bytes_read: found.bytes_read,
            findings: FindingLine::all(&found.findings, written_meanwhile),
            written_meanwhile,
        };
        context.show(&report, self.json, out)?;
        Ok(Status::found(!report.found || report.written_meanwhile || !report.findings.is_empty()))
    }
}
