"""Pretty-printers of Go values that are no maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gdb

from . import gotypes, inferior
from .shown import (
    MOST_BYTES,
    Printer,
    bounded,
    ends_early,
    failures,
    in_ide,
    is_readable,
    none_if_it_fails,
    says_why,
    says_why_not,
)

Child = tuple[str, Any]

#: Types that the core decodes as a whole: their fields say nothing to a person.
DECODED = (
    "sync.Mutex",
    "sync.RWMutex",
    "sync.WaitGroup",
    "sync.Once",
    "internal/sync.Mutex",
    "time.Time",
)

#: The same of a whole package: atomic.Int64, atomic.Pointer[T], atomic.Value …
ATOMIC = "sync/atomic."


def printer(value: gdb.Value, kind: gdb.Type) -> Any:
    """The printer of a value of a type without its typedefs, if we have one."""
    name = gotypes.plain_name(kind)
    if kind.code == gdb.TYPE_CODE_PTR:
        is_channel = value.type.code == gdb.TYPE_CODE_TYPEDEF and gotypes.points_to_channel(kind)
        return Channel(value) if is_channel else None
    if kind.code == gdb.TYPE_CODE_FUNC:
        # A variable of a function type, which gdb takes for code. A function itself has no name for its type.
        is_variable = value.type.code == gdb.TYPE_CODE_TYPEDEF and value.address is not None
        return Function(value) if is_variable else None
    if name == "time.Duration":
        return Decoded(value, name)
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return None
    if name in ("runtime.eface", "runtime.iface"):
        return interface(value)
    if name in DECODED or (name.startswith(ATOMIC) and name[len(ATOMIC) :][:1].isupper()):
        return Decoded(value, name)
    if gotypes.is_string(kind):
        return String(value)
    if gotypes.is_slice(kind):
        return Slice(value, name)
    return None


class String(Printer):
    """A string, as far as `print elements` allows."""

    def __init__(self, value: gdb.Value) -> None:
        self._value = value
        self._fault = self._find_fault()

    @says_why
    def _find_fault(self) -> str:
        """What is wrong with it; empty if nothing is."""
        data, length = int(self._value["str"]), int(self._value["len"])
        if length < 0 or length >= MOST_BYTES or (length and not is_readable(data, length)):
            return f"<no valid string: len {length} at {data:#x}>"
        return ""

    def to_string(self) -> Any:
        """Its bytes; gdb quotes and cuts them."""
        if self._fault:
            return self._fault
        length = int(self._value["len"])
        return self._value["str"].lazy_string("utf-8", length) if length else ""

    def display_hint(self) -> str | None:
        """A string, unless there is none."""
        return None if self._fault else "string"


class Slice(Printer):
    """A slice: its length and capacity, then its elements."""

    def __init__(self, value: gdb.Value, name: str) -> None:
        self._value, self._name = value, name

    @says_why
    def to_string(self) -> str:
        """Its type and length, or nil."""
        data, length, capacity = self._numbers()
        if data == 0 and length == 0 and capacity == 0:
            return "nil"
        shown = f"{self._name} (len {length}, cap {capacity})"
        return shown if self._is_sound() else f"<no valid slice: {shown} at {data:#x}>"

    def display_hint(self) -> str:
        """gdb then leaves out the indices, unless told to `set print array-indexes`."""
        return "array"

    @ends_early
    def children(self) -> Iterator[Child]:
        """Its elements, each read when it is pulled."""
        for index in range(self._len()):
            yield self.child(index)

    def num_children(self) -> int:
        """How many an IDE may ask for."""
        return bounded(self._len())

    def child(self, index: int) -> Child:
        """One element."""
        return f"[{index}]", (self._value["array"] + index).dereference()

    def _len(self) -> int:
        return self._numbers()[1] if self._is_sound() else 0

    def _numbers(self) -> tuple[int, int, int]:
        return int(self._value["array"]), int(self._value["len"]), int(self._value["cap"])

    def _is_sound(self) -> bool:
        try:
            data, length, capacity = self._numbers()
        except gdb.error:
            return False
        size = capacity * self._value["array"].type.target().sizeof
        used = length * self._value["array"].type.target().sizeof
        return 0 <= length <= capacity and size < MOST_BYTES and (used == 0 or is_readable(data, used))


class Channel(Printer):
    """A channel: its length, capacity and who waits, then what is buffered, the next to be received first."""

    def __init__(self, value: gdb.Value) -> None:
        self._value = value
        self._read: tuple[str, Any] | None = None

    def _look(self) -> tuple[str, Any]:
        if not int(self._value):
            return "nil", None
        if self._read is None:
            self._read = inferior.session().channel(self._value.type.name, int(self._value))
        return self._read

    @says_why
    def to_string(self) -> str:
        """The channel in one line, or nil."""
        shown = self._look()[0]
        return shown if self._is_sound() else f"<no valid channel: {shown} at {int(self._value):#x}>"

    def display_hint(self) -> str:
        """As of a slice."""
        return "array"

    @ends_early
    def children(self) -> Iterator[Child]:
        """What is buffered, each read when it is pulled."""
        for index in range(self._len()):
            yield self.child(index)

    @none_if_it_fails
    def num_children(self) -> int:
        """How many an IDE may ask for."""
        return bounded(self._len())

    @says_why_not
    def child(self, index: int) -> Child:
        """What is received after so many others."""
        name, size, ring, first, _, slots = self._look()[1]
        kind = gotypes.as_named(gotypes.item(self._value.type), name, size)
        address = ring + (first + index) % slots * size
        return f"[{index}]", gdb.Value(address).cast(kind.pointer()).dereference()

    def _len(self) -> int:
        buffered = self._look()[1]
        return buffered[4] if buffered is not None and self._is_sound() else 0

    def _is_sound(self) -> bool:
        buffered = self._look()[1]
        if buffered is None:
            return True  # then the line says why
        _, size, ring, _, length, slots = buffered
        used = slots * size if length else 0
        return used < MOST_BYTES and (used == 0 or is_readable(ring, used))


class Decoded(Printer):
    """A value that the core decodes, in one line."""

    def __init__(self, value: gdb.Value, name: str) -> None:
        self._value, self._name = value, name

    @says_why
    def to_string(self) -> str:
        """What the core says."""
        return inferior.text_of(self._name, self._value)


class Function(Printer):
    """A variable of a function type: the function that is in it."""

    def __init__(self, value: gdb.Value) -> None:
        self._value = value

    @says_why
    def to_string(self) -> str:
        """The function's name, or nil."""
        # gdb has no bytes of it: it believes that the function begins here.
        return inferior.text_at(self._value.type.name, int(self._value.address), 8)


