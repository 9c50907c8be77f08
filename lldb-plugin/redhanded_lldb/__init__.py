"""Redhanded in lldb: the commands under `gomap`.

lldb has no Go type system, so types and variables come from the Rust core, as in gdb. Here is only what
must talk to lldb.
"""

from __future__ import annotations

import lldb
from redhanded_common.commands import HELP

from . import commands, signals


def load(debugger: lldb.SBDebugger, again: bool) -> None:
    """Registers the commands. Called by the loader; `again` after an unload."""
    interpreter = debugger.GetCommandInterpreter()
    container = HELP.split("\n", 1)[0]
    for line in (
        f"command container add --overwrite --help '{container}' gomap",
        *(
            f"command script add --overwrite --class {commands.__name__}.{command.__name__} gomap {name}"
            for name, command in commands.COMMANDS.items()
        ),
    ):
        result = lldb.SBCommandReturnObject()
        interpreter.HandleCommand(line, result)
        if not result.Succeeded():
            print(f"Redhanded: {result.GetError().strip()}")
            return
    if signals.quieten(debugger) and not again:
        print(signals.SAID)


def unload(debugger: lldb.SBDebugger) -> None:
    """Takes back all that loading has done: `script redhanded_lldb.unload(lldb.debugger)`."""
    signals.restore(debugger)
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand("command container delete gomap", result)
