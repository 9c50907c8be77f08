"""A pretty-printer for map headers that wins over the one Go ships."""

from __future__ import annotations

import gdb
import gdb.printing
from redhanded_common.failure import Failure
from redhanded_common.library import core

from . import inferior

NAME = "redhanded"

#: What DWARF calls the struct that a map points to: `hash<int,string>` up to Go 1.23, `map<int,string>`
#: since; and the runtime's own names for it.
HEADERS = ("hash<", "map<", "runtime.hmap", "internal/runtime/maps.Map")


class MapHeader:
    """Shows a map, or its header, by what the header says."""

    def __init__(self, value: gdb.Value, address: int) -> None:
        self._value, self._address = value, address

    def to_string(self) -> str:
        """One line: how many entries, flags, shape, damage."""
        if self._address == 0:
            return "nil"
        try:
            return inferior.session().summary(self._address)
        except (core().Error, Failure) as error:
            return f"<{error}>"


class MapPrinters(gdb.printing.PrettyPrinter):
    """Finds map headers by their DWARF types."""

    def __init__(self) -> None:
        super().__init__(NAME)

    def __call__(self, value: gdb.Value) -> MapHeader | None:
        """The printer of a value, if it is a map or a map header."""
        kind = value.type.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_PTR and _is_header(kind.target()):
            # A Go map is a typedef of a pointer to its header. A plain pointer prints as a pointer.
            if value.type.code != gdb.TYPE_CODE_TYPEDEF:
                return None
            return MapHeader(value, int(value))
        if _is_header(kind) and value.address is not None:
            return MapHeader(value, int(value.address))
        return None


def _is_header(kind: gdb.Type) -> bool:
    kind = kind.strip_typedefs()
    return kind.code == gdb.TYPE_CODE_STRUCT and (kind.name or "").removeprefix("struct ").startswith(HEADERS)


def register_everywhere() -> None:
    """Registers for the programs that are loaded and those to come."""
    for objfile in gdb.objfiles():
        register(objfile)
    gdb.events.new_objfile.connect(_on_new_objfile)
    gdb.events.before_prompt.connect(_before_prompt)


def unregister() -> None:
    """Stops registering for programs to come."""
    gdb.events.new_objfile.disconnect(_on_new_objfile)
    gdb.events.before_prompt.disconnect(_before_prompt)


def _on_new_objfile(event: gdb.NewObjFileEvent) -> None:
    register(event.new_objfile)


def _before_prompt() -> None:
    # Go's script, sourced by hand, throws out all printers of the program that were there before it.
    for objfile in gdb.objfiles():
        if not any(map(_is_ours, objfile.pretty_printers)):
            register(objfile)


def register(objfile: gdb.Objfile) -> None:
    """Registers in front of Go's own printers, which do not know Swiss maps; once, however often."""
    # With a new program gdb loads runtime-gdb.py before it tells us: its printers are there already.
    objfile.pretty_printers[:] = [printer for printer in objfile.pretty_printers if not _is_ours(printer)]
    if objfile.lookup_global_symbol("runtime.mapassign") or objfile.lookup_static_symbol("runtime.mapassign"):
        objfile.pretty_printers.insert(0, MapPrinters())


def _is_ours(printer: object) -> bool:
    # A second load made another class of the same name.
    return getattr(printer, "name", None) == NAME
