"""The program under gdb, as the core wants it: its file, its memory, its threads' registers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gdb
from redhanded_common.failure import Failure
from redhanded_common.library import core

Registers = Callable[[str], int]

_programs: dict[tuple[str, int], Any] = {}


def program() -> Any:
    """The executable that gdb has loaded, opened once for as long as it doesn't change on disk."""
    path = gdb.current_progspace().filename
    if path is None:
        raise Failure("no program: load one with `file PROGRAM`, or attach with `attach PID`")
    path = path.removeprefix("target:")
    changed = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
    key = (path, changed)
    if key not in _programs:
        _programs.clear()
        _programs[key] = core().Program(path)
    return _programs[key]


def map_variables(prefix: str) -> list[str]:
    """The map variables whose names begin so."""
    return program().map_variables(prefix)


def connection() -> str:
    """How gdb holds the process: `native`, `core`, `remote`, …; empty where there is none."""
    inferior = gdb.selected_inferior()
    if not inferior.is_valid() or inferior.pid == 0 or inferior.connection is None:
        return ""
    return inferior.connection.type


def session() -> Any:
    """The process or core that gdb looks at."""
    opened = program()
    if not connection():
        raise Failure(
            "no process: start one with `run`, attach with `attach PID`, or load a core with `core FILE`"
        )
    made = core().Session(opened, _load_bias(opened), read_memory)
    made.verify()
    return made


def require_live(command: str) -> None:
    """Refuses what only a live process allows."""
    kind = connection()
    if kind == "core":
        raise Failure(f"gomap {command} needs a live process: a core file doesn't run")
    if not kind:
        raise Failure("no process: start one with `run` or `start`, or attach with `attach PID`")
    thread = gdb.selected_thread()
    if thread is None or not thread.is_stopped():
        raise Failure("the process is running: `interrupt` it first")


def read_memory(address: int, length: int) -> bytes | None:
    """The process's memory; None where it isn't mapped."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    except (gdb.MemoryError, OverflowError):
        return None


def write_byte(address: int, byte: int) -> None:
    """Changes one byte of the process."""
    gdb.selected_inferior().write_memory(address, bytes([byte]))


def _load_bias(opened: Any) -> int:
    if not opened.is_position_independent:
        return 0
    auxv = gdb.execute("info auxv", to_string=True)
    entry = re.search(r"AT_ENTRY.*?(0x[0-9a-f]+)", auxv)
    if entry is None:
        raise Failure("cannot tell where the program was loaded: `info auxv` has no AT_ENTRY")
    return int(entry.group(1), 16) - opened.entry


def registers(thread: gdb.InferiorThread | None = None) -> Registers:
    """The registers of a thread (the selected one if none is given), each read when it is asked for."""
    frame = None if thread else gdb.newest_frame()

    def read(name: str) -> int:
        where = frame
        if where is None:
            # gdb knows frames only of the thread that is selected.
            thread.switch()
            where = gdb.newest_frame()
        # Other types than a plain integer (rip is a code pointer, eflags a set of flags) convert too.
        return int(where.read_register(name)) & 0xFFFF_FFFF_FFFF_FFFF

    return read


def tid(thread: gdb.InferiorThread) -> int:
    """The kernel's number of a thread."""
    _, lwp, other = thread.ptid
    return lwp or other


def current_tid() -> int:
    """The kernel's number of the selected thread, 0 where there is none."""
    thread = gdb.selected_thread()
    return tid(thread) if thread is not None and thread.is_valid() else 0


@contextmanager
def selection_kept() -> Iterator[None]:
    """Lets the user's thread and frame be what they were."""
    thread = gdb.selected_thread()
    frame = None
    if thread is not None and thread.is_valid() and thread.is_stopped():
        frame = gdb.selected_frame()
    try:
        yield
    finally:
        if thread is not None and thread.is_valid():
            thread.switch()
            if frame is not None and frame.is_valid():
                frame.select()


def stopped_threads() -> Iterator[tuple[int, Registers]]:
    """Every stopped thread with its registers; reading them selects it."""
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num):
        if thread.is_valid() and thread.is_stopped():
            yield tid(thread), registers(thread)


@contextmanager
def language(name: str) -> Iterator[None]:
    """Speaks another language for a while: in Go's, gdb can't parse casts or assign registers."""
    before = gdb.parameter("language")
    gdb.execute(f"set language {name}", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set language {before}", to_string=True)
