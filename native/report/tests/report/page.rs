//! The page: what it says, what it leaves out, and that it stays what it is whatever names a program has.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use report::timeline::{Access, Overlap, Page, Timeline, Watched};
use report::{AccessKind, AccessLine, RaceReport, Step, WatchSummary};
use sha2::{Digest, Sha256};

use crate::race;
use crate::trace::{access, summary, watched};

/// What a watch tells.
enum Told {
    Access(AccessLine),
    Race(Box<RaceReport>),
}

fn page(watched: Watched, told: &[Told], summary: &WatchSummary) -> String {
    let mut bytes = Vec::new();
    let mut page = Page::new(&mut bytes, watched);
    for told in told {
        match told {
            Told::Access(line) => page.access(&Access::from(line)).unwrap(),
            Told::Race(report) => page.overlap(&Overlap::from(&**report)).unwrap(),
        }
    }
    page.finish(summary).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// One write, from check to clear, that begins at a time.
fn write(goroutine: u64, from: u64) -> Vec<Told> {
    let step = |after: u64, step, flags: (u8, u8)| {
        let line = access(goroutine, from + after, step, flags.0, flags.1);
        Told::Access(AccessLine { entered_ns: Some(from), left: step == Step::Clears, ..line })
    };
    vec![
        step(0, Step::Checks, (0, 0)),
        step(10, Step::Sets, (0, 4)),
        step(20, Step::Checks, (4, 4)),
        step(30, Step::Clears, (4, 0)),
    ]
}

/// A race, seen in its last two accesses.
fn caught() -> Vec<Told> {
    let entered = Some(12_000_000);
    vec![
        Told::Access(AccessLine { entered_ns: entered, ..access(18, 12_000_000, Step::Checks, 0, 0) }),
        Told::Access(AccessLine { entered_ns: entered, ..access(18, 12_100_000, Step::Sets, 0, 4) }),
        Told::Access(AccessLine { entered_ns: Some(20_300_000), ..access(19, 20_300_000, Step::Checks, 4, 4) }),
        Told::Race(Box::new(race::race())),
    ]
}

/// The pieces between two marks.
fn between<'a>(page: &'a str, before: &str, behind: &str) -> Vec<&'a str> {
    page.split(before).skip(1).map(|rest| rest.split(behind).next().unwrap()).collect()
}

#[test]
fn both_culprits_come_first_each_with_its_place_and_its_stack() {
    let page = page(watched(), &caught(), &summary());
    let mut rest = page.as_str();
    for part in [
        "<title>main.shared: data race in clobber</title>",
        "12 accesses were lost",
        "Goroutine 18 sets: writing 0→1; 8.2 ms later goroutine 19 found it set.",
        "Goroutine 18",
        "main.writerA",
        "main.go:23",
        "runtime.mapassign_fast64()",
        "/src/clobber/main.go:23",
        "Created at <code>main.main()</code>",
        "Goroutine 19",
        "write · while 1 was inside",
        "main.store",
        "main.go:29",
        "held inside its window",
        "<svg class=\"picture\"",
        "all 3 accesses are drawn.",
    ] {
        let (_, behind) = rest.split_once(part).unwrap_or_else(|| panic!("{part} is missing, or stands too early"));
        rest = behind;
    }
    assert!(page.contains("Two goroutines writing <code>main.shared</code> at the same time"), "{page}");
}

#[test]
fn the_page_runs_its_own_script_and_loads_nothing() {
    let page = page(watched(), &caught(), &summary());
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\">")[0].replace("&#39;", "'");
    for (kind, tag) in [("style", "style"), ("script", "script")] {
        let texts = between(&page, &format!("<{tag}>"), &format!("</{tag}>"));
        let [text] = texts[..] else { panic!("{} of {tag}", texts.len()) };
        let hash = STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("{kind}-src 'sha256-{hash}'")), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (1, 1));
    let without_name = page.replace("http://www.w3.org/2000/svg", "");
    for from_elsewhere in
        ["http:", "https:", "url(", "@import", "src=", "href=", " style=", " onload=", "<iframe", "<link"]
    {
        assert!(!without_name.contains(from_elsewhere), "{from_elsewhere}");
    }
}

