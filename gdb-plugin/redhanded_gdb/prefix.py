"""`gomap`: what all of Redhanded's commands share."""

import argparse
import functools
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import gdb

from . import inferior, native


class GoMap(gdb.Command):
    """Look at Go maps, and catch those who race on them.

    gomap header main.shared              the map's header, decoded
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


class _Parser(argparse.ArgumentParser):
    """argparse ends the process on an error; a gdb command must not."""

    def error(self, message: str) -> NoReturn:
        raise gdb.GdbError(f"{self.prog}: {message}; see `help {self.prog}`")


def parser(command: str) -> argparse.ArgumentParser:
    """The parser of one command's options. All take --json; the command's docstring is its help."""
    made = _Parser(prog=command, add_help=False, allow_abbrev=False)
    made.add_argument("--json", action="store_true")
    return made


def parse(of: argparse.ArgumentParser, argument: str) -> tuple[argparse.Namespace, str]:
    """Takes the options out of what was typed; the rest, spaces and all, is the expression."""
    options, rest = of.parse_known_args(argument.split())
    unknown = [word for word in rest if word.startswith("--")]
    if unknown:
        raise gdb.GdbError(f"{of.prog}: no such option: {unknown[0]}; see `help {of.prog}`")
    return options, " ".join(rest)


def with_expression(of: argparse.ArgumentParser, argument: str) -> tuple[argparse.Namespace, str]:
    """The same for a command that needs an expression."""
    options, expression = parse(of, argument)
    if not expression:
        raise gdb.GdbError(f"{of.prog}: which map? Try `{of.prog} main.shared`; Tab lists the variables")
    return options, expression


def without_expression(of: argparse.ArgumentParser, argument: str) -> argparse.Namespace:
    """The same for a command that takes none."""
    options, rest = parse(of, argument)
    if rest:
        raise gdb.GdbError(f"{of.prog}: takes no {rest!r}; see `help {of.prog}`")
    return options


def reports_errors(invoke: Callable[..., None]) -> Callable[..., None]:
    """Turns what the core raises into gdb's own one-line errors."""

    @functools.wraps(invoke)
    def wrapped(self: Any, argument: str, from_tty: bool) -> None:
        core = native.core()
        try:
            invoke(self, argument, from_tty)
        except core.Error as error:
            raise gdb.GdbError(str(error)) from None

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


def complete_maps(text: str, word: str | None, options: tuple[str, ...] = ()) -> list[str]:
    """Completes map variables, and options once a dash is typed."""
    if word is None:  # gdb only asks where words end
        return []
    typed = text[text.rfind(" ") + 1 :]
    try:
        candidates = options if typed.startswith("-") else inferior.map_variables(typed)
    except Exception:  # a completer must not fail: there is just nothing to offer
        return []
    # gdb replaces only the last word by its own rules; what stands before it must not come again.
    kept = len(typed) - len(word)
    return [name[kept:] for name in candidates if name.startswith(typed)]
