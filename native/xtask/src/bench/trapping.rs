//! What it costs to watch a map: how much slower a program runs that does nothing but write to it, beside what others
//! make of it.

use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::Value;
use trap::At;
use trap::perf::Armed;

use super::table::Bound;
use super::tools::Tools;
use crate::median::median;
use crate::run::{Line, Tended, quietly};

/// How long each is measured, and how long it may take until it has attached.
const WINDOW: Duration = Duration::from_secs(2);
const ATTACHED: Duration = Duration::from_secs(60);

/// What takes longer than so many nanoseconds a write is watched: by itself it takes some ten.
const WATCHED: f64 = 1000.0;

/// The flag byte of a map, from the start of its header (`internal/runtime/maps.Map.writing`, Go 1.24 to 1.27).
const FLAG: u64 = 34;

/// What gdb does in Python at each access: what `watch` knows of one, but for the goroutine.
const STOP_THAT_NOTES: &str = "        frame, pcs = gdb.newest_frame(), []
        while frame is not None:
            pcs.append(frame.pc())
            frame = frame.older()
        noted.append((time.monotonic_ns(), gdb.selected_thread().ptid[1], pcs))";
const STOP_THAT_DOES_NOTHING: &str = "";

/// How many accesses are to be recorded without a loss that isn't told, and how often the bare trap is measured.
const ACCESSES: u64 = 100_000;
const TRAPS: u64 = 20_000;

/// `stakeout`: so many windows with it and as many without it, each a second, in so many slices.
const PAIRS: usize = 30;
const SHORT: Duration = Duration::from_secs(1);
const SLICES: u32 = 20;

/// A program that writes to `main.Shared` all the time.
struct Busy {
    child: Tended,
    input: ChildStdin,
    lines: Receiver<Line>,
    /// Nanoseconds a write, while nobody watches.
    alone: f64,
}

impl Busy {
    fn start(program: &Path) -> Result<Self> {
        let mut child = Tended::spawn(Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (input, lines) = (child.stdin().context("its input is ours")?, child.lines());
        match lines.recv_timeout(ATTACHED) {
            Ok(Line::Out(line)) if line == "ready" => {}
            _ => bail!("{} was not ready", program.display()),
        }
        let mut busy = Busy { child, input, lines, alone: 0.0 };
        busy.alone = busy.per_write(SHORT)?;
        Ok(busy)
    }

    fn pid(&self) -> String {
        self.child.pid().to_string()
    }

    /// How many writes by now, and the nanoseconds on its own clock.
    fn written(&mut self) -> Result<(u64, u64)> {
        self.input.write_all(b"\n")?;
        let Line::Out(line) = self.lines.recv_timeout(ATTACHED)? else { bail!("it printed an error") };
        let (written, nanoseconds) = line.split_once(' ').context("two numbers")?;
        Ok((written.parse()?, nanoseconds.parse()?))
    }

    /// Nanoseconds a write, for some time from now on.
    fn per_write(&mut self, time: Duration) -> Result<f64> {
        let (written, began) = self.written()?;
        sleep(time);
        let (more, ended) = self.written()?;
        Ok((ended - began) as f64 / (more - written).max(1) as f64)
    }

    /// Waits until it is watched.
    fn await_watcher(&mut self) -> Result<()> {
        let begun = Instant::now();
        while self.per_write(Duration::from_millis(100))? < WATCHED {
            if begun.elapsed() > ATTACHED {
                bail!("nothing watched the map within {} s", ATTACHED.as_secs());
            }
        }
        Ok(())
    }

    /// How many microseconds longer a write takes once it is watched.
    fn extra(&mut self) -> Result<f64> {
        self.await_watcher()?;
        Ok((self.per_write(WINDOW)? - self.alone) / 1e3)
    }
}

/// A command while it watches. It ends when this is dropped.
struct Watcher(Tended);

impl Watcher {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Watcher(Tended::spawn(&mut command)?))
    }

    /// Asks it to end.
    fn end(mut self) -> Result<()> {
        self.0.signal(Signal::SIGINT)?;
        self.0.wait_for(ATTACHED)?.context("it did not end")?;
        Ok(())
    }
}

/// Measures all.
pub(super) fn rows(tools: &Tools, program: &Path, runs: u32) -> Result<Vec<Bound>> {
    let mut rows = record(tools, program, runs)?;
    rows.push(accesses(tools, program)?);
    rows.push(hold(tools, program, runs)?);
    rows.push(stakeout(tools, program)?);
    Ok(rows)
}

