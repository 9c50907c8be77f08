//! `--then core`: what the process was in the moment in which it was caught.

use std::path::{Path, PathBuf};

use gotarget::{WrittenCore, write_core};

use super::session::Session;
use super::{StakeoutArgs, Then};
use crate::error::Error;
use crate::new_file::NewFile;
use crate::progress::Progress;
use crate::say;

/// Says beforehand what would keep a core from being written: the moment does not come again.
pub(crate) fn check(args: &StakeoutArgs) -> Result<(), Error> {
    match (&args.core_file, args.then) {
        (Some(_), Then::Die | Then::Hold) => Err(Error::CoreFileAlone),
        (None, Then::Die | Then::Hold) => Ok(()),
        (file, Then::Core) => {
            let file = file.as_deref().unwrap_or(Path::new("core"));
            NewFile::create(file, MODE).map(drop).map_err(|source| Error::File { path: file.to_owned(), source })
        }
    }
}

/// Only its owner may read it: it has all of the process's secrets.
const MODE: u32 = 0o600;

impl Session<'_> {
    /// Writes the core of the process, whose threads stand. A debugger shows first who is about to end it.
    pub(crate) fn write_core(&self, dying: i32) {
        let pid = self.tracer.pid();
        let path = self.args.core_file.clone().unwrap_or_else(|| PathBuf::from(format!("core.{pid}")));
        let mut threads: Vec<i32> = self.tracer.standing().collect();
        threads.sort_by_key(|tid| *tid != dying);
        let missing = self.tracer.threads().count().saturating_sub(threads.len());
        let progress = Progress::of_bytes();
        let go_on = |done, of| {
            progress.show(done, of);
            !self.wants_end()
        };
        let failed = |source| Error::File { path: path.clone(), source };
        let written = NewFile::create(&path, MODE).map_err(failed).and_then(|new| {
            let written = write_core(pid, &threads, new.file(), &go_on)?;
            new.finish().map_err(failed).map(|()| written)
        });
        progress.clear();
        match written {
            Ok(written) => {
                say(&format!("wrote the core of process {pid} to {}", path.display()));
                lacks(written, missing);
            }
            Err(error) => say(&error),
        }
    }
}

/// Says what a core lacks.
fn lacks(written: WrittenCore, threads: usize) {
    if let Some(first) = written.first_unreadable {
        say(&format!("the core has zeros for {} bytes that cannot be read, from {first:#x} on", written.unreadable));
    }
    if threads > 0 {
        say(&format!("the core lacks the registers of {threads} threads, which wait inside the kernel"));
    }
}
