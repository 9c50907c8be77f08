"""What a watch leaves behind in the process: nothing."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from children import eventually
from debugger import LOAD, MARK, Gdb, said
from go_programs import Sample
from kernel import changed_code, debug_controls, states, status, stopped_or_traced, threads

Start = Callable[[str], Sample]

#: How a watch may end, and the sample that lives on after it.
ENDS = {
    "time": ("locked", "--hold 5 --for 1"),
    "count": ("locked", "--count 30"),
    "unheld": ("locked", "--for 1"),
    "rescue": ("locked", "--rescue --hold 5 --for 1"),
}


@pytest.mark.parametrize("end", ENDS)
def test_after_a_watch_nothing_of_it_is_left_in_the_process(gdb: Gdb, start: Start, end: str) -> None:
    name, options = ENDS[end]
    sample = start(name)
    ran = gdb.attach(sample.pid, f"gomap watch main.shared {options} --json", go=sample.go)
    assert ran.summary()["accesses"] > 0, ran
    assert_untouched(sample)
    sample.assert_works_on()


def test_after_a_caught_race_nothing_of_the_watch_is_left_in_the_process(gdb: Gdb, start: Start) -> None:
    sample = start("clobber")
    # Let go in the middle of its race, it dies of that at once: so it is told to stop, again and again, from
    # before gdb leaves (whose own SIGCONT undoes a single SIGSTOP) until it can be looked at.
    commands = [LOAD, "gomap watch main.shared --hold 5 --for 10 --json", "echo caught\\n", "shell head -n 1"]
    storm = ExitStack()

    def on_line(line: str) -> None:
        if line == MARK:
            sample.go()
        elif line == "caught":
            storm.enter_context(stopping(sample.pid))
            running.tell("leave")

    running = gdb.start(["-p", str(sample.pid)], commands, on_line)
    try:
        ran = said(running, running.wait())
        assert ran.summary()["outcome"] == "overlap", ran
        eventually(lambda: sample.has_ended() or states(sample.pid) == {"T"}, "all threads stand still")
    finally:
        storm.close()
        running.kill()
    assert not sample.has_ended(), sample.err
    assert_clean(sample)
    sample.signal(signal.SIGCONT)
    sample.assert_ends_well_or_of_its_race()


@contextmanager
def stopping(pid: int) -> Iterator[None]:
    """Tells a process to stop, as long as the block lasts."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(0.0001):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


@pytest.mark.paired
def test_looking_leaves_nothing_in_the_process(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    looks = ["gomap header main.shared", "gomap goroutines", "gomap threads", "print 'main.shared'"]
    ran = gdb.attach(sample.pid, *looks)
    assert ran.status == 0, ran
    assert_untouched(sample)
    sample.go()
    sample.assert_works_on()


def assert_untouched(sample: Sample) -> None:
    """Fails if a thread is stopped or traced, or anything else is left of gdb."""
    assert not sample.has_ended(), sample.err
    assert not stopped_or_traced(sample.pid)
    assert_clean(sample)
    assert not stopped_or_traced(sample.pid)


def assert_clean(sample: Sample) -> None:
    """Fails if a debug register or the code is not as it was, or a trap's signal is still on its way."""
    assert changed_code(sample.pid) == []
    controls = debug_controls(sample.pid)
    assert len(controls) > 1
    assert {tid: control for tid, control in controls.items() if control} == {}
    pending = {tid: int(status(sample.pid, tid)["SigPnd"], 16) for tid in threads(sample.pid)}
    assert not any(mask & 1 << signal.SIGTRAP - 1 for mask in pending.values()), pending
