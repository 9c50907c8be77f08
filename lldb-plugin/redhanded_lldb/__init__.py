"""Redhanded in lldb: the commands under `gomap`.

lldb has no Go type system, so types and variables come from the Rust core, as in gdb. Here is only what
must talk to lldb.
"""

from __future__ import annotations

import sys

import lldb
from redhanded_common.commands import HELP

from . import commands, signals


def load(debugger: lldb.SBDebugger, again: bool) -> None:
    """Registers the commands. Called by the loader; `again` after an unload."""
    container = f"--help {_quoted(HELP.splitlines()[0])} --long-help {_quoted(HELP)} gomap"
    _run(debugger, f"command container add --overwrite {container}")
    for name, command in commands.COMMANDS.items():
        kind = f"{commands.__name__}.{command.__name__}"
        _run(debugger, f"command script add --overwrite --class {kind} gomap {name}")
    if signals.quieten(debugger) and not again:
        print(signals.SAID)


def unload(debugger: lldb.SBDebugger) -> None:
    """Takes back all that loading has done: `script redhanded_lldb.unload(lldb.debugger)`."""
    signals.restore(debugger)
    _run(debugger, "command container delete gomap")
    # What is loaded next is the first again.
    del sys.modules[__name__]


def _run(debugger: lldb.SBDebugger, command: str) -> None:
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand(command, result)
    if not result.Succeeded():
        raise RuntimeError(f"Redhanded: {result.GetError().strip()}")


def _quoted(text: str) -> str:
    """One word of a command."""
    # Nothing is special between single quotes but the quote itself.
    return "'" + text.replace("'", "'\"'\"'") + "'"
