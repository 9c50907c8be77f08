//! The files that a watch writes beside its lines: `-o`.

use std::fs::Permissions;
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use report::WatchSummary;
use report::timeline::{Access, Overlap, Page, Timeline, Trace, Watched};
use tempfile::NamedTempFile;

use crate::error::Error;

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
    path: PathBuf,
    /// Removed when this is dropped, unless it is given its name before.
    temporary: NamedTempFile,
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
        for File { path, temporary, .. } in self.0.drain(..) {
            temporary.persist(&path).map_err(|error| Error::File { path, source: error.error })?;
        }
        Ok(())
    }

    fn each(&mut self, write: impl Fn(&mut dyn Timeline) -> io::Result<()>) -> Result<(), Error> {
        for File { path, timeline, .. } in &mut self.0 {
            write(&mut **timeline).map_err(|source| Error::File { path: path.clone(), source })?;
        }
        Ok(())
    }
}

impl File {
    fn create(wanted: &Wanted, watched: &Watched) -> Result<Self, Error> {
        let Wanted { path, format } = wanted;
        let failed = |source| Error::File { path: path.clone(), source };
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Like any new file; the user's umask takes away from it.
        let permissions = Permissions::from_mode(0o666);
        let temporary = tempfile::Builder::new().permissions(permissions).tempfile_in(folder).map_err(failed)?;
        let out = BufWriter::new(temporary.as_file().try_clone().map_err(failed)?);
        let timeline: Box<dyn Timeline> = match format {
            Format::Page => Box::new(Page::new(out, watched.clone())),
            Format::Trace => Box::new(Trace::new(out, watched.clone()).map_err(failed)?),
        };
        Ok(File { path: path.clone(), temporary, timeline })
    }
}
