"""What the kernel tells of traced processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: The state letter of a thread that a tracer has stopped.
STOPPED = "t"

#: Those of one that has ended, which its tracer has not been told yet.
ENDED = ("Z", "X", "x")


def stopped_at(pid: int, but: int) -> Iterator[tuple[int, int | None]]:
    """Every traced thread that stands still, but one: its number, and its program counter outside of system
    calls."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        tid = int(task.name)
        if tid != but and _state(task) == STOPPED:
            yield tid, _program_counter(task)


def has_ended(pid: int) -> bool:
    """Whether all threads of a process have ended: its tracer may not have been told yet."""
    try:
        # One that goes away meanwhile has no state. Who executes another program becomes the first thread:
        # that is looked at last.
        tasks = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda task: task.name == str(pid))
        return all(_state(task) in (*ENDED, "") for task in tasks)
    except OSError:
        return True


def is_traced(pid: int, by: str) -> bool:
    """Whether the process is one of this machine, which a server of that name traces here: one of another
    machine may have the same number."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        tracer = next(line.split()[1] for line in status.splitlines() if line.startswith("TracerPid:"))
        return by in Path(f"/proc/{tracer}/comm").read_text()
    except (OSError, StopIteration):
        return False


def _state(task: Path) -> str:
    try:
        # The name in parentheses may itself hold anything.
        return task.joinpath("stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _program_counter(task: Path) -> int | None:
    # A stopped thread outside a system call: "-1 SP PC".
    try:
        words = task.joinpath("syscall").read_text().split()
    except OSError:
        return None
    return int(words[2], 16) if len(words) == 3 else None
