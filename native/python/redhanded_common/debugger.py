"""What the commands need of a debugger. redhanded_gdb and redhanded_lldb each have an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

#: A register's value, by its name.
Registers = Callable[[str], int]

#: What a trap calls with the thread that is in it; it says whether the process shall stay stopped.
Handler = Callable[[int, Registers], bool]


class Frame(NamedTuple):
    """A frame of a stack."""

    pc: int
    #: Whether that is where a call returns to, rather than the instruction that is next.
    is_return: bool
    registers: Registers


class Tracer(Protocol):
    """The traps of one command."""

    def at_functions(self, entries: Iterable[int], handler: Handler) -> AbstractContextManager[None]:
        """Sets a trap at the first instruction of each function, and takes them away however it ends."""
        ...

    def at_byte(self, address: int, handler: Handler) -> AbstractContextManager[None]:
        """Sets a trap at all that reads or writes a byte, and takes it away however it ends."""
        ...

    def resume(self, deadline: float) -> str | None:
        """Lets the process run. None once a handler has stopped it; else `exited`, `interrupted`, `time` (by
        time.monotonic), `stopped`, by something that isn't ours, or `executes`: it stands before the first
        instruction of another program, where all traps are void."""
        ...

    def hold(self, tid: int, seconds: float, walks_in: Callable[[int, int | None], bool]) -> bool:
        """Called by a handler: keeps its thread where it is for so long while the others run. Returns early,
        and true, if another one is trapped; where only its thread and pc are known, `walks_in` tells."""
        ...

    def select(self, tid: int) -> Registers:
        """Selects a stopped thread, and gives its registers."""
        ...

    def jump(self, tid: int, pc: int, sp: int) -> None:
        """Lets a stopped thread go on elsewhere."""
        ...

    def write_byte(self, address: int, byte: int) -> None:
        """Changes one byte of the process."""
        ...

    def is_alive(self) -> bool:
        """Whether the process is still there."""
        ...


class Debugger(Protocol):
    """A debugger, with what the user has selected in it."""

    name: str

    def session(self) -> Any:
        """The process or core that it looks at, as the core's Session."""
        ...

    def require_live(self, command: str) -> None:
        """Refuses, for a command, what only a stopped live process allows."""
        ...

    def frame(self) -> Frame | None:
        """The selected frame; None while the process runs."""
        ...

    def threads(self) -> list[tuple[int, Registers]]:
        """Every stopped thread. To read one's registers may select it."""
        ...

    def current(self) -> int:
        """The selected thread, 0 if there is none."""
        ...

    def is_running(self) -> bool:
        """Whether the process runs while it is looked at."""
        ...

    def undisturbed(self) -> AbstractContextManager[None]:
        """What the user has selected and set is afterwards as it was."""
        ...

    def completions(self, typed: str, maps_only: bool) -> list[str]:
        """What an expression may go on to be; with `maps_only`, maps and what leads to them."""
        ...

    def colour(self) -> bool:
        """Whether to colour."""
        ...

    def write(self, text: str) -> None:
        """Shows text; once there is a tracer at once, also while the process runs."""
        ...

    def breathe(self) -> None:
        """Called now and then in long work: raises KeyboardInterrupt to end it."""
        ...

    def pid(self) -> int | None:
        """The process's number, if it runs on this machine."""
        ...

    def tracer(self) -> Tracer:
        """For one command that lets the process run."""
        ...
