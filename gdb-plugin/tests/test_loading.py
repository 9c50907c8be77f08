"""Sourcing the plugin: silent, in any order, twice; and what it says when its core is not the right one."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from debugger import LOAD, PLUGIN, Gdb, Ran
from go_programs import Sample

Start = Callable[[str], Sample]

pytestmark = pytest.mark.paired

#: What the plugin consists of, from the root of the repository.
PARTS = ("gdb-plugin/redhanded.py", "gdb-plugin/redhanded_gdb", "native/python/redhanded_common")

COMMANDS = (
    *("print", "get", "header", "check", "maps", "locals"),
    *("watch", "stakeout", "goroutines", "threads", "race"),
)


def assert_commands_work(ran: Ran, sample: Sample) -> None:
    """Fails unless a header was shown, and gdb prints maps with our printer."""
    assert ran.status == 0, ran
    assert ran.err == "", ran
    header = ran.one("redhanded.header/1")
    assert (header["map"]["address"], header["len"]) == (sample.map, 64)
    assert "map[int]int (len 64) = {" in ran.out


#: They show that the plugin works.
USE = ("gomap header main.shared --json", "print 'main.shared'")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_loading_is_silent_without_a_program(gdb: Gdb, times: int) -> None:
    ran = gdb.run([], [LOAD] * times)
    assert (ran.status, ran.out, ran.err) == (0, "", "")


def test_loading_is_silent_with_a_program(gdb: Gdb, build: Callable[..., Path]) -> None:
    ran = gdb.run([str(build("locked"))], [LOAD, LOAD])
    assert (ran.status, ran.out, ran.err) == (0, "", "")


def test_commands_work_when_loaded_after_the_program(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    assert_commands_work(gdb.run(["-p", str(sample.pid)], [LOAD, *USE]), sample)


def test_commands_work_when_loaded_before_the_program(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.run([], [LOAD, f"file {sample.executable}", f"attach {sample.pid}", *USE])
    header = ran.one("redhanded.header/1")
    assert header["map"]["address"] == sample.map
    assert "map[int]int (len 64) = {" in ran.out


def test_commands_work_when_loaded_twice(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.run(["-p", str(sample.pid)], [LOAD, USE[1], LOAD, *USE, "info pretty-printer"])
    assert_commands_work(ran, sample)
    assert ran.out.count("redhanded") == 1 + len(ran.lines("redhanded.header/1")), ran


def test_a_watch_works_when_loaded_twice(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.attach(sample.pid, LOAD, "gomap watch main.shared --count 9 --json", go=sample.go)
    assert (ran.summary()["outcome"], ran.summary()["accesses"]) == ("count", 9), ran
    assert len(ran.lines("redhanded.access/1")) == 9


def test_it_is_loaded_from_any_folder_and_by_a_link(gdb: Gdb, tmp_path: Path) -> None:
    link = tmp_path / "linked.py"
    link.symlink_to(PLUGIN)
    ran = gdb.run([], ["cd /", f"source {link}", "help gomap"])
    assert ran.status == 0, ran
    assert ran.err == ""


def copy_with_another_version(folder: Path) -> Path:
    """A copy of the plugin that wants another version of the core."""
    root = PLUGIN.parents[1]
    for part in PARTS:
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (root / part).is_dir() else shutil.copy
        copy(root / part, target)
    changed = 0
    for module in folder.rglob("*.py"):
        text, count = re.subn(r'(?m)^VERSION = "[^"]*"', 'VERSION = "99.0.0"', module.read_text())
        module.write_text(text)
        changed += count
    assert changed == 1
    return folder / PARTS[0]


def assert_one_line_that_says_to_rebuild(ran: Ran) -> str:
    """Fails unless a command has failed so; gives the line."""
    assert ran.status == 1, ran
    (line,) = ran.errors()
    assert "cargo xtask build" in line
    return line


def test_a_core_of_another_version_is_refused_with_what_to_do(gdb: Gdb, tmp_path: Path, start: Start) -> None:
    sample = start("locked")
    load = f"source {copy_with_another_version(tmp_path)}"
    line = assert_one_line_that_says_to_rebuild(
        gdb.run(["-p", str(sample.pid)], [load, "gomap header main.shared"])
    )
    assert "99.0.0" in line
    sample.go()
    sample.assert_works_on()


@pytest.mark.parametrize(
    "command", ["header main.shared", "watch main.shared", "goroutines", "threads", "race"]
)
def test_without_its_core_every_command_says_how_to_build_it(
    gdb: Gdb, start: Start, tmp_path: Path, command: str
) -> None:
    sample = start("locked")
    without = gdb.given(REDHANDED_NATIVE=str(tmp_path / "nowhere.so"))
    line = assert_one_line_that_says_to_rebuild(without.attach(sample.pid, f"gomap {command}"))
    assert "nowhere.so" in line
    sample.go()
    sample.assert_works_on()


def test_without_its_core_gdb_prints_and_completes_as_usual(gdb: Gdb, start: Start, tmp_path: Path) -> None:
    sample = start("locked")
    without = gdb.given(REDHANDED_NATIVE=str(tmp_path / "nowhere.so"))
    ran = without.attach(
        sample.pid, "complete gomap header main.s", "print 'main.shared'", "bt 1", "echo alive\\n"
    )
    assert ran.status == 0, ran
    assert "Traceback" not in ran.out + ran.err
    assert "alive" in ran.out


def test_a_core_that_is_no_library_is_refused_in_one_line(gdb: Gdb, tmp_path: Path, start: Start) -> None:
    broken = tmp_path / "broken.so"
    broken.write_text("not a library")
    ran = gdb.given(REDHANDED_NATIVE=str(broken)).attach(start("locked").pid, "gomap threads")
    assert_one_line_that_says_to_rebuild(ran)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_examples(gdb: Gdb, command: str) -> None:
    ran = gdb.run([], [LOAD, f"help gomap {command}".strip()])
    assert ran.status == 0, ran
    assert f"gomap {command}".strip() in ran.out
    if command in ("", "print", "get", "header", "check", "watch"):
        assert re.search(r"gomap \w+ main\.\w+", ran.out), ran.out
    # A line of help is read on a terminal of 80 columns or a bit more.
    assert all(len(line) <= 110 for line in ran.out.splitlines())


def test_help_of_watch_names_every_option(gdb: Gdb) -> None:
    ran = gdb.run([], [LOAD, "help gomap watch"])
    for option in ("--hold", "--count", "--for", "--rescue", "--json"):
        assert option in ran.out


def test_the_prefix_alone_shows_its_help(gdb: Gdb) -> None:
    alone, help_ = (gdb.run([], [LOAD, command]) for command in ("gomap", "help gomap"))
    assert alone.out == help_.out != ""


def test_nothing_is_logged_unless_asked(gdb: Gdb, start: Start, tmp_path: Path) -> None:
    sample = start("locked")
    log = tmp_path / "log"
    quiet = gdb.given(REDHANDED_LOG_FILE=str(log))
    quiet.attach(sample.pid, "gomap header main.shared")
    assert not log.exists()
    asked = quiet.given(REDHANDED_LOG="trace")
    ran = asked.attach(sample.pid, "gomap header main.shared")
    assert ran.err == "", ran
    assert os.environ.get("REDHANDED_LOG") is None
