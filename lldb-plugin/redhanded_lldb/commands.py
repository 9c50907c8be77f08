"""The commands under `gomap`, one class each."""

from __future__ import annotations

import os
from typing import Any

import lldb
from redhanded_common import options
from redhanded_common.failure import Failure
from redhanded_common.library import core

from . import process


class _Command:
    """What lldb wants of a command. The class's docstring is the help."""

    name = ""

    def __init__(self, debugger: lldb.SBDebugger, internal_dict: dict[str, Any]) -> None:
        pass

    def __call__(
        self,
        debugger: lldb.SBDebugger,
        argument: str,
        context: lldb.SBExecutionContext,
        result: lldb.SBCommandReturnObject,
    ) -> None:
        try:
            native = core()
            try:
                report, json = self.run(argument, context)
            except native.Error as error:
                raise Failure(str(error)) from None
        except Failure as failure:
            result.SetError(str(failure))
            return
        result.AppendMessage(report.json() if json else report.text(_colour(debugger)).rstrip("\n"))

    def run(self, argument: str, context: lldb.SBExecutionContext) -> tuple[Any, bool]:
        """What to show, and whether as JSON."""
        raise NotImplementedError

    def get_short_help(self) -> str:
        """The first line of the help."""
        return (self.__doc__ or "").split("\n", 1)[0]

    def get_long_help(self) -> str:
        """All of it."""
        return (self.__doc__ or "").replace("\n    ", "\n")


class Header(_Command):
    """Show the header of a Go map, decoded: gomap header EXPR [--json]

    EXPR is a package variable, a path through fields and pointers, or an address with a type:

        gomap header main.shared
        gomap header main.srv.cache
        gomap header (map[int]string)0xc000012180

    What contradicts itself is reported as damaged."""

    def run(self, argument: str, context: lldb.SBExecutionContext) -> tuple[Any, bool]:
        """Reads the header."""
        given, expression = options.with_expression(options.parser("gomap header"), argument)
        return process.session(context).header(expression), given.json


class Goroutines(_Command):
    """List all goroutines: gomap goroutines [--json]

    Each with its number, its state and why it waits, the thread that runs it, where it is outside the
    runtime, and the `go` statement that created it."""

    def run(self, argument: str, context: lldb.SBExecutionContext) -> tuple[Any, bool]:
        """Reads the runtime's list."""
        given = options.without_expression(options.parser("gomap goroutines"), argument)
        session = process.session(context)
        return session.goroutines(*process.threads(context)), given.json


class Threads(_Command):
    """Show which goroutine each thread runs, and in which map it is: gomap threads [--json]

    For a thread inside one of the runtime's map functions: which function, on which map, and who called
    it."""

    def run(self, argument: str, context: lldb.SBExecutionContext) -> tuple[Any, bool]:
        """Looks at all threads."""
        given = options.without_expression(options.parser("gomap threads"), argument)
        session = process.session(context)
        return session.threads(*process.threads(context)), given.json


COMMANDS = {"header": Header, "goroutines": Goroutines, "threads": Threads}


def _colour(debugger: lldb.SBDebugger) -> bool:
    return "NO_COLOR" not in os.environ and debugger.GetUseColor()
