"""What the kernel says of a process that a debugger has left: its threads, its code, its debug registers."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PTRACE_PEEKUSER = 3
PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207

#: offsetof(struct user, u_debugreg) on amd64.
DEBUG_REGISTERS = 848

#: waitpid's, for threads that are not their leader's.
WALL = 0x4000_0000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def threads(pid: int) -> list[int]:
    """The numbers of a process's threads."""
    return sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())


def status(pid: int, tid: int) -> dict[str, str]:
    """The fields of a thread's status; empty if it has just ended."""
    try:
        text = Path(f"/proc/{pid}/task/{tid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def switches(pid: int) -> int:
    """How often the threads of a process have gone to sleep, all together."""
    try:
        return sum(int(status(pid, tid).get("voluntary_ctxt_switches", 0)) for tid in threads(pid))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def states(pid: int) -> set[str]:
    """The states of a process's threads."""
    return {status(pid, tid).get("State", "X")[0] for tid in threads(pid)}


def stopped_or_traced(pid: int) -> dict[int, str]:
    """The threads that stand still, or that somebody traces, with their states."""
    found = {}
    for tid in threads(pid):
        fields = status(pid, tid)
        state, tracer = fields.get("State", "X")[0], fields.get("TracerPid", "0")
        if state in "tT" or tracer != "0":
            found[tid] = f"{state}, traced by {tracer}"
    return found


def debug_controls(pid: int) -> dict[int, int]:
    """The enable bits in DR7 of each thread, 0 where no trap is set. gdb itself leaves old addresses in DR0
    to DR3, and lldb-server their kinds in DR7, which trap nothing then."""
    return {tid: _debug_register(tid, 7) & 0xFF for tid in threads(pid)}


def _debug_register(tid: int, number: int) -> int:
    with _stopped(tid):
        return _ptrace(PTRACE_PEEKUSER, tid, DEBUG_REGISTERS + 8 * number)


@contextmanager
def _stopped(tid: int) -> Iterator[None]:
    _ptrace(PTRACE_SEIZE, tid)
    signal = 0
    try:
        _ptrace(PTRACE_INTERRUPT, tid)
        _, how = os.waitpid(tid, WALL)
        assert os.WIFSTOPPED(how), f"thread {tid} has ended: {how:#x}"
        # Without an event it is a signal that came first, and it is the thread's.
        signal = 0 if how >> 16 else os.WSTOPSIG(how)
        yield
    finally:
        _ptrace(PTRACE_DETACH, tid, 0, signal)


def _ptrace(request: int, tid: int, address: int = 0, data: int = 0) -> int:
    ctypes.set_errno(0)
    value = _libc.ptrace(request, tid, address, data)
    if ctypes.get_errno():
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {tid}: {os.strerror(ctypes.get_errno())}")
    return value


def changed_code(pid: int) -> list[str]:
    """Where the code in a process's memory is not what its executable holds."""
    changed = []
    executable = Path(f"/proc/{pid}/exe")
    file = executable.read_bytes()
    own = str(executable.readlink())
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            if "x" not in fields[1] or fields[-1] != own:
                continue
            start, end = (int(number, 16) for number in fields[0].split("-"))
            offset = int(fields[2], 16)
            memory.seek(start)
            seen = memory.read(end - start)
            kept = file[offset : offset + len(seen)]
            # Beyond the file's end, the last page is zeroes.
            changed += (
                [
                    f"{start + at:#x}: {have:#x}, was {want:#x}"
                    for at, (have, want) in enumerate(zip(seen, kept))
                    if have != want
                ]
                if seen[: len(kept)] != kept
                else []
            )
    return changed
