"""How a watch ends, and that it leaves gdb as it was."""

import signal
from collections.abc import Callable

import pytest
from children import eventually
from debugger import LOAD, Gdb, Ran, interrupt, said
from go_programs import Sample
from kernel import states

Start = Callable[[str], Sample]

pytestmark = pytest.mark.paired

#: What a watch may change for its own sake, and must put back.
SHOWN = ("language", "pagination", "print thread-events", "scheduler-locking", "confirm")


def show_settings(mark: str) -> list[str]:
    """Commands that show the settings and all breakpoints, also gdb's internal ones, between marks."""
    shows = [f"show {name}" for name in SHOWN]
    return [f"echo <{mark}>\\n", *shows, "maint info breakpoints", "info watchpoints", f"echo </{mark}>\\n"]


def between(ran: Ran, mark: str) -> str:
    """What was shown between marks."""
    assert f"</{mark}>" in ran.out, ran
    return ran.out.partition(f"<{mark}>\n")[2].partition(f"</{mark}>\n")[0]


def test_count_ends_a_watch_after_so_many_accesses(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, "gomap watch main.shared --count 20 --json", go=sample.go)
    assert ran.status == 0, ran
    assert (ran.summary()["outcome"], ran.summary()["accesses"]) == ("count", 20)
    assert len(ran.lines("redhanded.access/1")) == 20
    sample.assert_works_on()


def test_for_ends_a_watch_of_a_busy_map(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, "gomap watch main.shared --for 1 --json", go=sample.go)
    assert ran.status == 0, ran
    summary = ran.summary()
    assert summary["outcome"] == "time", ran
    assert 1 <= summary["seconds"] < 3
    sample.assert_works_on()


def test_for_ends_a_watch_of_a_map_at_rest(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, "gomap watch main.shared --for 1 --json")
    assert ran.status == 0, ran
    summary = ran.summary()
    assert (summary["outcome"], summary["accesses"]) == ("time", 0)
    assert 1 <= summary["seconds"] < 3
    sample.go()
    sample.assert_works_on()


def test_fractions_of_seconds_and_milliseconds_are_understood(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, "gomap watch main.shared --for 0.5 --hold 0.5 --json", go=sample.go)
    assert ran.summary()["outcome"] == "time", ran
    assert 0.5 <= ran.summary()["seconds"] < 2


@pytest.mark.parametrize("options", ["", "--hold 5", "--rescue --hold 1"])
def test_ctrl_c_ends_a_watch_and_gdb_goes_on(gdb: Gdb, start: Start, options: str) -> None:
    sample = start("locked")
    commands = [
        LOAD,
        f"gomap watch main.shared --json {options}",
        "echo still here\\n",
        "gomap header main.shared",
    ]
    running = gdb.start(
        ["-p", str(sample.pid)], commands, on_line=lambda line: "commands begin" in line and sample.go()
    )
    try:
        running.wait_for_line(lambda line: '"step":"sets"' in line)
        interrupt(running)
        ran = said(running, running.wait())
    finally:
        running.kill()
    assert ran.status == 0, ran
    assert ran.summary()["outcome"] == "interrupted", ran
    assert "still here\n" in ran.out
    assert "main.shared: map[int]int at" in ran.out
    sample.assert_works_on()


def test_ctrl_c_ends_a_watch_of_a_map_at_rest(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    running = gdb.start(["-p", str(sample.pid)], [LOAD, "gomap watch main.shared", "echo still here\\n"])
    try:
        running.wait_for_line(lambda line: line.startswith("Watching "))
        eventually(lambda: "t" not in states(sample.pid), "the process runs")
        interrupt(running)
        ran = said(running, running.wait())
    finally:
        running.kill()
    assert "interrupted" in ran.out, ran
    assert "still here\n" in ran.out
    sample.go()
    sample.assert_works_on()


def test_a_signal_that_stops_the_process_ends_the_watch_and_is_named(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    commands = [LOAD, "gomap watch main.shared --json", "signal 0"]
    running = gdb.start(
        ["-p", str(sample.pid)], commands, on_line=lambda line: "commands begin" in line and sample.go()
    )
    try:
        running.wait_for_line(lambda line: '"step":"sets"' in line)
        sample.signal(signal.SIGTERM)
        running.wait_for_line(lambda line: "redhanded.watch/1" in line)
        # `signal 0` lets it run on, and keeps the signal from it.
        eventually(lambda: "t" not in states(sample.pid), "the process runs")
        interrupt(running)
        ran = said(running, running.wait())
    finally:
        running.kill()
    assert ran.summary()["outcome"] == "stopped", ran
    assert "SIGTERM" in ran.out
    sample.assert_works_on()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_process_ends_the_watch(gdb: Gdb, start: Start, end: signal.Signals) -> None:
    sample = start("locked")
    commands = [
        LOAD,
        "handle SIGTERM nostop noprint pass",
        *show_settings("before"),
        "gomap watch main.shared --json",
        *show_settings("after"),
    ]
    running = gdb.start(
        ["-p", str(sample.pid)], commands, on_line=lambda line: "commands begin" in line and sample.go()
    )
    try:
        running.wait_for_line(lambda line: '"step":"sets"' in line)
        sample.signal(end)
        ran = said(running, running.wait())
    finally:
        running.kill()
    assert between(ran, "after") == between(ran, "before"), ran
    # Killed while gdb is busy with a trap, it is gone before gdb knows: then that is what gdb says.
    if end == signal.SIGTERM or "No such process" not in ran.err:
        assert ran.summary()["outcome"] == "exited", ran


@pytest.mark.parametrize(("language", "switch"), [("auto", "on"), ("c", "off")])
@pytest.mark.parametrize(
    ("sample_name", "options"),
    [
        ("clobber", "--hold 5 --for 10"),
        ("clobber", "--rescue --hold 1 --for 1"),
        ("locked", "--count 5"),
        ("locked", "--for 0.3"),
        ("locked", "--hold 9999"),
    ],
    ids=["overlap", "rescue", "count", "time", "error"],
)
def test_a_watch_leaves_settings_and_breakpoints_as_they_were(
    gdb: Gdb, start: Start, sample_name: str, options: str, language: str, switch: str
) -> None:
    sample = start(sample_name)
    ran = gdb.attach(
        sample.pid,
        f"set language {language}",
        f"set pagination {switch}",
        f"set print thread-events {switch}",
        "break main.show",
        *show_settings("before"),
        f"gomap watch main.shared {options}",
        *show_settings("after"),
        go=sample.go,
    )
    before, after = between(ran, "before"), between(ran, "after")
    assert f'"{language}' in before
    assert before.count(f" {switch}.") >= 2
    assert "main.show" in before
    # With `auto`, gdb names the language of the frame that it looks at, which may be another one.
    assert [line for line in after.splitlines() if "auto; currently" not in line] == [
        line for line in before.splitlines() if "auto; currently" not in line
    ]
