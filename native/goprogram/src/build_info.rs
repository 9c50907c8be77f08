//! What `go build` wrote down about the program: `runtime/debug.BuildInfo`.

use std::fmt;

/// A Go release, as in `go1.27.3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoVersion {
    /// Always 1 so far.
    pub major: u32,
    /// 27 in `go1.27.3`.
    pub minor: u32,
    /// 3 in `go1.27.3`; 0 where there is none, as in `go1.27rc1`.
    pub patch: u32,
    /// The text as Go gives it, with experiments (`go1.25.5 X:noswissmap`).
    pub text: String,
}

impl fmt::Display for GoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl GoVersion {
    /// Reads `go1.27.3`, `go1.27rc1`, `devel go1.28-3f0c2a1 …`; an unknown form is 0.0.0 with its text.
    pub(crate) fn parse(text: &str) -> GoVersion {
        let numbers = text.split_whitespace().find_map(|word| word.strip_prefix("go")).unwrap_or_default();
        let mut parts = numbers.split('.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).and_then(|end| part.get(..end)).unwrap_or(part);
            digits.parse().unwrap_or(0)
        });
        let mut next = || parts.next().unwrap_or(0);
        GoVersion { major: next(), minor: next(), patch: next(), text: text.to_owned() }
    }

    /// Whether this is `major.minor` or newer.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

/// What `go version -m` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    /// The Go version, as in `go1.27.3`.
    pub version: String,
    /// The path of the main package, as in `example.com/cmd/server`; empty if not recorded.
    pub path: String,
    /// The path of the main module, as in `example.com`; empty if not recorded.
    pub module: String,
    /// Build settings, as in (`-ldflags`, `-w`), (`CGO_ENABLED`, `0`).
    pub settings: Vec<(String, String)>,
}

/// The start of the build information (Go's src/debug/buildinfo/buildinfo.go).
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Where the strings begin, after the magic, the pointer size and the flags.
const HEADER: usize = 32;
/// Set in the flags byte since Go 1.18: the strings follow inline.
const INLINE_STRINGS: u8 = 2;
/// The module information has a frame of this many bytes before and after it.
const FRAME: usize = 16;

impl BuildInfo {
    /// Finds the build information in `data`, where Go aligns it to 16 bytes. `None` if it is not there.
    pub(crate) fn find(data: &[u8]) -> Option<BuildInfo> {
        data.chunks(16)
            .position(|chunk| chunk.starts_with(MAGIC))
            .and_then(|chunk| data.get(chunk * 16..))
            .and_then(BuildInfo::parse)
    }

    fn parse(data: &[u8]) -> Option<BuildInfo> {
        if data.get(MAGIC.len() + 1)? & INLINE_STRINGS == 0 {
            return None;
        }
        let (version, rest) = string(data.get(HEADER..)?)?;
        let mut info = BuildInfo {
            version: std::str::from_utf8(version).ok()?.to_owned(),
            path: String::new(),
            module: String::new(),
            settings: Vec::new(),
        };
        // Without module information the version is all there is.
        let text = string(rest)
            .and_then(|(framed, _)| framed.get(FRAME..framed.len().checked_sub(FRAME)?))
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        for line in text.lines() {
            let mut words = line.splitn(2, '\t');
            match (words.next(), words.next()) {
                (Some("path"), Some(path)) => info.path = path.to_owned(),
                (Some("mod"), Some(module)) => {
                    info.module = module.split('\t').next().unwrap_or(module).to_owned();
                }
                (Some("build"), Some(setting)) => {
                    let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
                    info.settings.push((key.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        Some(info)
    }
}

/// A string with its length before it, as an unsigned LEB128, and what follows it.
fn string(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0usize;
    for (index, &byte) in data.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return data.get(index + 1..)?.split_at_checked(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(version: &str, module: &str) -> Vec<u8> {
        let mut data = vec![0; 48]; // the header is not at the start
        data.extend(MAGIC);
        data.extend([8, 2]);
        data.resize(48 + HEADER, 0);
        data.push(u8::try_from(version.len()).unwrap());
        data.extend(version.bytes());
        let framed = [b"0123456789abcdef", module.as_bytes(), b"fedcba9876543210"].concat();
        data.push(u8::try_from(framed.len() & 0x7f).unwrap() | 0x80);
        data.push(u8::try_from(framed.len() >> 7).unwrap());
        data.extend(framed);
        data
    }

    #[test]
    fn build_information_is_found_and_read() {
        let info = BuildInfo::find(&blob(
            "go1.27.3",
            "path\texample.com/cmd\nmod\texample.com\t(devel)\t\nbuild\t-ldflags=\"-X a=b\"\nbuild\tCGO_ENABLED=0\n",
        ))
        .unwrap();
        assert_eq!(info.version, "go1.27.3");
        assert_eq!(info.path, "example.com/cmd");
        assert_eq!(info.module, "example.com");
        assert_eq!(
            info.settings,
            [("-ldflags".to_owned(), "\"-X a=b\"".to_owned()), ("CGO_ENABLED".to_owned(), "0".to_owned())]
        );
    }

    #[test]
    fn every_truncation_is_harmless() {
        let whole = blob("go1.27.3", "path\texample.com/cmd\n");
        for length in 0..whole.len() {
            let _ = BuildInfo::find(&whole[..length]);
        }
        assert_eq!(BuildInfo::find(b"nothing"), None);
    }

    #[test]
    fn versions_of_all_forms_are_read() {
        let of = |text| {
            let version = GoVersion::parse(text);
            (version.major, version.minor, version.patch)
        };
        assert_eq!(of("go1.27.3"), (1, 27, 3));
        assert_eq!(of("go1.21"), (1, 21, 0));
        assert_eq!(of("go1.27rc1"), (1, 27, 0));
        assert_eq!(of("go1.25.5 X:noswissmap"), (1, 25, 5));
        assert_eq!(of("devel go1.28-3f0c2a1 Mon Nov 2"), (1, 28, 0));
        assert_eq!(of("unknown"), (0, 0, 0));
        assert!(GoVersion::parse("go1.24.1").at_least(1, 24));
        assert!(!GoVersion::parse("go1.23.4").at_least(1, 24));
    }
}
