"""The traps of one command in gdb.

In gdb the other threads run on while a breakpoint's `stop` method is at work, also in all-stop mode on
Linux. So to hold a thread is to stay in `stop`; whoever walks in meanwhile is stopped by the kernel, waits
for gdb, and is seen in /proc.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import gdb
from redhanded_common import procfs
from redhanded_common.debugger import Handler, Registers
from redhanded_common.failure import Failure

from . import inferior

#: x86 has four debug registers a thread.
SLOTS = 4

#: gdb's kinds of breakpoints that take one.
IN_HARDWARE = (
    gdb.BP_HARDWARE_WATCHPOINT,
    gdb.BP_READ_WATCHPOINT,
    gdb.BP_ACCESS_WATCHPOINT,
    gdb.BP_HARDWARE_BREAKPOINT,
)

NO_SLOT = (
    "no free debug register: this processor has four and they are in use; "
    "delete a watchpoint or hardware breakpoint (`info breakpoints`)"
)

#: gdb says no more than "Command aborted." when it can't insert all that is set as the process runs on.
NOT_INSERTED = (
    "gdb cannot set all its breakpoints and watchpoints: a wide watchpoint takes more than one of the "
    "processor's four debug registers, or an address is not mapped; delete some (`info breakpoints`)"
)

#: What gdb says of a thread that has ended before gdb has heard of it.
GONE = "No such process"

#: How long a process may take to end once a thread of it has gone, in seconds.
DYING = 5.0

#: How often a hold looks whether somebody has walked in, in seconds.
POLL = 0.0003

#: A trap notices that the time is up; if none comes for so long, the map rests, and a timer does, in seconds.
GRACE = 0.25


class Byte(gdb.Breakpoint):
    """Stops at every read and write of a byte. Writes alone would not do for a map's flag byte: the second
    racer must be stopped as it looks, before it can end the process."""

    def __init__(self, address: int, on_stop: Callable[[], bool]) -> None:
        # A plain address: an expression that gdb re-evaluates costs time and may lose its frame.
        what = f"*(unsigned char *) {address:#x}"
        with inferior.language("c"):
            super().__init__(what, gdb.BP_WATCHPOINT, gdb.WP_ACCESS, internal=True)
        self.silent = True
        self._on_stop = on_stop

    def stop(self) -> bool:
        """Called by gdb while the other threads run on."""
        return self._on_stop()


class Function(gdb.Breakpoint):
    """Stops at the first instruction of a function."""

    def __init__(self, entry: int, on_stop: Callable[[], bool]) -> None:
        super().__init__(f"*{entry:#x}", gdb.BP_BREAKPOINT, internal=True)
        self.silent = True
        self._on_stop = on_stop

    def stop(self) -> bool:
        """Called by gdb while the other threads run on."""
        return self._on_stop()


class GdbTracer:
    """The traps, while they are set."""

    def __init__(self) -> None:
        self._running = self._stopped = self._time_is_up = self._interrupted = False
        #: What a handler raised.
        self._raised: BaseException | None = None
        self._last_stop: Any = None
        self._traps: list[gdb.Breakpoint] = []
        #: Stops the process when it executes another program.
        self._exec: gdb.Breakpoint | None = None

    @contextmanager
    def at_functions(self, entries: Iterable[int], handler: Handler) -> Iterator[None]:
        """Sets a trap at the first instruction of each function, and takes them away however it ends."""
        with ExitStack() as traps:
            if inferior.connection() == "native":
                self._exec = _at_exec()
                traps.callback(_delete, self._exec)
            gdb.events.clear_objfiles.connect(self._on_exec)
            traps.callback(gdb.events.clear_objfiles.disconnect, self._on_exec)
            for entry in sorted(entries):
                traps.enter_context(self._set(Function(entry, self._handled_by(handler))))
            yield

    @contextmanager
    def at_byte(self, address: int, handler: Handler) -> Iterator[None]:
        """Sets a trap at all that reads or writes a byte, and takes it away however it ends."""
        if sum(1 for bp in gdb.breakpoints() if bp.enabled and bp.type in IN_HARDWARE) >= SLOTS:
            raise Failure(NO_SLOT)
        with _explained():
            trap = Byte(address, self._handled_by(handler))
        with self._set(trap):
            if trap.type not in IN_HARDWARE:
                raise Failure(NO_SLOT)
            yield

    @contextmanager
    def _set(self, trap: gdb.Breakpoint) -> Iterator[None]:
        self._traps.append(trap)
        try:
            yield
        finally:
            self._traps.remove(trap)
            _delete(trap)

    def _on_exec(self, event: Any) -> None:
        # gdb is about to set all that is set at the same addresses of another program, amid its code.
        for trap in self._traps:
            trap.enabled = False

    def _handled_by(self, handle: Handler) -> Callable[[], bool]:
        # What is raised in `stop` would only be printed by gdb: keep it for the command to raise.
        def run() -> bool:
            try:
                stays = handle(inferior.current_tid(), inferior.registers())
                self._stopped |= stays
                return stays
            except KeyboardInterrupt:
                self._interrupted = True
            except Exception as error:
                self._raised = error
            return True

        return run

    def resume(self, deadline: float) -> str | None:
        """Lets the process run until a handler, or something else, stops it."""
        self._stopped = self._time_is_up = self._interrupted = False
        self._last_stop = None
        self._running = True
        gdb.events.stop.connect(self._on_stop)
        with _setting("print thread-events", "off"), _setting("pagination", "off"):
            try:
                with self._timer(deadline), _explained():
                    said = gdb.execute("continue", to_string=True)
            except KeyboardInterrupt:
                said, self._interrupted = "", True
            except gdb.error as error:
                if not _is_about_the_end(error):
                    raise
                said = ""
            finally:
                self._running = False
                gdb.events.stop.disconnect(self._on_stop)
            return self._why_it_stopped(said, deadline)

    def _why_it_stopped(self, said: str, deadline: float) -> str | None:
        if self._raised is not None:
            raise self._raised
        if not self.is_alive():
            return "exited"
        stop = self._last_stop
        if isinstance(stop, gdb.BreakpointEvent) and stop.breakpoints == [self._exec]:
            inferior.forget()
            return "executes"
        if self._interrupted:
            return "interrupted"
        if self._stopped:
            return None
        if isinstance(stop, gdb.BreakpointEvent) and all(trap in self._traps for trap in stop.breakpoints):
            # A Ctrl-C that came just before `stop` is raised in there before there is anything to catch it.
            return "interrupted"
        if self._time_is_up or time.monotonic() >= deadline:
            return "time"
        if isinstance(stop, gdb.SignalEvent) and stop.stop_signal == "SIGINT":
            return "interrupted"
        # A breakpoint or signal of the user's: what gdb said of it is for them.
        gdb.write(said)
        return "stopped"

    def _on_stop(self, event: Any) -> None:
        self._last_stop = event

    @contextmanager
    def _timer(self, deadline: float) -> Iterator[None]:
        timer = threading.Timer(max(0.0, deadline - time.monotonic()) + GRACE, self._post_that_time_is_up)
        timer.daemon = True
        try:
            if deadline < math.inf:
                with _signals_blocked():
                    timer.start()
            yield
        finally:
            timer.cancel()
            if timer.is_alive():
                # Its thread must not be the last to hold what belongs to this one.
                timer.join()

    def _post_that_time_is_up(self) -> None:
        # In the timer's thread. An event that is still waiting when gdb exits would crash it.
        if self._running:
            gdb.post_event(self._stop_for_time)

    def _stop_for_time(self) -> None:
        if self._running:
            self._time_is_up = True
            gdb.execute("interrupt")

    def hold(self, tid: int, seconds: float, walks_in: Callable[[int, int | None], bool]) -> bool:
        """Stays in `stop`, and so keeps its thread, until the time is up or another thread is trapped."""
        pid = gdb.selected_inferior().pid
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(walks_in(other, pc) for other, pc in procfs.stopped_at(pid, but=tid)):
                return True
            time.sleep(POLL)
        return False

    def select(self, tid: int) -> Registers:
        """Selects a stopped thread, and gives its registers."""
        (thread,) = (thread for thread in gdb.selected_inferior().threads() if inferior.tid(thread) == tid)
        thread.switch()
        return inferior.registers()

    def jump(self, tid: int, pc: int, sp: int) -> None:
        """Lets a stopped thread, the selected one, go on elsewhere."""
        assert tid == inferior.current_tid()
        with inferior.language("c"):
            gdb.parse_and_eval(f"$rsp = {sp:#x}")
            gdb.parse_and_eval(f"$rip = {pc:#x}")

    def write_byte(self, address: int, byte: int) -> None:
        """Changes one byte of the process."""
        gdb.selected_inferior().write_memory(address, bytes([byte]))

    def is_alive(self) -> bool:
        """Whether the process is still there."""
        return gdb.selected_inferior().pid != 0


def _is_about_the_end(error: gdb.error) -> bool:
    """Whether gdb failed because the process has just ended. If that was as gdb stopped its threads, gdb does
    not come to know of it: the thread that it looks at has no registers any more, and every command fails."""
    pid = gdb.selected_inferior().pid
    if GONE not in str(error) or inferior.connection() != "native":
        return False
    latest = time.monotonic() + DYING
    while not procfs.has_ended(pid):
        if time.monotonic() > latest:
            return False
        time.sleep(POLL)
    # Nobody is left to be killed: gdb only forgets the process. It would crash if it were to detach.
    with suppress(gdb.error):
        gdb.execute("kill", to_string=True)
    return gdb.selected_inferior().pid == 0


def _at_exec() -> gdb.Breakpoint:
    """Stops before the first instruction of another program."""
    # Python can't make one that has no number.
    gdb.execute("catch exec", to_string=True)
    number = int(gdb.convenience_variable("bpnum"))
    (made,) = (bp for bp in gdb.breakpoints() if bp.number == number)
    made.silent = True
    return made


def _delete(trap: gdb.Breakpoint) -> None:
    if trap.is_valid():
        trap.delete()


@contextmanager
def _explained() -> Iterator[None]:
    """Says what is wrong where gdb can't set what is to be set."""
    try:
        yield
    except gdb.error as error:
        if "hardware" in str(error).lower():
            raise Failure(NO_SLOT) from None
        if "aborted" in str(error):
            raise Failure(NOT_INSERTED) from None
        raise


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A thread that starts meanwhile gets no signals: gdb crashes when its own come to another thread."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    before = gdb.parameter(name)
    gdb.execute(f"set {name} {value}")
    try:
        yield
    finally:
        gdb.execute(f"set {name} {'on' if before else 'off'}")
