"""`gomap print`, `get`, `check`, `maps`, `locals`: the core's answers, in gdb."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from children import child, eventually
from debugger import LOAD, Gdb, Ran, interrupt, said
from go_programs import Corpus, Values

pytestmark = pytest.mark.paired

IN_SHOW = ("break main.show", "continue")

COMMANDS = ("print", "get", "header", "check", "maps", "locals")


def entries(ran: Ran) -> dict[str, object]:
    """The entries of a `gomap print --json`."""
    lines = [json.loads(line) for line in ran.out.splitlines() if line.startswith('{"key":')]
    return {json.dumps(line["key"]): line["elem"] for line in lines}


def test_a_map_is_printed_with_all_its_entries(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(values.pid, "gomap print main.small", "gomap print main.numbers --json")
    assert ran.status == 0, ran
    head, *rows = ran.out.splitlines()[:4]
    assert head.startswith("main.small: map[string]int at 0x")
    assert sorted(rows) == ['  "alice": 1', '  "bob": 2', '  "carol": 3']
    assert entries(ran) == {str(number): number * number for number in range(1000)}
    summary = ran.one("redhanded.print/1")
    assert (summary["len"], summary["entries"], summary["findings"]) == (1000, 1000, [])


def test_filters_order_and_forms_are_those_of_the_command_line(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(
        values.pid,
        "gomap print main.numbers --where 'key < 10' --where \"elem > 30\" --sort key --desc --limit 3 --csv",
        "gomap print main.numbers --count",
        'gomap print main.users["alice"].Extra --key "age"',
        'gomap print main.users["alice"].Tags[1]',
    )
    assert ran.status == 0, ran
    lines = ran.out.splitlines()
    assert lines[:5] == ["key,elem", "9,81", "8,64", "7,49", "1000"]
    assert '  "age": 30' in lines
    assert any('"dev"' in line for line in lines)


def test_a_key_is_looked_up_and_a_missing_one_is_no_failed_command(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(
        values.pid,
        "gomap get main.numbers 12 --json",
        'gomap get main.small "bob" --json',
        "gomap get main.points {3, 4} --json",
        "gomap get main.small nobody --json",
    )
    assert ran.status == 0, ran
    found = ran.lines("redhanded.get/1")
    assert [(line["found"], line["elem"]) for line in found[:3]] == [(True, 144), (True, 2), (True, "b")]
    assert all(line["by_hash"] for line in found)
    assert not found[3]["found"]


def test_maps_are_listed_and_found_sound(gdb: Gdb, corpus: Corpus) -> None:
    ran = gdb.attach(corpus.pid, "gomap maps main. --json", "gomap check --json")
    assert ran.status == 0, ran
    lines = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    listed = {line["name"]: line for line in lines if "name" in line and "len" in line}
    for name, told in corpus.told.items():
        if name.count(".") == 1:
            assert listed[name]["len"] == told["len"], name
    assert ran.one("redhanded.check/1")


def test_locals_of_the_selected_frame_can_be_named(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(
        values.pid,
        "break main.callee",
        "continue",
        "gomap print m --json",
        "up",
        "gomap print local --json",
        'gomap print people["alice"].Name',
        "gomap locals",
        "gomap print m",
        go=values.go,
    )
    assert ran.status == 1, ran
    assert [line["map"]["expression"] for line in ran.lines("redhanded.print/1")] == ["m", "local"]
    assert entries(ran) == {'"x"': 1}
    assert '"alice"' in ran.out
    assert any(line.lstrip().startswith("people: map[string]*main.user = ") for line in ran.out.splitlines())
    (line,) = ran.errors()
    assert "m" in line


def test_in_an_optimized_program_locals_are_right_or_said_to_be_gone(
    gdb: Gdb, build: Callable[..., Path], started: ExitStack
) -> None:
    program = Values(build("values"))
    started.callback(program.kill)
    ran = gdb.attach(
        program.pid,
        "break main.callee",
        "continue",
        "gomap print m --json",
        "up",
        "gomap locals",
        go=program.go,
    )
    assert ran.status == 0, ran
    assert entries(ran) == {'"x"': 1}
    people = next(line for line in ran.out.splitlines() if line.lstrip().startswith("people:"))
    assert '"alice"' in people or "optimized out" in people


def test_a_million_entries_are_printed_and_interrupted(
    gdb: Gdb, build: Callable[..., Path], started: ExitStack
) -> None:
    program = Values(build("values"), 1_000_000)
    started.callback(program.kill)
    whole = gdb.attach(program.pid, "gomap print main.many", "print 'main.many'")
    assert whole.status == 0, whole
    assert sum(line.endswith(': "v"') for line in whole.out.splitlines()) == 1_000_000
    (printed,) = (line for line in whole.out.splitlines() if line.startswith("$1"))
    assert printed.startswith("$1 = map[int]string (len 1000000) = {")
    assert printed.count("] = ") == 100
    commands = [LOAD, "gomap print main.many", "echo still here\\n"]
    running = gdb.start(["-p", str(program.pid)], commands)
    try:
        running.wait_for_line(lambda line: line.endswith(': "v"\n'))
        interrupt(running)
        ran = said(running, running.wait(60))
    finally:
        running.kill()
    assert "still here" in ran.out, ran
    assert sum(line.endswith(': "v"') for line in ran.out.splitlines()) < 1_000_000
    assert "interrupted" in ran.err, ran.err
    assert "Traceback" not in ran.err


def test_output_goes_where_gdb_s_own_goes(gdb: Gdb, values: Values, tmp_path: Path) -> None:
    log = tmp_path / "log"
    ran = gdb.attach(
        values.pid,
        f"set logging file {log}",
        "set logging redirect on",
        "set logging enabled on",
        "gomap print main.small",
        "set logging enabled off",
        "python said = gdb.execute('gomap print main.small', to_string=True)",
        "python print('[' + said.splitlines()[1] + ']')",
        "show width",
    )
    assert ran.status == 0, ran
    assert '  "alice": 1\n' in log.read_text()
    assert '[  "' in ran.out
    assert '  "alice": 1\n' not in ran.out.partition("[")[0]
    assert "unlimited" in ran.out


def test_a_value_that_is_no_map_is_printed_as_well(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(values.pid, "gomap print main.moment", "gomap print main.anError --json")
    assert "2026-11-23 07:30:00.5 UTC" in ran.out, ran
    assert "boom" in json.dumps(ran.one("redhanded.value/1")["value"])


def test_a_process_is_looked_at_while_it_runs(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(
        values.pid, "continue &", "gomap print main.small --json", "gomap get main.small bob", "gomap locals"
    )
    assert ran.one("redhanded.print/1")["written_meanwhile"] is False
    assert 'main.small["bob"] = 2' in ran.out
    (line,) = ran.errors()
    assert "interrupt" in line


@pytest.mark.parametrize(
    ("command", "words"),
    {
        "gomap print": ("which map",),
        "gomap get main.small": ("KEY", "help gomap get"),
        "gomap print main.small --bogus": ("--bogus", "help gomap print"),
        "gomap print main.smal": ("main.smal", "main.small"),
        "gomap get main.numbers twelve": ("twelve",),
        "gomap print main.small --where 'elem >'": ("elem >",),
        "gomap print nobody": ("nobody",),
        "gomap print main.small --limit many": ("many",),
        "gomap maps main. more": ("more",),
    }.items(),
)
def test_what_cannot_be_done_is_said_in_one_line(
    gdb: Gdb, values: Values, command: str, words: tuple[str, ...]
) -> None:
    ran = gdb.attach(values.pid, command)
    assert ran.status == 1, ran
    (line,) = ran.errors()
    for word in words:
        assert word in line
    assert "Traceback" not in line


def test_help_names_every_option_that_there_is(gdb: Gdb, values: Values) -> None:
    commands = [
        part for name in COMMANDS for part in (f"echo [{name}\\n", f"gomap {name} --help", f"echo {name}]\\n")
    ]
    offered = gdb.attach(values.pid, *commands).out
    for name in COMMANDS:
        text = offered.partition(f"[{name}\n")[2].partition(f"{name}]\n")[0]
        options = {
            word.strip(",")
            for line in text.splitlines()
            if line.strip().startswith("-")
            for word in line.split()
            if word.startswith("--") and word != "--help"
        }
        helped = gdb.run([], [LOAD, f"help gomap {name}"]).out
        assert [option for option in options if option not in helped] == [], name
        completed = gdb.run([], [LOAD, f"complete gomap {name} x --"]).out
        assert {line.rpartition(" ")[2] for line in completed.splitlines()} == options, name


def test_options_fields_and_locals_are_completed(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(
        values.pid,
        *IN_SHOW,
        "complete gomap print are",
        'complete gomap print main.users["alice"].T',
        "complete gomap header main.us",
        "complete gomap print main.mom",
        go=values.go,
    )
    offered = ran.out.splitlines()
    assert "gomap print area" in offered, ran
    assert 'gomap print main.users["alice"].Tags' in offered
    assert "gomap header main.users" in offered
    assert "gomap print main.moment" in offered


def test_convenience_functions_give_values(gdb: Gdb, values: Values) -> None:
    asked = {
        "$gomap_len('main.small')": "3",
        "$gomap_len('main.nothing')": "0",
        "$gomap_get('main.small', \"bob\") + 1": "3",
        "$gomap_get('main.numbers', 30)": "900",
        "$gomap_get('main.users', \"alice\").Name": '"alice"',
        "$gomap_get('main.points', 'main.structures'.array[1])": '"b"',
        "$gomap_get('main.small', $gomap_get('main.users', \"alice\").Name)": "1",
        "$gomap_get('main.floats', 1.5)": "true",
        "$gomap_get('main.anything', \"two\")": "int(2)",
    }
    for language in ("c", "go"):
        prints = [f"print {expression}" for expression in asked]
        ran = gdb.attach(values.pid, f"set language {language}", *prints)
        assert ran.status == 0, ran
        shown = [line.partition(" = ")[2] for line in ran.out.splitlines() if line.startswith("$")]
        assert dict(zip(asked, shown)) == asked, language


@pytest.mark.parametrize(
    ("expression", "word"),
    {
        "$gomap_get('main.small', \"nobody\")": "nobody",
        "$gomap_get('main.nothing', \"x\")": "nil",
        "$gomap_get('main.text', 1)": "no map",
        "$gomap_get('main.small', 'main.slice')": "keys are of type string",
        "$gomap_get('main.small')": "a map and a key",
        "$gomap_len('main.text')": "no map",
        "$gomap_len()": "takes a map",
    }.items(),
)
def test_a_convenience_function_fails_in_one_line(
    gdb: Gdb, values: Values, expression: str, word: str
) -> None:
    ran = gdb.attach(values.pid, f"print {expression}")
    assert ran.status == 1, ran
    (line,) = ran.errors()
    assert word in line


def test_a_core_answers_the_same(gdb: Gdb, values: Values, tmp_path: Path) -> None:
    core = tmp_path / "core"
    asked = (
        "gomap print main.numbers --sort key",
        "gomap maps main.",
        "gomap get main.small bob",
        "gomap check",
        "print $gomap_get('main.small', \"bob\")",
    )
    live = gdb.attach(values.pid, *asked, f"generate-core-file {core}")
    values.kill()
    dead = gdb.run([str(values.executable), str(core)], [LOAD, *asked])
    assert dead.status == 0, dead
    assert len(dead.out) > 10_000
    assert dead.out.rstrip("\n") in live.out


def test_a_remote_process_is_read_through_its_stub(
    gdb: Gdb, gdbserver: str, build: Callable[..., Path], started: ExitStack
) -> None:
    program = Values(build("values"))
    started.callback(program.kill)
    # It says which port it took.
    with child([gdbserver, "--attach", "localhost:0", str(program.pid)]) as server:
        eventually(lambda: "Listening on port" in server.err, "gdbserver listens")
        port = server.err.rpartition("Listening on port ")[2].split()[0]
        ran = gdb.run(
            [str(program.executable)],
            [
                LOAD,
                f"target remote localhost:{port}",
                "gomap print main.numbers --sort key --csv",
                "gomap get main.small bob",
                "print 'main.points'",
                "detach",
            ],
        )
    assert ran.status == 0, ran
    assert "999,998001" in ran.out.splitlines(), ran
    assert 'main.small["bob"] = 2' in ran.out
    assert 'map[main.point]string (len 2) = {[{X = 1, Y = 2}] = "a", [{X = 3, Y = 4}] = "b"}' in ran.out
