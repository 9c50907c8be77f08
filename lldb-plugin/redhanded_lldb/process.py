"""The program under lldb, as the core wants it: its file, its memory, its threads' registers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lldb
from redhanded_common.failure import Failure
from redhanded_common.library import core

Registers = Callable[[str], int]

_programs: dict[tuple[str, int], Any] = {}


def program(target: lldb.SBTarget) -> Any:
    """The executable of the target, opened once for as long as it doesn't change on disk."""
    executable = target.GetExecutable()
    if not executable.IsValid():
        raise Failure("no program: load one with `file PROGRAM`, or attach with `process attach --pid PID`")
    path = executable.fullpath
    changed = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
    if (path, changed) not in _programs:
        _programs.clear()
        _programs[path, changed] = core().Program(path)
    return _programs[path, changed]


def session(context: lldb.SBExecutionContext) -> Any:
    """The process or core that lldb looks at."""
    opened = program(context.GetTarget())
    process = context.GetProcess()
    if not process.IsValid() or process.GetState() != lldb.eStateStopped:
        raise Failure(
            "no stopped process: start one with `run`, attach with `process attach --pid PID`, "
            "or load a core with `target create --core FILE`"
        )
    return core().Session(opened, _load_bias(context.GetTarget()), _reader(process), None)


def threads(context: lldb.SBExecutionContext) -> tuple[list[tuple[int, Registers]], int]:
    """Every thread with its registers, and the number of the selected one."""
    process = context.GetProcess()
    selected = process.GetSelectedThread()
    return [(thread.GetThreadID(), _registers(thread)) for thread in process], selected.GetThreadID()


def frame(context: lldb.SBExecutionContext) -> tuple[int, bool, Registers] | None:
    """The selected frame: its program counter, whether that is a return address, and its registers."""
    thread = context.GetProcess().GetSelectedThread()
    selected = thread.GetSelectedFrame()
    if not selected.IsValid():
        return None
    # An inlined call has no frame of its own on the stack.
    callees = [thread.GetFrameAtIndex(index) for index in range(selected.GetFrameID())]
    is_return = any(not callee.IsInlined() for callee in callees)
    return selected.GetPC(), is_return, _registers_of(selected)


def _registers(thread: lldb.SBThread) -> Registers:
    return _registers_of(thread.GetFrameAtIndex(0))


def _registers_of(frame: lldb.SBFrame) -> Registers:
    def read(name: str) -> int:
        # lldb calls the flags by their 64-bit name.
        value = frame.FindRegister({"eflags": "rflags"}.get(name, name))
        if not value.IsValid():
            raise KeyError(name)
        return value.GetValueAsUnsigned()

    return read


def _reader(process: lldb.SBProcess) -> Callable[[int, int], bytes | None]:
    def read(address: int, length: int) -> bytes | None:
        error = lldb.SBError()
        data = process.ReadMemory(address, length, error)
        return data if error.Success() else None

    return read


def _load_bias(target: lldb.SBTarget) -> int:
    section = target.GetModuleAtIndex(0).FindSection(".text")
    loaded = section.GetLoadAddress(target)
    if not section.IsValid() or loaded == lldb.LLDB_INVALID_ADDRESS:
        raise Failure("cannot tell where the program was loaded: lldb doesn't know where its .text is")
    return loaded - section.GetFileAddress()
