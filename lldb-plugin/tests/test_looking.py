"""The commands under `gomap` in a real lldb, on real Go processes."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from debugger import Lldb, interrupt, said
from go_programs import Corpus, Sample, Values

Start = Callable[[str], Sample]


def test_a_header_is_what_the_program_says_of_it(lldb: Lldb, corpus: Corpus) -> None:
    names = corpus.without_nil()
    assert len(names) > 10
    ran = lldb.attach(corpus.pid, *(f"gomap header {name} --json" for name in names))
    shown = [json.loads(line) for line in ran.out.splitlines() if line.startswith('{"schema"')]
    assert len(shown) == len(names), ran.out + ran.err
    for header, (name, told) in zip(shown, names.items()):
        assert int(header["map"]["address"], 16) == told["address"], name
        fields = {row["field"]: int(row["value"], 16) for row in header["fields"]}
        assert fields == {field: int(value) for field, value in told["fields"].items()}, name
        assert header["findings"] == [], name


def test_goroutines_and_threads_are_listed(lldb: Lldb, start: Start) -> None:
    clobber = start("clobber")
    ran = lldb.attach(clobber.pid, "gomap goroutines --json", "gomap threads --json")
    goroutines = ran.one("redhanded.goroutines/1")["goroutines"]
    assert {"goroutine": 1, "state": "syscall"}.items() <= goroutines[0].items()
    tids = {thread["thread"] for thread in ran.one("redhanded.threads/1")["threads"]}
    assert tids == {int(task.name) for task in Path(f"/proc/{clobber.pid}/task").iterdir()}


def test_maps_are_printed_looked_up_and_checked(lldb: Lldb, start: Start) -> None:
    clobber = start("clobber")
    ran = lldb.attach(
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


def test_a_script_gets_what_a_command_says(lldb: Lldb, start: Start) -> None:
    run = "lldb.debugger.GetCommandInterpreter().HandleCommand('gomap header main.shared', said)"
    script = f"script said = lldb.SBCommandReturnObject(); {run}; print(f'[{{said.GetOutput()}}]')"
    ran = lldb.attach(start("clobber").pid, script)
    assert "[main.shared: map[int]int at 0x" in ran.out, ran
    assert ran.out.count("main.shared: map[int]int at 0x") == 1


def test_loading_twice_says_nothing(lldb: Lldb, start: Start) -> None:
    ran = lldb.attach(start("clobber").pid, Lldb.load, "gomap header main.shared")
    after = ran.out.partition(Lldb.load)[2].partition(Lldb.load)[2]
    assert after.splitlines()[0] == "", ran.out
    assert "main.shared: map[int]int at 0x" in after


def test_an_unknown_variable_fails_with_one_line(lldb: Lldb, start: Start) -> None:
    clobber = start("clobber")
    ran = lldb.attach(clobber.pid, "gomap header main.sharde")
    assert ran.status == 1
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert errors == ["error: no package variable main.sharde: did you mean main.shared?"]
    clobber.go()
    assert not clobber.has_ended()


def test_a_million_entries_are_printed(lldb: Lldb, build: Callable[..., Path], started: ExitStack) -> None:
    program = Values(build("values"), 1_000_000)
    started.callback(program.kill)
    ran = lldb.attach(program.pid, "gomap print main.many")
    assert ran.status == 0, ran
    assert sum(line.endswith(': "v"') for line in ran.out.splitlines()) == 1_000_000


def test_long_work_is_interrupted(lldb: Lldb, build: Callable[..., Path], started: ExitStack) -> None:
    program = Values(build("values"), 5_000_000)
    started.callback(program.kill)
    command = "gomap print main.many"
    running = lldb.start(["-p", str(program.pid)], [Lldb.load, command, "detach"])
    try:
        running.wait_for_line(lambda line: line == f"(lldb) {command}\n")
        # It takes some seconds.
        time.sleep(0.3)
        interrupt(running)
        ran = said(running, running.wait())
    finally:
        running.kill()
    assert "interrupted; what it has shown is not all" in ran.err, ran
    assert ran.status == 1
    assert 0 < sum(line.endswith(': "v"') for line in ran.out.splitlines()) < 5_000_000
