"""What a watch and a look leave behind in the process: nothing."""

from collections.abc import Callable

import pytest
from debugger import Lldb
from go_programs import Sample, assert_untouched

Start = Callable[[str], Sample]

#: How a watch may end, and what it is told to do before.
ENDS = {
    "time": "--hold 5 --for 1",
    "count": "--count 30",
    "unheld": "--for 1",
    "rescue": "--rescue --hold 5 --for 1",
}


@pytest.mark.parametrize("end", ENDS)
def test_after_a_watch_nothing_of_it_is_left_in_the_process(lldb: Lldb, start: Start, end: str) -> None:
    locked = start("locked")
    ran = lldb.attach(locked.pid, f"gomap watch main.shared {ENDS[end]} --json", go=locked.go)
    assert ran.summary()["accesses"] > 0, ran
    assert_untouched(locked)
    locked.assert_works_on()


def test_after_a_ctrl_c_nothing_is_left_in_the_process(lldb: Lldb, start: Start) -> None:
    locked = start("locked")
    watch = "gomap watch main.shared --json"
    ran = lldb.attach(locked.pid, watch, go=locked.go, interrupt_at="redhanded.access")
    assert ran.summary()["outcome"] == "interrupted", ran
    assert_untouched(locked)
    locked.assert_works_on()


def test_looking_leaves_nothing_in_the_process(lldb: Lldb, start: Start) -> None:
    locked = start("locked")
    looks = ["gomap header main.shared", "gomap goroutines", "gomap threads", "gomap check", "gomap locals"]
    ran = lldb.attach(locked.pid, *looks)
    assert ran.status == 0, ran
    assert_untouched(locked)
    locked.go()
    locked.assert_works_on()


def test_an_lldb_that_is_killed_while_it_looks_takes_nothing_with_it(lldb: Lldb, start: Start) -> None:
    locked = start("locked")
    killed = "script __import__('os').kill({}, 9)".format("__import__('os').getpid()")
    ran = lldb.attach(locked.pid, "gomap check main.shared", killed)
    assert ran.status == -9, ran
    locked.go()
    locked.assert_works_on()
