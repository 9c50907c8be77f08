"""What can go wrong: one line that says so, a failed gdb, and a process that is none the worse for it."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from children import child
from debugger import LOAD, Gdb, Ran
from go_programs import Corpus, Sample
from kernel import changed_code, debug_controls, stopped_or_traced, threads

Start = Callable[..., Sample]

pytestmark = pytest.mark.paired

COMMANDS = ("header main.shared", "watch main.shared", "goroutines", "threads")


#: What is refused is refused at once: a gdb that takes longer has begun to watch.
AT_ONCE = 20.0


def the_one_line(ran: Ran) -> str:
    """The error's line; fails if there is none, or more than one, or gdb has not failed."""
    assert ran.status == 1, ran
    (line,) = ran.errors()
    assert "Traceback" not in line
    assert "Watching" not in ran.out
    return line


def assert_unharmed(sample: Sample) -> None:
    """Fails unless the process runs, untraced and unchanged, and does its work."""
    assert not sample.has_ended(), sample.err
    assert not stopped_or_traced(sample.pid)
    assert changed_code(sample.pid) == []
    assert not any(debug_controls(sample.pid).values())
    sample.go()
    sample.assert_works_on()


#: What is typed, and what the one line says of it.
TYPED = {
    "unknown variable, header": ("gomap header main.share", ("main.share", "main.shared")),
    "unknown variable, watch": ("gomap watch main.sharde --hold 5", ("main.sharde", "main.shared")),
    "unknown package": ("gomap header mian.shared", ("mian.shared",)),
    "no package": ("gomap header shared", ("shared", "package")),
    "not a map, header": ("gomap header main.seen", ("main.seen", "not a map", "int")),
    "not a map, watch": ("gomap watch main.wait", ("main.wait", "not a map", "bool")),
    "no such field": ("gomap header main.running.cache", ("cache",)),
    "field of a map": ("gomap header main.shared.x", ("x",)),
    "missing expression, header": ("gomap header", ("which map",)),
    "missing expression, watch": ("gomap watch --hold 5", ("which map",)),
    "unknown option, header": ("gomap header main.shared --jsno", ("--jsno",)),
    "unknown option, watch": ("gomap watch main.shared --holding 5", ("--holding",)),
    "unknown option, goroutines": ("gomap goroutines --all", ("--all",)),
    "argument for none": ("gomap threads main.shared", ("main.shared",)),
    "hold too long": ("gomap watch main.shared --hold 1001", ("1001",)),
    "hold negative": ("gomap watch main.shared --hold -1", ("-1",)),
    "hold no number": ("gomap watch main.shared --hold soon", ("soon",)),
    "hold nan": ("gomap watch main.shared --hold nan", ("nan",)),
    "hold without value": ("gomap watch main.shared --hold", ("--hold",)),
    "count zero": ("gomap watch main.shared --count 0", ("--count",)),
    "count fraction": ("gomap watch main.shared --count 1.5", ("1.5",)),
    "for zero": ("gomap watch main.shared --for 0", ("0",)),
    "for infinite": ("gomap watch main.shared --for inf", ("inf",)),
    "for nan": ("gomap watch main.shared --for nan", ("nan",)),
    "unknown type": ("gomap header (map[nope]int)0x10", ("map[nope]int",)),
    "type never closed": ("gomap header (map[int]int0x10", ("(map[int]int0x10",)),
    "type without address": ("gomap header (map[int]int)", ("(map[int]int)",)),
    "address no number": ("gomap header (map[int]int)xyz", ("xyz",)),
    "address too large": ("gomap header (map[int]int)0x1ffffffffffffffff", ("0x1ffffffffffffffff",)),
    "type not a map": ("gomap header (int)0x10", ("not a map",)),
    "unmapped address, header": ("gomap header (map[int]int)0x10", ("0x10",)),
    "unmapped address, watch": ("gomap watch (map[int]int)0x10", ("0x10",)),
    "kernel address": ("gomap header (map[int]int)0xffffffffff600000", ("0xffffffffff600000",)),
    "nil address": ("gomap header (map[int]int)0x0", ("nil",)),
    "unknown command": ("gomap heeder main.shared", ("heeder",)),
    "a byte that is no letter": ("gomap header main.\x07shared", ("shared",)),
}


@pytest.mark.parametrize(("command", "words"), TYPED.values(), ids=TYPED)
def test_what_cannot_be_done_is_said_in_one_line(
    gdb: Gdb, start: Start, command: str, words: tuple[str, ...]
) -> None:
    sample = start("locked")
    line = the_one_line(gdb.attach(sample.pid, command, seconds=AT_ONCE))
    for word in words:
        assert word in line
    assert_unharmed(sample)


def test_a_nil_map_is_not_watched(gdb: Gdb, corpus: Corpus) -> None:
    line = the_one_line(gdb.attach(corpus.pid, "gomap watch main.nothing"))
    assert "main.nothing" in line
    assert "nil map" in line
    assert not corpus.has_ended()
    assert not stopped_or_traced(corpus.pid)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_process_it_says_how_to_get_one(gdb: Gdb, build: Callable[..., Path], command: str) -> None:
    line = the_one_line(gdb.run([str(build("locked"))], [LOAD, f"gomap {command}"]))
    assert "no process" in line
    assert "attach" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_program_it_says_how_to_load_one(gdb: Gdb, command: str) -> None:
    line = the_one_line(gdb.run([], [LOAD, f"gomap {command}"]))
    assert "attach" in line


def test_a_core_file_is_not_watched(gdb: Gdb, start: Start, tmp_path: Path) -> None:
    sample = start("locked")
    core = tmp_path / "core"
    gdb.attach(sample.pid, f"generate-core-file {core}")
    line = the_one_line(gdb.run([str(sample.executable), str(core)], [LOAD, "gomap watch main.shared"]))
    assert "core" in line
    assert_unharmed(sample)


