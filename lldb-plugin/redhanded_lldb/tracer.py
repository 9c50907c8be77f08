"""The traps of one command in lldb.

In lldb all threads stop at a trap. So to hold a thread is to suspend it and to let the others run, until one
of them is trapped or the time is up.

The trap at a byte is not one of lldb's own watchpoints: at each stop lldb takes these away, sets them
again, and tells of old and new values in the midst of our lines. It is asked of lldb-server directly, which
makes a stop six times as fast.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import lldb
from redhanded_common.debugger import Handler, Registers
from redhanded_common.failure import Failure

from . import process

NO_SLOT = (
    "no free debug register: this processor has four and they are in use; "
    "delete a watchpoint (`watchpoint list`)"
)

TAKEN = "one of your watchpoints is on the map's flag byte: delete it before (`watchpoint list`)"

NO_WATCHPOINTS = (
    "the server at the other end can't watch memory: it knows no packet Z4; use lldb-server, as of lldb 19"
)

#: A watchpoint of reads and writes, to a server of the gdb-remote protocol.
ACCESS = 4

#: What lldb says of a watchpoint that is none of its own.
UNKNOWN = 0xFFFF_FFFF_FFFF_FFFF

#: How often to look whether somebody wants to end the watch, in seconds.
LOOK = 0.5

#: After how long a process that has not stopped is interrupted again, in seconds.
AGAIN = 0.2


class LldbTracer:
    """The traps, while they are set."""

    def __init__(self, debugger: lldb.SBDebugger, traced: lldb.SBProcess) -> None:
        self._debugger, self._process = debugger, traced
        self._handlers: dict[tuple[int, int], Handler] = {}
        #: Threads that are trapped, not handled yet.
        self._pending: list[tuple[int, Handler]] = []
        #: Why the process stopped, if it was none of our traps.
        self._other: str | None = None
        #: Whether it executes another program, where no trap is any more.
        self._executes = False

    @contextmanager
    def at_functions(self, entries: Iterable[int], handler: Handler) -> Iterator[None]:
        """Sets a trap at the first instruction of each function, and takes them away however it ends."""
        target = self._process.GetTarget()
        with ExitStack() as traps:
            for entry in sorted(entries):
                number = target.BreakpointCreateByAddress(entry).GetID()
                traps.callback(target.BreakpointDelete, number)
                self._handlers[lldb.eStopReasonBreakpoint, number] = handler
            yield

    @contextmanager
    def at_byte(self, address: int, handler: Handler) -> Iterator[None]:
        """Sets a trap at all that reads or writes a byte, and takes it away however it ends."""
        self._set_watchpoint(address)
        self._handlers[lldb.eStopReasonWatchpoint, UNKNOWN] = handler
        try:
            yield
        finally:
            if self.is_alive() and not self._executes:
                self._remove_watchpoint(address)

    def _set_watchpoint(self, address: int) -> None:
        target = self._process.GetTarget()
        for index in range(target.GetNumWatchpoints()):
            theirs = target.GetWatchpointAtIndex(index)
            begin = theirs.GetWatchAddress()
            if theirs.IsEnabled() and begin <= address < begin + theirs.GetWatchSize():
                raise Failure(TAKEN)
        answer = self._ask(f"Z{ACCESS},{address:x},1")
        if "UNIMPLEMENTED" in answer:
            raise Failure(NO_WATCHPOINTS)
        if "response: OK" not in answer:
            raise Failure(NO_SLOT)

    def _remove_watchpoint(self, address: int) -> None:
        answer = self._ask(f"z{ACCESS},{address:x},1")
        if "response: OK" not in answer:
            raise Failure(f"the watchpoint at {address:#x} is still set, `detach` before you go on: {answer}")

    def _ask(self, packet: str) -> str:
        """Sends a packet of the gdb-remote protocol to lldb-server; gives its answer."""
        result = lldb.SBCommandReturnObject()
        interpreter = self._debugger.GetCommandInterpreter()
        command = f"process plugin packet send {packet}"
        # After a Ctrl-C lldb runs no more commands in the thread that it has interrupted.
        sender = threading.Thread(target=interpreter.HandleCommand, args=(command, result))
        sender.start()
        sender.join()
        return f"{result.GetOutput() or ''}{result.GetError() or ''}".strip()

    @contextmanager
    def _synchronous(self) -> Iterator[None]:
        """lldb waits until the process stops."""
        was_async = self._debugger.GetAsync()
        self._debugger.SetAsync(False)
        try:
            yield
        finally:
            self._debugger.SetAsync(was_async)

    def resume(self, deadline: float) -> str | None:
        """Lets the process run until a handler, or something else, stops it."""
        while True:
            while self._pending:
                tid, handler = self._pending.pop(0)
                if handler(tid, self._registers(tid)):
                    return None
            if self._debugger.GetCommandInterpreter().WasInterrupted():
                return "interrupted"
            if self._other is not None:
                other, self._other = self._other, None
                return other
            # A Ctrl-C is only seen here.
            self._run(min(deadline, time.monotonic() + LOOK), but=0)
            if self._other == "time" and time.monotonic() < deadline:
                self._other = None

    def hold(self, tid: int, seconds: float, walks_in: Callable[[int, int | None], bool]) -> bool:
        """Lets the others run until the time is up or one of them is trapped."""
        if self._pending:
            # One that is trapped already: as it runs on, its trap would be lost.
            return True
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
        with self._synchronous():
            timer = Timer(self._process, deadline)
            error = self._process.Continue()
            is_time_up = timer.stop()
        if error.Fail():
            raise Failure(f"lldb can't let the process run: {error.GetCString()}")
        self._note_stop(is_time_up, but)

    def _note_stop(self, is_time_up: bool, but: int) -> None:
        if not self.is_alive():
            self._other = "exited"
            return
        self._executes = any(thread.GetStopReason() == lldb.eStopReasonExec for thread in self._process)
        if self._executes:
            self._pending.clear()
            self._other = "executes"
            return
        foreign = False
        for thread in self._process:
            reason = thread.GetStopReason()
            if thread.GetThreadID() == but or reason in (lldb.eStopReasonNone, lldb.eStopReasonInvalid):
                continue
            if reason == lldb.eStopReasonSignal and not self._stops_at(_number(thread)):
                continue
            handler = self._handlers.get((reason, _number(thread)))
            if handler is None:
                foreign = True
            else:
                self._pending.append((thread.GetThreadID(), handler))
        if is_time_up:
            self._other = "time"
        elif foreign:
            self._other = "stopped"

    def _stops_at(self, number: int) -> bool:
        """Whether a signal is to stop the process. Of others we hear too, if they come together with a stop;
        and by SIGSTOP the process stops when it is interrupted."""
        return number != signal.SIGSTOP and self._process.GetUnixSignals().GetShouldStop(number)

    def select(self, tid: int) -> Registers:
        """Selects a stopped thread, and gives its registers."""
        self._process.SetSelectedThreadByID(tid)
        return self._registers(tid)

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


class Timer:
    """Interrupts the process once the time is up."""

    def __init__(self, traced: lldb.SBProcess, deadline: float) -> None:
        self._process, self._deadline = traced, deadline
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """The process has stopped. Returns whether the time is up."""
        self._stopped.set()
        self._thread.join()
        return time.monotonic() >= self._deadline

    def _wait(self) -> None:
        wait = max(0.0, self._deadline - time.monotonic())
        # One that comes before the process runs is lost.
        while not self._stopped.wait(wait):
            self._process.SendAsyncInterrupt()
            wait = AGAIN


def _number(thread: lldb.SBThread) -> int:
    """Of the watchpoint or breakpoint that stopped a thread."""
    return thread.GetStopReasonDataAtIndex(0) if thread.GetStopReasonDataCount() else 0