def interface(value: gdb.Value) -> Any:
    """The printer of an interface: one that can be opened, where what is in it has parts."""
    try:
        held = inferior.held_in(value)
    except failures():  # the printer says why
        held = None
    if held is not None:
        name, inside = held
        kind = inside.type.strip_typedefs()
        is_reference = gotypes.points_to_header(kind) or gotypes.points_to_channel(kind)
        has_parts = kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_ARRAY) or is_reference
        is_line = name in DECODED or gotypes.is_string(kind)
        # A pointer is followed one level in the line; an IDE can go on from there.
        is_open = in_ide() and kind.code == gdb.TYPE_CODE_PTR
        if not in_ide() and (is_reference or gotypes.is_slice(kind)):
            # What shows its type itself. As a value from `to_string`, gdb would print it without pointers.
            return gdb.default_visualizer(inside)
        if is_open or (has_parts and not is_line):
            return Interface(name, inside, value)
    return Decoded(value, value.type.name or gotypes.plain_name(value.type))


class Interface(Printer):
    """An interface that holds something with parts: its dynamic type, then the value."""

    def __init__(self, name: str, value: gdb.Value, whole: gdb.Value) -> None:
        self._name, self._value, self._whole = name, value, whole

    @says_why
    def to_string(self) -> str:
        """The dynamic type's name."""
        if self._value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            return inferior.text_of(self._whole.type.name, self._whole)
        return self._name

    def children(self) -> Iterator[Child]:
        """The value alone."""
        yield self.child(0)

    def num_children(self) -> int:
        """There is one."""
        return 1

    def child(self, index: int) -> Child:
        """The value."""
        return "value", self._value
