"""gdb and lldb, driven as a user drives them: their own commands, in batch mode, on real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import Child
from fixtures import file_named_by
from go_programs import ROOT

#: What a debugger is made to say once it has stopped the process and is about to run the commands under test.
MARK = "[the commands begin]"

#: The plugin for gdb, and the command that loads it.
PLUGIN = ROOT / "gdb-plugin/redhanded.py"
LOAD = f"source {PLUGIN}"

NOISE_OF_LLDB = re.compile(r"\(lldb\) |Executing commands in |warning: [Tt]his version of LLDB")

#: How long one debugger may take, in seconds.
PATIENCE = 60.0


@dataclass(frozen=True)
class Ran:
    """What a debugger has said, beyond what it says by itself as it attaches."""

    status: int
    out: str
    err: str

    def lines(self, schema: str) -> list[dict[str, Any]]:
        """The JSON lines of one schema."""
        return [line for line in self.json_lines() if line["schema"] == schema]

    def json_lines(self) -> list[dict[str, Any]]:
        """All JSON lines."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith('{"schema"')]

    def one(self, schema: str) -> dict[str, Any]:
        """The one JSON line of a schema."""
        lines = self.lines(schema)
        assert len(lines) == 1, f"{len(lines)} lines of {schema}:\n{self}"
        return lines[0]

    def summary(self) -> dict[str, Any]:
        """How a watch ended."""
        return self.one("redhanded.watch/1")

    def errors(self) -> list[str]:
        """The lines of the standard error."""
        return self.err.splitlines()

    def __str__(self) -> str:
        return f"status {self.status}\n{self.out[-6000:]}\n--- standard error\n{self.err[-2000:]}"


