"""Go types, as gdb knows them."""

from __future__ import annotations

import re

import gdb

#: What DWARF calls the struct that a map points to: `hash<int,string>` up to Go 1.23, `map<int,string>`
#: since; and the runtime's own names for it.
HEADERS = ("hash<", "map<", "runtime.hmap", "internal/runtime/maps.Map")

#: The same of a channel.
CHANNEL = "hchan<"


def plain_name(kind: gdb.Type) -> str:
    """A type's name without the `struct` that gdb may put before it."""
    return (kind.name or "").removeprefix("struct ")


def is_header(kind: gdb.Type) -> bool:
    """Whether it is the struct that a map points to."""
    kind = kind.strip_typedefs()
    return kind.code == gdb.TYPE_CODE_STRUCT and plain_name(kind).startswith(HEADERS)


def points_to_header(kind: gdb.Type) -> bool:
    """Whether it is a pointer to such a struct, as every map is."""
    return kind.code == gdb.TYPE_CODE_PTR and is_header(kind.target())


def points_to_channel(kind: gdb.Type) -> bool:
    """Whether it is a pointer to what a channel points to."""
    return kind.code == gdb.TYPE_CODE_PTR and plain_name(kind.target()).startswith(CHANNEL)


def item(channel: gdb.Type) -> gdb.Type:
    """The type of a channel's items, as a goroutine that waits for one has it."""
    sudog = channel.strip_typedefs().target()["recvq"].type["first"].type.target()
    return sudog["elem"].type.target()


def is_string(kind: gdb.Type) -> bool:
    """Whether it is a string: every named type of strings is a struct of its own."""
    return _has_fields(kind, ["str", "len"])


def is_slice(kind: gdb.Type) -> bool:
    """Whether it is a slice."""
    return _has_fields(kind, ["array", "len", "cap"])


def _has_fields(kind: gdb.Type, names: list[str]) -> bool:
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return False
    fields = kind.fields()
    return [field.name for field in fields] == names and fields[0].type.code == gdb.TYPE_CODE_PTR


def named(name: str, size: int) -> gdb.Type | None:
    """The type with a name as Go writes it, of a size that the core knows: `lookup_type("int")` is C's."""
    found = _look_up(name, size)
    # gdb takes a variable of a function type for code, which it says has one byte.
    is_right = found is not None and (found.sizeof == size or _is_function(found))
    return found if is_right else None


def as_named(kind: gdb.Type, name: str, size: int) -> gdb.Type:
    """A type as the runtime stores it, by the name that the core has for it, where it has lost its own."""
    if kind.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_FUNC) and not name.startswith("*"):
        # Up to Go 1.23 a map in a map is only a pointer here, a channel too, and a function has no name.
        return named(name, size) or kind
    return kind


def _is_function(kind: gdb.Type) -> bool:
    return kind.strip_typedefs().code == gdb.TYPE_CODE_FUNC


def _look_up(name: str, size: int) -> gdb.Type | None:
    # gdb has no symbols for these: they are made of the type that they are about.
    if name.startswith("*"):
        target = _look_up(name[1:], 0)
        return target.pointer() if target is not None else None
    if array := re.match(r"\[(\d+)\]", name):
        count = int(array[1])
        elem = _look_up(name[array.end() :], size // max(count, 1))
        return elem.array(count - 1) if elem is not None and count else None
    if name == "unsafe.Pointer":
        return gdb.lookup_type("void").pointer()
    if name in ("int", "uint", "uintptr"):
        return _look_up(f"{name.removesuffix('ptr')}64", 8)
    for spelled in (name, f"struct {name}"):
        try:
            return gdb.lookup_type(spelled)
        except gdb.error:
            continue
    return None


def key_and_elem(header: gdb.Type) -> tuple[gdb.Type, gdb.Type]:
    """The types of a map's keys and elems as they lie in its buckets or groups: pointers to them where they
    are larger than 128 bytes."""
    fields = {field.name: field.type for field in header.strip_typedefs().fields()}
    if "buckets" in fields:
        unit = fields["buckets"].target()
        keys, elems = (unit[name].type.strip_typedefs() for name in ("keys", "values"))
        return keys.target(), elems.target()
    table = fields["dirPtr"].target().target()
    group = table["groups"].type["data"].type.target().strip_typedefs()
    if group.has_key("slots"):
        slot = group["slots"].type.strip_typedefs().target().strip_typedefs()
        return slot["key"].type, slot["elem"].type
    # GOEXPERIMENT=mapsplitgroup
    keys, elems = (group[name].type.strip_typedefs() for name in ("keys", "elems"))
    return keys.target(), elems.target()