def test_a_core_file_without_its_program_says_what_is_missing(gdb: Gdb, start: Start, tmp_path: Path) -> None:
    core = tmp_path / "core"
    gdb.attach(start("locked").pid, f"generate-core-file {core}")
    ran = gdb.run([], [LOAD, "set exec-file-mismatch off", f"core-file {core}", "gomap header main.shared"])
    # gdb 18 finds the program by itself from what the core says.
    if ran.status == 0:
        assert "main.shared: map[int]int" in ran.out
    else:
        assert ran.errors()[-1].startswith("no program"), ran


@pytest.mark.parametrize("flags", ["-s -w", "-w"])
@pytest.mark.parametrize("command", ["header main.shared", "watch main.shared"])
def test_a_stripped_program_is_refused_with_how_to_build_it(
    gdb: Gdb, start: Start, flags: str, command: str
) -> None:
    sample = start("locked", f"-ldflags={flags}")
    line = the_one_line(gdb.attach(sample.pid, f"gomap {command}"))
    assert "DWARF" in line
    assert "-ldflags" in line or "-w" in line
    assert_unharmed(sample)


def test_without_a_free_debug_register_nothing_is_watched(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    taken = [f"hbreak *($pc + {offset})" for offset in (0x100, 0x200, 0x300, 0x400)]
    ran = gdb.attach(sample.pid, *taken, "info breakpoints", "gomap watch main.shared --for 5")
    assert ran.out.count("hw breakpoint") == 4
    line = the_one_line(ran)
    assert "no free debug register" in line
    assert_unharmed(sample)


def test_a_watchpoint_that_takes_all_registers_counts_as_well(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    # Thirty-two bytes need four registers of eight.
    commands = [
        "set language c",
        f"watch *(char (*)[32]) {sample.map}",
        "gomap watch main.shared --for 5",
    ]
    ran = gdb.attach(sample.pid, *commands)
    # gdb notices only as it lets the process run.
    assert ran.status == 1, ran
    (line,) = ran.errors()
    assert "debug registers" in line
    assert "info breakpoints" in line
    assert_unharmed(sample)


def test_three_taken_registers_leave_one_to_watch_with(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    taken = [f"hbreak *($pc + {offset})" for offset in (0x100, 0x200, 0x300)]
    ran = gdb.attach(sample.pid, *taken, "gomap watch main.shared --count 10 --json", go=sample.go)
    assert ran.status == 0, ran
    # Somebody may come to one of the breakpoints: then that ends the watch.
    assert ran.summary()["outcome"] in ("count", "stopped")
    sample.assert_works_on()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_detached_process_is_no_process(gdb: Gdb, start: Start, command: str) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, "detach", f"gomap {command}")
    assert "no process" in the_one_line(ran)
    assert_unharmed(sample)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_process_is_no_process(gdb: Gdb, start: Start, command: str) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, "kill", f"gomap {command}")
    assert "no process" in the_one_line(ran)
    assert sample.wait() == -9


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_that_is_not_go_is_refused(gdb: Gdb, command: str) -> None:
    with child(["/bin/sleep", "1000"]) as sleep:
        line = the_one_line(gdb.attach(sleep.pid, f"gomap {command}"))
        assert "Go" in line
        assert not sleep.has_ended()
        assert not stopped_or_traced(sleep.pid)
        assert threads(sleep.pid) == [sleep.pid]


@pytest.mark.parametrize("command", COMMANDS)
def test_another_program_than_the_one_that_runs_is_refused(
    gdb: Gdb, start: Start, build: Callable[..., Path], command: str
) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, f"file {build('clobber')}", f"gomap {command}")
    assert ran.status == 1, ran
    # gdb may have its own to say of the new file, on a line before.
    assert "is not the program that the process runs" in ran.errors()[-1]
    assert_unharmed(sample)


def test_a_program_that_was_rebuilt_since_it_started_is_refused(
    gdb: Gdb, build: Callable[..., Path], started: ExitStack, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_bytes(build("locked").read_bytes())
    program.chmod(0o755)
    sample = Sample(program)
    started.callback(sample.kill)
    # As the linker does it: a new file in the old one's place.
    program.unlink()
    program.write_bytes(build("clobber").read_bytes())
    program.chmod(0o755)
    ran = gdb.run(["-p", str(sample.pid)], [LOAD, f"file {program}", "gomap watch main.shared"])
    assert ran.status == 1, ran
    assert "is not the program that the process runs" in ran.errors()[-1]
    sample.go()
    sample.assert_works_on()


def test_a_program_file_that_is_gone_is_said_to_be_gone(
    gdb: Gdb, build: Callable[..., Path], started: ExitStack, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_bytes(build("locked").read_bytes())
    program.chmod(0o755)
    sample = Sample(program)
    started.callback(sample.kill)
    program.unlink()
    ran = gdb.run(["-p", str(sample.pid)], [LOAD, "gomap header main.shared"])
    # gdb 18 finds the program all the same, through /proc.
    if ran.status == 0:
        assert f"main.shared: map[int]int at {sample.map}" in ran.out
    else:
        the_one_line(ran)
    sample.go()
    sample.assert_works_on()


def test_a_failed_command_leaves_gdb_usable(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.attach(
        sample.pid,
        "gomap watch main.nope",
        "gomap header (map[int]int)0x10",
        "show language",
        "gomap watch main.shared --count 5 --json",
        go=sample.go,
    )
    assert ran.status == 0, ran
    assert len(ran.errors()) == 2
    assert "auto" in ran.out
    assert ran.summary()["outcome"] == "count"
    sample.assert_works_on()