@dataclass(frozen=True)
class Debugger:
    """One of the debuggers under test."""

    name: str
    path: str
    environment: tuple[tuple[str, str], ...] = ()

    def given(self, **environment: str) -> Any:
        """The same one with other environment variables."""
        return type(self)(self.name, self.path, (*self.environment, *environment.items()))

    def start(
        self,
        arguments: Sequence[str],
        commands: Sequence[str],
        on_line: Callable[[str], None] | None = None,
        stderr: int = subprocess.PIPE,
    ) -> Child:
        """Starts it; the caller ends it."""
        environment = {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"}
        return Child(
            self.command(arguments, commands),
            on_line=on_line,
            environment=environment | dict(self.environment),
            stderr=stderr,
        )

    def run(
        self,
        arguments: Sequence[str],
        commands: Sequence[str],
        seconds: float = PATIENCE,
        on_line: Callable[[str], None] | None = None,
    ) -> Ran:
        """Runs it to its end."""
        started = self.start(arguments, commands, on_line)
        try:
            return said(started, started.wait(seconds))
        finally:
            started.kill()

    def attach(
        self,
        pid: int,
        *commands: str,
        seconds: float = PATIENCE,
        go: Callable[[], None] | None = None,
        interrupt_at: str | None = None,
    ) -> Ran:
        """Attaches to a process, loads the plugin, runs commands and lets go. `go` is called once the process
        is stopped: what it writes to the process is read as soon as a command lets that run. The first line
        that holds `interrupt_at` is answered with Ctrl-C."""
        told = at_first(lambda line: line == MARK, go)
        interrupted = at_first(lambda line: interrupt_at in line, lambda: interrupt(started))

        def on_line(line: str) -> None:
            if go is not None:
                told(line)
            if interrupt_at is not None:
                interrupted(line)

        started = self.start(["-p", str(pid)], [self.load, *commands, *self.let_go], on_line)
        try:
            return said(started, started.wait(seconds))
        finally:
            started.kill()

    def answers(
        self,
        arguments: Sequence[str],
        commands: Sequence[str],
        on_line: Callable[[str], None] | None = None,
    ) -> list[list[str]]:
        """What it says to each command, errors and all, in lines."""
        marked = []
        for number, command in enumerate(commands):
            marked += [command, self.say.format(f"{MARK} {number}")]
        with self.patient(marked) as given:
            started = self.start(arguments, given, on_line, stderr=subprocess.STDOUT)
            try:
                started.wait(PATIENCE)
            finally:
                started.kill()
        rest, answers = started.out.partition(f"{MARK}\n")[2], []
        for number in range(len(commands)):
            answer, mark, rest = rest.partition(f"{MARK} {number}\n")
            assert mark, f"no answer to {commands[number]}:\n{started.out}"
            # gdb says the mark on both of its streams.
            lines = [line for line in answer.splitlines() if line != MARK and not self.is_noise(line)]
            answers.append([self.said(line) for line in lines])
        return answers

    # What is different from one debugger to the next.

    #: The page of docs/src/ on it.
    page = ""
    #: What is typed after.
    prompt = ""
    #: The argument before a program that is to be run.
    before_program = ""
    #: The command that loads the plugin.
    load = ""
    #: The command that says something.
    say = ""
    #: The command that makes a process stop in a function, once (a goroutine that moves to another thread may
    #: come to a breakpoint again), and the one for a line of a file.
    stop_in = stop_at = ""
    #: The command that lets a process run, without waiting for it to stop.
    run_on = ""
    #: The command that connects to a server on this machine.
    connect = ""
    #: What it needs to be told at the end, to let the process go.
    let_go: tuple[str, ...] = ()

    def command(self, arguments: Sequence[str], commands: Sequence[str]) -> list[str]:
        """A command line of it, that also says the mark before the commands."""
        raise NotImplementedError

    def patient(self, commands: list[str]) -> AbstractContextManager[list[str]]:
        """The same commands, gone on with after one that fails."""
        return nullcontext(commands)

    def is_noise(self, line: str) -> bool:
        """Whether it says this by itself."""
        return False

    def said(self, line: str) -> str:
        """What was said, without what it puts before."""
        return line

    def on_core(self, program: Path, core: Path) -> list[str]:
        """The arguments for a core."""
        raise NotImplementedError

    def server(self, port: int, program: Path, *arguments: str) -> list[str]:
        """A command line of the server that comes with it."""
        raise NotImplementedError


class Gdb(Debugger):
    """A gdb."""

    page = "gdb.md"
    prompt = "(gdb) "
    before_program = "--args"
    load = LOAD
    say = "echo {}\\n"
    stop_in = "tbreak {}"
    stop_at = "break {}:{}"
    run_on = "continue &"
    connect = "target remote localhost:{}"

    @staticmethod
    def all() -> list[Gdb]:
        """Those to test with."""
        return [
            Gdb("gdb13", str(file_named_by("REDHANDED_GDB13"))),
            Gdb("gdb18", str(file_named_by("REDHANDED_GDB18"))),
        ]

    def command(self, arguments: Sequence[str], commands: Sequence[str]) -> list[str]:
        """A command line of it."""
        marks = [self.say.format(MARK), f"python gdb.write({MARK!r} + chr(10), gdb.STDERR)"]
        given = [part for command in (*marks, *commands) for part in ("-ex", command)]
        # The one that is not asked would ask on the terminal, or the network, for what Go never has there.
        quiet = ["-nx", "-q", "-batch", "-iex", "set debuginfod enabled off"]
        return [self.path, *quiet, *given, *arguments]

    def on_core(self, program: Path, core: Path) -> list[str]:
        """The arguments for a core."""
        return [str(program), str(core)]

    def gdbserver(self) -> str:
        """The gdbserver that comes with it, or else any."""
        beside = Path(self.path).with_name("gdbserver")
        found = str(beside) if beside.is_file() else shutil.which("gdbserver")
        return found or str(file_named_by("REDHANDED_GDB18").with_name("gdbserver"))

    def server(self, port: int, program: Path, *arguments: str) -> list[str]:
        """A command line of the server."""
        return [self.gdbserver(), f"localhost:{port}", str(program), *arguments]


class Lldb(Debugger):
    """An lldb."""

    page = "lldb.md"
    prompt = "(lldb) "
    before_program = "--"
    load = f"command script import {ROOT}/lldb-plugin/redhanded.py"
    say = "script print('{}', flush=True)"
    stop_in = "breakpoint set -o true -n {}"
    stop_at = "breakpoint set -f {} -l {}"
    run_on = "script lldb.debugger.SetAsync(True); lldb.process.Continue()"
    connect = "gdb-remote localhost:{}"
    let_go = ("detach",)

    @staticmethod
    def all() -> list[Lldb]:
        """Those to test with."""
        return [
            Lldb("lldb19", str(file_named_by("REDHANDED_LLDB19"))),
            Lldb("lldb23", str(file_named_by("REDHANDED_LLDB23"))),
        ]

    def command(self, arguments: Sequence[str], commands: Sequence[str]) -> list[str]:
        """A command line of it."""
        given = [part for command in (self.say.format(MARK), *commands) for part in ("-o", command)]
        return [self.path, "--no-lldbinit", "--batch", *given, *arguments]

    @contextmanager
    def patient(self, commands: list[str]) -> Iterator[list[str]]:
        """The same commands from a file: of those on its command line, it ends with the first that fails."""
        with tempfile.NamedTemporaryFile("w", suffix=".lldb") as file:
            file.writelines(f"{command}\n" for command in commands)
            file.flush()
            yield [f"command source --stop-on-error false {file.name}"]

    def is_noise(self, line: str) -> bool:
        """Whether it says this by itself: it repeats each command, and warns that it knows no Go."""
        return NOISE_OF_LLDB.match(line) is not None

    def said(self, line: str) -> str:
        """What was said, without what it puts before."""
        return line.removeprefix("error: ")

    def on_core(self, program: Path, core: Path) -> list[str]:
        """The arguments for a core."""
        return ["-c", str(core), str(program)]

    def server(self, port: int, program: Path, *arguments: str) -> list[str]:
        """A command line of the server."""
        server = Path(self.path).resolve().with_name("lldb-server")
        return [str(server), "gdbserver", f"localhost:{port}", "--", str(program), *arguments]


def said(debugger: Child, status: int) -> Ran:
    """What an ended debugger has said since the mark; lldb marks only its standard output."""
    return Ran(status, debugger.out.partition(f"{MARK}\n")[2], debugger.err.rpartition(f"{MARK}\n")[2])


def at_first(wanted: Callable[[str], bool], do: Callable[[], None]) -> Callable[[str], None]:
    """Does something at the first line that is wanted, and only then."""
    is_done = False

    def on_line(line: str) -> None:
        nonlocal is_done
        if not is_done and wanted(line):
            is_done = True
            do()

    return on_line


def interrupt(debugger: Child) -> None:
    """Ctrl-C."""
    debugger.signal(signal.SIGINT)


__all__ = ["LOAD", "MARK", "PLUGIN", "Debugger", "Gdb", "Lldb", "Ran", "at_first", "interrupt", "said"]
