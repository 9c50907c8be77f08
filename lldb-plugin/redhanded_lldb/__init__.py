"""Redhanded in lldb: the commands under `gomap` that look; `gomap watch` is to come.

lldb has no Go type system, so types and variables come from the Rust core, as in gdb. Here is only what
must talk to lldb.
"""

from __future__ import annotations

import lldb

from . import commands


def load(debugger: lldb.SBDebugger) -> None:
    """Registers the commands. Called by the loader, also a second time."""
    interpreter = debugger.GetCommandInterpreter()
    container = "Look at Go maps, and at the goroutines around them."
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
