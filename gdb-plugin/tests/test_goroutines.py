"""`gomap goroutines`, `gomap threads` and `gomap race`."""

from collections.abc import Callable
from typing import Any

import pytest
from debugger import Gdb, Ran
from go_programs import Corpus, Sample, line_of
from kernel import threads

Start = Callable[..., Sample]

#: Around a report, as in the race detector's.
RULE = "==================\n"


def goroutines(ran: Ran) -> dict[int, dict[str, Any]]:
    """The listed goroutines by their numbers."""
    listed = ran.one("redhanded.goroutines/1")["goroutines"]
    found = {goroutine["goroutine"]: goroutine for goroutine in listed}
    assert len(found) == len(listed), "a number twice"
    return found


def test_goroutines_are_where_the_program_put_them(gdb: Gdb, corpus: Corpus) -> None:
    ran = gdb.attach(corpus.pid, "gomap goroutines --json")
    assert ran.status == 0, ran
    found = goroutines(ran)
    main = found[1]
    # It waits for a line on its standard input.
    assert main["state"] in ("syscall", "waiting")
    assert main["created_by"] is None
    iterators = [one for one in found.values() if (one["created_by"] or {}).get("function") == "main.iterate"]
    assert len(iterators) == 2
    for iterator in iterators:
        assert (iterator["state"], iterator["wait_reason"]) == ("waiting", "select (no cases)")
        assert iterator["thread"] is None
        assert iterator["at"]["function"].startswith("main.iterate")
        assert iterator["at"]["line"] == line_of("headers", "build.go", "select {}")
        assert iterator["created_by"]["line"] == line_of("headers", "build.go", "go func()")
    assert len({one["g"] for one in found.values()}) == len(found)


def test_goroutines_of_a_sample_that_waits_for_its_line(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    found = goroutines(gdb.attach(sample.pid, "gomap goroutines --json"))
    assert found[1]["at"]["function"] == "main.begin" or found[1]["state"] == "syscall"
    assert not any((one["created_by"] or {}).get("function") == "main.main" for one in found.values())


@pytest.mark.parametrize("flags", ["-s -w", "-w"])
def test_a_stripped_program_has_the_same_goroutines(gdb: Gdb, start: Start, flags: str) -> None:
    creators, reasons, notes = [], [], []
    for options in ([], [f"-ldflags={flags}"]):
        ran = gdb.attach(start("clobber", *options).pid, "gomap goroutines --json")
        found = goroutines(ran).values()
        assert all(one["at"] is not None for one in found), ran
        frames = [one["created_by"] or {"function": "", "line": 0} for one in found]
        creators.append(sorted((frame["function"], frame["line"]) for frame in frames))
        reasons.append({one["wait_reason"] for one in found} - {None})
        notes.append(ran.one("redhanded.goroutines/1")["notes"])
    assert creators[0] == creators[1]
    # What it can't tell, it says.
    assert reasons[0] and not reasons[1]
    assert not notes[0]
    assert "DWARF" in notes[1][0]


def test_threads_are_all_listed_and_none_is_in_a_map_at_rest(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    ran = gdb.attach(sample.pid, "gomap threads --json")
    listed = ran.one("redhanded.threads/1")["threads"]
    assert {thread["thread"] for thread in listed} <= set(threads(sample.pid))
    assert sum(thread["current"] for thread in listed) == 1
    assert [thread for thread in listed if thread["doing"]] == []


def test_while_a_race_is_held_both_goroutines_are_shown_inside_the_map(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    ran = gdb.attach(
        sample.pid,
        "gomap watch main.shared --hold 5 --for 10 --json",
        "gomap threads --json",
        "gomap goroutines --json",
        "gomap race --json",
        go=sample.go,
    )
    assert ran.status == 0, ran
    # The second time from `gomap race`.
    race, again = ran.lines("redhanded.race/1")
    assert race == again
    culprits = {culprit["goroutine"]: culprit for culprit in (race["first"], race["second"])}
    inside = {
        thread["runs"]["goroutine"]: thread
        for thread in ran.one("redhanded.threads/1")["threads"]
        if thread["doing"]
    }
    assert inside.keys() == culprits.keys()
    for goid, thread in inside.items():
        assert thread["thread"] == culprits[goid]["thread"]
        assert thread["doing"]["kind"] == "write"
        assert thread["doing"]["map"] == "main.shared"
        assert "mapassign" in thread["doing"]["function"]
        assert thread["at"]["function"] in ("main.writerA", "main.writerB")
        assert culprits[goid]["inside"]
        assert culprits[goid]["held"]
    listed = goroutines(ran)
    for goid, culprit in culprits.items():
        assert listed[goid]["g"] == culprit["g"]
        assert listed[goid]["thread"] == culprit["thread"]
        assert listed[goid]["created_by"]["function"] == "main.main"
        assert listed[goid]["created_by"]["line"] == culprit["created_by"]["line"]


@pytest.mark.paired
def test_race_repeats_the_text_of_the_report(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    ran = gdb.attach(
        sample.pid, "gomap watch main.shared --hold 5 --for 10", "echo [again]\\n", "gomap race", go=sample.go
    )
    watched, again = (text.split(RULE) for text in ran.out.split("[again]\n"))
    assert len(watched) == 3, ran
    assert watched[1] == again[1]
    assert watched[1].startswith("WARNING: DATA RACE\nmain.shared: map[int]int at ")


@pytest.mark.paired
def test_race_after_detaching_still_repeats_the_report(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    ran = gdb.attach(
        sample.pid,
        "gomap watch main.shared --hold 5 --for 10 --json",
        "detach",
        "gomap race --json",
        go=sample.go,
    )
    first, again = ran.lines("redhanded.race/1")
    assert first == again


@pytest.mark.paired
def test_before_any_race_there_is_none_to_repeat(gdb: Gdb, start: Start) -> None:
    ran = gdb.attach(start("locked").pid, "gomap race")
    assert ran.status == 1
    (line,) = ran.errors()
    assert "no race" in line


@pytest.mark.paired
def test_the_selected_thread_and_frame_stay_selected(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    where = ["thread", "frame"]
    ran = gdb.attach(
        sample.pid,
        "thread 3",
        "up",
        "echo [1]\\n",
        *where,
        "echo [2]\\n",
        "gomap goroutines",
        "gomap threads",
        "gomap header main.shared",
        "echo [3]\\n",
        *where,
        "echo [4]\\n",
    )
    before = ran.out.partition("[1]\n")[2].partition("[2]\n")[0]
    after = ran.out.partition("[3]\n")[2].partition("[4]\n")[0]
    assert before == after != "", ran
