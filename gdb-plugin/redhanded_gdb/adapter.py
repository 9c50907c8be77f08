"""gdb, as the commands want it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gdb
from redhanded_common import procfs
from redhanded_common.debugger import Frame, Registers

from . import inferior
from .tracer import GdbTracer


class Gdb:
    """gdb, for one command."""

    name = "gdb"

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._is_tracing = False

    def close(self) -> None:
        """Shows what had to wait."""
        gdb.write("".join(self._waiting))
        self._waiting.clear()

    def session(self) -> Any:
        """The process or core that gdb looks at."""
        return inferior.session()

    def require_live(self, command: str) -> None:
        """Refuses what only a stopped live process allows."""
        inferior.require_live(command)

    def frame(self) -> Frame | None:
        """The selected frame; None while the process runs."""
        return inferior.frame()

    def threads(self) -> list[tuple[int, Registers]]:
        """Every stopped thread; reading its registers selects it."""
        return list(inferior.stopped_threads())

    def current(self) -> int:
        """The selected thread, 0 if there is none."""
        return inferior.current_tid()

    def is_running(self) -> bool:
        """Whether the process runs while we look at it."""
        return inferior.is_running()

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """What the user has selected and set is afterwards as it was."""
        with inferior.selection_kept(), _unfolded_lines():
            yield

    def completions(self, typed: str, maps_only: bool) -> list[str]:
        """What an expression may go on to be."""
        return inferior.completions(typed, maps_only)

    def colour(self) -> bool:
        """Whether to colour: only for a person at a terminal, and never against their word."""
        return (
            "NO_COLOR" not in os.environ
            and os.environ.get("TERM", "dumb") != "dumb"
            and not _is_ide()
            and bool(gdb.parameter("style enabled"))
            and sys.__stdout__ is not None
            and sys.__stdout__.isatty()
        )

    def write(self, text: str) -> None:
        """Shows text."""
        if self._is_tracing:
            self._write_past_gdb(text)
        else:
            gdb.write(text)

    def _write_past_gdb(self, text: str) -> None:
        # While the process runs, gdb's output is captured, or every hold would print "Switching to thread".
        # In an IDE, where standard output belongs to a protocol, the text waits until the command ends.
        if _is_ide():
            self._waiting.append(text)
            return
        data = text.encode()
        while data:
            data = data[os.write(1, data) :]

    def breathe(self) -> None:
        """Called now and then in long work: where Python runs, a Ctrl-C is raised."""

    def pid(self) -> int | None:
        """The process's number, if it runs on this machine."""
        pid = gdb.selected_inferior().pid
        is_here = inferior.connection() == "native" or procfs.is_traced(pid, by="gdbserver")
        return pid if is_here else None

    def tracer(self) -> GdbTracer:
        """For one command that lets the process run."""
        gdb.flush()
        self._is_tracing = True
        return GdbTracer()


def _is_ide() -> bool:
    return "gdb.dap" in sys.modules


@contextmanager
def _unfolded_lines() -> Iterator[None]:
    """Lets gdb pass long output on as it is. It counts columns only in order to halt after each screen:
    where it doesn't halt, that would take ten times as long as all the rest."""
    width = gdb.parameter("width")
    if gdb.parameter("pagination") and gdb.parameter("height") is not None:
        yield
        return
    gdb.execute("set width 0", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set width {'unlimited' if width is None else width}", to_string=True)
