//! `maps`: all package variables that are maps.

use std::io::Write;

use gotarget::map;
use report::{MapLine, MapList, Report};

use crate::arguments::MapsArgs;
use crate::context::{Context, Error, Status};
use crate::variables::{self, Found};

impl MapsArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        let mut lines = Vec::new();
        for found in variables::maps(context, &self.pattern)? {
            if (context.interrupted)() {
                break;
            }
            lines.push(line(context, found));
        }
        if lines.is_empty() {
            return Err(Error::NoMaps { pattern: self.pattern.clone() });
        }
        let list = MapList::new(lines);
        if self.json {
            out.write_all(list.json_lines().map_err(std::io::Error::from)?.as_bytes())?;
        } else {
            out.write_all(list.text(&context.palette).as_bytes())?;
        }
        Ok(Status::found(list.with_findings > 0))
    }
}

fn line(context: &Context<'_>, found: Found) -> MapLine {
    let mut line = MapLine {
        name: found.as_nil.expression,
        type_name: found.as_nil.type_name,
        address: 0,
        len: 0,
        shape: "nil".to_owned(),
        writing: false,
        findings: 0,
        first_finding: None,
        error: None,
    };
    let facts = match found.value {
        Ok(value) if value.header.0 == 0 => return line,
        Ok(value) => {
            line.address = value.header.0;
            map::header_at(&context.target, value.header).map_err(Error::from)
        }
        Err(error) => Err(error),
    };
    match facts {
        Ok(facts) => {
            line.len = facts.header.len();
            line.shape = facts.header.shape().to_string();
            line.writing = facts.header.is_writing();
            line.findings = facts.findings.len() as u64;
            line.first_finding = facts.findings.first().map(Into::into);
        }
        Err(error) => line.error = Some(error.to_string()),
    }
    line
}
