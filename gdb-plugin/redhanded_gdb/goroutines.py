"""`gomap goroutines`."""

import gdb
from redhanded_common import options

from . import inferior, prefix


class Goroutines(gdb.Command):
    """List all goroutines: gomap goroutines [--json]

    Each with its number, its state and why it waits, the thread that runs it, where it is outside the
    runtime, and the `go` statement that created it. An asterisk marks the one that the selected thread
    runs. Works on cores too."""

    def __init__(self) -> None:
        super().__init__("gomap goroutines", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    @prefix.reports_errors
    def invoke(self, argument: str, from_tty: bool) -> None:
        """Prints the list."""
        given = options.without_expression(options.parser("gomap goroutines"), argument)
        session, current = inferior.session(), inferior.current_tid()
        with inferior.selection_kept():
            goroutines = session.goroutines(list(inferior.stopped_threads()), current)
        prefix.show(goroutines, given.json)
