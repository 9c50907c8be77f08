"""gdb, driven as a user drives it: its own commands, in batch mode, on real processes."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from children import Child, child

PLUGIN = Path(__file__).resolve().parents[1] / "redhanded.py"
LOAD = f"source {PLUGIN}"

#: What gdb is made to say once it has stopped the process and is about to run the commands under test.
MARK = "[the commands begin]"

#: How long one gdb may take, in seconds.
PATIENCE = 60.0


@dataclass(frozen=True)
class Ran:
    """What a gdb has said, beyond what it says by itself as it attaches."""

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
class Gdb:
    """One of the gdbs under test."""

    name: str
    path: str
    environment: tuple[tuple[str, str], ...] = ()

    def given(self, **environment: str) -> "Gdb":
        """The same gdb with other environment variables."""
        return Gdb(self.name, self.path, (*self.environment, *environment.items()))

    def command(self, *arguments: str) -> list[str]:
        """A command line of it."""
        # The one that is not asked would ask on the terminal, or the network, for what Go never has there.
        return [self.path, "-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", *arguments]

    def start(
        self,
        arguments: Sequence[str],
        commands: Sequence[str],
        on_line: Optional[Callable[[str], None]] = None,
    ) -> Child:
        """Starts it; the caller ends it."""
        marks = [f"echo {MARK}\\n", f"python gdb.write({MARK!r} + chr(10), gdb.STDERR)"]
        given = [part for command in (*marks, *commands) for part in ("-ex", command)]
        environment = {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"}
        return Child(
            self.command(*given, *arguments),
            on_line=on_line,
            environment=environment | dict(self.environment),
        )

    def run(
        self,
        arguments: Sequence[str],
        commands: Sequence[str],
        seconds: float = PATIENCE,
        on_line: Optional[Callable[[str], None]] = None,
    ) -> Ran:
        """Runs it to its end."""
        started = self.start(arguments, commands, on_line)
        try:
            return said(started, started.wait(seconds))
        finally:
            started.kill()

    def attach(
        self, pid: int, *commands: str, seconds: float = PATIENCE, go: Optional[Callable[[], None]] = None
    ) -> Ran:
        """Attaches to a process, loads the plugin, runs commands and lets go. `go` is called once the process
        is stopped: what it writes to the process is read as soon as a command lets that run."""

        def on_line(line: str) -> None:
            if go is not None and line == MARK:
                go()

        return self.run(["-p", str(pid)], [LOAD, *commands], seconds, on_line)


def said(gdb: Child, status: int) -> Ran:
    """What an ended gdb has said since the mark."""
    return Ran(status, gdb.out.partition(f"{MARK}\n")[2], gdb.err.partition(f"{MARK}\n")[2])


def interrupt(gdb: Child) -> None:
    """Ctrl-C."""
    gdb.signal(signal.SIGINT)


__all__ = ["LOAD", "MARK", "PLUGIN", "Gdb", "Ran", "child", "interrupt", "said"]