#[test]
fn whatever_a_program_calls_its_things_is_text() {
    let evil =
        "</code></title><script>alert('a')</script><img src=x onerror=\"alert('b')\">\u{202e}\u{1b}[31m\n&amp;'`";
    let mut told = caught();
    for told in &mut told {
        match told {
            Told::Access(line) => {
                line.caller.as_mut().unwrap().function = Some(evil.into());
                line.caller.as_mut().unwrap().file = Some(evil.into());
                line.runtime_function = Some(evil.into());
            }
            Told::Race(report) => {
                report.map.expression = evil.into();
                for culprit in [&mut report.first, &mut report.second] {
                    culprit.stack.iter_mut().for_each(|frame| {
                        frame.function = Some(evil.into());
                        frame.file = Some(evil.into());
                    });
                    culprit.created_by.as_mut().unwrap().function = Some(evil.into());
                }
            }
        }
    }
    let mut watched = watched();
    watched.subject.expression = evil.into();
    watched.subject.type_name = evil.into();
    watched.subject.go = evil.into();
    (watched.program, watched.command) = (format!("/tmp/{evil}"), evil.into());
    let page = page(watched, &told, &WatchSummary { notes: vec![evil.into()], ..summary() });
    assert_eq!(
        (page.matches("<script").count(), page.matches("</title><").count()),
        (1, page.matches("<title>").count() - 1)
    );
    for harm in ["<img", "alert('", "onerror=\"", "\u{202e}", "\u{1b}"] {
        assert!(!page.contains(harm), "{harm}");
    }
    assert!(page.contains("&lt;/code&gt;") || page.contains("&#60;/code&#62;"));
    assert!(page.contains("\\u{202e}"));
}

#[test]
fn the_picture_shows_the_moment_without_any_script() {
    let page = page(watched(), &caught(), &summary());
    let picture = between(&page, "<svg class=\"picture\"", "</svg>")[0];
    let value = |shape: &str, name: &str| between(shape, &format!(" {name}=\""), "\"")[0].to_owned();
    let number = |shape: &str, name: &str| value(shape, name).parse::<f64>().unwrap();
    let shapes = between(picture, "<rect", ">");
    let of =
        |class: &str| shapes.iter().filter(|it| value(it, "class").starts_with(class)).copied().collect::<Vec<_>>();
    // One bar in the goroutine's lane, one in its thread's, for each of both; open, since nobody was seen to leave.
    let bars = of("bar");
    assert_eq!(bars.len(), 4, "{bars:?}");
    assert!(bars.iter().all(|bar| value(bar, "class").ends_with("open") && value(bar, "data-b") == "20300001"
        || value(bar, "data-b") == "20300000"));
    let overlap = of("overlap");
    assert_eq!(
        (value(overlap[0], "data-a"), value(overlap[0], "data-b")),
        ("20300000".to_owned(), "20300000".to_owned())
    );
    for shape in shapes.iter().filter(|shape| !value(shape, "class").starts_with("level")) {
        assert!((-10.0..=970.0).contains(&number(shape, "x")) && number(shape, "width") >= 1.0, "{shape}");
    }
    // The flag byte is 0 until it is set, and 4 until the end.
    let levels: Vec<_> =
        of("level").iter().map(|it| (value(it, "class"), value(it, "data-a"), value(it, "data-b"))).collect();
    let level = |class: &str, a: &str, b: &str| (class.to_owned(), a.to_owned(), b.to_owned());
    assert_eq!(levels, [level("level", "12000000", "12100000"), level("level set", "12100000", "20300000")]);
}

