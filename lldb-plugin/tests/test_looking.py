"""The commands under `gomap` in a real lldb, on real Go processes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from go_programs import Corpus, Sample

LOADER = Path(__file__).resolve().parents[1] / "redhanded.py"
LOAD = f"command script import {LOADER}"


def run(lldb: str, pid: int, *commands: str) -> "subprocess.CompletedProcess[str]":
    """Attaches, loads the plugin, runs the commands and lets go."""
    given = [part for command in (LOAD, *commands) for part in ("-o", command)]
    return subprocess.run(
        [lldb, "--no-lldbinit", "--batch", "-p", str(pid), *given, "-o", "detach"],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def one(ran: "subprocess.CompletedProcess[str]", schema: str) -> dict[str, Any]:
    """The one JSON line of a schema."""
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"schema"')]
    (found,) = (line for line in lines if line["schema"] == schema)
    return found


def test_a_header_is_what_the_program_says_of_it(lldb: str, corpus: Corpus) -> None:
    names = corpus.without_nil()
    assert len(names) > 10
    ran = run(lldb, corpus.pid, *(f"gomap header {name} --json" for name in names))
    shown = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"schema"')]
    assert len(shown) == len(names), ran.stdout + ran.stderr
    for header, (name, told) in zip(shown, names.items()):
        assert int(header["map"]["address"], 16) == told["address"], name
        fields = {row["field"]: int(row["value"], 16) for row in header["fields"]}
        assert fields == {field: int(value) for field, value in told["fields"].items()}, name
        assert header["findings"] == [], name


def test_goroutines_and_threads_are_listed(lldb: str, sample: Callable[[str], Sample]) -> None:
    clobber = sample("clobber")
    ran = run(lldb, clobber.pid, "gomap goroutines --json", "gomap threads --json")
    goroutines = one(ran, "redhanded.goroutines/1")["goroutines"]
    assert {"goroutine": 1, "state": "syscall"}.items() <= goroutines[0].items()
    tids = {thread["thread"] for thread in one(ran, "redhanded.threads/1")["threads"]}
    assert tids == {int(task.name) for task in Path(f"/proc/{clobber.pid}/task").iterdir()}


def test_maps_are_printed_looked_up_and_checked(lldb: str, sample: Callable[[str], Sample]) -> None:
    clobber = sample("clobber")
    ran = run(
        lldb,
        clobber.pid,
        "gomap print main.shared --sort key --limit 2 --csv",
        "gomap get main.shared 5 --json",
        "gomap check main.shared --json",
        "gomap maps main.",
    )
    assert "key,elem\n0," in ran.stdout, ran.stdout + ran.stderr
    assert one(ran, "redhanded.get/1")["found"]
    assert one(ran, "redhanded.check/1")
    assert any(line.startswith("main.shared  map[int]int  0x") for line in ran.stdout.splitlines())


def test_loading_twice_says_nothing(lldb: str, sample: Callable[[str], Sample]) -> None:
    ran = run(lldb, sample("clobber").pid, LOAD, "gomap header main.shared")
    after = ran.stdout.partition(LOAD)[2].partition(LOAD)[2]
    assert after.splitlines()[0] == "", ran.stdout
    assert "main.shared: map[int]int at 0x" in after


def test_an_unknown_variable_fails_with_one_line(lldb: str, sample: Callable[[str], Sample]) -> None:
    clobber = sample("clobber")
    ran = run(lldb, clobber.pid, "gomap header main.sharde")
    assert ran.returncode == 1
    errors = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert errors == ["error: no package variable main.sharde: did you mean main.shared?"]
    clobber.go()
    assert not clobber.has_ended()
