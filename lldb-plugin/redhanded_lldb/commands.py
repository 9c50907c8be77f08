"""The commands under `gomap` as lldb's, and how a command's failures become lldb's errors."""

from __future__ import annotations

import sys
from typing import Any

import lldb
from redhanded_common import commands
from redhanded_common.failure import Failure

from . import signals
from .adapter import Lldb


class GoMapCommand:
    """What lldb wants of any of them."""

    command: commands.Command

    def __init__(self, debugger: lldb.SBDebugger, internal_dict: dict[str, Any]) -> None:
        pass

    def __call__(
        self,
        debugger: lldb.SBDebugger,
        argument: str,
        context: lldb.SBExecutionContext,
        result: lldb.SBCommandReturnObject,
    ) -> None:
        signals.quieten(debugger)
        # Whoever runs a command from a script may want to have what it says; then nothing else must show it.
        is_captured = sys._getframe().f_back is not None
        adapter = Lldb(debugger, context, result, is_captured)
        try:
            commands.perform(lambda: self.command.run(adapter, argument))
        except Failure as failure:
            result.SetError(str(failure))
        finally:
            adapter.close()

    def get_short_help(self) -> str:
        """The first line of the help."""
        return _help_of(self.command).split("\n", 1)[0]

    def get_long_help(self) -> str:
        """All of it."""
        return _help_of(self.command).replace("\n    ", "\n")


def _help_of(command: commands.Command) -> str:
    return command.__doc__ or ""


def _class_of(command: type[commands.Command]) -> type[GoMapCommand]:
    return type(command.__name__, (GoMapCommand,), {"__doc__": command.__doc__, "command": command()})


#: By their names; lldb finds the classes in this module by theirs.
COMMANDS = {command.name: _class_of(command) for command in commands.COMMANDS}
globals().update({kind.__name__: kind for kind in COMMANDS.values()})
