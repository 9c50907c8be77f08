//! The picture of a page: lanes of goroutines and threads over the value of what is watched.
//!
//! Everything is drawn once, with its times beside its places: the page's script only moves it when one zooms.

use std::collections::HashMap;

use super::gather::{Case, Gathered, Kept};
use crate::words::{goroutine, shown, thread};

/// The picture's width where no script adapts it to the window, in pixels.
const WIDTH: f64 = 960.0;

/// So many goroutines and threads have a lane.
const GOROUTINES: usize = 10;
const THREADS: usize = 8;

/// Heights in pixels: of a lane's name, of a goroutine's and a thread's lane, of the value's; and what is between them.
const NAME: u32 = 22;
const LANE: u32 = 18;
const THIN_LANE: u32 = 8;
const VALUE: u32 = 36;
const GAP: u32 = 12;
const AXIS: u32 = 24;

/// A picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) height: u32,
    /// Where the lanes end and the axis begins.
    pub(super) bottom: u32,
    /// The whole run, in nanoseconds.
    pub(super) end: u64,
    /// What is shown first.
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) lanes: Vec<Lane>,
    pub(super) shapes: Vec<Shape>,
    pub(super) ticks: Vec<Tick>,
    /// Goroutines and threads that have no lane.
    pub(super) more_goroutines: usize,
    pub(super) more_threads: usize,
    /// Accesses that are drawn.
    pub(super) drawn: usize,
    /// Whether there are windows.
    pub(super) has_windows: bool,
}

/// A lane and its name.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) class: &'static str,
    pub(super) badge: &'static str,
    pub(super) name: String,
    pub(super) detail: String,
    /// The top of its name, and of itself.
    pub(super) y: u32,
    pub(super) top: u32,
    pub(super) height: u32,
}

/// Something that has a time.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) class: String,
    /// From when to when, in nanoseconds; both are the same for a moment.
    pub(super) a: u64,
    pub(super) b: u64,
    pub(super) x: String,
    pub(super) width: String,
    pub(super) y: String,
    pub(super) height: String,
    /// What it says when one points at it; nothing for what is only there to be seen.
    pub(super) says: String,
}

/// A mark on the axis.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) label: String,
}

/// Who is drawn how: the culprits of the first case stand out.
const BADGES: [(&str, &str); 2] = [("one", "1"), ("two", "2")];

/// Draws what was gathered.
pub(super) fn draw(gathered: &Gathered, quantity: &str) -> Picture {
    let kept = gathered.kept();
    let case = gathered.cases.first();
    let end = gathered.last_ns.max(1);
    let windows = windows(&kept, end);
    let (from, to) = case.map_or((0, end), |case| moment(case, &windows, end));
    let mut picture = Picture {
        height: 0,
        bottom: 0,
        end,
        from,
        to,
        lanes: Vec::new(),
        shapes: Vec::new(),
        ticks: Vec::new(),
        more_goroutines: 0,
        more_threads: 0,
        drawn: 0,
        has_windows: !windows.is_empty(),
    };
    let rows = chosen_rows(gathered, case);
    picture.more_goroutines = gathered.rows.len() - rows.len();
    for row in &rows {
        picture.goroutine(gathered, *row, &rows, case.is_some());
    }
    let threads = chosen_threads(&kept, &rows);
    picture.more_threads = threads.len().saturating_sub(THREADS);
    let threads: Vec<u32> = threads.into_iter().take(THREADS).collect();
    for tid in &threads {
        picture.lane("thread", "", thread(Some(*tid)), String::new(), THIN_LANE);
    }
    let range = range(&kept);
    let values = range.map_or("not known".to_owned(), |(low, high)| format!("{low} – {high}"));
    picture.lane("value", "", quantity.to_owned(), values, VALUE);
    picture.bottom = picture.height;
    picture.height += AXIS;

    let class = |row: usize| row_class(&rows, row, case.is_some());
    if let Some(case) = case {
        picture.overlap(case, &windows, &rows);
    }
    for (from, to, lost) in &gathered.losses {
        let says = format!("{}: {lost} traps lost here", precisely(*from));
        picture.shape("gap".to_owned(), (*from, *to), (0.0, f64::from(picture.bottom)), says);
    }
    for window in &windows {
        let says = window.says(gathered);
        if let Some(lane) = rows.iter().position(|row| *row == window.row) {
            picture.bar(lane, class(window.row), window, says.clone());
        }
        let lane = window.thread.and_then(|tid| threads.iter().position(|it| *it == tid));
        if let Some(lane) = lane {
            picture.bar(rows.len() + lane, class(window.row), window, says);
        }
    }
    for access in &kept {
        let Some(row) = access.row else { continue };
        let says = says(gathered, access);
        let mut class = format!("tick {}", class(row));
        if access.before != access.after {
            class.push_str(" changes");
        }
        if access.fatal {
            class.push_str(" fatal");
        }
        if let Some(lane) = rows.iter().position(|it| *it == row) {
            picture.tick(lane, class.clone(), access.time_ns, says.clone());
            picture.drawn += 1;
        }
        // A window's bar stands for its steps.
        let lane = access.thread.and_then(|tid| threads.iter().position(|it| *it == tid));
        if let Some(lane) = lane.filter(|_| access.entered_ns.is_none()) {
            picture.tick(rows.len() + lane, class, access.time_ns, says);
        }
    }
    if let Some((low, high)) = range {
        picture.value(&kept, rows.len() + threads.len(), low, high);
    }
    picture.axis();
    picture
}

