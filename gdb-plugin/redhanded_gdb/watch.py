"""`gomap watch`."""

import argparse

import gdb

from . import inferior, prefix
from .catch import Catch

OPTIONS = ("--hold", "--count", "--for", "--rescue", "--json")

#: The longest hold: beyond it, a service's own timeouts begin to fire.
LONGEST_HOLD_MS = 1000


def _hold(text: str) -> float:
    value = float(text)
    if not 0 <= value <= LONGEST_HOLD_MS:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {LONGEST_HOLD_MS} milliseconds")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


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
        parser = prefix.parser("gomap watch")
        parser.add_argument("--hold", type=_hold, default=0.0, metavar="MS")
        parser.add_argument("--count", type=int, metavar="N")
        parser.add_argument("--for", type=_positive, dest="seconds", metavar="SECONDS")
        parser.add_argument("--rescue", action="store_true")
        options, expression = prefix.with_expression(parser, argument)
        if options.count is not None and options.count < 1:
            raise gdb.GdbError("gomap watch: --count takes a number from 1 on")
        inferior.require_live("watch")
        Catch(inferior.session().watch(expression), options).run()

    def complete(self, text: str, word: str | None) -> list[str]:
        """Completes map variables and options."""
        return prefix.complete_maps(text, word, OPTIONS)
