"""Importing the plugin, its help, and taking it away again."""

import re
from collections.abc import Callable

import pytest
from debugger import Lldb, Ran
from go_programs import Sample

Start = Callable[[str], Sample]

COMMANDS = (
    *("print", "get", "header", "check", "maps", "locals"),
    *("watch", "goroutines", "threads", "race"),
)

UNLOAD = "script redhanded_lldb.unload(lldb.debugger)"

SHOW = "process handle SIGURG"

#: What lldb does by itself, and what with the plugin.
STOPS, QUIET = ["true", "true", "true"], ["true", "false", "false"]


def handled(ran: Ran) -> list[list[str]]:
    """What is done about SIGURG each time that it is shown: whether it is passed on, stops, is told."""
    return [line.split()[1:4] for line in ran.out.splitlines() if line.startswith("SIGURG ")]


def test_what_is_done_about_sigurg_is_said_once_and_undone(lldb: Lldb, start: Start) -> None:
    load = Lldb.load
    ran = lldb.run(["-p", str(start("locked").pid)], [SHOW, load, SHOW, load, SHOW, UNLOAD, SHOW])
    assert ran.status == 0, ran
    assert ran.out.count("Redhanded: SIGURG") == 1
    assert handled(ran) == [
        ["true", "true", "true"],
        *[["true", "false", "false"]] * 2,
        ["true", "true", "true"],
    ]


def test_once_unloaded_it_is_loaded_as_if_for_the_first_time(lldb: Lldb, start: Start) -> None:
    again = [Lldb.load, SHOW, "gomap header main.shared"]
    ran = lldb.run(["-p", str(start("locked").pid)], [Lldb.load, UNLOAD, *again])
    assert ran.status == 0, ran
    assert ran.out.count("Redhanded: SIGURG") == 2
    assert handled(ran) == [QUIET]
    assert "main.shared: map[int]int at 0x" in ran.out


def test_the_same_where_the_plugin_comes_before_the_process(lldb: Lldb, start: Start) -> None:
    attach = f"process attach --pid {start('locked').pid}"
    ran = lldb.run([], [Lldb.load, attach, "gomap header main.shared", SHOW, UNLOAD, SHOW])
    assert ran.status == 0, ran
    assert handled(ran) == [QUIET, STOPS]


def test_what_the_user_has_said_of_sigurg_stays(lldb: Lldb, start: Start) -> None:
    theirs = "process handle SIGURG --stop true --notify false --pass true"
    ran = lldb.run(["-p", str(start("locked").pid)], [theirs, Lldb.load, SHOW, UNLOAD, SHOW])
    assert "Redhanded: SIGURG" not in ran.out
    assert handled(ran) == [["true", "true", "false"]] * 3


def test_once_unloaded_the_commands_are_gone(lldb: Lldb) -> None:
    ran = lldb.run([], [Lldb.load, UNLOAD, "gomap maps"])
    assert ran.status == 1
    assert "not a valid command" in ran.err


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_examples(lldb: Lldb, command: str) -> None:
    ran = lldb.run([], [Lldb.load, f"help gomap {command}".strip()])
    assert ran.status == 0, ran
    assert f"gomap {command}".strip() in ran.out
    if command in ("", "print", "get", "header", "check", "watch"):
        assert re.search(r"gomap \w+ main\.\w+", ran.out), ran.out


def test_help_of_watch_names_every_option(lldb: Lldb) -> None:
    ran = lldb.run([], [Lldb.load, "help gomap watch"])
    for option in ("--hold", "--count", "--for", "--rescue", "--json"):
        assert option in ran.out
