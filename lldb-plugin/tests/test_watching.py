"""`gomap watch` in a real lldb, on real races."""

import json
from collections.abc import Callable

import pytest
from debugger import Lldb
from go_programs import Sample

Start = Callable[[str], Sample]


def test_both_culprits_are_caught_and_shown_again(lldb: Lldb, start: Start) -> None:
    clobber = start("clobber")
    ran = lldb.attach(
        clobber.pid, "gomap watch main.shared --hold 5 --for 20 --json", "gomap race", go=clobber.go
    )
    race = ran.one("redhanded.race/1")
    text = json.dumps(race)
    assert "main.writerA" in text and "main.writerB" in text, ran.out
    assert ran.one("redhanded.watch/1")["outcome"] == "overlap"
    assert "WARNING: DATA RACE" in ran.out


def test_nobody_is_accused_where_a_lock_is_held(lldb: Lldb, start: Start) -> None:
    locked = start("locked")
    ran = lldb.attach(locked.pid, "gomap watch main.shared --hold 5 --for 3 --json", go=locked.go)
    summary = ran.one("redhanded.watch/1")
    assert (summary["outcome"], summary["overlaps"]) == ("time", 0), ran.out
    assert summary["accesses"] > 20
    locked.assert_works_on()


def test_a_count_of_accesses_ends_it(lldb: Lldb, start: Start) -> None:
    locked = start("locked")
    ran = lldb.attach(locked.pid, "gomap watch main.shared --count 5 --json", go=locked.go)
    assert ran.one("redhanded.watch/1")["outcome"] == "count"
    assert len(ran.lines("redhanded.access/1")) == 5
    locked.assert_works_on()


def test_a_map_at_rest_ends_in_time(lldb: Lldb, start: Start) -> None:
    clobber = start("clobber")
    ran = lldb.attach(clobber.pid, "gomap watch main.shared --for 1 --json")
    summary = ran.one("redhanded.watch/1")
    assert (summary["outcome"], summary["accesses"]) == ("time", 0), ran.out
    clobber.go()
    assert not clobber.has_ended()


def test_the_process_outlives_its_race(lldb: Lldb, start: Start) -> None:
    clobber = start("clobber")
    ran = lldb.attach(clobber.pid, "gomap watch main.shared --hold 5 --rescue --for 5 --json", go=clobber.go)
    summary = ran.one("redhanded.watch/1")
    assert summary["outcome"] == "time", ran.out
    assert summary["rescued"] > 3
    # No trap is lost, however many threads are in one at the same time.
    inside = set()
    for access in ran.lines("redhanded.access/1"):
        if access["step"] == "sets":
            inside.add(access["goroutine"])
        elif access["step"] == "clears":
            inside.remove(access["goroutine"])


def test_ctrl_c_ends_it_and_leaves_nothing_behind(lldb: Lldb, start: Start) -> None:
    locked = start("locked")
    ran = lldb.attach(
        locked.pid, "gomap watch main.shared --json", go=locked.go, interrupt_at="redhanded.access"
    )
    assert ran.summary()["outcome"] == "interrupted", ran
    locked.assert_works_on()


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("gomap watch", "gomap watch: which map?"),
        ("gomap watch main.shared --hold 2000", "2000 is not from 0 to 1000 milliseconds"),
        ("gomap watch main.shared --frobnicate", "gomap watch: no such option: --frobnicate"),
        ("gomap race", "no race has been caught yet"),
        ("gomap print", "gomap print: which map?"),
    ],
)
def test_bad_input_is_one_line(lldb: Lldb, start: Start, command: str, error: str) -> None:
    clobber = start("clobber")
    ran = lldb.attach(clobber.pid, command)
    assert ran.status == 1
    (line,) = (line for line in ran.err.splitlines() if line.startswith("error: "))
    assert error in line
