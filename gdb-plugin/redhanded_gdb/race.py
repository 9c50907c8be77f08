"""`gomap race`, and the report it repeats."""

from typing import Any, Optional

import gdb
from redhanded_common import options
from redhanded_common.failure import Failure

from . import prefix

_last: Optional[Any] = None


def remember(report: Any) -> None:
    """Keeps a report for `gomap race`."""
    global _last
    _last = report


class Race(gdb.Command):
    """Print the last race report again: gomap race [--json]"""

    def __init__(self) -> None:
        super().__init__("gomap race", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    @prefix.reports_errors
    def invoke(self, argument: str, from_tty: bool) -> None:
        """Prints the report."""
        given = options.without_expression(options.parser("gomap race"), argument)
        if _last is None:
            raise Failure("no race has been caught yet: `gomap watch EXPR --hold 5` catches one")
        prefix.show(_last, given.json)
