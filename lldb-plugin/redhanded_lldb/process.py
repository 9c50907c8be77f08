"""The program under lldb, as the core wants it: its file, its memory, its threads' registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lldb
from redhanded_common import library, procfs
from redhanded_common.debugger import Frame, Registers
from redhanded_common.failure import Failure

#: The name of lldb's kind of process that is a core file.
CORE = "elf-core"


def program(target: lldb.SBTarget) -> Any:
    """The executable of the target."""
    executable = target.GetExecutable()
    if not executable.IsValid():
        raise Failure("no program: load one with `file PROGRAM`, or attach with `process attach --pid PID`")
    return library.program(executable.fullpath)


def session(context: lldb.SBExecutionContext) -> Any:
    """The process or core that lldb looks at."""
    opened = program(context.GetTarget())
    process = context.GetProcess()
    if not process.IsValid() or not process.is_alive:
        raise Failure(
            "no process: start one with `run`, attach with `process attach --pid PID`, "
            "or load a core with `target create --core FILE`"
        )
    return library.core().Session(
        opened, _load_bias(context.GetTarget()), _reader(process), local_pid(process)
    )


def is_core(process: lldb.SBProcess) -> bool:
    """Whether it is a core file."""
    return process.IsValid() and process.GetPluginName() == CORE


def local_pid(process: lldb.SBProcess) -> int | None:
    """The number of a process that runs on this machine."""
    pid = process.GetProcessID() if process.IsValid() and not is_core(process) else 0
    return pid if procfs.is_traced(pid, by="lldb") else None


def threads(process: lldb.SBProcess) -> list[tuple[int, Registers]]:
    """Every stopped thread with its registers."""
    if process.is_running:
        return []
    return [(thread.GetThreadID(), registers(thread.GetFrameAtIndex(0))) for thread in process]


def frame(process: lldb.SBProcess) -> Frame | None:
    """The selected frame; None while the process runs."""
    if process.is_running:
        return None
    thread = process.GetSelectedThread()
    selected = thread.GetSelectedFrame()
    if not selected.IsValid():
        return None
    # An inlined call has no frame of its own on the stack.
    callees = [thread.GetFrameAtIndex(index) for index in range(selected.GetFrameID())]
    is_return = any(not callee.IsInlined() for callee in callees)
    return Frame(selected.GetPC(), is_return, registers(selected))


def registers(frame: lldb.SBFrame) -> Registers:
    """The registers of a frame, each read when it is asked for."""

    def read(name: str) -> int:
        # lldb calls the flags by their 64-bit name.
        value = frame.FindRegister({"eflags": "rflags"}.get(name, name))
        if not value.IsValid():
            raise KeyError(name)
        return value.GetValueAsUnsigned()

    return read


def _reader(process: lldb.SBProcess) -> Callable[[int, int], bytes | None]:
    target = process.GetTarget()

    def read(address: int, length: int) -> bytes | None:
        # What could be read tells more than the error: lldb 23 sets that also if it has read elsewhere.
        error = lldb.SBError()
        data = process.ReadMemory(address, length, error)
        if not data and is_core(process):
            # A core may leave out what is in the executable.
            data = target.ReadMemory(lldb.SBAddress(address, target), length, error)
        return data if data and len(data) == length else None

    return read


def _load_bias(target: lldb.SBTarget) -> int:
    section = target.GetModuleAtIndex(0).FindSection(".text")
    loaded = section.GetLoadAddress(target)
    if not section.IsValid() or loaded == lldb.LLDB_INVALID_ADDRESS:
        raise Failure("cannot tell where the program was loaded: lldb doesn't know where its .text is")
    return loaded - section.GetFileAddress()
