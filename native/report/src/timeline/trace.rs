//! A trace file in Chrome's JSON format, which Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing` show.
//!
//! The process has one track for each goroutine, with a slice for each window and an instant for each step; one
//! counter track for what is watched; and an arrow between both culprits of each overlap. Written as it comes: what is
//! remembered is one window for each goroutine.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{Access, Culprit, Overlap, Timeline, Watched, is_same};
use crate::words::{goroutine, hex};
use crate::{Frame, WatchSummary};

/// A trace file that is being written.
#[derive(Debug)]
pub struct Trace<W> {
    out: W,
    watched: Watched,
    /// By the address of `runtime.g`, which the runtime uses again: there are never more than goroutines at a time.
    tracks: HashMap<u64, Track>,
    /// What is watched, as the counter track last has it.
    value: Option<f64>,
    overlaps: u64,
    last_ns: u64,
    is_empty: bool,
}

/// A goroutine's track.
#[derive(Debug)]
struct Track {
    goroutine: Option<u64>,
    tid: u32,
    /// `goroutine 7 (main.writerA)`
    name: String,
    /// When the window began that it is in, and what for.
    open: Option<(u64, &'static str)>,
}

/// An event, by the Trace Event Format. Its times are microseconds; with their three decimals they are exact for a
/// hundred days.
#[derive(Serialize)]
struct Event<'a, A> {
    ph: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    pid: u32,
    tid: u32,
    /// How far an instant reaches: `t` its track, `p` the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    /// What ties the ends of an arrow together.
    #[serde(skip_serializing_if = "Option::is_none")]
    bind_id: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    flow_out: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    flow_in: bool,
    args: A,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct AccessArgs<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<u32>,
    #[serde(serialize_with = "hex")]
    g: u64,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stack: Vec<String>,
}

#[derive(Serialize)]
struct CulpritArgs<'a> {
    overlap: u64,
    deed: &'a str,
    whereabouts: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<u32>,
    #[serde(serialize_with = "hex")]
    g: u64,
    stack: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
}

#[derive(Serialize)]
struct OpenArgs {
    still_inside: bool,
}

#[derive(Serialize)]
struct LossArgs {
    lost: u64,
}

#[derive(Serialize)]
struct OverlapArgs<'a> {
    sentence: &'a str,
}

/// What stands behind the events: viewers show it as data of the whole trace.
#[derive(Serialize)]
struct About<'a> {
    command: &'a str,
    program: &'a str,
    pid: u32,
    began: &'a str,
    variable: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    #[serde(serialize_with = "hex")]
    address: u64,
    go: &'a str,
    summary: &'a WatchSummary,
}

fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// A frame in one line.
fn place(frame: &Frame) -> String {
    format!("{} {}", frame.function(), frame.full_position()).trim_end().to_owned()
}

impl<W: Write> Trace<W> {
    /// Begins a trace.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(mut out: W, watched: Watched) -> io::Result<Self> {
        // It stands first: a viewer may decide by it how to read what follows.
        out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        let mut trace =
            Trace { out, tracks: HashMap::new(), value: None, overlaps: 0, last_ns: 0, is_empty: true, watched };
        let subject = &trace.watched.subject;
        let program = trace.watched.program.rsplit('/').next().unwrap_or_default();
        let name = format!("{program}: {} ({}) at {:#x}", subject.expression, subject.type_name, subject.address);
        let pid = trace.watched.pid;
        trace.event(&Event { ph: "M", name: "process_name", pid, tid: pid, ..Event::of(Named { name: &name }) })?;
        Ok(trace)
    }

    fn event(&mut self, event: &Event<'_, impl Serialize>) -> io::Result<()> {
        let separator: &[u8] = if std::mem::take(&mut self.is_empty) { b"\n" } else { b",\n" };
        self.out.write_all(separator)?;
        Ok(serde_json::to_writer(&mut self.out, event)?)
    }

    /// A goroutine's track. Its name is written when it is first known, and once more when its number is.
    /// `caller` is where it is.
    fn track(&mut self, g: u64, goid: Option<u64>, caller: Option<&Frame>) -> io::Result<u32> {
        let known = self.tracks.get(&g).filter(|track| is_same(track.goroutine, goid));
        let known = known.map(|track| (track.tid, track.goroutine, track.open));
        if let Some((tid, number, _)) = known
            && (number.is_some() || goid.is_none())
        {
            return Ok(tid);
        }
        // Viewers have room for 32 bits.
        let own = goid.map_or((g >> 4) as u32 | 1 << 31, |goid| goid as u32);
        let (tid, open) = known.map_or((own, None), |(tid, _, open)| (tid, open));
        let name = match caller {
            Some(caller) => format!("{} ({})", goroutine(goid), caller.function()),
            None => goroutine(goid),
        };
        let pid = self.watched.pid;
        self.event(&Event { ph: "M", name: "thread_name", pid, tid, ..Event::of(Named { name: &name }) })?;
        self.tracks.insert(g, Track { goroutine: goid, tid, name, open });
        Ok(tid)
    }

    fn counter(&mut self, ns: u64, value: Option<f64>) -> io::Result<()> {
        let Some(value) = value.filter(|value| self.value != Some(*value)) else { return Ok(()) };
        self.value = Some(value);
        let pid = self.watched.pid;
        let name = self.watched.subject.expression.clone();
        let args = HashMap::from([(self.watched.quantity, value)]);
        self.event(&Event { ph: "C", name: &name, ts: microseconds(ns), pid, tid: pid, ..Event::of(args) })
    }

    /// One end of the arrow: a slice without length, at the very instruction.
    fn culprit(&mut self, culprit: &Culprit<'_>, is_first: bool) -> io::Result<()> {
        let tid = self.track(culprit.g, culprit.goroutine, culprit.place())?;
        let name = format!("overlap {}: {}", self.overlaps, culprit.kind);
        let args = CulpritArgs {
            overlap: self.overlaps,
            deed: &culprit.deed,
            whereabouts: culprit.whereabouts,
            thread: culprit.thread,
            g: culprit.g,
            stack: culprit.stack.iter().map(place).collect(),
            created_by: culprit.created_by.map(place),
        };
        self.event(&Event {
            ph: "X",
            name: &name,
            cat: Some("overlap"),
            ts: microseconds(culprit.time_ns),
            dur: Some(0.0),
            pid: self.watched.pid,
            tid,
            bind_id: Some(format!("{:#x}", self.overlaps)),
            flow_out: is_first,
            flow_in: !is_first,
            ..Event::of(args)
        })
    }

    fn track_name(&self, g: u64) -> &str {
        self.tracks.get(&g).map_or("goroutine unknown", |track| &track.name)
    }
}