#[test]
fn of_a_long_run_what_is_near_an_overlap_stays_and_the_rest_is_thinned_and_said() {
    let mut told = Vec::new();
    for number in 0..50_000u64 {
        told.extend(write(100 + number % 3, number * 1_000));
        if number == 10_000 {
            told.extend(caught());
        }
    }
    let page = page(watched(), &told, &summary());
    assert!(page.len() < 3_000_000, "{}", page.len());
    // Every one of the accesses just before it.
    for before in 0..10u64 {
        let time = 10_000_000 - before * 1_000;
        assert!(page.contains(&format!("data-a=\"{time}\"")), "{time}");
    }
    let drawn = between(&page, "<p>The whole run, ", "</p>")[0];
    assert!(
        drawn.contains(" of 200003 accesses are drawn: of the whole run one window in ")
            && drawn.contains("60 accesses before and behind"),
        "{drawn}"
    );
    // Nothing is claimed of the value where accesses were left out.
    let levels = between(&page, "<rect class=\"level", ">");
    let time = |shape: &str, name: &str| between(shape, &format!("{name}=\""), "\"")[0].parse::<u64>().unwrap();
    let times = levels.iter().map(|shape| (time(shape, "data-a"), time(shape, "data-b")));
    let long: Vec<_> = times.filter(|(from, to)| to - from > 1_000).collect();
    assert_eq!(long, [(10_000_030, 12_000_000), (12_000_000, 12_100_000), (12_100_000, 20_300_000)]);
}

#[test]
fn overlaps_of_the_same_two_places_are_one_case_and_others_are_listed() {
    let mut told = caught();
    told.extend(caught());
    let mut other = race::race();
    other.second.kind = AccessKind::Read;
    told.push(Told::Race(Box::new(other)));
    let page = page(watched(), &told, &summary());
    assert!(page.contains("<b>2 times at these two places.</b>"));
    let details = between(&page, "<details>", "</details>");
    let [other] = details[..] else { panic!("{details:?}") };
    assert!(other.contains("<b>once</b>") && other.contains("read · while 1 was inside"), "{other}");
}

#[test]
fn no_overlap_is_no_proof() {
    let told: Vec<Told> = (0..5).flat_map(|number| write(18 + number % 2, number * 1_000)).collect();
    let page = page(watched(), &told, &summary());
    assert!(page.contains("<title>main.shared: no overlap seen in clobber</title>"));
    assert!(page.contains("20 accesses by 2 goroutines in 4.0 µs") && page.contains("That is no proof"), "{page}");
    assert!(!page.contains("<article"));
}

#[test]
fn who_is_about_to_end_the_process_is_inside_until_then() {
    let mut told = caught();
    let dies = access(19, 20_400_000, Step::Dies, 4, 4);
    told.insert(3, Told::Access(dies));
    let page = page(watched(), &told, &summary());
    assert!(page.contains("<rect class=\"overlap\" data-a=\"20300000\" data-b=\"20400000\""), "{page}");
}

#[test]
fn what_is_not_known_of_a_culprit_is_said() {
    let mut race = race::race();
    race.second.stack = Vec::new();
    race.second.goroutine = None;
    let page = page(watched(), &[Told::Race(Box::new(race))], &summary());
    assert!(page.contains("its stack is not known") && page.contains("g 0xc000007180, thread 4712, held"), "{page}");
}

#[test]
fn what_was_lost_is_said_and_shown_where_it_is_missing() {
    let mut bytes = Vec::new();
    let mut page = Page::new(&mut bytes, watched());
    page.access(&Access::from(&access(18, 1_000, Step::Sets, 0, 4))).unwrap();
    page.loss(3).unwrap();
    page.access(&Access::from(&access(18, 9_000, Step::Clears, 4, 0))).unwrap();
    page.access(&Access::from(&access(18, 9_500, Step::Checks, 0, 0))).unwrap();
    page.finish(&WatchSummary { lost: 3, unshown: 9, ..summary() }).unwrap();
    drop(page);
    let page = String::from_utf8(bytes).unwrap();
    assert!(page.contains("Traps that were lost: 3.") && !page.contains("not shown"), "{page}");
    assert!(page.contains("<rect class=\"gap\" data-a=\"1000\" data-b=\"9000\""), "{page}");
    // The flag byte is not claimed to have been set all the time.
    let levels = between(&page, "<rect class=\"level", ">");
    assert!(levels.len() == 1 && levels[0].contains("data-a=\"9000\""), "{levels:?}");
}