/// A window of which something was kept.
#[derive(Debug)]
struct Window {
    row: usize,
    thread: Option<u32>,
    kind: &'static str,
    from: u64,
    to: u64,
    is_closed: bool,
    place: Option<usize>,
}

impl Window {
    fn says(&self, gathered: &Gathered) -> String {
        let length = if self.is_closed {
            format!("inside for {}", precisely(self.to - self.from))
        } else {
            "still inside when last seen".to_owned()
        };
        let who = who(gathered, Some(self.row), self.place);
        let tid = thread(self.thread);
        format!("{}: {who}, {}, {length}, {tid}", precisely(self.from), self.kind)
    }
}

fn windows(kept: &[&Kept], end: u64) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    // The window that each goroutine was last seen in, and when it was last seen.
    let mut last: HashMap<usize, (usize, u64)> = HashMap::new();
    for access in kept {
        let Some(row) = access.row else { continue };
        let Some(from) = access.entered_ns else {
            last.remove(&row);
            continue;
        };
        let index = last.get(&row).map(|(index, _)| *index);
        let index = index.filter(|index| windows.get(*index).is_some_and(|window| window.from == from));
        let index = index.unwrap_or_else(|| {
            let Kept { kind, place, .. } = **access;
            windows.push(Window { row, thread: None, kind, from, to: from, is_closed: false, place });
            windows.len() - 1
        });
        if let Some(window) = windows.get_mut(index) {
            (window.to, window.is_closed, window.thread) = (access.time_ns, access.left, access.thread);
        }
        last.insert(row, (index, access.time_ns));
    }
    // Who was not seen to leave its last window was inside until the end.
    for (index, _) in last.into_values() {
        if let Some(window) = windows.get_mut(index).filter(|window| !window.is_closed) {
            window.to = end;
        }
    }
    windows
}

/// From when to when both culprits of a case were inside, as far as that was kept.
fn both_inside(case: &Case, windows: &[Window]) -> (u64, u64) {
    let window = |side: &super::gather::Side| {
        let all = windows.iter().filter(|window| Some(window.row) == side.row);
        let here = all.clone().find(|window| (window.from..=window.to).contains(&side.time_ns));
        here.map_or((side.time_ns, side.time_ns), |window| (window.from, window.to))
    };
    let (first, second) = (window(&case.first), window(&case.second));
    let from = first.0.max(second.0);
    (from, first.1.min(second.1).max(from))
}

/// What of the run shows a case.
fn moment(case: &Case, windows: &[Window], end: u64) -> (u64, u64) {
    let (inside, until) = both_inside(case, windows);
    let of = |time: u64| windows.iter().filter(move |window| (window.from..=window.to).contains(&time));
    let culprits = [&case.first, &case.second];
    let begun =
        culprits.iter().flat_map(|side| of(side.time_ns).filter(|it| Some(it.row) == side.row)).map(|it| it.from);
    let times = culprits.map(|side| side.time_ns).into_iter().chain([case.span_ns.0, case.span_ns.1]);
    let from = begun.chain(times.clone()).chain([inside]).min().unwrap_or(0);
    let to = times.chain([until]).max().unwrap_or(end);
    let margin = ((to - from) / 4).max(1_000);
    (from.saturating_sub(margin), to.saturating_add(margin).min(end.saturating_add(margin)))
}