impl<A> Event<'_, A> {
    /// An event at the beginning, of which only this is known.
    fn of(args: A) -> Self {
        Event {
            args,
            ph: "",
            name: "",
            cat: None,
            ts: 0.0,
            dur: None,
            pid: 0,
            tid: 0,
            s: None,
            bind_id: None,
            flow_out: false,
            flow_in: false,
        }
    }
}

impl<W: Write> Timeline for Trace<W> {
    fn access(&mut self, access: &Access<'_>) -> io::Result<()> {
        let tid = self.track(access.g, access.goroutine, access.caller)?;
        let pid = self.watched.pid;
        self.last_ns = self.last_ns.max(access.time_ns);
        self.counter(access.time_ns, access.before)?;
        self.counter(access.time_ns, access.after)?;
        let args = |with_stack: bool| AccessArgs {
            thread: access.thread,
            g: access.g,
            kind: access.kind,
            function: access.function,
            caller: access.caller.map(place),
            stack: if with_stack { access.stack.iter().map(place).collect() } else { Vec::new() },
        };
        let name = format!("{} {}", access.step, access.change);
        // A window's stack stands at its slice.
        let instant = args(access.entered_ns.is_none() || access.fatal);
        let ts = microseconds(access.time_ns);
        self.event(&Event {
            ph: "i",
            name: &name,
            cat: Some("access"),
            ts,
            pid,
            tid,
            s: Some("t"),
            ..Event::of(instant)
        })?;
        let open = access.entered_ns.map(|entered| (entered, access.kind));
        // Who is about to end the process does so inside its window.
        if let Some(track) = self.tracks.get_mut(&access.g).filter(|_| !access.fatal) {
            track.open = open.filter(|_| !access.left);
        }
        match open {
            Some((entered, kind)) if access.left => {
                let (ts, dur) = (microseconds(entered), microseconds(access.time_ns.saturating_sub(entered)));
                self.event(&Event {
                    ph: "X",
                    name: kind,
                    cat: Some("window"),
                    ts,
                    dur: Some(dur),
                    pid,
                    tid,
                    ..Event::of(args(true))
                })
            }
            _ => Ok(()),
        }
    }

    fn overlap(&mut self, overlap: &Overlap<'_>) -> io::Result<()> {
        self.overlaps += 1;
        let Overlap { title, sentence, first, second, .. } = overlap;
        self.culprit(first, true)?;
        self.culprit(second, false)?;
        self.last_ns = self.last_ns.max(first.time_ns).max(second.time_ns);
        let name = format!(
            "overlap {}, {title}: {} and {}",
            self.overlaps,
            self.track_name(first.g),
            self.track_name(second.g)
        );
        self.event(&Event {
            ph: "i",
            name: &name,
            cat: Some("overlap"),
            ts: microseconds(second.time_ns),
            pid: self.watched.pid,
            tid: self.watched.pid,
            s: Some("p"),
            ..Event::of(OverlapArgs { sentence })
        })
    }

    fn loss(&mut self, lost: u64) -> io::Result<()> {
        // What it was then is not known.
        self.value = None;
        let pid = self.watched.pid;
        self.event(&Event {
            ph: "i",
            name: "traps lost",
            cat: Some("lost"),
            ts: microseconds(self.last_ns),
            pid,
            tid: pid,
            s: Some("p"),
            ..Event::of(LossArgs { lost })
        })
    }

    fn finish(&mut self, summary: &WatchSummary) -> io::Result<()> {
        for track in std::mem::take(&mut self.tracks).into_values() {
            let Some((entered, kind)) = track.open else { continue };
            self.event(&Event {
                ph: "X",
                name: kind,
                cat: Some("window"),
                ts: microseconds(entered),
                dur: Some(microseconds(self.last_ns.saturating_sub(entered))),
                pid: self.watched.pid,
                tid: track.tid,
                ..Event::of(OpenArgs { still_inside: true })
            })?;
        }
        self.out.write_all(b"\n],\"otherData\":")?;
        let Watched { subject, program, pid, began, command, .. } = &self.watched;
        let about = About {
            command,
            program,
            pid: *pid,
            began,
            variable: &subject.expression,
            type_name: &subject.type_name,
            address: subject.address,
            go: &subject.go,
            summary,
        };
        serde_json::to_writer(&mut self.out, &about)?;
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}
