"""What a watch leaves behind in the process: nothing."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from children import eventually
from debugger import Gdb
from go_programs import OF_ITS_RACE, Sample, assert_untouched

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


def test_after_a_caught_race_nothing_of_the_watch_is_left_in_the_process(
    gdb: Gdb, build: Callable[..., Path], started: ExitStack
) -> None:
    # Let go in the middle of its race, it dies of that at once. But before that it must say so: as long as
    # nobody reads that, it can be looked at.
    reader, writer = started.enter_context(full_pipe())
    sample = Sample(build("clobber"), stderr=writer)
    started.callback(sample.kill)
    ran = gdb.attach(sample.pid, "gomap watch main.shared --hold 5 --for 10 --json", go=sample.go)
    assert ran.summary()["outcome"] == "overlap", ran
    assert_untouched(sample)

    said = []

    def has_ended() -> bool:
        ended = sample.has_ended()
        with suppress(BlockingIOError):
            said.append(os.read(reader, 1 << 16))
        return ended

    sample.signal(signal.SIGTERM)
    eventually(has_ended, "it ends")
    assert sample.wait() == 0 or OF_ITS_RACE in b"".join(said).decode()


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes nothing more until it is read; reading it does not wait."""
    reader, writer = os.pipe()
    try:
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writer, b"." * 512)
        os.set_blocking(writer, True)
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.paired
def test_looking_leaves_nothing_in_the_process(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    looks = ["gomap header main.shared", "gomap goroutines", "gomap threads", "print 'main.shared'"]
    ran = gdb.attach(sample.pid, *looks)
    assert ran.status == 0, ran
    assert_untouched(sample)
    sample.go()
    sample.assert_works_on()
