"""`gomap`: what all of Redhanded's commands share."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import gdb
from redhanded_common.failure import Failure
from redhanded_common.library import core

from . import inferior


class GoMap(gdb.Command):
    """Look at Go maps, and catch those who race on them.

    gomap maps                            all map variables
    gomap print main.shared               a map, or any other value
    gomap get main.users "alice"          one entry of it
    gomap header main.shared              the map's header, decoded
    gomap check main.shared               whether it is damaged
    gomap locals                          the selected frame's locals, as Go writes them
    gomap watch main.shared --hold 5      both culprits of a race, caught
    gomap goroutines                      all goroutines
    gomap threads                         who is inside which map right now
    gomap race                            the last report again

    Each has more to say: help gomap watch"""

    def __init__(self) -> None:
        super().__init__("gomap", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Without a subcommand: what there is."""
        if argument:
            raise gdb.GdbError(f"no such command: gomap {argument.split()[0]}; see `help gomap`")
        gdb.execute("help gomap")


def reports_errors(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Turns the failures of a command or function into gdb's own one-line errors."""

    @functools.wraps(invoke)
    def wrapped(self: Any, *arguments: Any) -> Any:
        try:
            native = core()
            try:
                return invoke(self, *arguments)
            except native.Error as error:
                raise Failure(str(error)) from None
        except (Failure, gdb.error) as failure:
            raise gdb.GdbError(str(failure)) from None

    return wrapped


def show(report: Any, json: bool) -> None:
    """Prints what the core reports."""
    gdb.write(report.json() + "\n" if json else report.text(colour()))


def colour() -> bool:
    """Whether to colour: only for a person at a terminal, and never against their word."""
    return (
        "NO_COLOR" not in os.environ
        and os.environ.get("TERM", "dumb") != "dumb"
        and "gdb.dap" not in sys.modules
        and bool(gdb.parameter("style enabled"))
        and sys.__stdout__ is not None
        and sys.__stdout__.isatty()
    )


def complete(text: str, word: str | None, options: tuple[str, ...] = (), maps_only: bool = True) -> list[str]:
    """Completes expressions, and options once a dash is typed."""
    if word is None:  # gdb only asks where words end
        return []
    typed = text[text.rfind(" ") + 1 :]
    try:
        candidates = options if typed.startswith("-") else inferior.completions(typed, maps_only)
    except Exception:  # a completer must not fail: there is just nothing to offer
        return []
    # gdb replaces only the last word by its own rules; what stands before it must not come again.
    kept = len(typed) - len(word)
    return [name[kept:] for name in candidates if name.startswith(typed)]
