//! What is looked at: processes with large maps, and one with a large executable.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run::{Line, Tended};
use crate::{go, ground, run};

/// How long a program may take to make its map.
const READY: Duration = Duration::from_secs(120);

/// How long `go` may take to fetch modules.
const DOWNLOAD: Duration = Duration::from_secs(600);

/// A large program that many people run, with what it is made of.
const MODULE: &str = "github.com/prometheus/prometheus@v0.55.1";
const PACKAGES: [&str; 8] = [
    "github.com/prometheus/prometheus/discovery/install",
    "github.com/prometheus/prometheus/notifier",
    "github.com/prometheus/prometheus/promql",
    "github.com/prometheus/prometheus/rules",
    "github.com/prometheus/prometheus/scrape",
    "github.com/prometheus/prometheus/storage/remote",
    "github.com/prometheus/prometheus/tsdb",
    "github.com/prometheus/prometheus/web",
];

/// The least that counts as large, in bytes.
const LARGE: u64 = 100 << 20;

/// How much is generated where there are no modules: enough for 130 MB.
const GENERATED_PACKAGES: usize = 250;
const GENERATED_TYPES: usize = 60;

/// A process that waits. It is gone when this is dropped.
pub(super) struct Subject {
    child: Tended,
}

impl Subject {
    /// Starts a program, and waits until it is ready.
    pub(super) fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let mut child =
            Tended::spawn(Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        match child.lines().recv_timeout(READY) {
            Ok(Line::Out(line)) if line == "ready" => Ok(Subject { child }),
            Err(RecvTimeoutError::Timeout) => bail!("{} was not ready in {} s", program.display(), READY.as_secs()),
            _ => bail!("{} ended by itself", program.display()),
        }
    }

    pub(super) fn pid(&self) -> String {
        self.child.pid().to_string()
    }
}

/// Builds a program of 100 MB or more, once, and says what it is.
pub(super) fn large(version: &str, go: &Path) -> Result<(PathBuf, String)> {
    let folder = ground::made(ground::ours()?.join("bench").join(format!("large-{version}")))?;
    let (program, note) = (folder.join("large"), folder.join("what"));
    if let Ok(what) = fs::read_to_string(&note)
        && fs::metadata(&program).is_ok_and(|data| data.len() >= LARGE)
    {
        return Ok((program, what));
    }
    let what = match of_modules(go, &folder, &program) {
        Ok(()) => format!("packages of {MODULE}"),
        Err(error) => {
            eprintln!("no modules for a large program ({error:#}): generating one");
            generated(go, &folder, &program)?;
            "generated packages".to_owned()
        }
    };
    let size = fs::metadata(&program)?.len();
    if size < LARGE {
        bail!("{} has only {size} bytes", program.display());
    }
    let what = format!("{what}, {} MB", size / 1_000_000);
    ground::write(&note, &what)?;
    Ok((program, what))
}

fn main_file(imports: &str, calls: &str) -> String {
    format!(
        "package main\n\nimport (\n\t\"fmt\"\n\t\"io\"\n\t\"os\"\n{imports})\n\n\
         var Answers = map[string]int{{\"all\": 42}}\n\n\
         func main() {{\n\tfmt.Println(\"ready\")\n\tio.Copy(io.Discard, os.Stdin)\n\tAnswers[\"last\"]++\n{calls}}}\n"
    )
}

fn of_modules(go: &Path, folder: &Path, program: &Path) -> Result<()> {
    let source = emptied(&folder.join("modules"))?;
    let mut imports = String::new();
    for package in PACKAGES {
        writeln!(imports, "\t_ {package:?}")?;
    }
    fs::write(source.join("main.go"), main_file(&imports, ""))?;
    fs::write(source.join("go.mod"), "module large\n\ngo 1.22\n")?;
    let command = |arguments: &[&str]| -> Result<Command> {
        let mut command = go::offline(go)?;
        // Dependencies are written to a folder of ours, and read from the proxy that the user has set.
        command.env_remove("GOPROXY").current_dir(&source).env("CGO_ENABLED", "0").args(arguments);
        Ok(command)
    };
    run::quietly(&mut command(&["get", MODULE])?, DOWNLOAD)?;
    run::quietly(&mut command(&["mod", "tidy"])?, DOWNLOAD)?;
    run::visibly(command(&["build", "-o"])?.arg(program).arg("."))
}

fn generated(go: &Path, folder: &Path, program: &Path) -> Result<()> {
    let source = emptied(&folder.join("generated"))?;
    let (mut imports, mut calls) = (String::new(), String::new());
    for package in 0..GENERATED_PACKAGES {
        let place = ground::made(source.join(format!("p{package}")))?;
        fs::write(place.join("p.go"), generated_package(package)?)?;
        writeln!(imports, "\t\"large/p{package}\"")?;
        writeln!(calls, "\tp{package}.All(len(os.Args))")?;
    }
    fs::write(source.join("main.go"), main_file(&imports, &calls))?;
    fs::write(source.join("go.mod"), "module large\n\ngo 1.21\n")?;
    run::visibly(go::offline(go)?.current_dir(&source).args(["build", "-o"]).arg(program).arg("."))
}

/// Types that name each other, methods, and generic functions for each: much DWARF.
fn generated_package(package: usize) -> Result<String> {
    let mut text = format!("package p{package}\n\nimport (\n\t\"fmt\"\n\t\"sort\"\n\t\"strings\"\n)\n");
    let mut all = String::new();
    for number in 0..GENERATED_TYPES {
        let [a, b, c, d] = [1, 2, 3, 4].map(|step| (number + step) % GENERATED_TYPES);
        let bits = 8 << (number % 4);
        let length = number + 1;
        write!(
            text,
            "
type T{number} struct {{
	A int
	B string
	M map[string]*T{a}
	N map[int][]T{b}
	C chan T{c}
	F func(T{d}) error
	X [{length}]struct{{ U uint{bits} }}
}}

var V{number} = map[string]T{number}{{\"a\": {{A: {number}}}}}

func (x *T{number}) Do(n int) string {{
	var parts []string
	for i := 0; i < n; i++ {{
		parts = append(parts, fmt.Sprintf(\"%d-%s-%v\", i, x.B, x.M))
		x.N[i] = append(x.N[i], T{b}{{A: i}})
	}}
	sort.Slice(parts, func(i, j int) bool {{ return strings.ToUpper(parts[i]) < strings.ToLower(parts[j]) }})
	for k, v := range V{number} {{
		parts = append(parts, k, v.B, strings.Repeat(v.B, n))
		if v.F != nil {{
			fmt.Println(v.F(T{d}{{}}))
		}}
	}}
	return strings.Join(parts, \",\") + Change(V{number}, n)
}}
"
        )?;
        write!(all, "&T{number}{{}}, ")?;
    }
    write!(
        text,
        "
func Change[V any](m map[string]V, n int) string {{
	var b strings.Builder
	for k, v := range m {{
		fmt.Fprintf(&b, \"%s%v%d\", k, v, n)
		for i := 0; i < n; i++ {{
			m[fmt.Sprint(i, v)] = v
			delete(m, k)
		}}
	}}
	return b.String()
}}

func All(n int) {{
	for _, d := range []interface{{ Do(int) string }}{{{all}}} {{
		fmt.Println(d.Do(n))
	}}
}}
"
    )?;
    Ok(text)
}

fn emptied(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't empty {}", folder.display()))?;
    }
    ground::made(folder.to_owned())
}
