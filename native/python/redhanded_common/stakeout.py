"""The stakeout: a goroutine that is about to end the process because of a map is held, and whoever uses that
map meanwhile is noted. The traps are the debugger's."""

from __future__ import annotations

import argparse
import math
import time
from contextlib import ExitStack
from typing import Any

from .debugger import Debugger, Registers
from .failure import Failure
from .library import core
from .lines import Lines

#: For how long at a time a thread is held, in seconds.
TICK = 0.25

#: What to do next.
NEXT = "The process stands just before its end: look around, and `continue` lets it die as it would have."

#: What is said where nobody can run any more.
STOPPED = (
    "The runtime, as for its garbage collector, has all goroutines stop, and waits for the goroutine that is "
    "held: nobody else can run."
)

#: What is said where another program is executed, and waited for.
FOLLOWED = "The process executes another program now, which is waited for instead."

#: What is said where that is none of Go's.
NOT_FOLLOWED = "The process executes another program now, which cannot be waited for: {}."

#: What is said where the watch of the users ends before its time.
ENDED = {
    "executes": "The process executes another program now: all that was held is gone.",
    "interrupted": "Interrupted: the other one may be somebody who has not been seen yet.",
    "stopped": "The process stopped for another reason, before the time was over.",
    "exited": "The process has ended meanwhile, because of something else.",
}

#: What is said of one that would end the process before the one that is held.
ANOTHER = "Another goroutine is about to end the process, because of something else."


class Lookout:
    """One run of `gomap stakeout`."""

    def __init__(self, debugger: Debugger, options: argparse.Namespace) -> None:
        self.debugger, self.options = debugger, options
        self._look_at_program()
        self.tracer = debugger.tracer()
        #: Whether a thread can be held while the others run: elsewhere it is stopped again and again.
        self.can_hold = debugger.pid() is not None
        self.lines = Lines(debugger, options.json)
        #: The thread that has come to a fatal function last.
        self.trapped = 0
        #: The one that is held there, and what the core knows of it.
        self.held = 0
        self.caught: Any = None
        #: Who uses its map meanwhile.
        self.users: Any = None
        self.outcome: str | None = None
        #: Whether the one that is caught is still held.
        self.is_at_scene = False
        #: The reports that `gomap race` is to repeat.
        self.reports: list[Any] = []
        self.notes: list[str] = []
        self.began = time.monotonic()
        #: When to end what is going on, by time.monotonic.
        self.limit = math.inf

    def run(self) -> None:
        """Waits for somebody who is about to end the process because of a map, and finds the other one."""
        if self.options.seconds is not None:
            self.limit = self.began + self.options.seconds
        self._wait(self._announcement())
        while self.outcome == "executes":
            try:
                self._look_at_program()
            except (Failure, core().Error) as failure:
                self.outcome = "stopped"
                self.notes.append(NOT_FOLLOWED.format(failure))
            else:
                self._wait(FOLLOWED)
        seconds = time.monotonic() - self.began
        self.lines.show(core().Fatal.summary(self.outcome, self.caught, seconds, self.notes))
        if self.is_at_scene and self.tracer.is_alive():
            self.tracer.select(self.held)
            self.lines.note(NEXT)

    def _look_at_program(self) -> None:
        """Finds the functions with which the program is ended."""
        self.session = self.debugger.session()
        self.fatal = frozenset(self.session.fatal_functions())
        if not self.fatal:
            raise Failure("the program has no function that ends it because of a map (runtime.fatal)")

    def _wait(self, note: str) -> None:
        """The same for the program that the process executes by now."""
        with self.tracer.at_functions(self.fatal, self._on_fatal):
            self.outcome = self._resume(note)
            while self.outcome is None:
                self._look()
            if self.caught is not None:
                try:
                    self._find_the_other()
                except KeyboardInterrupt:
                    self.notes.append(ENDED["interrupted"])

    def _announcement(self) -> str:
        what = "Waiting for a goroutine that is about to end the process because of a map"
        return f"{what}. Ctrl-C ends it; killing {self.debugger.name} would kill the process."

    def _on_fatal(self, tid: int, registers: Registers) -> bool:
        """A thread is about to end the process. Returns whether the process shall stop."""
        if tid == self.held:
            return self._keep(registers)
        self.trapped = tid
        return True

    def _resume(self, note: str = "") -> str | None:
        """Says what now begins and lets the process run: why it has stopped, if not by a trap of ours."""
        try:
            if note:
                self.lines.note(note)
            return self.tracer.resume(self.limit)
        except KeyboardInterrupt:
            return "interrupted"

    def _look(self) -> None:
        """Looks who is about to end the process. If that is not because of a map, it goes on."""
        self.caught = self.session.fatal(self.trapped, self.tracer.select(self.trapped))
        if self.caught is None:
            self.outcome = self._resume()
        else:
            self.outcome, self.held, self.is_at_scene = "caught", self.trapped, True

    def _find_the_other(self) -> None:
        """Shows who is caught, and who else is in the map as all stand still; if nobody is, who comes."""
        self._report(self.caught.report())
        try:
            with self.debugger.undisturbed():
                self._report(*self.caught.inside(self.debugger.threads(), self.debugger.breathe))
        except core().Error as error:
            self.notes.append(f"The other goroutines can't be looked at: {error}.")
        began = time.monotonic()
        if not self.caught.is_other_proven and self.options.wait:
            self._watch_users()
        seconds = time.monotonic() - began
        if self.users is not None:
            self.lines.show(self.users.report(seconds))
        if not self.caught.is_other_proven:
            self._report(*self.caught.most_likely(self.users, seconds))

    def _report(self, *reports: Any) -> None:
        for report in reports:
            self.reports.append(report)
            self.lines.show(report)

    # Who uses the map, while one goroutine is held.

    def _watch_users(self) -> None:
        with ExitStack() as traps:
            try:
                users = self.caught.users()
                traps.enter_context(self.tracer.at_byte(users.flag, self._on_flag))
                again = self.caught.call_again(self.tracer.select(self.held))
                self.tracer.jump(self.held, *again)
            except (Failure, core().Error) as failure:
                self.notes.append(f"Who else uses the map can't be watched: {failure}.")
                return
            self.users = users
            self.limit = time.monotonic() + self.options.wait
            ended = self._resume(f"It is held; watching for {self.options.wait:g} s who else uses the map.")
            if ended == "time":
                # The one that is held is on its way back, and stays there now.
                ended = self.tracer.resume(math.inf)
            if ended is not None:
                self.notes.append(ENDED[ended])
                self.is_at_scene = ended != "executes"
            elif self.trapped != self.held:
                self._meet_another()

    def _on_flag(self, tid: int, registers: Registers) -> bool:
        """A thread touched the flag byte."""
        self.users.stop(time.monotonic_ns(), tid, registers)
        return False

    def _keep(self, registers: Registers) -> bool:
        """Keeps the one that is held where it is. Returns whether the process shall stop."""
        left = self.limit - time.monotonic()
        if left <= 0:
            return True
        if self.session.world_is_stopped():
            self.notes.append(STOPPED)
            return True
        again = self.caught.call_again(registers)
        if self.can_hold:
            # Whoever else stands still waits for the debugger, which is busy here.
            self.tracer.hold(self.held, min(left, TICK), lambda tid, pc: True)
        self.tracer.jump(self.held, *again)
        return False

    def _meet_another(self) -> None:
        """Another one is about to end the process as well."""
        reports = self.caught.also(self.trapped, self.tracer.select(self.trapped))
        self._report(*reports)
        if not reports:
            self.notes.append(ANOTHER)
