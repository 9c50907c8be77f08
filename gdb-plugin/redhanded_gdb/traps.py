"""The traps of one watch: set, and taken away whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional

import gdb
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

_last_stop: Optional[Any] = None


class Flag(gdb.Breakpoint):
    """Stops at every read and write of the flag byte. Writes alone would not do: the second racer must be
    stopped as it looks, before it can end the process."""

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


class Fatal(gdb.Breakpoint):
    """Stops at the first instruction of the runtime's fatal function."""

    def __init__(self, address: int, on_stop: Callable[[], bool]) -> None:
        super().__init__(f"*{address:#x}", gdb.BP_BREAKPOINT, internal=True)
        self.silent = True
        self._on_stop = on_stop

    def stop(self) -> bool:
        """Called by gdb while the other threads run on."""
        return self._on_stop()


@contextmanager
def armed(catch: Any) -> Iterator[None]:
    """Sets the traps of a watch, and takes them away however it ends."""
    if sum(1 for bp in gdb.breakpoints() if bp.enabled and bp.type in IN_HARDWARE) >= SLOTS:
        raise Failure(NO_SLOT)

    def contained(handle: Callable[[], bool]) -> Callable[[], bool]:
        # What is raised here would only be printed by gdb: keep it for the command to raise.
        def run() -> bool:
            try:
                return handle()
            except KeyboardInterrupt:
                catch.outcome = "interrupted"
            except Exception as error:
                catch.failure = error
            return True

        return run

    traps: list[gdb.Breakpoint] = []
    gdb.events.stop.connect(_on_stop)
    try:
        with _setting("print thread-events", "off"), _setting("pagination", "off"):
            flag = Flag(catch.watch.flag, contained(catch.on_flag))
            traps.append(flag)
            if flag.type not in IN_HARDWARE:
                raise Failure(NO_SLOT)
            traps += [Fatal(address, contained(catch.on_fatal)) for address in sorted(catch.fatal)]
            yield
    except gdb.error as error:
        if "hardware" in str(error).lower():
            raise Failure(NO_SLOT) from None
        if "aborted" in str(error):
            raise Failure(NOT_INSERTED) from None
        raise
    finally:
        gdb.events.stop.disconnect(_on_stop)
        for trap in traps:
            if trap.is_valid():
                trap.delete()


def was_interrupted() -> bool:
    """Whether the last stop was a person's Ctrl-C."""
    return isinstance(_last_stop, gdb.SignalEvent) and _last_stop.stop_signal == "SIGINT"


def _on_stop(event: Any) -> None:
    global _last_stop
    _last_stop = event


@contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    before = gdb.parameter(name)
    gdb.execute(f"set {name} {value}")
    try:
        yield
    finally:
        gdb.execute(f"set {name} {'on' if before else 'off'}")