/// What an access costs that is recorded, beside one that is only counted, and beside debuggers.
fn record(tools: &Tools, program: &Path, runs: u32) -> Result<Vec<Bound>> {
    let mut busy = Busy::start(program)?;
    let pid = busy.pid();
    let flag = flag(tools, &pid)?;
    let mut accesses_a_write = 0.0;
    let mut costs: [Vec<f64>; 3] = Default::default();
    for _ in 0..runs {
        let mut armed = Armed::counting(busy.child.pid().as_raw(), &[At::Byte(flag)])?;
        let ((before, _), met) = (busy.written()?, armed.count());
        let counted = busy.extra()?;
        let ((after, _), met) = (busy.written()?, armed.count() - met);
        drop(armed);
        if met == 0 {
            bail!("main.Shared has its flag byte elsewhere");
        }
        // The same for all that watch this byte, for reading and writing: what each of its accesses costs.
        accesses_a_write = (met as f64 / (after - before) as f64).round();
        let mut recorded = |more: &[&str]| {
            let words = [&["watch", "main.Shared", "--json"], more].concat();
            let watcher = Watcher::start(tools.redhanded(&words, &pid))?;
            let cost = busy.extra()?;
            watcher.end().map(|()| cost)
        };
        eprintln!("accesses a write: {accesses_a_write}");
        for (costs, cost) in costs.iter_mut().zip([counted, recorded(&[])?, recorded(&["--no-stacks"])?]) {
            eprintln!("an access: {:.2} µs more", cost / accesses_a_write);
            costs.push(cost / accesses_a_write);
        }
    }
    let [counted, recorded, bare] = &costs;
    let times = |costs: &[f64]| median(costs.iter().zip(counted).map(|(cost, counted)| cost / counted));
    let cost = median(recorded.iter().copied());
    let beside = |cost: f64| format!("{cost:.1} beside {:.1} µs", median(counted.iter().copied()));
    let counts = "as long as with a perf breakpoint that only counts";
    let mut rows = vec![
        Bound::most(format!("`watch`: an access takes {counts}"), times(recorded), 1.6, beside(cost)),
        Bound::most(
            format!("`watch --no-stacks`: an access takes {counts}"),
            times(bare),
            1.3,
            beside(median(bare.iter().copied())),
        ),
    ];
    drop(busy);
    let theirs = |name: &str, command: &dyn Fn(u64, &str) -> Result<Option<Command>>| {
        // A process of its own: it may die with its debugger.
        let mut busy = Busy::start(program)?;
        let pid = busy.pid();
        let Some(command) = command(self::flag(tools, &pid)?, &pid)? else { return Ok(None) };
        let _watcher = Watcher::start(command)?;
        let theirs = busy.extra()? / accesses_a_write;
        eprintln!("{name}: an access: {theirs:.1} µs more");
        Ok::<_, Error>(Some(theirs))
    };
    let ratio = |times: f64, beside: String, name: &str, promised: f64| {
        Bound::least(format!("`watch`: an access is cheaper than with {name}"), times / cost, promised, beside)
    };
    let gdb = |stop| theirs("gdb", &|flag, pid| tools.gdb_watching(flag, pid, stop).map(Some));
    let [notes, nothing] = [gdb(STOP_THAT_NOTES)?, gdb(STOP_THAT_DOES_NOTHING)?].map(Option::unwrap_or_default);
    let name = "gdb's `awatch` with a Python stop that notes as much: time, thread, stack";
    let beside = format!("{cost:.1} beside {notes:.1} µs; {nothing:.1} µs with a stop that does nothing");
    rows.push(ratio(notes, beside, name, 10.0));
    let name = "Delve's `watch -rw` with trace";
    rows.push(match theirs("Delve", &|flag, pid| tools.delve_watching(flag, pid))? {
        Some(delve) => ratio(delve, format!("{cost:.1} beside {delve:.1} µs"), name, 50.0),
        None => Bound::unknown(format!("`watch`: an access is cheaper than with {name}"), "≥ 50×".to_owned()),
    });
    Ok(rows)
}

/// A line of an access, or of a loss.
#[derive(Deserialize)]
struct Recorded {
    schema: String,
    step: Option<String>,
}

