"""lldb, as the commands want it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lldb
from redhanded_common.debugger import Frame, Registers
from redhanded_common.failure import Failure

from . import process
from .tracer import LldbTracer


class Lldb:
    """lldb, for one command."""

    name = "lldb"

    def __init__(
        self,
        debugger: lldb.SBDebugger,
        context: lldb.SBExecutionContext,
        result: lldb.SBCommandReturnObject,
        is_captured: bool,
    ) -> None:
        self._debugger, self._context, self._result = debugger, context, result
        self._process = context.GetProcess()
        #: Where text goes at once. lldb shows a result only when the command ends, and line by line, which
        #: takes ten times as long as all the rest.
        self._out = None if is_captured else debugger.GetOutputFile()
        #: The text that is to be in the result. lldb copies all that this has for each piece that is added.
        self._waiting: list[str] = []

    def close(self) -> None:
        """Puts what was said into the result, where somebody wants that."""
        if self._waiting:
            self._result.AppendMessage("".join(self._waiting).removesuffix("\n"))

    def session(self) -> Any:
        """The process or core that lldb looks at."""
        return process.session(self._context)

    def require_live(self, command: str) -> None:
        """Refuses what only a stopped live process allows."""
        if process.is_core(self._process):
            raise Failure(f"gomap {command} needs a live process: a core file doesn't run")
        if not self._process.IsValid() or not self._process.is_alive:
            raise Failure("no process: start one with `run`, or attach with `process attach --pid PID`")
        if self._process.is_running:
            raise Failure("the process is running: `process interrupt` it first")

    def frame(self) -> Frame | None:
        """The selected frame; None while the process runs."""
        return process.frame(self._process)

    def threads(self) -> list[tuple[int, Registers]]:
        """Every stopped thread."""
        return process.threads(self._process)

    def current(self) -> int:
        """The selected thread, 0 if there is none."""
        thread = self._process.GetSelectedThread()
        return thread.GetThreadID() if thread.IsValid() else 0

    def is_running(self) -> bool:
        """Whether the process runs while we look at it."""
        return self._process.is_running

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """What the user has selected is not touched."""
        yield

    def completions(self, typed: str, maps_only: bool) -> list[str]:
        """What an expression may go on to be."""
        return process.program(self._context.GetTarget()).complete(typed, maps_only)

    def colour(self) -> bool:
        """Whether to colour: only for a person at a terminal, and never against their word."""
        return "NO_COLOR" not in os.environ and self._debugger.GetUseColor()

    def write(self, text: str) -> None:
        """Shows text; during a watch at once, whoever wants it."""
        if self._out is None:
            self._waiting.append(text)
        else:
            self._out.Write(text.encode())
            self._out.Flush()

    def breathe(self) -> None:
        """Called now and then in long work: raises KeyboardInterrupt to end it."""
        if self._debugger.InterruptRequested():
            raise KeyboardInterrupt

    def pid(self) -> int | None:
        """The process's number, if it runs on this machine."""
        return process.local_pid(self._process)

    def tracer(self) -> LldbTracer:
        """For one command that lets the process run."""
        self._out = self._debugger.GetOutputFile()
        return LldbTracer(self._debugger, self._process)