/// The goroutines that have a lane: the culprits, then the busiest.
fn chosen_rows(gathered: &Gathered, case: Option<&Case>) -> Vec<usize> {
    let mut rows: Vec<usize> = Vec::new();
    for row in case.iter().flat_map(|case| [case.first.row, case.second.row]).flatten() {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let mut others: Vec<usize> = (0..gathered.rows.len()).filter(|row| !rows.contains(row)).collect();
    others.sort_by_key(|row| std::cmp::Reverse(gathered.rows.get(*row).map(|row| row.accesses)));
    rows.extend(others);
    rows.truncate(GOROUTINES);
    rows
}

/// The threads of these goroutines, those of the first ones first.
fn chosen_threads(kept: &[&Kept], rows: &[usize]) -> Vec<u32> {
    let mut threads = Vec::new();
    for row in rows {
        for tid in kept.iter().filter(|access| access.row == Some(*row)).filter_map(|access| access.thread) {
            if !threads.contains(&tid) {
                threads.push(tid);
            }
        }
    }
    threads
}

/// The least and the greatest value, if any is known.
fn range(kept: &[&Kept]) -> Option<(f64, f64)> {
    let values = || kept.iter().flat_map(|access| [access.before, access.after]).flatten();
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    (low <= high).then_some((low, high))
}

fn row_class(rows: &[usize], row: usize, has_culprits: bool) -> &'static str {
    let place = rows.iter().position(|it| *it == row);
    let badge = place.and_then(|place| BADGES.get(place)).filter(|_| has_culprits);
    badge.map_or("other", |(class, _)| class)
}

fn who(gathered: &Gathered, row: Option<usize>, place: Option<usize>) -> String {
    let goid = row.and_then(|row| gathered.rows.get(row)).and_then(|row| row.goroutine);
    let place = place.and_then(|place| gathered.places.get(place)).map(|place| shown(place));
    match place {
        Some(place) => format!("{} in {place}", goroutine(goid)),
        None => goroutine(goid),
    }
}

fn says(gathered: &Gathered, access: &Kept) -> String {
    let who = who(gathered, access.row, access.place);
    let Kept { time_ns, step, change, kind, thread: tid, .. } = access;
    format!("{}: {who} {step} {}, {kind}, {}", precisely(*time_ns), shown(change), thread(*tid))
}

/// Nanoseconds since the watch began, to the last: `16.687123 ms`.
pub(super) fn precisely(ns: u64) -> String {
    let (unit, digits, name) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, 3, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, 6, "ms"),
        _ => (1_000_000_000, 9, "s"),
    };
    format!("{}.{:0digits$} {name}", ns / unit, ns % unit)
}

/// `0.5 s`, in the unit of a longer time.
fn in_units(ns: u64, longest: u64) -> String {
    let (unit, name) = match longest {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{} {name}", ns as f64 / unit as f64)
}

/// Without the zeros at the end of its decimals.
fn trimmed(time: &str) -> String {
    match time.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => time.to_owned(),
    }
}

impl Picture {
    fn lane(&mut self, class: &'static str, badge: &'static str, name: String, detail: String, height: u32) {
        let y = self.height;
        // Threads stand close together, each with its name before it.
        let top = if class == "thread" { y + 6 } else { y + NAME };
        self.lanes.push(Lane { class, badge, name, detail, y, top, height });
        self.height = top + height + if class == "thread" { 6 } else { GAP };
    }

    fn goroutine(&mut self, gathered: &Gathered, row: usize, rows: &[usize], has_culprits: bool) {
        let class = row_class(rows, row, has_culprits);
        let badge = BADGES.iter().find(|(it, _)| *it == class).map_or("", |(_, badge)| badge);
        let known = gathered.rows.get(row);
        let place = known.and_then(|row| row.place).and_then(|place| gathered.places.get(place));
        let detail = place.map(|place| shown(place)).unwrap_or_default();
        self.lane(class, badge, goroutine(known.and_then(|row| row.goroutine)), detail, LANE);
    }

