"""The traps of one watch in lldb.

In lldb all threads stop at a trap. So to hold a thread is to suspend it and to let the others run, until one of
them is trapped or the time is up.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lldb
from redhanded_common.debugger import Registers
from redhanded_common.failure import Failure

from . import process

NO_SLOT = (
    "no free debug register: this processor has four and they are in use; "
    "delete a watchpoint (`watchpoint list`)"
)

#: Go interrupts its threads with it all the time.
SIGURG = "SIGURG"

Handler = Callable[[int, Registers], bool]


class LldbTracer:
    """The traps, while they are set."""

    def __init__(self, debugger: lldb.SBDebugger, traced: lldb.SBProcess) -> None:
        self._debugger, self._process = debugger, traced
        self._handlers: dict[tuple[int, int], Handler] = {}
        #: Threads that are trapped, not handled yet.
        self._pending: list[tuple[int, Handler]] = []
        #: Why the process stopped, if it was none of our traps.
        self._other: str | None = None

    @contextmanager
    def armed(self, flag: int, fatal: frozenset[int], on_flag: Handler, on_fatal: Handler) -> Iterator[None]:
        """Sets the traps, and takes them away however it ends."""
        target = self._process.GetTarget()
        watchpoint: lldb.SBWatchpoint | None = None
        breakpoints: list[lldb.SBBreakpoint] = []
        with self._quiet():
            try:
                error = lldb.SBError()
                watchpoint = target.WatchAddress(flag, 1, True, True, error)
                if not error.Success() or not watchpoint.IsValid():
                    raise Failure(NO_SLOT)
                self._handlers[lldb.eStopReasonWatchpoint, watchpoint.GetID()] = on_flag
                for address in sorted(fatal):
                    made = target.BreakpointCreateByAddress(address)
                    breakpoints.append(made)
                    self._handlers[lldb.eStopReasonBreakpoint, made.GetID()] = on_fatal
                yield
            finally:
                if watchpoint is not None and watchpoint.IsValid():
                    target.DeleteWatchpoint(watchpoint.GetID())
                for made in breakpoints:
                    target.BreakpointDelete(made.GetID())

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Commands wait until the process stops, and lldb doesn't tell of each stop."""
        was_async = self._debugger.GetAsync()
        self._debugger.SetAsync(False)
        signals = self._process.GetUnixSignals()
        number = signals.GetSignalNumberFromName(SIGURG)
        stops = signals.GetShouldStop(number)
        signals.SetShouldStop(number, False)
        try:
            yield
        finally:
            signals.SetShouldStop(number, stops)
            self._debugger.SetAsync(was_async)

    def resume(self, deadline: float) -> str | None:
        """Lets the process run until a handler, or something else, stops it."""
        while True:
            while self._pending:
                tid, handler = self._pending.pop(0)
                if handler(tid, self._registers(tid)):
                    return None
            if self._other is not None:
                other, self._other = self._other, None
                return other
            self._run(deadline, but=0)

    def hold(self, tid: int, seconds: float, walks_in: Callable[[int, int], bool]) -> bool:
        """Lets the others run until the time is up or one of them is trapped."""
        thread = self._process.GetThreadByID(tid)
        thread.Suspend()
        try:
            self._run(time.monotonic() + seconds, but=tid)
        finally:
            thread.Resume()
        if self._other == "time":
            self._other = None
        return bool(self._pending) or self._other is not None

    def _run(self, deadline: float, but: int) -> None:
        """Lets the process run once, and notes why it stopped."""
        is_up = threading.Event()

        def interrupt() -> None:
            is_up.set()
            self._process.SendAsyncInterrupt()

        timer = threading.Timer(max(0.0, deadline - time.monotonic()), interrupt)
        timer.daemon = True
        if not math.isinf(deadline):
            timer.start()
        try:
            error = self._process.Continue()
        finally:
            timer.cancel()
        if error.Fail():
            raise Failure(f"lldb can't let the process run: {error.GetCString()}")
        self._note_stop(is_up.is_set(), but)

    def _note_stop(self, is_time_up: bool, but: int) -> None:
        if not self.is_alive():
            self._other = "exited"
            return
        foreign = False
        for thread in self._process:
            reason = thread.GetStopReason()
            if thread.GetThreadID() == but or reason in (lldb.eStopReasonNone, lldb.eStopReasonInvalid):
                continue
            handler = self._handlers.get((reason, _number(thread)))
            if handler is None:
                foreign = True
            else:
                self._pending.append((thread.GetThreadID(), handler))
        if is_time_up:
            self._other = "time"
        elif not self._pending:
            self._other = "stopped" if foreign else "interrupted"

    def jump(self, tid: int, pc: int, sp: int) -> None:
        """Lets a stopped thread go on elsewhere."""
        frame = self._process.GetThreadByID(tid).GetFrameAtIndex(0)
        for name, value in (("rsp", sp), ("rip", pc)):
            error = lldb.SBError()
            if not frame.FindRegister(name).SetValueFromCString(f"{value:#x}", error):
                raise Failure(f"lldb can't set {name}: {error.GetCString()}")

    def write_byte(self, address: int, byte: int) -> None:
        """Changes one byte of the process."""
        error = lldb.SBError()
        self._process.WriteMemory(address, bytes([byte]), error)
        if error.Fail():
            raise Failure(f"lldb can't write at {address:#x}: {error.GetCString()}")

    def is_alive(self) -> bool:
        """Whether the process is still there."""
        return self._process.is_alive

    def _registers(self, tid: int) -> Registers:
        return process.registers(self._process.GetThreadByID(tid).GetFrameAtIndex(0))


def _number(thread: lldb.SBThread) -> int:
    """Of the watchpoint or breakpoint that stopped a thread."""
    return thread.GetStopReasonDataAtIndex(0) if thread.GetStopReasonDataCount() else 0
