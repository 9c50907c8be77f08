//! A file that appears under its name once it is complete.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::unistd::linkat;
use tempfile::NamedTempFile;

/// A file that is being written. Until [`finish`](NewFile::finish) there is none of its name, or the old one; and if
/// this program ends before, even by SIGKILL, nothing is left of it.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    file: Unfinished,
}

#[derive(Debug)]
enum Unfinished {
    /// It has no name: the kernel removes it with the last who has it open.
    Nameless(File),
    /// Where the file system can't do that. It is removed when this is dropped.
    Named(NamedTempFile),
}

impl NewFile {
    /// Begins a file with these permissions, less what the user's umask takes away.
    pub(crate) fn create(path: &Path, mode: u32) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let folder = folder(path);
        let nameless = OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).mode(mode).open(folder);
        let file = match nameless {
            Ok(file) => Unfinished::Nameless(file),
            Err(nameless) => {
                let named = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder);
                // What it says names a file that nobody has asked for.
                let failed =
                    |error: io::Error| if error.kind() == nameless.kind() { nameless } else { error.kind().into() };
                Unfinished::Named(named.map_err(failed)?)
            }
        };
        Ok(NewFile { path: path.to_owned(), file })
    }

    /// Where it will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What to write to.
    pub(crate) fn file(&self) -> &File {
        match &self.file {
            Unfinished::Nameless(file) => file,
            Unfinished::Named(file) => file.as_file(),
        }
    }

    /// Gives it its name, in the place of an old one.
    pub(crate) fn finish(self) -> io::Result<()> {
        let NewFile { path, file } = self;
        let named = match file {
            Unfinished::Named(file) => file.into_temp_path(),
            // A link does not replace a file; a file that has a name already does.
            Unfinished::Nameless(file) => {
                let ours = format!("/proc/self/fd/{}", file.as_raw_fd());
                let link =
                    |name: &Path| Ok(linkat(AT_FDCWD, ours.as_str(), AT_FDCWD, name, AtFlags::AT_SYMLINK_FOLLOW)?);
                tempfile::Builder::new().make_in(folder(&path), link)?.into_temp_path()
            }
        };
        named.persist(&path).map_err(|error| error.error)
    }
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_appears_when_it_is_finished_and_replaces_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        for content in ["one", "two"] {
            let new = NewFile::create(&path, 0o600).unwrap();
            new.file().write_all(content.as_bytes()).unwrap();
            assert_ne!(fs::read_to_string(&path).unwrap_or_default(), content);
            new.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(names(folder.path()), ["new"]);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn of_a_file_that_is_not_finished_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let new = NewFile::create(&folder.path().join("new"), 0o666).unwrap();
        new.file().write_all(b"half").unwrap();
        drop(new);
        assert!(names(folder.path()).is_empty());
        let error = NewFile::create(&folder.path().join("no/new"), 0o666).unwrap_err().to_string();
        assert!(!error.contains(".tmp"), "{error}");
        assert!(NewFile::create(folder.path(), 0o666).is_err());
    }

    #[test]
    fn a_file_system_without_nameless_files_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let named = tempfile::Builder::new().tempfile_in(folder.path()).unwrap();
        NewFile { path: path.clone(), file: Unfinished::Named(named) }.finish().unwrap();
        assert_eq!(names(folder.path()), ["new"]);
    }
}
