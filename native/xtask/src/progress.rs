//! How far a download is that doesn't say so itself: by the size of the folder it goes to.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often to look.
const TICK: Duration = Duration::from_millis(250);

/// Shows how a folder has grown, on a terminal, until it is dropped.
pub(crate) struct Growth(Option<(Sender<()>, JoinHandle<()>)>);

impl Growth {
    pub(crate) fn of(folder: PathBuf) -> Self {
        Growth(stderr().is_terminal().then(|| {
            let (sender, done) = mpsc::channel();
            let shown = thread::spawn(move || {
                let before = size(&folder);
                while done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    eprint!("\r  {} MB ", size(&folder).saturating_sub(before) / 1_000_000);
                }
                eprintln!();
            });
            (sender, shown)
        }))
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        if let Some((sender, shown)) = self.0.take() {
            drop(sender);
            // It only prints; there is nothing to do if that failed.
            let _ = shown.join();
        }
    }
}

/// The bytes in a folder; what can't be read, or has just gone, counts nothing.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_folder_includes_those_in_it_and_a_missing_one_has_none() {
        let folder = std::env::temp_dir().join(format!("redhanded-size-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        fs::write(folder.join("a"), "12345").unwrap();
        fs::write(folder.join("inner/b"), "123").unwrap();
        assert_eq!(size(&folder), 8);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(size(&folder), 0);
    }
}
