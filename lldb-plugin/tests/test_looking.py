"""The commands under `gomap` in a real lldb, on real Go processes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from children import Child
from debugger import MARK, PATIENCE, Ran, interrupt
from go_programs import Corpus, Sample

LOADER = Path(__file__).resolve().parents[1] / "redhanded.py"
LOAD = f"command script import {LOADER}"


def run(
    lldb: str, pid: int, *commands: str, go: Callable[[], None] | None = None, interrupt_at: str | None = None
) -> Ran:
    """Attaches, loads the plugin, runs the commands and lets go. `go` is called once the process is stopped:
    what it writes to the process is read as soon as a command lets that run. The first line that holds
    `interrupt_at` is answered with Ctrl-C."""
    interrupted = False

    def on_line(line: str) -> None:
        nonlocal interrupted
        if go is not None and line == MARK:
            go()
        if interrupt_at is not None and interrupt_at in line and not interrupted:
            interrupted = True
            interrupt(started)

    first = f"script print({MARK!r}, flush=True)"
    given = [part for command in (first, LOAD, *commands, "detach") for part in ("-o", command)]
    command = [lldb, "--no-lldbinit", "--batch", "-p", str(pid), *given]
    started = Child(command, on_line=on_line, environment=dict(os.environ))
    try:
        return Ran(started.wait(PATIENCE), started.out, started.err)
    finally:
        started.kill()


def test_a_header_is_what_the_program_says_of_it(lldb: str, corpus: Corpus) -> None:
    names = corpus.without_nil()
    assert len(names) > 10
    ran = run(lldb, corpus.pid, *(f"gomap header {name} --json" for name in names))
    shown = [json.loads(line) for line in ran.out.splitlines() if line.startswith('{"schema"')]
    assert len(shown) == len(names), ran.out + ran.err
    for header, (name, told) in zip(shown, names.items()):
        assert int(header["map"]["address"], 16) == told["address"], name
        fields = {row["field"]: int(row["value"], 16) for row in header["fields"]}
        assert fields == {field: int(value) for field, value in told["fields"].items()}, name
        assert header["findings"] == [], name


def test_goroutines_and_threads_are_listed(lldb: str, sample: Callable[[str], Sample]) -> None:
    clobber = sample("clobber")
    ran = run(lldb, clobber.pid, "gomap goroutines --json", "gomap threads --json")
    goroutines = ran.one("redhanded.goroutines/1")["goroutines"]
    assert {"goroutine": 1, "state": "syscall"}.items() <= goroutines[0].items()
    tids = {thread["thread"] for thread in ran.one("redhanded.threads/1")["threads"]}
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
    assert "key,elem\n0," in ran.out, ran.out + ran.err
    assert ran.one("redhanded.get/1")["found"]
    assert ran.one("redhanded.check/1")
    assert any(line.startswith("main.shared  map[int]int  0x") for line in ran.out.splitlines())


def test_loading_twice_says_nothing(lldb: str, sample: Callable[[str], Sample]) -> None:
    ran = run(lldb, sample("clobber").pid, LOAD, "gomap header main.shared")
    after = ran.out.partition(LOAD)[2].partition(LOAD)[2]
    assert after.splitlines()[0] == "", ran.out
    assert "main.shared: map[int]int at 0x" in after


def test_an_unknown_variable_fails_with_one_line(lldb: str, sample: Callable[[str], Sample]) -> None:
    clobber = sample("clobber")
    ran = run(lldb, clobber.pid, "gomap header main.sharde")
    assert ran.status == 1
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert errors == ["error: no package variable main.sharde: did you mean main.shared?"]
    clobber.go()
    assert not clobber.has_ended()
