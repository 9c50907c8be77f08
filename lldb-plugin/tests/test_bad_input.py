"""What can go wrong: one line that says so, a failed lldb, and a process that is none the worse for it. The
scenarios show what is said of what was typed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from children import child
from debugger import Lldb, Ran
from go_programs import Sample
from kernel import stopped_or_traced

Start = Callable[..., Sample]

COMMANDS = ("header main.shared", "watch main.shared", "goroutines", "threads")


#: lldb hears of a process's end only after the command that has ended it.
UNTIL_IT_IS_KNOWN = (
    "script process = lldb.debugger.GetSelectedTarget().process; "
    "[__import__('time').sleep(0.01) for _ in iter(lambda: process.is_alive, False)]"
)


def the_one_line(ran: Ran) -> str:
    """The error's line; fails if there is none, or more than one, or lldb has not failed."""
    assert ran.status == 1, ran
    (line,) = (line for line in ran.errors() if line.startswith("error: "))
    assert "Traceback" not in ran.out + ran.err
    assert "Watching" not in ran.out
    return line


def assert_unharmed(sample: Sample) -> None:
    """Fails unless the process runs, untraced, and does its work."""
    assert not sample.has_ended(), sample.err
    assert not stopped_or_traced(sample.pid)
    sample.go()
    sample.assert_works_on()


@pytest.mark.parametrize(
    ("offsets", "words"),
    [((64, 72, 80, 88), "no free debug register"), ((8, 32), "one of your watchpoints")],
    ids=["all taken", "on the map"],
)
def test_where_watchpoints_are_in_the_way_nothing_is_watched(
    lldb: Lldb, start: Start, offsets: tuple[int, ...], words: str
) -> None:
    locked = start("locked")
    header = int(locked.map, 16)
    taken = [f"watchpoint set expression -l c -s 8 -- {header + offset:#x}" for offset in offsets]
    # lldb would leave them in the process that it lets go, which dies of them.
    given = [Lldb.load, *taken, "gomap watch main.shared --for 5", "watchpoint delete -f", "detach"]
    (line,) = lldb.answers(["-p", str(locked.pid)], given)[-3]
    assert words in line
    assert "watchpoint list" in line
    assert_unharmed(locked)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("end", ["detach", "process kill"])
def test_a_process_that_is_gone_is_no_process(lldb: Lldb, start: Start, end: str, command: str) -> None:
    locked = start("locked")
    assert "no process" in the_one_line(lldb.attach(locked.pid, end, UNTIL_IT_IS_KNOWN, f"gomap {command}"))
    if end == "detach":
        assert_unharmed(locked)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_that_is_not_go_is_refused(lldb: Lldb, command: str) -> None:
    with child(["/bin/sleep", "1000"]) as sleep:
        assert "Go" in the_one_line(lldb.attach(sleep.pid, f"gomap {command}"))
        assert not sleep.has_ended()
        assert not stopped_or_traced(sleep.pid)


def test_a_program_that_was_rebuilt_since_it_started_is_refused(
    lldb: Lldb, start: Start, build: Callable[..., Path]
) -> None:
    locked = start("locked")
    program = locked.executable
    before = program.read_bytes()
    try:
        # As the linker does it: a new file in the old one's place.
        program.unlink()
        program.write_bytes(build("clobber").read_bytes())
        ran = lldb.attach(locked.pid, "gomap watch main.shared")
    finally:
        program.unlink()
        program.write_bytes(before)
        program.chmod(0o755)
    assert ran.status == 1, ran
    assert_unharmed(locked)


def test_without_its_core_it_is_said_how_to_build_it(lldb: Lldb, start: Start, tmp_path: Path) -> None:
    locked = start("locked")
    without = lldb.given(REDHANDED_NATIVE=str(tmp_path / "nowhere.so"))
    line = the_one_line(without.attach(locked.pid, "gomap header main.shared"))
    assert "nowhere.so" in line
    assert "cargo xtask build" in line
    assert_unharmed(locked)
