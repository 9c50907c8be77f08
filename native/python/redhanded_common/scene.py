"""Where the user of a debugger stands, as the core wants to know it for a command."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Registers = Callable[[str], int]


class Scene(NamedTuple):
    """What is selected, and what stands still."""

    #: The selected frame: its program counter, whether that is a return address, and its registers.
    frame: tuple[int, bool, Registers] | None
    #: The stopped threads, where the command needs them.
    threads: list[tuple[int, Registers]]
    #: The selected thread.
    current: int
    is_running: bool
    colour: bool
