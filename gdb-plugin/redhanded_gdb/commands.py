"""The commands under `gomap` as gdb's, and how a command's failures become gdb's errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gdb
from redhanded_common import commands
from redhanded_common.failure import Failure

from .adapter import Gdb


def register() -> None:
    """Defines all of them; a second time, anew."""
    GoMap()
    for command in commands.COMMANDS:
        # gdb takes the help from the class.
        kind = type(command.__name__, (GoMapCommand,), {"__doc__": command.__doc__})
        kind(command())


class GoMap(gdb.Command):
    __doc__ = commands.HELP

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
    def wrapped(*arguments: Any) -> Any:
        try:
            return commands.perform(lambda: invoke(*arguments))
        except (Failure, gdb.error) as failure:
            raise gdb.GdbError(str(failure)) from None

    return wrapped


class GoMapCommand(gdb.Command):
    """Any of them."""

    def __init__(self, command: commands.Command) -> None:
        self._command = command
        super().__init__(f"gomap {command.name}", gdb.COMMAND_DATA)

    @reports_errors
    def invoke(self, argument: str, from_tty: bool) -> None:
        """Does it."""
        debugger = Gdb()
        try:
            self._command.run(debugger, argument)
        finally:
            debugger.close()

    def complete(self, text: str, word: str | None) -> list[str]:
        """Completes what the command takes."""
        if word is None:  # gdb only asks where words end
            return []
        typed = text[text.rfind(" ") + 1 :]
        try:
            candidates = self._command.complete(Gdb(), typed)
        except Exception:  # a completer must not fail: there is just nothing to offer
            return []
        # gdb replaces only the last word by its own rules; what stands before it must not come again.
        kept = len(typed) - len(word)
        return [name[kept:] for name in candidates if name.startswith(typed)]
