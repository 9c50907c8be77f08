//! Where an answer is written to.

use std::io::{self, IsTerminal, Seek, SeekFrom, Stdout, Write};

use tempfile::SpooledTempFile;

use crate::progress::Progress;

/// An answer longer than this is kept in a file while a process stands still for it.
const IN_MEMORY: usize = 16 << 20;

/// Stdout, without a progress bar in it.
pub(crate) struct Output<'a> {
    progress: &'a Progress,
    /// Whether lines and bar may get in each other's way.
    is_terminal: bool,
    to: To,
}

enum To {
    Stdout(Stdout),
    Kept(Box<SpooledTempFile>),
}

impl<'a> Output<'a> {
    /// Writes at once, or with `keep` only at the end: whoever reads the output may be slow (`| less`), and no
    /// process should stand still for that.
    pub(crate) fn new(progress: &'a Progress, keep: bool) -> Self {
        let to = if keep { To::Kept(Box::new(SpooledTempFile::new(IN_MEMORY))) } else { To::Stdout(io::stdout()) };
        Output { progress, is_terminal: io::stdout().is_terminal(), to }
    }

    /// Writes what was kept.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.progress.clear();
        if let To::Kept(kept) = &mut self.to {
            kept.seek(SeekFrom::Start(0))?;
            io::copy(kept, &mut io::stdout())?;
        }
        io::stdout().flush()
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Stdout(stdout) => {
                if self.is_terminal {
                    self.progress.clear();
                }
                stdout.write(bytes)
            }
            To::Kept(kept) => kept.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.flush(),
            To::Kept(_) => Ok(()),
        }
    }
}
