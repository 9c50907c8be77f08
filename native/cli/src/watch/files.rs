//! The files that a watch writes beside its lines: `-o`.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use report::WatchSummary;
use report::timeline::{Access, Overlap, Page, Timeline, Trace, Watched};

use crate::error::Error;
use crate::new_file::NewFile;

/// A file to write, and what.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    path: PathBuf,
    format: Format,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Trace,
    Page,
}

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => Format::Trace,
            Some("html") => Format::Page,
            _ => return Err("its ending says what to write: .html a page, .json a trace for Perfetto".to_owned()),
        };
        Ok(Wanted { path, format })
    }
}

/// The files of a watch. They appear under their names once they are complete, and not at all if it fails.
#[derive(Default)]
pub(crate) struct Files(Vec<File>);

struct File {
    new: NewFile,
    timeline: Box<dyn Timeline>,
}

impl Files {
    /// Begins the files.
    pub(crate) fn create(wanted: &[Wanted], watched: &Watched) -> Result<Self, Error> {
        wanted.iter().map(|wanted| File::create(wanted, watched)).collect::<Result<_, _>>().map(Files)
    }

    /// Whether there are any. They show stacks.
    pub(crate) fn are_wanted(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn access(&mut self, access: &Access<'_>) -> Result<(), Error> {
        self.each(|timeline| timeline.access(access))
    }

    pub(crate) fn overlap(&mut self, overlap: &Overlap<'_>) -> Result<(), Error> {
        self.each(|timeline| timeline.overlap(overlap))
    }

    pub(crate) fn loss(&mut self, lost: u64) -> Result<(), Error> {
        self.each(|timeline| timeline.loss(lost))
    }

    /// Completes the files, and gives them their names.
    pub(crate) fn finish(&mut self, summary: &WatchSummary) -> Result<(), Error> {
        self.each(|timeline| timeline.finish(summary))?;
        for File { new, .. } in self.0.drain(..) {
            let path = new.path().to_owned();
            new.finish().map_err(failed(&path))?;
        }
        Ok(())
    }

    fn each(&mut self, write: impl Fn(&mut dyn Timeline) -> io::Result<()>) -> Result<(), Error> {
        for File { new, timeline } in &mut self.0 {
            write(&mut **timeline).map_err(failed(new.path()))?;
        }
        Ok(())
    }
}

impl File {
    fn create(wanted: &Wanted, watched: &Watched) -> Result<Self, Error> {
        let Wanted { path, format } = wanted;
        // Like any other file.
        let new = NewFile::create(path, 0o666).map_err(failed(path))?;
        let out = BufWriter::new(new.file().try_clone().map_err(failed(path))?);
        let timeline: Box<dyn Timeline> = match format {
            Format::Page => Box::new(Page::new(out, watched.clone())),
            Format::Trace => Box::new(Trace::new(out, watched.clone()).map_err(failed(path))?),
        };
        Ok(File { new, timeline })
    }
}

/// What keeps a file from being written.
fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    |source| Error::File { path: path.to_owned(), source }
}
