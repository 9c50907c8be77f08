"""Pretty-printers of maps and of their headers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import gdb
from redhanded_common.failure import Failure

from . import gotypes, inferior
from .shown import Printer, bounded, ends_early, none_if_it_fails, says_why, says_why_not

Child = tuple[str, Any]

#: So many entries are read at first: then most maps are read wholly, and what is wrong with them is known.
FIRST = 1024

#: So many are read at once at most: their addresses take 4 MiB.
MOST = 1 << 18


def printer(value: gdb.Value, kind: gdb.Type) -> Any:
    """The printer of a map or a map header of a type without its typedefs, if it is one."""
    if gotypes.points_to_header(kind):
        # A Go map is a typedef of a pointer to its header. A plain pointer prints as a pointer.
        return Map(value) if value.type.code == gdb.TYPE_CODE_TYPEDEF else None
    if gotypes.is_header(kind) and value.address is not None:
        return Header(int(value.address))
    return SyncMap(value) if gotypes.plain_name(kind) == "sync.Map" else None


class Header(Printer):
    """Shows a map's header in one line."""

    def __init__(self, address: int) -> None:
        self._address = address

    @says_why
    def to_string(self) -> str:
        """How many entries, flags, shape, damage."""
        return inferior.session().summary(self._address)


class Entries:
    """The entries of one map, read page by page as they are asked for."""

    def __init__(self, read: Any, key: gdb.Type, elem: gdb.Type) -> None:
        self._map, self._key, self._elem = read, key, elem
        self._first, self._page, self._ended = 0, b"", False
        self._said: set[str] = set()

    @classmethod
    def of_map(cls, value: gdb.Value) -> Entries:
        """Those of a map that is not nil."""
        header = value.type.strip_typedefs().target()
        read = inferior.session().map(value.type.name, int(value))
        return cls(read, *map(cls._type, gotypes.key_and_elem(header), read.types()))

    @classmethod
    def of_sync_map(cls, value: gdb.Value) -> Entries:
        """Those of a sync.Map, whose keys and elems are all of them `any`s in memory."""
        kind = gotypes.named("interface {}", 16)
        if kind is None:
            raise Failure("the debug information has no type `interface {}`: `gomap print` may know more")
        return cls(inferior.session().sync_map(inferior.bytes_of(value)), kind, kind)

    @staticmethod
    def _type(stored: gdb.Type, told: tuple[str, int, bool]) -> gdb.Type:
        name, size, indirect = told
        return gotypes.as_named(stored.strip_typedefs().target() if indirect else stored, name, size)

    def __len__(self) -> int:
        """How many a sync.Map has, which does not count them."""
        self._load(0)
        return self._map.len()

    def heading(self) -> str:
        """The map in one line: type, length, growth, damage as far as it is known."""
        self._load(0)
        self._said = set(self._map.findings())
        return self._map.heading()

    def unsaid(self) -> list[str]:
        """What is wrong with the map and was not known yet when it was described."""
        return [finding for finding in self._map.findings() if finding not in self._said]

    def get(self, key: str, raw: bytes | None) -> gdb.Value | None:
        """The elem under a key, given as Go writes it, or else by its type's name and its bytes."""
        found = self._map.get(key) if raw is None else self._map.get_bytes(key, raw)
        return None if found is None else self._value(found[1], self._elem)

    def at(self, index: int) -> tuple[gdb.Value, gdb.Value] | None:
        """Key and elem of one entry; None after the last one."""
        if not self._load(index):
            return None
        key, elem = struct.unpack_from("=QQ", self._page, (index - self._first) * 16)
        return self._value(key, self._key), self._value(elem, self._elem)

    def key_text(self, index: int) -> str:
        """A key in a few words, as the name of its entry."""
        key, _ = struct.unpack_from("=QQ", self._page, (index - self._first) * 16)
        return self._map.key_text(key)

    @staticmethod
    def _value(address: int, kind: gdb.Type) -> gdb.Value:
        return gdb.Value(address).cast(kind.pointer()).dereference()

    def _load(self, index: int) -> bool:
        """Has the entry in the page; false where there is none."""
        here = index - self._first
        if 0 <= here < len(self._page) // 16:
            return True
        if self._ended and here >= 0:
            return False
        # Each page is as long as all before it: what must be skipped again and again costs little.
        self._first = index
        self._page, self._ended = self._map.entries(index, min(max(index, FIRST), MOST))
        return bool(self._page)


class Map(Printer):
    """A map: its length, growth and damage, then its entries."""

    def __init__(self, value: gdb.Value) -> None:
        self._value = value
        self._read: Entries | None = None

    def _entries(self) -> Entries | None:
        """Its entries; none of a nil map."""
        if self._read is None and int(self._value):
            self._read = Entries.of_map(self._value)
        return self._read

    @says_why
    def to_string(self) -> str:
        """Type and length, and what is wrong with it."""
        entries = self._entries()
        return "nil" if entries is None else entries.heading()

    def display_hint(self) -> str:
        """gdb then writes each key before its elem."""
        return "map"

    @ends_early
    def children(self) -> Iterator[Child]:
        """A key, its elem, the next key … each read when it is pulled."""
        entries, index = self._entries(), 0
        while entries is not None and (entry := entries.at(index)) is not None:
            key, elem = entry
            yield f"[{index}].key", key
            yield f"[{index}].elem", elem
            index += 1
        for number, finding in enumerate(entries.unsaid() if entries is not None else ()):
            yield f"[finding {number}].key", "DAMAGED"
            yield f"[finding {number}].elem", finding

    @none_if_it_fails
    def num_children(self) -> int:
        """How many entries an IDE may ask for."""
        header = int(self._value)
        return bounded(inferior.session().len(header)) if header else 0

    @says_why_not
    def child(self, index: int) -> Child:
        """One entry for an IDE: under its key, the elem."""
        entries = self._entries()
        entry = None if entries is None else entries.at(index)
        if entry is None:
            return f"[{index}]", "<no such entry: the map has changed, or is damaged>"
        return entries.key_text(index), entry[1]


class SyncMap(Map):
    """A sync.Map: its length and damage, then its entries."""

    def _entries(self) -> Entries:
        if self._read is None:
            self._read = Entries.of_sync_map(self._value)
        return self._read

    @none_if_it_fails
    def num_children(self) -> int:
        """How many entries an IDE may ask for."""
        return bounded(len(self._entries()))