    fn x(&self, time: u64) -> f64 {
        let span = (self.to - self.from).max(1) as f64;
        // What is far outside needs no exact place.
        ((time as f64 - self.from as f64) / span * WIDTH).clamp(-10.0, WIDTH + 10.0)
    }

    fn shape(&mut self, class: String, (a, b): (u64, u64), (y, height): (f64, f64), says: String) {
        let (x, end) = (self.x(a), self.x(b));
        let least = if a == b { 2.0 } else { 1.0 };
        let (x, width) = if a == b { (x - 1.0, 2.0) } else { (x, (end - x).max(least)) };
        let text = |number: f64| format!("{number:.1}");
        self.shapes.push(Shape { class, a, b, x: text(x), width: text(width), y: text(y), height: text(height), says });
    }

    fn bar(&mut self, lane: usize, class: &str, window: &Window, says: String) {
        let Some(lane) = self.lanes.get(lane) else { return };
        let place = (f64::from(lane.top), f64::from(lane.height));
        let open = if window.is_closed { "" } else { " open" };
        self.shape(format!("bar {class}{open}"), (window.from, window.to.max(window.from + 1)), place, says);
    }

    fn tick(&mut self, lane: usize, class: String, time: u64, says: String) {
        let Some(lane) = self.lanes.get(lane) else { return };
        let place = (f64::from(lane.top) - 2.0, f64::from(lane.height) + 4.0);
        self.shape(class, (time, time), place, says);
    }

    /// The time in which both culprits are inside, over all lanes.
    fn overlap(&mut self, case: &Case, windows: &[Window], rows: &[usize]) {
        let inside = both_inside(case, windows);
        let place = (0.0, f64::from(self.bottom));
        self.shape("overlap".to_owned(), inside, place, String::new());
        for (side, (class, _)) in [&case.first, &case.second].into_iter().zip(BADGES) {
            self.shape(format!("deed {class}"), (side.time_ns, side.time_ns), place, String::new());
            // Its access may have no line of its own: one that is kept from it has none.
            let lane = rows.iter().position(|row| Some(*row) == side.row);
            let says = format!("{}: {} {}", precisely(side.time_ns), goroutine(side.goroutine), shown(&side.deed));
            self.tick(lane.unwrap_or(usize::MAX), format!("tick {class}"), side.time_ns, says);
        }
    }

    /// The value, wherever two accesses that follow each other are both drawn: between others it may have been any.
    fn value(&mut self, kept: &[&Kept], lane: usize, low: f64, high: f64) {
        let Some(lane) = self.lanes.get(lane) else { return };
        let (top, height) = (f64::from(lane.top), f64::from(lane.height));
        for pair in kept.windows(2) {
            let [this, next] = pair else { continue };
            let Some(value) = this.after.filter(|_| this.number + 1 == next.number) else { continue };
            if next.time_ns <= this.time_ns {
                continue;
            }
            let part = if high > low { (value - low) / (high - low) } else { 0.0 };
            let tall = 2.0 + part * (height - 2.0);
            let says = format!("{value} from {} to {}", precisely(this.time_ns), precisely(next.time_ns));
            let class = if part > 0.0 { "level set" } else { "level" };
            self.shape(class.to_owned(), (this.time_ns, next.time_ns), (top + height - tall, tall), says);
        }
    }

    fn axis(&mut self) {
        let span = self.to - self.from;
        let step = (0..19u32)
            .flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power)))
            .find(|step| span / step <= 8)
            .unwrap_or(u64::MAX);
        let first = self.from.div_ceil(step);
        let times = (first..).map(|number| number * step).take_while(|time| self.x(*time) < WIDTH - 50.0);
        let start = first.saturating_mul(step);
        let label = |time: u64| match time {
            time if time == start => trimmed(&precisely(time)),
            // All in the same unit, that of the longest.
            time => format!("+{}", in_units(time - start, span)),
        };
        self.ticks = times.map(|time| Tick { x: format!("{:.1}", self.x(time) + 3.0), label: label(time) }).collect();
    }
}
