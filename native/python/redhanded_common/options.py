"""The options of the commands under `gomap`."""

import argparse
from typing import NoReturn

from .failure import Failure

#: The longest hold: beyond it, a service's own timeouts begin to fire.
LONGEST_HOLD_MS = 1000

#: The longest watch, a year.
LONGEST_WATCH_S = 366 * 24 * 3600


class _Parser(argparse.ArgumentParser):
    """argparse ends the process on an error; a debugger's command must not."""

    def error(self, message: str) -> NoReturn:
        raise Failure(f"{self.prog}: {message}; see `help {self.prog}`")


def parser(command: str) -> argparse.ArgumentParser:
    """The parser of one command's options. All take --json; the command's docstring is its help."""
    made = _Parser(prog=command, add_help=False, allow_abbrev=False)
    made.add_argument("--json", action="store_true")
    return made


def watch_parser() -> argparse.ArgumentParser:
    """The parser of `gomap watch`."""
    made = parser("gomap watch")
    made.add_argument("--hold", type=_hold, default=0.0, metavar="MS")
    made.add_argument("--count", type=_count, metavar="N")
    made.add_argument("--for", type=_seconds, dest="seconds", metavar="SECONDS")
    made.add_argument("--rescue", action="store_true")
    return made


def stakeout_parser() -> argparse.ArgumentParser:
    """The parser of `gomap stakeout`."""
    made = parser("gomap stakeout")
    made.add_argument("--for", type=_seconds, dest="seconds", metavar="SECONDS")
    made.add_argument("--wait", type=_wait, default=5.0, metavar="SECONDS")
    return made


def parse(of: argparse.ArgumentParser, argument: str) -> tuple[argparse.Namespace, str]:
    """Takes the options out of what was typed; the rest, spaces and all, is the expression."""
    options, rest = of.parse_known_args(argument.split())
    unknown = [word for word in rest if word.startswith("--")]
    if unknown:
        raise Failure(f"{of.prog}: no such option: {unknown[0]}; see `help {of.prog}`")
    return options, " ".join(rest)


def with_expression(of: argparse.ArgumentParser, argument: str) -> tuple[argparse.Namespace, str]:
    """The same for a command that needs an expression."""
    options, expression = parse(of, argument)
    if not expression:
        raise no_expression(of.prog)
    return options, expression


def no_expression(command: str) -> Failure:
    """What to say to a command that lacks its expression."""
    return Failure(f"{command}: which map? Try `{command} main.shared`; `gomap maps` lists them")


def without_expression(of: argparse.ArgumentParser, argument: str) -> argparse.Namespace:
    """The same for a command that takes none."""
    options, rest = parse(of, argument)
    if rest:
        raise Failure(f"{of.prog}: takes no {rest!r}; see `help {of.prog}`")
    return options


def _hold(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= LONGEST_HOLD_MS:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {LONGEST_HOLD_MS} milliseconds")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 < value < LONGEST_WATCH_S:
        raise argparse.ArgumentTypeError(f"{text} is no time: give seconds, as in 10 or 0.5")
    return value


def _wait(text: str) -> float:
    return 0.0 if text == "0" else _seconds(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from None
