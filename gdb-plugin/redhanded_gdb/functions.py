"""`$gomap_get(m, key)` and `$gomap_len(m)`, for expressions and scripts."""

from __future__ import annotations

from typing import Any

import gdb
from redhanded_common.failure import Failure

from . import gotypes, inferior, maps
from .commands import reports_errors


class GoMapLen(gdb.Function):
    """The length of a map: $gomap_len(m)

    0 of a nil map."""

    def __init__(self) -> None:
        super().__init__("gomap_len")

    @reports_errors
    def invoke(self, *given: gdb.Value) -> Any:
        """Asks the map's header."""
        if len(given) != 1:
            raise Failure("$gomap_len takes a map, and nothing else: $gomap_len(main.shared)")
        (value,) = given
        header = _header(value, "gomap_len")
        return inferior.session().len(header) if header else 0


class GoMapGet(gdb.Function):
    """The elem of a map under a key: $gomap_get(m, key)

    It is a value like any other: $gomap_get(main.users, "alice").Age. The key is a number, a string, or a
    value of the program. Without such a key it is an error."""

    def __init__(self) -> None:
        super().__init__("gomap_get")

    @reports_errors
    def invoke(self, *given: gdb.Value) -> gdb.Value:
        """Looks the key up by its hash."""
        if len(given) != 2:
            raise Failure('$gomap_get takes a map and a key: $gomap_get(main.users, "alice")')
        value, key = given
        if not _header(value, "gomap_get"):
            raise Failure("$gomap_get: the map is nil: it has no such key")
        entries = maps.Entries.of_map(value)
        found = entries.get(*_key(key))
        if found is None:
            raise Failure(f"$gomap_get: no such key: {key}")
        return found


FUNCTIONS = (GoMapLen, GoMapGet)


def _header(value: gdb.Value, function: str) -> int:
    kind = value.type.strip_typedefs()
    if value.type.code != gdb.TYPE_CODE_TYPEDEF or not gotypes.points_to_header(kind):
        raise Failure(f"${function}: its first argument is no map, but {value.type}")
    return int(value)


def _key(key: gdb.Value) -> tuple[str, bytes | None]:
    """A key as Go writes it; or else the name of its type and its bytes."""
    kind = key.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_BOOL:
        return ("true" if key else "false"), None
    if kind.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_ENUM):
        return str(int(key)), None
    if kind.code == gdb.TYPE_CODE_FLT:
        return repr(float(key)), None
    if kind.code == gdb.TYPE_CODE_ARRAY and kind.target().sizeof == 1:
        # A string typed into gdb.
        return _quoted(inferior.bytes_of(key).rstrip(b"\0")), None
    return gotypes.plain_name(key.type) or str(key.type), inferior.bytes_of(key)


def _quoted(text: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in text) + '"'
