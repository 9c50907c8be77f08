"""The watch itself: what happens at each trap, the holds, the rescues, and how it ends. The traps are the
debugger's."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from typing import Any

from .debugger import Debugger, Registers
from .failure import Failure
from .library import core
from .lines import Lines

#: At most this part of the time is spent in holds.
HOLD_SHARE = 0.5

#: How long a goroutine is kept waiting, in seconds: a write takes microseconds, with traps milliseconds.
LONGEST_KEEP = 0.5

#: For how long at a time it is held meanwhile, in seconds, before it looks again whether it may go on.
MOMENT = 0.005

#: What is said once the map is gone with its program.
EXECUTES = "The process executes another program now."

#: How long to look for a moment in which nobody is inside before letting go, in seconds.
QUIET = 2.0


@dataclass
class Kept:
    """A goroutine that is kept waiting."""

    since: float
    counted: bool = False


class Catch:
    """One run of `gomap watch`."""

    def __init__(self, debugger: Debugger, watch: Any, options: argparse.Namespace) -> None:
        self.debugger, self.watch, self.options = debugger, watch, options
        self.tracer = debugger.tracer()
        self.fatal = frozenset(watch.fatal)
        self.lines = Lines(debugger, options.json)
        self.outcome: str | None = None
        self.overlap: Any = None
        #: The report that `gomap race` is to repeat.
        self.report: Any = None
        self.accesses = self.traps = self.overlaps = self.rescued = 0
        self.notes: list[str] = []
        #: The goroutines that are kept waiting.
        self.kept: dict[int, Kept] = {}
        #: Where each thread was when its last trap was looked at, so that no trap counts twice.
        self.looked_at: dict[int, int] = {}
        #: Traps that were looked at in a full stop, before the debugger gets round to them: by thread.
        self.ahead: dict[int, Any] = {}
        self.began = time.monotonic_ns()
        self.held_ns = 0
        #: When to end, by time.monotonic.
        self.limit = math.inf
        self.suspecting = self.leaving = self.stuck = False

    def run(self) -> None:
        """Arms, lets the process run until something is caught, disarms, and reports."""
        if self.options.hold and self.debugger.pid() is None:
            raise Failure("--hold needs a process on this machine: here it is remote")
        at_fatal = self.tracer.at_functions(self.fatal, self._on_fatal)
        with at_fatal, self.tracer.at_byte(self.watch.flag, self._on_flag):
            self.lines.note(self._announcement())
            self.began = time.monotonic_ns()
            if self.options.seconds is not None:
                self.limit = time.monotonic() + self.options.seconds
            while self.outcome is None:
                self._continue()
            if self.options.rescue and self.outcome not in ("exited", "overlap"):
                self._leave_quietly()
        self._report()

    def _announcement(self) -> str:
        held = ""
        if self.options.hold:
            held = f", holding each thread up to {self.options.hold:g} ms, at most half of the time"
        name = self.debugger.name
        return f"Watching {self.watch.map}{held}. Ctrl-C ends it; killing {name} would kill the process."

    # What the traps report, while the process runs.

    def _on_flag(self, tid: int, registers: Registers) -> bool:
        """A thread touched the flag byte. Returns whether the process shall stop."""
        self.traps += 1
        if tid in self.ahead:
            self.watch.resumed(self.ahead.pop(tid), self.now())
            return False
        at = self.now()
        stop = self.watch.stop(at, tid, registers)
        self.looked_at[tid] = registers("rip")
        if self.options.rescue and self._keep(tid, stop, registers):
            self._let_others_on(tid)
            return False
        self._show(stop)
        if self._is_over():
            return True
        if (stop.proven is not None or stop.is_suspect) and (self.stuck or not self.options.rescue):
            self.overlap = stop.proven
            self.suspecting = True
            return True
        if stop.is_inside and self._may_hold() and self._hold(tid) and not self.options.rescue:
            self.suspecting = True
            return True
        self.watch.resumed(stop, self.now())
        return self.leaving and stop.is_clear

    def _on_fatal(self, tid: int, registers: Registers) -> bool:
        """A thread is about to end the process. Returns whether the process shall stop."""
        self.traps += 1
        if self.ahead.pop(tid, None) is not None:
            return False
        dying = self.watch.dying(self.now(), tid, registers)
        if dying is None:
            return False
        self.looked_at[tid] = registers("rip")
        if self.options.rescue and self._rescue(tid, dying, registers):
            if dying.goroutine in self.kept:
                self._let_others_on(tid)
            return False
        self.lines.show(self.watch.dying_line(dying, False))
        self.accesses += 1
        self.overlap = self.overlap or dying.overlap
        self.suspecting = True
        return True

    def now(self) -> int:
        """Nanoseconds since the watch began."""
        return time.monotonic_ns() - self.began

    def _show(self, stop: Any) -> None:
        # The load is half of a change; the store, its other half, shows both.
        if not stop.is_load or stop.proven is not None:
            self.accesses += 1
            self.lines.show(self.watch.line(stop))

    def _is_over(self) -> bool:
        if self.leaving:
            return False
        if self.options.count is not None and self.accesses >= self.options.count:
            self.outcome = "count"
        elif time.monotonic() >= self.limit:
            self.outcome = "time"
        return self.outcome is not None

    # Holding.

    def _may_hold(self) -> bool:
        return bool(self.options.hold) and not self.leaving and self.held_ns <= self.now() * HOLD_SHARE

    def _hold(self, tid: int) -> bool:
        """Keeps the thread where it is for a while; returns early, and true, if another walks in."""
        begin = time.monotonic_ns()
        try:
            return self.tracer.hold(tid, self.options.hold / 1e3, self._walks_in)
        finally:
            self.held_ns += time.monotonic_ns() - begin

    def _walks_in(self, tid: int, pc: int | None) -> bool:
        """Whether a thread that stands still at `pc` is in one of our traps, not looked at yet."""
        # A breakpoint in code is reported one byte on.
        return (
            tid not in self.ahead
            and pc is not None
            and (pc in self.fatal or pc - 1 in self.fatal or self.watch.may_touch(pc))
        )

    # Rescuing.

    def _keep(self, tid: int, stop: Any, registers: Registers) -> bool:
        """Keeps a writer at its check as long as another one is inside."""
        goroutine = stop.goroutine
        if self._is_stuck(goroutine):
            return False
        again = self.watch.keep_at_check(stop, registers)
        if again is None:
            kept = None if stop.is_load else self.kept.pop(goroutine, None)
            self.rescued += kept is not None and kept.counted
            return False
        if goroutine not in self.kept:
            self.kept[goroutine] = Kept(time.monotonic())
            self.accesses += 1
            self.lines.show(self.watch.kept(stop))
        if stop.proven is not None and not self.kept[goroutine].counted:
            self.kept[goroutine].counted = True
            self._count(stop.proven, goroutine)
        self._jump(tid, *again)
        return True

    def _let_others_on(self, tid: int) -> None:
        """Holds one that is kept, for a moment. Where all threads stop at each trap the others would come no
        further if it were trapped again at once."""
        if self.debugger.pid() is not None:
            self.tracer.hold(tid, MOMENT, self._walks_in)

    def _is_stuck(self, goroutine: int) -> bool:
        """Whether a goroutine has waited too long. The one inside may itself wait, for a thread, while
        those that are kept occupy all of them: then nobody would ever get on."""
        kept = self.kept.get(goroutine)
        if kept is not None and not self.stuck and time.monotonic() - kept.since > LONGEST_KEEP:
            self.stuck = True
            self.notes.append(
                f"Stopped: a goroutine was kept for {LONGEST_KEEP:g} s and the other is still inside; "
                "the scheduler has put it aside in the middle of its write, and that can't be rescued."
            )
        return self.stuck

    def _rescue(self, tid: int, dying: Any, registers: Registers) -> bool:
        """Lets a goroutine that is about to end the process go on, as soon as nobody else is inside."""
        try:
            kind, pc, sp, flag = self.watch.rescue(dying, registers)
        except core().Error as error:
            self.notes.append(f"Stopped before the process ends: {error}.")
            return False
        goroutine = dying.goroutine
        if self._is_stuck(goroutine):
            return False
        if goroutine not in self.kept:
            self.kept[goroutine] = Kept(time.monotonic(), counted=True)
            self.accesses += 1
            self.lines.show(self.watch.dying_line(dying, True))
            if dying.overlap is not None:
                self._count(dying.overlap, goroutine)
        if flag is not None:
            self.tracer.write_byte(self.watch.flag, flag)
        if kind == "return":
            self.kept.pop(goroutine)
            self.rescued += 1
        self._jump(tid, pc, sp)
        return True

    def _jump(self, tid: int, pc: int, sp: int) -> None:
        """Lets a thread go on elsewhere."""
        # It may come back to where it was looked at: that is another trap.
        self.looked_at.pop(tid, None)
        self.tracer.jump(tid, pc, sp)

    def _count(self, overlap: Any, held: int) -> None:
        self.overlaps += 1
        self.report = self.watch.report_now(overlap, held)
        if self.overlaps == 1 or self.options.json:
            self.lines.show(self.report)

    def _leave_quietly(self) -> None:
        """Lets go in a moment when nobody is inside and nobody has seen the byte set: else the goroutine
        that has would die of it as soon as nobody keeps it."""
        self.leaving, outcome = True, self.outcome
        self.limit = time.monotonic() + QUIET
        while time.monotonic() < self.limit and not self.stuck:
            self._look_ahead()
            if self.watch.is_quiet():
                break
            self.outcome = None
            self._continue()
            if self.outcome == "exited":
                return
        else:
            self.notes.append("No quiet moment was found to let go in: the process may die of its race now.")
        self.outcome = outcome

    # The full stops, when all threads stand still.

    def _continue(self) -> None:
        """Lets the process run until the next full stop, and finds out what that is."""
        self.suspecting = False
        ended = self.tracer.resume(self.limit)
        if ended == "executes":
            self.notes.append(EXECUTES)
            ended = "exited"
        if ended == "exited" or (ended is not None and self.outcome is None and not self.leaving):
            self.outcome = ended
        elif ended is None and self.suspecting:
            self._confirm()

    def _confirm(self) -> None:
        """Looks at all threads: are two of them really inside?"""
        with self.debugger.undisturbed():
            self._look_ahead()
            threads = self.debugger.threads()
            overlap = self.overlap or self.watch.confirm(threads)
            if overlap is None:
                self.overlap = None
                return
            self.overlap, self.outcome = overlap, "overlap"
            self.overlaps += 1
            self.report = self.watch.report(overlap, threads)

    def _look_ahead(self) -> None:
        """Takes the traps that the debugger has not got round to yet: their threads already stand still."""
        for tid, registers in self.debugger.threads():
            pc = registers("rip")
            if tid in self.ahead or self.looked_at.get(tid) == pc:
                continue
            if pc in self.fatal:
                self._look_at_dying(tid, registers)
            elif self.watch.touches(registers):
                self._look_at_access(tid, registers, pc)

    def _look_at_access(self, tid: int, registers: Registers, pc: int) -> None:
        stop = self.watch.stop(self.now(), tid, registers)
        self.looked_at[tid] = pc
        self.ahead[tid] = stop
        if self.options.rescue and self._keep(tid, stop, registers):
            return
        self._show(stop)
        self.overlap = self.overlap or stop.proven

    def _look_at_dying(self, tid: int, registers: Registers) -> None:
        dying = self.watch.dying(self.now(), tid, registers)
        if dying is None:
            return
        self.ahead[tid] = dying
        if not (self.options.rescue and self._rescue(tid, dying, registers)):
            self.lines.show(self.watch.dying_line(dying, False))
            self.accesses += 1
            self.overlap = self.overlap or dying.overlap

    # The end.

    def _report(self) -> None:
        if self.outcome == "overlap":
            self.lines.show(self.report)
        counts = (self.accesses, self.traps, self.overlaps, self.rescued)
        seconds = (self.now() / 1e9, self.held_ns / 1e9)
        self.lines.show(self.watch.summary(self.outcome, counts, seconds, self.notes))
