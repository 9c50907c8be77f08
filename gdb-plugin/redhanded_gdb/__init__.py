"""Redhanded in gdb: the commands under `gomap`, and a pretty-printer for map headers.

Thin on purpose: what a map header, a stack or a race is, the Rust core knows (native/). Here is only what
must talk to gdb.
"""


def load() -> None:
    """Registers the commands and printers. Called by the loader, also a second time."""
    from . import goroutines, header, prefix, printers, race, threads, watch

    prefix.GoMap()
    for command in (
        header.Header,
        watch.Watch,
        goroutines.Goroutines,
        threads.Threads,
        race.Race,
    ):
        command()
    printers.register_everywhere()


def unload() -> None:
    """Takes back what a second load would double. Commands are replaced by being defined again."""
    from . import printers

    printers.unregister()
