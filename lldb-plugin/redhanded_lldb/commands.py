"""The commands under `gomap`, one class each."""

from __future__ import annotations

import os
from typing import Any

import lldb
from redhanded_common import options
from redhanded_common.failure import Failure
from redhanded_common.library import core
from redhanded_common.scene import Scene
from redhanded_common.words import split

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


class _Looking(_Command):
    """The commands that look: what they take and what they answer is the core's."""

    def __call__(
        self,
        debugger: lldb.SBDebugger,
        argument: str,
        context: lldb.SBExecutionContext,
        result: lldb.SBCommandReturnObject,
    ) -> None:
        """Has the core answer."""
        said: list[str] = []
        try:
            native = core()
            try:
                session = process.session(context)
                threads, current = process.threads(context)
                scene = Scene(process.frame(context), threads, current, False, _colour(debugger))
                session.run([self.name, *split(argument)], scene, said.append, lambda: None)
            except native.Error as error:
                raise Failure(str(error)) from None
        except Failure as failure:
            result.SetError(str(failure))
            return
        result.AppendMessage("".join(said).rstrip("\n"))


EXPRESSION = """
    EXPR is a package variable (main.shared), a path from one (main.srv.users["alice"].roles[0]), an argument
    or local of the selected frame, *EXPR, or an address with its type ((map[int]string)0xc000012180).
    All options: add --help"""


class Print(_Looking):
    __doc__ = f"""Print a map, exactly and fast, or any other Go value: gomap print EXPR [options]
{EXPRESSION}

        gomap print main.shared
        gomap print main.users --where 'elem.Age > 30' --sort elem.Age --limit 10 --json"""

    name = "print"


class Get(_Looking):
    __doc__ = f"""Look up one key of a map, as the program would: gomap get EXPR KEY [options]
{EXPRESSION}

        gomap get main.users "alice"
        gomap get main.grid {{1, 2}}"""

    name = "get"


class Header(_Looking):
    __doc__ = f"""Show the header of a Go map, decoded: gomap header EXPR [--json]
{EXPRESSION}

        gomap header main.shared
        gomap header main.srv.cache

    What contradicts itself is reported as damaged."""

    name = "header"


class Check(_Looking):
    __doc__ = f"""Look for damage in a map, or in all maps: gomap check [EXPR] [--json]
{EXPRESSION}

        gomap check main.shared"""

    name = "check"


class Maps(_Looking):
    """List the program's map variables: gomap maps [PATTERN] [--json]

    gomap maps main."""

    name = "maps"


class Locals(_Looking):
    """Print the arguments and locals of the selected frame, as Go writes them: gomap locals [--json]"""

    name = "locals"


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


COMMANDS = {
    **{command.name: command for command in (Print, Get, Header, Check, Maps, Locals)},
    "goroutines": Goroutines,
    "threads": Threads,
}


def _colour(debugger: lldb.SBDebugger) -> bool:
    return "NO_COLOR" not in os.environ and debugger.GetUseColor()
