"""`gomap watch --rescue`: a process with two racing writers outlives its own race."""

from collections.abc import Callable

from debugger import Gdb
from go_programs import Sample
from kernel import stopped_or_traced

Start = Callable[[str], Sample]

#: The issue asks for so many in one watch.
OVERLAPS = 100


def test_two_writers_outlive_a_hundred_overlaps_and_work_on(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    ran = gdb.attach(sample.pid, "gomap watch main.shared --rescue --hold 5 --for 5 --json", go=sample.go)
    assert ran.status == 0, ran
    summary = ran.summary()
    assert summary["outcome"] == "time", ran
    assert summary["overlaps"] >= OVERLAPS, summary
    assert not sample.has_ended(), sample.err
    assert not stopped_or_traced(sample.pid)
    sample.assert_ends_well_or_of_its_race()


def test_each_overlap_that_is_outlived_is_reported_with_both_culprits(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    ran = gdb.attach(sample.pid, "gomap watch main.shared --rescue --hold 5 --for 2 --json", go=sample.go)
    races = ran.lines("redhanded.race/1")
    summary = ran.summary()
    assert len(races) == summary["overlaps"] > 0
    assert summary["rescued"] > 0
    for race in races:
        assert race["first"]["goroutine"] != race["second"]["goroutine"]
        assert {race["first"]["kind"], race["second"]["kind"]} == {"write"}
