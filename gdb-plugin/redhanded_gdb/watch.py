"""`gomap watch`."""

from __future__ import annotations

import gdb
from redhanded_common import options

from . import inferior, prefix
from .catch import Catch

OPTIONS = ("--hold", "--count", "--for", "--rescue", "--json")


class Watch(gdb.Command):
    """Catch two goroutines inside one map: gomap watch EXPR [options]

    Watches the map's flag byte while the process runs, and prints each access as it comes: when, which
    thread and goroutine, what it does to the byte, and the line of your program that called. When two
    goroutines are inside at the same time, at least one of them to write, the process stops with both held
    and both stacks are printed, before the runtime can end it.

        gomap watch main.shared --hold 5
        gomap watch main.srv.cache --hold 2 --for 30
        gomap watch main.shared --rescue --for 60

    --hold MS      pause each thread for up to MS milliseconds inside its window, so that another can walk
                   in; at most half of the time is spent so
    --count N      end after N accesses
    --for SECONDS  end after that time
    --rescue       keep a second writer waiting until the first has left, so that the process outlives its
                   own race, and go on to the next one; readers can't be rescued since Go 1.24
    --json         one JSON object a line

    Ctrl-C ends it. Then nothing is left behind. A gdb that is killed in the middle takes the process with
    it."""

    def __init__(self) -> None:
        super().__init__("gomap watch", gdb.COMMAND_RUNNING)

    @prefix.reports_errors
    def invoke(self, argument: str, from_tty: bool) -> None:
        """Watches until something is caught or a limit is reached."""
        given, expression = options.with_expression(options.watch_parser(), argument)
        inferior.require_live("watch")
        Catch(inferior.session().watch(expression), given).run()

    def complete(self, text: str, word: str | None) -> list[str]:
        """Completes map variables and options."""
        return prefix.complete(text, word, OPTIONS)
