"""What a watch leaves behind in the process: nothing."""

import signal
from collections.abc import Callable

import pytest
from children import eventually
from debugger import Gdb
from go_programs import OF_ITS_RACE, Sample
from kernel import changed_code, debug_controls, states, status, stopped_or_traced, threads

Start = Callable[[str], Sample]

#: How a watch may end, and the sample that lives on after it.
ENDS = {
    "time": ("locked", "--hold 5 --for 1"),
    "count": ("locked", "--count 30"),
    "unheld": ("locked", "--for 1"),
    "rescue": ("locked", "--rescue --hold 5 --for 1"),
}

#: So often is a race caught until the process is still there to be looked at.
TRIES = 10


@pytest.mark.parametrize("end", ENDS)
def test_after_a_watch_nothing_of_it_is_left_in_the_process(gdb: Gdb, start: Start, end: str) -> None:
    name, options = ENDS[end]
    sample = start(name)
    ran = gdb.attach(sample.pid, f"gomap watch main.shared {options} --json", go=sample.go)
    assert ran.summary()["accesses"] > 0, ran
    assert_untouched(sample)
    sample.assert_works_on()


def test_after_a_caught_race_nothing_of_the_watch_is_left_in_the_process(gdb: Gdb, start: Start) -> None:
    # Let go in the middle of its race, it may die of that at once. So it is told to stop before gdb leaves,
    # and once more after it, since gdb's own SIGCONT may undo that.
    for _ in range(TRIES):
        sample = start("clobber")
        ran = gdb.attach(
            sample.pid,
            "gomap watch main.shared --hold 5 --for 10 --json",
            f"shell kill -STOP {sample.pid}",
            go=sample.go,
        )
        assert ran.summary()["outcome"] == "overlap", ran
        if stops(sample):
            assert_clean(sample)
            sample.signal(signal.SIGCONT)
            sample.assert_ends_well_or_of_its_race()
            return
        assert OF_ITS_RACE in sample.err
    raise AssertionError(f"{TRIES} times dead before it could be looked at")


@pytest.mark.paired
def test_looking_leaves_nothing_in_the_process(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    looks = ["gomap header main.shared", "gomap goroutines", "gomap threads", "print 'main.shared'"]
    ran = gdb.attach(sample.pid, *looks)
    assert ran.status == 0, ran
    assert_untouched(sample)
    sample.go()
    sample.assert_works_on()


def stops(sample: Sample) -> bool:
    """Stops a sample; false if it ends instead."""
    sample.signal(signal.SIGSTOP)
    eventually(lambda: sample.has_ended() or states(sample.pid) == {"T"}, "all threads stand still")
    return not sample.has_ended()


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
