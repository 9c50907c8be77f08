"""Redhanded in gdb: the commands under `gomap`, convenience functions, and pretty-printers of Go values.

Thin on purpose: what a map, a value, a stack or a race is, the Rust core knows (native/). Here is only what
must talk to gdb.
"""


def load() -> None:
    """Registers the commands and printers. Called by the loader, also a second time."""
    from . import commands, functions, printers

    commands.register()
    for function in functions.FUNCTIONS:
        function()
    printers.register_everywhere()


def unload() -> None:
    """Takes back what a second load would double. Commands are replaced by being defined again."""
    from . import printers

    printers.unregister()