/// Whether many accesses are recorded, or their loss is told: each write does the same, so that one that is missing
/// would be noticed.
fn accesses(tools: &Tools, program: &Path) -> Result<Bound> {
    let busy = Busy::start(program)?;
    let words = ["watch", "main.Shared", "--json", "--count", &ACCESSES.to_string()];
    let said = quietly(&mut tools.redhanded(&words, &busy.pid()), ATTACHED)?;
    let lines = said.lines().map(serde_json::from_str).collect::<Result<Vec<Recorded>, _>>()?;
    let steps: Vec<&str> = lines.iter().filter_map(|line| line.step.as_deref()).collect();
    let clears: Vec<usize> = (0..steps.len()).filter(|place| steps.get(*place) == Some(&"clears")).take(2).collect();
    let &[first, second] = &clears[..] else { bail!("no write was recorded to its end") };
    let is_whole = steps.iter().zip(steps.iter().skip(second - first)).all(|(step, next)| step == next);
    let lost = number(&summary_of(&said)?, "lost")?;
    let told = lines.iter().any(|line| line.schema.starts_with("redhanded.loss"));
    let missing = match (is_whole, lost > 0.0 || told) {
        (true, _) => "none is missing among them",
        (false, true) => "and some are missing, which it says",
        (false, false) => "and some are missing, which it does not say",
    };
    Ok(Bound {
        what: format!("`watch --count {ACCESSES}`: accesses that are shown, or else counted as lost"),
        measured: format!("{} shown, {lost} lost; {missing}", steps.len()),
        promised: format!("≥ {ACCESSES}"),
        kept: steps.len() as u64 >= ACCESSES && (is_whole || lost > 0.0 || told),
    })
}

/// What a trap costs beside the hold itself, and what a process that traps itself makes of one.
fn hold(tools: &Tools, program: &Path, runs: u32) -> Result<Bound> {
    let mut costs = Vec::new();
    let mut bares = Vec::new();
    for _ in 0..runs {
        let bare: f64 = quietly(&mut tools.traps_itself(TRAPS), ATTACHED)?.trim().parse()?;
        let busy = Busy::start(program)?;
        let words = ["watch", "main.Shared", "--json", "--hold", "1", "--max-stall", "100", "--for", "2"];
        let summary = summary_of(&quietly(&mut tools.redhanded(&words, &busy.pid()), ATTACHED)?)?;
        let beside = number(&summary, "seconds")? - number(&summary, "held_seconds")?;
        costs.push(beside * 1e6 / number(&summary, "traps")?);
        bares.push(bare);
    }
    let times = median(costs.iter().zip(&bares).map(|(cost, bare)| cost / bare));
    let beside = format!("{:.1} beside {:.1} µs", median(costs), median(bares));
    Ok(Bound::most(
        "`watch --hold`: a trap, beside the hold itself, takes as long as the bare trap".to_owned(),
        times,
        3.0,
        beside,
    ))
}

/// How much slower a program is while `stakeout` waits for it to die: the median of pairs of windows. What others do on
/// the machine makes a window up to a third slower than the next, so the fastest slices, which have least of that, are
/// told beside it; they decide nothing.
fn stakeout(tools: &Tools, program: &Path) -> Result<Bound> {
    let mut busy = Busy::start(program)?;
    let pid = busy.pid();
    let window = |busy: &mut Busy| (0..SLICES).map(|_| busy.per_write(SHORT / SLICES)).collect::<Result<Vec<f64>>>();
    let [mut with, mut without] = [Vec::new(), Vec::new()];
    for pair in 0..PAIRS {
        // By turns first, so that neither has the better moments.
        for watched in [pair % 2 == 0, pair % 2 == 1] {
            if watched {
                let watcher = Watcher::start(tools.redhanded(&["stakeout"], &pid))?;
                sleep(SHORT);
                with.push(window(&mut busy)?);
                watcher.end()?;
            } else {
                without.push(window(&mut busy)?);
            }
        }
    }
    let fastest = |windows: &[Vec<f64>]| windows.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let times = with.iter().zip(&without).map(|(with, without)| with.iter().sum::<f64>() / without.iter().sum::<f64>());
    let beside = format!(
        "the median of {PAIRS} pairs of a second; the fastest of {} slices each: {:.2} beside {:.2} ns",
        PAIRS * SLICES as usize,
        fastest(&with),
        fastest(&without),
    );
    Ok(Bound::most("`stakeout`: a write takes as long as without".to_owned(), median(times), 1.01, beside))
}

/// Where the map's flag byte is.
fn flag(tools: &Tools, pid: &str) -> Result<u64> {
    let said = quietly(&mut tools.redhanded(&["header", "main.Shared", "--json"], pid), ATTACHED)?;
    let header: Value = serde_json::from_str(&said)?;
    let address = header.pointer("/map/address").and_then(Value::as_str).and_then(|address| address.strip_prefix("0x"));
    Ok(u64::from_str_radix(address.context("an address")?, 16)? + FLAG)
}

/// How a watch ended: its last line.
fn summary_of(said: &str) -> Result<Value> {
    Ok(serde_json::from_str(said.lines().last().context("it said nothing")?)?)
}

fn number(summary: &Value, field: &str) -> Result<f64> {
    summary.get(field).and_then(Value::as_f64).with_context(|| format!("no {field} in {summary}"))
}
