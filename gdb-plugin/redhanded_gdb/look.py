"""The commands that look: `gomap print`, `get`, `header`, `check`, `maps`, `locals`.

What they take and what they answer is the core's, the same as at the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gdb
from redhanded_common.failure import Failure
from redhanded_common.scene import Scene
from redhanded_common.words import split

from . import inferior, prefix

EXPRESSION = """
    EXPR is a package variable (main.shared), a path from one (main.srv.users["alice"].roles[0]), an argument
    or local of the selected frame, *EXPR, or an address with its type ((map[int]string)0xc000012180)."""


class _Looking(gdb.Command):
    """What the commands share."""

    name = ""
    options: tuple[str, ...] = ()
    #: Whether it is about one expression.
    needs_expression = True
    #: Whether only maps make sense.
    maps_only = True
    #: Whether it is about a frame.
    needs_frame = False
    #: Whether it makes a difference what the threads are doing.
    needs_threads = False

    def __init__(self) -> None:
        super().__init__(f"gomap {self.name}", gdb.COMMAND_DATA)

    @prefix.reports_errors
    def invoke(self, argument: str, from_tty: bool) -> None:
        """Has the core answer."""
        words = split(argument)
        if self.needs_expression and not words:
            raise Failure(
                f"gomap {self.name}: which map? Try `gomap {self.name} main.shared`; Tab lists the variables"
            )
        session, frame, current = inferior.session(), inferior.frame(), inferior.current_tid()
        if self.needs_frame and frame is None:
            raise Failure(f"gomap {self.name}: a process that runs has no frames: `interrupt` it first")
        with inferior.selection_kept(), _unfolded_lines():
            threads = list(inferior.stopped_threads()) if self.needs_threads else []
            scene = Scene(frame, threads, current, inferior.is_running(), prefix.colour())
            try:
                session.run([self.name, *words], scene, gdb.write, _breathe)
            except KeyboardInterrupt:
                raise Failure(f"gomap {self.name}: interrupted; what it has shown is not all") from None

    def complete(self, text: str, word: str | None) -> list[str]:
        """Completes options, variables, fields, and the locals of the selected frame."""
        return prefix.complete(text, word, self.options, self.maps_only)


def _breathe() -> None:
    """Called now and then in long work: where Python runs, a Ctrl-C is raised."""


@contextmanager
def _unfolded_lines() -> Iterator[None]:
    """Lets gdb pass long output on as it is. It counts columns only in order to halt after each screen:
    where it doesn't halt, that would take ten times as long as all the rest."""
    width = gdb.parameter("width")
    if gdb.parameter("pagination") and gdb.parameter("height") is not None:
        yield
        return
    gdb.execute("set width 0", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set width {'unlimited' if width is None else width}", to_string=True)


class Print(_Looking):
    __doc__ = f"""Print a map, exactly and fast, or any other Go value: gomap print EXPR [options]
{EXPRESSION}

        gomap print main.shared
        gomap print main.users --key "alice"
        gomap print main.users --where 'elem.Age > 30' --sort elem.Age --desc --limit 10
        gomap print main.users --count --where 'elem.Roles[0] == "admin"'

    --key KEY          only the entry with this key, written as in Go: 42, "alice", {{1, 2}}
    --where CONDITION  only such entries: key or elem, .Field and [index], then == != < <= > >= or ~
                       (contains, or matches a /regular expression/), then a value; several: all of them
    --sort PATH        by key, elem, or a path from one of them
    --desc             from large to small
    --limit N          at most so many entries
    --count            only how many there are
    --json, --csv      for programs: JSON, one line an entry and a last one on the map; or CSV
    --max-string BYTES, --max-items N, --depth N
                       how much of each value is shown

    What is wrong with the map, or may be since it is being changed, is said below its entries."""

    name = "print"
    options = (
        *("--key", "--where", "--sort", "--desc", "--limit", "--count", "--json", "--csv"),
        *("--max-string", "--max-items", "--depth"),
    )
    maps_only = False


class Get(_Looking):
    __doc__ = f"""Look up one key of a map, as the program would: gomap get EXPR KEY [options]
{EXPRESSION}

        gomap get main.users "alice"
        gomap get main.scores 42
        gomap get main.grid {{1, 2}}

    KEY is written as in Go: 42, -1, 'x', 1.5, true, "alice", {{1, 2}}, Point{{X: 1}}, [1, 2]; for a map of
    interfaces with its type: int(42), string("alice"). The key's hash is computed as the runtime does, so
    that only the buckets or groups are read where it can be.

    --json             one JSON object
    --max-string BYTES, --max-items N, --depth N
                       how much of the value is shown"""

    name = "get"
    options = ("--json", "--max-string", "--max-items", "--depth")


class Header(_Looking):
    __doc__ = f"""Show the header of a Go map, decoded: gomap header EXPR [--json]
{EXPRESSION}

        gomap header main.shared
        gomap header main.srv.cache

    Every field is shown with its meaning: flags by name, growth and how far it is, the shape. What
    contradicts itself is reported as damaged. Tab completes map variables."""

    name = "header"
    options = ("--json",)


class Check(_Looking):
    __doc__ = f"""Look for damage in a map, or in all maps: gomap check [EXPR] [--json]
{EXPRESSION}

        gomap check main.shared
        gomap check

    Every bucket or group is read and held against the hash of its keys. Each finding comes with its
    address and what it means."""

    name = "check"
    needs_expression = False
    options = ("--json",)
    needs_threads = True


class Maps(_Looking):
    """List the program's map variables: gomap maps [PATTERN] [--json]

        gomap maps
        gomap maps main.

    Each with its type, length and shape, and whether it is being written right now. With PATTERN only
    those whose names contain it."""

    name = "maps"
    needs_expression = False
    options = ("--json",)


class Locals(_Looking):
    """Print the selected frame's arguments and locals, as Go writes them: gomap locals [options]

    --json             one JSON object
    --max-string BYTES, --max-items N, --depth N
                       how much of each value is shown

    What the compiler no longer keeps at this instruction is said to be optimized out."""

    name = "locals"
    needs_expression = False
    needs_frame = True
    options = ("--json", "--max-string", "--max-items", "--depth")
    maps_only = False


COMMANDS = (Print, Get, Header, Check, Maps, Locals)
