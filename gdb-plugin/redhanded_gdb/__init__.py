"""Redhanded in gdb: the commands under `gomap`, convenience functions, and pretty-printers of Go values.

Thin on purpose: what a map, a value, a stack or a race is, the Rust core knows (native/). Here is only what
must talk to gdb.
"""


def load() -> None:
    """Registers the commands and printers. Called by the loader, also a second time."""
    from . import functions, goroutines, look, prefix, printers, race, threads, watch

    prefix.GoMap()
    for command in (
        *look.COMMANDS,
        watch.Watch,
        goroutines.Goroutines,
        threads.Threads,
        race.Race,
    ):
        command()
    for function in functions.FUNCTIONS:
        function()
    printers.register_everywhere()


def unload() -> None:
    """Takes back what a second load would double. Commands are replaced by being defined again."""
    from . import printers

    printers.unregister()
