"""`gomap watch` on the samples: races are caught with both culprits; where there is none, none is seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugger import LOAD, Gdb, Ran
from go_programs import LIFE, Sample, line_of

Start = Callable[[str], Sample]

#: Chance decides when two goroutines meet: so often is each watch repeated.
RUNS = 5

#: So many of them must catch without a hold, where a hold must catch each time.
UNHELD = 4

#: The racing samples: the kinds of the two accesses, and for each function the source of its access.
RACES = {
    "clobber": ({"write"}, {"main.writerA": "// writer A's write", "main.writerB": "// writer B's write"}),
    "read-write": (
        {"write", "read"},
        {"main.writer": "// the writer's write", "main.reader": "// the reader's read"},
    ),
    "iterate-write": (
        {"write", "iteration"},
        {"main.writer": "// the writer's write", "main.iterator": "// the iterator's iteration"},
    ),
}


def watch(gdb: Gdb, sample: Sample, options: str, *more: str) -> Ran:
    """Watches a sample's map from before its goroutines start."""
    return gdb.attach(sample.pid, f"gomap watch main.shared {options}", *more, go=sample.go)


def frames_outside_the_runtime(culprit: dict[str, Any]) -> set[tuple[str, int]]:
    """The functions of main on a culprit's stack, with their lines."""
    return {
        (frame["function"], frame["line"])
        for frame in culprit["stack"]
        if (frame["function"] or "").startswith("main.")
    }


def assert_names_both_culprits(race: dict[str, Any], sample: str) -> None:
    """Fails unless a report shows two goroutines at the two accesses of a sample."""
    kinds, accesses = RACES[sample]
    culprits = [race["first"], race["second"]]
    assert {culprit["kind"] for culprit in culprits} == kinds
    assert len({culprit["goroutine"] for culprit in culprits}) == 2
    seen = [frames_outside_the_runtime(culprit) for culprit in culprits]
    expected = [(function, line_of(sample, "main.go", marker)) for function, marker in accesses.items()]
    assert [expected[0] in frames for frames in seen] != [expected[1] in frames for frames in seen], seen
    assert all(any(access in frames for frames in seen) for access in expected), (expected, seen)
    for culprit, frames in zip(culprits, seen):
        ((function, _),) = frames & set(expected)
        assert culprit["created_by"]["line"] == line_of(
            sample, "main.go", f"go {function.removeprefix('main.')}()"
        )


def bit(flag: dict[str, Any], when: str) -> bool:
    """Whether the writing bit was set `before` or `after` an access."""
    return bool(flag[when] & flag["writing_bit"])


def takes_the_flag(line: dict[str, Any]) -> bool:
    """Whether an access took the flag from 0 to 1."""
    return not bit(line["flag"], "before") and bit(line["flag"], "after")


def shows_the_flag_clobbered(accesses: list[dict[str, Any]]) -> bool:
    """Whether one goroutine took the flag from 0 to 1, and another came to it while it was set."""
    setter, found_set = None, set()
    for line in accesses:
        who, before = line["g"], bit(line["flag"], "before")
        if setter not in (None, who):
            return True
        if takes_the_flag(line):
            setter = who
            # Its line may come after that of the other, who found it set already.
            if found_set - {who}:
                return True
        elif before and not bit(line["flag"], "after"):
            setter, found_set = None, set()
        elif before:
            found_set.add(who)
    return False


@pytest.mark.parametrize("sample", RACES)
def test_a_hold_catches_both_culprits_every_time(gdb: Gdb, start: Start, sample: str) -> None:
    for _ in range(RUNS):
        ran = watch(gdb, start(sample), "--hold 5 --for 10 --json")
        assert ran.status == 0, ran
        assert ran.summary()["outcome"] == "overlap", ran
        race = ran.one("redhanded.race/1")
        assert_names_both_culprits(race, sample)
        accesses = ran.lines("redhanded.access/1")
        assert ran.summary()["accesses"] == len(accesses)
        # A reader and a writer may be found inside before the writer marks itself.
        assert sample != "clobber" or any(takes_the_flag(line) for line in accesses), ran


def test_the_second_writer_is_seen_while_the_flag_is_set(gdb: Gdb, start: Start) -> None:
    # A full stop may find both inside before the second one has come to the flag again: then it is held
    # at its check, where it found the flag clear.
    for _ in range(2 * RUNS):
        ran = watch(gdb, start("clobber"), "--hold 5 --for 10 --json")
        if shows_the_flag_clobbered(ran.lines("redhanded.access/1")):
            return
    raise AssertionError(ran)


@pytest.mark.paired
@pytest.mark.parametrize("sample", RACES)
def test_a_race_is_caught_without_a_hold_as_well(gdb: Gdb, start: Start, sample: str) -> None:
    caught = 0
    for _ in range(RUNS):
        ran = watch(gdb, start(sample), "--for 10 --json")
        assert ran.status == 0, ran
        assert ran.summary()["outcome"] in ("overlap", "time"), ran
        if ran.summary()["outcome"] == "overlap":
            assert_names_both_culprits(ran.one("redhanded.race/1"), sample)
            caught += 1
    assert caught >= UNHELD


def test_what_a_lock_keeps_apart_is_never_reported(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = watch(gdb, sample, "--hold 5 --for 5 --json")
    summary = ran.summary()
    assert (summary["outcome"], summary["overlaps"]) == ("time", 0), ran
    assert not ran.lines("redhanded.race/1")
    assert summary["accesses"] > 100
    sample.assert_works_on()


@pytest.mark.paired
def test_a_program_that_gdb_has_started_is_watched_the_same_way(gdb: Gdb, build: Callable[..., Path]) -> None:
    ran = gdb.run(
        ["--args", str(build("clobber")), "-for", LIFE],
        [LOAD, "tbreak main.begin", "run", "gomap watch main.shared --hold 5 --for 10 --json"],
    )
    assert ran.summary()["outcome"] == "overlap", ran
    assert_names_both_culprits(ran.one("redhanded.race/1"), "clobber")
