"""`gomap header`."""

from __future__ import annotations

import gdb
from redhanded_common import options

from . import inferior, prefix

OPTIONS = ("--json",)


class Header(gdb.Command):
    """Show the header of a Go map, decoded: gomap header EXPR [--json]

    EXPR is a package variable, a path through fields and pointers, or an address with a type:

        gomap header main.shared
        gomap header main.srv.cache
        gomap header (map[int]string)0xc000012180

    Every field is shown with its meaning: flags by name, growth and how far it is, the shape. What
    contradicts itself is reported as damaged. Tab completes map variables."""

    def __init__(self) -> None:
        super().__init__("gomap header", gdb.COMMAND_DATA)

    @prefix.reports_errors
    def invoke(self, argument: str, from_tty: bool) -> None:
        """Prints the header."""
        given, expression = options.with_expression(options.parser("gomap header"), argument)
        prefix.show(inferior.session().header(expression), given.json)

    def complete(self, text: str, word: str | None) -> list[str]:
        """Completes map variables."""
        return prefix.complete_maps(text, word, OPTIONS)
