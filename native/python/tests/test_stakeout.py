"""`gomap stakeout` in every debugger: who ends the process is held, and the other one named."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from debugger import Debugger, Ran
from go_programs import HURRY, OF_ITS_RACE, Ending, Sample, assert_untouched, line_of

Start = Callable[..., Sample]

#: The racing samples: for each function its access, and the kind of that.
RACES = {
    "clobber": {
        "main.writerA": ("// writer A's write", "write"),
        "main.writerB": ("// writer B's write", "write"),
    },
    "read-write": {
        "main.writer": ("// the writer's write", "write"),
        "main.reader": ("// the reader's read", "read"),
    },
    "iterate-write": {
        "main.writer": ("// the writer's write", "write"),
        "main.iterator": ("// the iterator's iteration", "iteration"),
    },
}


def assert_names(party: dict[str, Any], sample: str) -> str:
    """Fails unless somebody is shown at an access of a sample; gives the function."""
    frames = {frame["function"]: frame["line"] for frame in party["stack"]}
    ((function, (marker, kind)),) = (item for item in RACES[sample].items() if item[0] in frames)
    assert party["kind"] == kind
    assert frames[function] == line_of(sample, "main.go", marker)
    begun = line_of(sample, "main.go", f"go {function.removeprefix('main.')}()")
    assert party["created_by"]["line"] == begun
    return function


def summary(ran: Ran) -> dict[str, Any]:
    """How a stakeout ended."""
    return ran.one("redhanded.stakeout/1")


@pytest.mark.parametrize("sample", RACES)
def test_both_culprits_are_named_and_then_it_dies_as_it_would_have(
    debugger: Debugger, start: Start, sample: str
) -> None:
    racing = start(sample, options=HURRY)
    ran = debugger.attach(racing.pid, "gomap stakeout --wait 3 --json", go=racing.go)
    assert ran.status == 0, ran
    first = ran.lines("redhanded.fatal/1")[0]
    assert first["map"]["expression"] == "main.shared"
    assert first["message"].startswith("concurrent map ")
    # Where the detecting access keeps no trace of the map, it may have been another one.
    certainty = "proven" if first["map"]["doubt"] is None else "likely"
    others = ran.lines("redhanded.culprit/1")
    assert {other["certainty"] for other in others} == {certainty}, ran
    named = {
        assert_names(party, sample) for party in (first["access"], *(other["access"] for other in others))
    }
    assert named == set(RACES[sample])
    assert (summary(ran)["outcome"], summary(ran)["certainty"]) == ("caught", certainty)
    assert racing.wait() == 2
    assert OF_ITS_RACE in racing.err


def test_without_debug_information_it_is_shown_where_everybody_is(debugger: Debugger, start: Start) -> None:
    racing = start("clobber", "-ldflags=-s -w", options=HURRY)
    commands = ("gomap stakeout --wait 3 --json", "gomap threads --json", "gomap goroutines --json")
    ran = debugger.attach(racing.pid, *commands, go=racing.go)
    first = ran.one("redhanded.fatal/1")
    assert first["map"]["address"] == racing.map
    culprit = assert_names(first["access"], "clobber")
    others = [assert_names(other["access"], "clobber") for other in ran.lines("redhanded.culprit/1")]
    assert {culprit, *others} == set(RACES["clobber"]), ran
    (held,) = (line for line in ran.one("redhanded.threads/1")["threads"] if line["current"])
    assert (held["doing"]["kind"], held["at"]["function"]) == ("write", culprit)
    listed = ran.one("redhanded.goroutines/1")["goroutines"]
    assert all(one["at"] is not None for one in listed), ran
    begun = [(one["created_by"] or {}).get("line") for one in listed]
    assert {
        line_of("clobber", "main.go", f"go {name.removeprefix('main.')}()") for name in RACES["clobber"]
    } <= set(begun)
    assert racing.wait() == 2


def test_what_a_lock_keeps_apart_is_never_reported(debugger: Debugger, start: Start) -> None:
    locked = start("locked", options=HURRY)
    ran = debugger.attach(locked.pid, "gomap stakeout --for 1 --json", go=locked.go)
    assert [line["schema"] for line in ran.json_lines()] == ["redhanded.stakeout/1"], ran
    assert (summary(ran)["outcome"], summary(ran)["certainty"]) == ("time", None)
    assert_untouched(locked)
    locked.assert_works_on()


@pytest.fixture
def end(build: Callable[..., Path], started: ExitStack) -> Callable[..., Ending]:
    """Starts the program that its own runtime ends: `end("alone")`."""

    def end(*how: str) -> Ending:
        ending = Ending(build("ends"), *how)
        started.callback(ending.kill)
        return ending

    return end


def test_who_ends_the_process_because_of_something_else_goes_on(
    debugger: Debugger, end: Callable[..., Ending]
) -> None:
    ending = end("lock")
    # There is nothing left to let go.
    ran = debugger.attach(ending.pid, "gomap stakeout --json", go=ending.go)
    assert [line["schema"] for line in ran.json_lines()] == ["redhanded.stakeout/1"], ran
    assert summary(ran)["outcome"] == "exited"
    assert ending.wait() == 2
    assert "fatal error: sync: unlock of unlocked mutex" in ending.err


def test_nobody_is_accused_where_nobody_else_uses_the_map(
    debugger: Debugger, end: Callable[..., Ending]
) -> None:
    ending = end("alone")
    ran = debugger.attach(ending.pid, "gomap stakeout --wait 0.5 --json", go=ending.go)
    assert ran.one("redhanded.fatal/1")["access"]["kind"] == "write"
    assert ran.one("redhanded.users/1")["users"] == []
    assert not ran.lines("redhanded.culprit/1")
    assert (summary(ran)["outcome"], summary(ran)["certainty"]) == ("caught", None)
    assert ending.wait() == 2


def test_another_one_that_is_about_to_end_the_process_is_the_other_culprit(
    debugger: Debugger, end: Callable[..., Ending]
) -> None:
    ending = end("together")
    ran = debugger.attach(ending.pid, "gomap stakeout --json", "gomap threads --json", go=ending.go)
    other = ran.one("redhanded.culprit/1")
    assert other["certainty"] == "proven"
    assert "about to end the process too" in other["access"]["whereabouts"]
    writers = [line for line in ran.one("redhanded.threads/1")["threads"] if line["doing"] is not None]
    assert len(writers) == 2, ran
    assert ending.wait() == 2


def test_nobody_is_waited_for_who_waits_for_the_one_that_is_held(
    debugger: Debugger, end: Callable[..., Ending]
) -> None:
    ending = end("stopped")
    ran = debugger.attach(ending.pid, "gomap stakeout --wait 30 --json", go=ending.go)
    (note,) = summary(ran)["notes"]
    assert "waits for the goroutine that is held" in note
    assert summary(ran)["seconds"] < 30
    assert ending.wait() == 2


def test_without_a_wait_nobody_runs_on(debugger: Debugger, end: Callable[..., Ending]) -> None:
    ending = end("alone")
    ran = debugger.attach(ending.pid, "gomap stakeout --wait 0 --json", go=ending.go)
    assert ran.one("redhanded.fatal/1")
    assert not ran.lines("redhanded.users/1")
    assert ending.wait() == 2


def test_ctrl_c_ends_the_wait_for_a_race(debugger: Debugger, start: Start) -> None:
    locked = start("locked")
    ran = debugger.attach(
        locked.pid, "gomap stakeout", "gomap header main.shared", go=locked.go, interrupt_at="Waiting"
    )
    assert "nobody caught; interrupted" in ran.out
    assert "main.shared: map[int]int at" in ran.out
    assert_untouched(locked)
    locked.assert_works_on()


def test_ctrl_c_ends_the_watch_for_others(debugger: Debugger, end: Callable[..., Ending]) -> None:
    ending = end("alone")
    ran = debugger.attach(
        ending.pid, "gomap stakeout --wait 60", "gomap threads", go=ending.go, interrupt_at="It is held"
    )
    assert "one culprit caught" in ran.out, ran
    assert "Interrupted: " in ran.out
    assert "writing main.shared in" in ran.out
    assert ending.wait() == 2


def takes_exec_for_an_end(debugger: Debugger) -> bool:
    """lldb 19 and 23 often do: they hear of the end of all other threads, and so of the process's."""
    return debugger.name.startswith("lldb")


