"""What an IDE sees through gdb's Debug Adapter Protocol."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from dap import Ide, ide
from debugger import Gdb
from fixtures import UNOPTIMIZED
from go_programs import Values

#: gdb speaks DAP since version 14.
pytestmark = pytest.mark.newest


def in_show(session: Ide, program: Values) -> dict[str, dict]:
    """The arguments and locals of a function that the program stops in."""
    session.attach(program.pid, "main.show")
    thread = session.ask("threads")["threads"][0]["id"]
    session.tell("continue", threadId=thread)
    program.go()
    frame = session.top()
    scopes = session.ask("scopes", frameId=frame)["scopes"]
    return {
        variable["name"]: variable
        for scope in scopes
        if scope["name"] in ("Arguments", "Locals")
        for variable in session.children(scope)
    }


def test_arguments_and_locals_show_what_they_hold(gdb: Gdb, values: Values) -> None:
    with ide(gdb) as session:
        variables = in_show(session, values)
        assert variables["m"]["value"] == "map[string]int (len 3)"
        assert {child["name"]: child["value"] for child in session.children(variables["m"])} == {
            '"alice"': "1",
            '"bob"': "2",
            '"carol"': "3",
        }
        assert variables["s"]["value"].strip('"') == "argument"
        assert variables["list"]["value"] == "[]int (len 2, cap 2)"
        assert [child["value"] for child in session.children(variables["list"])] == ["4", "5"]
        assert variables["err"]["value"] == 'error(*errors.errorString): "inner"'
        (inside,) = session.children(variables["area"])
        assert [child["value"] for child in session.children(inside)] == ["6", "7"]


def test_a_sync_map_and_a_channel_can_be_opened(gdb: Gdb, values: Values) -> None:
    with ide(gdb) as session:
        in_show(session, values)
        parts = session.evaluate("'main.syncParts'")
        assert (parts["result"], parts["namedVariables"]) == ("sync.Map (len 1)", 1)
        (entry,) = session.children(parts)
        assert entry["name"] == "main.point{X: 1, Y: 2}"
        (table,) = session.children(entry)
        assert table["value"] == "map[string]*main.point (len 1)"
        (pointer,) = session.children(table)
        assert pointer["name"] == '"p"'
        ring = session.evaluate("'main.ring'")
        assert ring["result"] == "chan main.point (len 2, cap 3)"
        first, second = session.children(ring)
        assert (first["name"], second["name"]) == ("[0]", "[1]")
        assert [child["value"] for child in session.children(first)] == ["3", "3"]
        far = session.children(session.evaluate("'main.syncMany'"), start=1500, count=500)
        assert len({child["name"] for child in far}) == 500


def test_a_command_answers_in_the_console(gdb: Gdb, values: Values) -> None:
    with ide(gdb) as session:
        in_show(session, values)
        assert '  "alice": 1\n' in session.evaluate("gomap print m", "repl")["result"]


@pytest.mark.parametrize("pages", [True, False], ids=["pages", "all at once"])
def test_a_large_map_is_read_by_pages_with_unique_names(
    gdb: Gdb, build: Callable[..., Path], started: ExitStack, pages: bool
) -> None:
    program = Values(build("values", *UNOPTIMIZED), 1_000_000)
    started.callback(program.kill)
    with ide(gdb, pages) as session:
        in_show(session, program)
        many = session.evaluate("'main.many'")
        assert many["result"] == "map[int]string (len 1000000)"
        assert many["namedVariables"] == (1_000_000 if pages else 200)
        if not pages:
            children = session.children(many)
            assert len(children) == 200
        else:
            far = session.children(many, start=700_000, count=50)
            children = [*session.children(many, start=0, count=300), *far]
            assert len(children) == 350
        assert len({child["name"] for child in children}) == len(children)
        assert {child["value"].strip('"') for child in children} == {"v"}
        assert all(child["name"].isdecimal() for child in children)
