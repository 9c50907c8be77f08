"""Pretty-printers of Go values that win over those that Go ships."""

from __future__ import annotations

from typing import Any

import gdb
import gdb.printing

from . import inferior, maps, values

NAME = "redhanded"

#: What gdb makes of the types that we print: a map and a channel are pointers, a time.Duration is a number.
CODES = (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_INT, gdb.TYPE_CODE_FUNC)


class GoPrinters(gdb.printing.PrettyPrinter):
    """Finds Go's own kinds of types by what DWARF says of them."""

    def __init__(self) -> None:
        super().__init__(NAME)

    def __call__(self, value: gdb.Value) -> Any:
        """The printer of a value, if we have one."""
        kind = value.type.strip_typedefs()
        if kind.code not in CODES or value.is_optimized_out:
            return None
        return maps.printer(value, kind) or values.printer(value, kind)


def register_everywhere() -> None:
    """Registers for the programs that are loaded and those to come."""
    for objfile in gdb.objfiles():
        register(objfile)
    gdb.events.new_objfile.connect(_on_new_objfile)
    gdb.events.exited.connect(inferior.forget)
    gdb.events.before_prompt.connect(_before_prompt)


def unregister() -> None:
    """Stops registering for programs to come."""
    gdb.events.new_objfile.disconnect(_on_new_objfile)
    gdb.events.exited.disconnect(inferior.forget)
    gdb.events.before_prompt.disconnect(_before_prompt)


def _on_new_objfile(event: gdb.NewObjFileEvent) -> None:
    inferior.forget()
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
        objfile.pretty_printers.insert(0, GoPrinters())


def _is_ours(printer: object) -> bool:
    # A second load made another class of the same name.
    return getattr(printer, "name", None) == NAME
