"""What all of our pretty-printers have in common.

A printer must never raise: gdb would print a traceback in the middle of somebody's locals, and an IDE would
lose the whole scope. And it must end: a local that isn't initialized yet holds anything."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import gdb
from redhanded_common.failure import Failure
from redhanded_common.library import core

#: gdb 13 has no such class; since gdb 15 it opens `child` and `num_children` to IDEs.
Printer: type = getattr(gdb, "ValuePrinter", object)

#: No Go value has more bytes: half of what a process can address (48 bits).
MOST_BYTES = 1 << 47

#: An IDE makes a list with a place for each child: of more than so many it shows the first.
MOST_CHILDREN = 1 << 20


def failures() -> tuple[type[BaseException], ...]:
    """What a printer may meet: memory that isn't there, registers that aren't known, damage."""
    try:
        return (gdb.error, Failure, OverflowError, core().Error)
    except Failure:
        return (gdb.error, Failure, OverflowError)


def says_why(to_string: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A `to_string` that says why it can't."""

    @functools.wraps(to_string)
    def wrapped(self: Any) -> Any:
        try:
            return to_string(self)
        except failures() as error:
            self._has_said_why = True
            return f"<{error}>"

    return wrapped


def ends_early(children: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    """Children that end where they fail, with a last one that says why, unless `to_string` did."""

    @functools.wraps(children)
    def wrapped(self: Any) -> Iterator[Any]:
        try:
            yield from children(self)
        except failures() as error:
            if not getattr(self, "_has_said_why", False):
                yield "<error>", f"<{error}>"

    return wrapped


def none_if_it_fails(num_children: Callable[[Any], int]) -> Callable[[Any], int]:
    """A `num_children` that can be relied on."""

    @functools.wraps(num_children)
    def wrapped(self: Any) -> int:
        try:
            return num_children(self)
        except failures():
            return 0

    return wrapped


def says_why_not(child: Callable[[Any, int], Any]) -> Callable[[Any, int], Any]:
    """A `child` that says why it can't."""

    @functools.wraps(child)
    def wrapped(self: Any, index: int) -> Any:
        try:
            return child(self, index)
        except failures() as error:
            return f"[{index}]", f"<{error}>"

    return wrapped


def in_ide() -> bool:
    """Whether an IDE is at the other end, through gdb's Debug Adapter Protocol."""
    return "gdb.dap" in sys.modules


def bounded(count: int) -> int:
    """How many of so many children an IDE gets: one that asks for pages, all; another, as many as `print`."""
    server = sys.modules.get("gdb.dap.server")
    if server is not None and server.client_bool_capability("supportsVariablePaging"):
        return min(count, MOST_CHILDREN)
    return min(count, gdb.parameter("print elements") or MOST_CHILDREN, MOST_CHILDREN)


def is_readable(address: int, length: int) -> bool:
    """Whether the first and the last byte of a range can be read."""
    memory = gdb.selected_inferior()
    try:
        for at in {address, address + max(length - 1, 0)}:
            memory.read_memory(at, 1)
    except (gdb.error, OverflowError):
        return False
    return True
