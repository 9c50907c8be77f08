"""The program under gdb, as the core wants it: its file, its memory, its threads' registers."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gdb
from redhanded_common import library
from redhanded_common.debugger import Frame, Registers
from redhanded_common.failure import Failure

from . import gotypes

#: The session that printers share, and what it was made for.
_session: tuple[Any, Any] | None = None


def program() -> Any:
    """The executable that gdb has loaded."""
    path = gdb.current_progspace().filename
    if path is None:
        raise Failure("no program: load one with `file PROGRAM`, or attach with `attach PID`")
    return library.program(path.removeprefix("target:"))


def completions(typed: str, maps_only: bool) -> list[str]:
    """What an expression may go on to be; with `maps_only`, maps and what leads to them."""
    found = program().complete(typed, maps_only)
    with suppress(RuntimeError, gdb.error):  # no frame, or one without symbols
        found += [name for name in locals_of_frame() if name.startswith(typed)]
    return sorted(set(found))


def connection() -> str:
    """How gdb holds the process: `native`, `core`, `remote`, …; empty where there is none."""
    inferior = gdb.selected_inferior()
    if not inferior.is_valid() or inferior.pid == 0 or inferior.connection is None:
        return ""
    return inferior.connection.type


def session() -> Any:
    """The process or core that gdb looks at; the same one as long as gdb does."""
    global _session
    opened, kind = program(), connection()
    if not kind:
        raise Failure(
            "no process: start one with `run`, attach with `attach PID`, or load a core with `core FILE`"
        )
    inferior = gdb.selected_inferior()
    pid = inferior.pid if kind == "native" else None
    made_for = (opened, kind, inferior.connection.num, inferior.num, inferior.pid)
    if _session is None or _session[0] != made_for:
        _session = (made_for, library.core().Session(opened, _load_bias(opened), read_memory, pid))
    return _session[1]


def forget(*_: Any) -> None:
    """Another program, or the same one moved elsewhere, may have the number of the one that was."""
    global _session
    _session = None


def require_live(command: str) -> None:
    """Refuses what only a live process allows."""
    kind = connection()
    if kind == "core":
        raise Failure(f"gomap {command} needs a live process: a core file doesn't run")
    if not kind:
        raise Failure("no process: start one with `run`, or attach with `attach PID`")
    thread = gdb.selected_thread()
    if thread is None or not thread.is_stopped():
        raise Failure("the process is running: `interrupt` it first")


def read_memory(address: int, length: int) -> bytes | None:
    """The process's memory; None where it isn't mapped."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    except (gdb.MemoryError, OverflowError):
        return None


def bytes_of(value: gdb.Value) -> bytes:
    """The bytes of a value, wherever it is: in memory, in registers, or in gdb's history."""
    if hasattr(value, "bytes"):  # since gdb 15
        return value.bytes
    if value.address is not None and (read := read_memory(int(value.address), value.type.sizeof)) is not None:
        return read
    made = bytearray(value.type.sizeof)
    _fill(made, 0, value)
    return bytes(made)


def _fill(made: bytearray, at: int, value: gdb.Value) -> None:
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_STRUCT:
        for field in kind.fields():
            _fill(made, at + field.bitpos // 8, value[field])
    elif kind.code == gdb.TYPE_CODE_ARRAY:
        first, last = kind.range()
        for index in range(first, last + 1):
            _fill(made, at + (index - first) * kind.target().sizeof, value[index])
    elif kind.code == gdb.TYPE_CODE_FLT:
        made[at : at + kind.sizeof] = struct.pack("=d" if kind.sizeof == 8 else "=f", float(value))
    else:
        number = int(value) & ((1 << 8 * kind.sizeof) - 1)
        made[at : at + kind.sizeof] = number.to_bytes(kind.sizeof, "little")


def text_of(name: str, value: gdb.Value) -> str:
    """A value as Go programmers write it, in one line."""
    return session().text(name, bytes_of(value))


def text_at(name: str, address: int, size: int) -> str:
    """The same of a value in memory."""
    read = read_memory(address, size)
    if read is None:
        raise Failure(f"cannot read {size} bytes at {address:#x}: nothing is mapped there")
    return session().text(name, read)


def held_in(value: gdb.Value) -> tuple[str, gdb.Value] | None:
    """What is in an interface, and the name of its type; None where it is nil, or gdb lacks the type."""
    empty = value.type.strip_typedefs().name.endswith("eface")
    held = session().held(bytes_of(value), empty)
    if held is None:
        return None
    name, size, address, word = held
    kind = gotypes.named(name, size)
    if kind is None:
        return None
    if address is not None:
        return name, gdb.Value(address).cast(kind.pointer()).dereference()
    if kind.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return name, gdb.Value(word).cast(kind)
    if value.address is None:
        return None
    # A struct of nothing but a pointer: the interface's second word is the struct.
    return name, gdb.Value(int(value.address) + 8).cast(kind.pointer()).dereference()


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


def frame() -> Frame | None:
    """The selected frame; None while the process runs."""
    if is_running() or gdb.selected_thread() is None:
        return None
    selected = gdb.selected_frame()
    callee = selected.newer()
    # An inlined call has no frame of its own on the stack; a signal may come at any instruction.
    while callee is not None and callee.type() == gdb.INLINE_FRAME:
        callee = callee.newer()
    is_return = callee is not None and callee.type() != gdb.SIGTRAMP_FRAME

    def read(name: str) -> int:
        return int(selected.read_register(name)) & 0xFFFF_FFFF_FFFF_FFFF

    return Frame(selected.pc(), is_return, read)


def is_running() -> bool:
    """Whether the process runs while we look at it."""
    return any(thread.is_running() for thread in gdb.selected_inferior().threads())


def locals_of_frame() -> Iterator[str]:
    """The names of the selected frame's arguments and locals."""
    if is_running() or gdb.selected_thread() is None:
        return
    block: gdb.Block | None = gdb.selected_frame().block()
    while block is not None and not (block.is_global or block.is_static):
        for symbol in block:
            if symbol.is_variable or symbol.is_argument:
                yield symbol.name
        block = None if block.function else block.superblock


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