def test_a_program_that_is_executed_is_waited_for(
    debugger: Debugger, end: Callable[..., Ending], build: Callable[..., Path]
) -> None:
    if takes_exec_for_an_end(debugger):
        pytest.skip("not told reliably by lldb")
    ending = end("exec", str(build("clobber")), *HURRY)
    ran = debugger.attach(ending.pid, "gomap stakeout --wait 3 --json", "gomap threads --json", go=ending.go)
    parties = [ran.one("redhanded.fatal/1")["access"], ran.one("redhanded.culprit/1")["access"]]
    assert {assert_names(party, "clobber") for party in parties} == set(RACES["clobber"])
    assert (summary(ran)["outcome"], summary(ran)["certainty"]) == ("caught", "proven")
    assert ran.one("redhanded.threads/1")["threads"], ran
    assert ending.wait() == 2
    assert OF_ITS_RACE in ending.err


def test_a_program_of_another_language_is_left_alone(debugger: Debugger, end: Callable[..., Ending]) -> None:
    if takes_exec_for_an_end(debugger):
        pytest.skip("not told reliably by lldb")
    ending = end("exec", "/bin/sh", "-c", "echo unharmed")
    ran = debugger.attach(ending.pid, "gomap stakeout --json", go=ending.go)
    assert ran.status == 0, ran
    (note,) = summary(ran)["notes"]
    assert "cannot be waited for" in note and "was not built by Go" in note
    assert summary(ran)["outcome"] == "stopped"
    assert ending.wait() == 0, ending.err
    assert ending.out.endswith("unharmed\n")


def test_a_watch_ends_where_another_program_is_executed(
    debugger: Debugger, end: Callable[..., Ending]
) -> None:
    if takes_exec_for_an_end(debugger):
        pytest.skip("not told reliably by lldb")
    ending = end("exec", "/bin/sh", "-c", "echo unharmed")
    ran = debugger.attach(ending.pid, "gomap watch main.shared --hold 5 --rescue --json", go=ending.go)
    assert ran.status == 0, ran
    assert ran.summary()["outcome"] == "exited"
    assert ran.summary()["notes"] == ["The process executes another program now."]
    assert ending.wait() == 0, ending.err
    assert ending.out.endswith("unharmed\n")
