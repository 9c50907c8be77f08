"""`gomap threads`."""

import gdb
from redhanded_common import options

from . import inferior, prefix


class Threads(gdb.Command):
    """Show which goroutine each thread runs, and in which map it is: gomap threads [--json]

    For a thread inside one of the runtime's map functions: which function, on which map, and who called
    it. Works on cores too."""

    def __init__(self) -> None:
        super().__init__("gomap threads", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    @prefix.reports_errors
    def invoke(self, argument: str, from_tty: bool) -> None:
        """Prints the table."""
        given = options.without_expression(options.parser("gomap threads"), argument)
        session, current = inferior.session(), inferior.current_tid()
        with inferior.selection_kept():
            table = session.threads(list(inferior.stopped_threads()), current)
        prefix.show(table, given.json)
