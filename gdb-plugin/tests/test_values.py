"""Pretty-printers of Go's values: strings, slices, interfaces, channels, sync, time."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from debugger import LOAD, Gdb, Ran
from go_programs import Values, line_of

pytestmark = pytest.mark.paired

#: Stops in a function of the program, with all its arguments.
#: Temporary: where the stack grows, a function begins twice.
IN_SHOW = ("tbreak main.show", "continue")

#: Expressions, and what `print` says of them.
PRINTED = {
    "noString": '""',
    "text": '"hello \\"gdb\\"\\n"',
    "invalid": '"a\\377b"',
    "noSlice": "nil",
    "slice": "[]int (len 3, cap 3) = {1, 2, 3}",
    "capacity": '[]string (len 2, cap 5) = {"", ""}',
    "structures": "[]main.point (len 2, cap 2) = {{X = 1, Y = 2}, {X = 3, Y = 4}}",
    "matrix": "[][]int (len 2, cap 2) = {[]int (len 1, cap 1) = {1}, []int (len 2, cap 2) = {2, 3}}",
    "noError": "nil",
    "anError": 'error(*errors.errorString): "boom"',
    "someShape": "main.point = {value = {X = 3, Y = 4}}",
    "anyInt": "int(42)",
    "anyString": 'string("forty-two")',
    "anyPoint": "main.point = {value = {X = 5, Y = 6}}",
    "anyPointer": "*main.point(&{X: 7, Y: 8})",
    "anyMap": 'map[string]int (len 1) = {["k"] = 9}',
    "anySlice": "[]int (len 2, cap 2) = {10, 11}",
    "anyFunc": "func(map[string]int, string, []int, main.shape, error) int(main.show)",
    "anyArray": "[2]bool([true, false])",
    "noFunc": "nil",
    "callback": "main.double",
    "handlers": 'map[string]func(int) int (len 1) = {["double"] = main.double}',
    "noChan": "nil",
    "buffer": "chan int (len 2, cap 4) = {1, 2}",
    "closed": 'chan string (len 1, cap 1, closed) = {"last"}',
    "ring": "chan main.point (len 2, cap 3) = {{X = 3, Y = 3}, {X = 4, Y = 4}}",
    "tables": 'chan map[string]int (len 1, cap 1) = {map[string]int (len 1) = {["k"] = 9}}',
    "things": "chan interface {} (len 3, cap 3) = {int(1), main.point = {value = {X = 5, Y = 6}}, "
    "chan int (len 2, cap 4) = {1, 2}}",
    "faults": 'chan error (len 1, cap 1) = {error(*errors.errorString): "boom"}',
    "anyChan": "chan int (len 2, cap 4) = {1, 2}",
    "mutex": "unlocked",
    "locked": "locked",
    "rw": "unlocked, 1 reader",
    "group": "counter 2",
    "syncEmpty": "sync.Map (len 0)",
    "once": "not done",
    "onceDone": "done",
    "counter": "-5",
    "flag": "true",
    "pointer": "&{X: 1, Y: 2}",
    "stored": 'string("stored")',
    "moment": "2026-11-23 07:30:00.5 UTC",
    "duration": "1.5s",
}


def shown(ran: Ran) -> list[str]:
    """What each `print` has said."""
    return [line.partition(" = ")[2] for line in ran.out.splitlines() if line.startswith("$")]


@pytest.mark.parametrize("language", ["auto", "c", "go"])
def test_a_value_is_printed_as_go_programmers_know_it(gdb: Gdb, values: Values, language: str) -> None:
    ran = gdb.attach(values.pid, f"set language {language}", *(f"print 'main.{name}'" for name in PRINTED))
    assert ran.status == 0, ran
    assert dict(zip(PRINTED, shown(ran))) == PRINTED


def test_a_sync_map_is_printed_with_its_entries(gdb: Gdb, values: Values) -> None:
    (printed,) = shown(gdb.attach(values.pid, "print 'main.syncMap'"))
    assert printed.startswith("sync.Map (len 2) = {")
    assert '[string("k")] = int(1)' in printed
    assert '[int(2)] = string("v")' in printed


def test_what_is_in_a_sync_map_is_printed_as_any_interface(gdb: Gdb, values: Values) -> None:
    (printed,) = shown(gdb.attach(values.pid, "set language c", "print 'main.syncParts'"))
    key = "main.point = {value = {X = 1, Y = 2}}"
    assert re.fullmatch(
        rf"sync.Map \(len 1\) = {{\[{key}\] = map\[string\]\*main.point \(len 1\) = .*}}", printed
    )
    assert '["p"] = 0x' in printed


def test_a_struct_shows_its_fields_in_the_same_way(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(values.pid, "print *'main.everybody'.array[0]", "print 'main.everybody'.array[0].Tags")
    whole, tags = shown(ran)
    slice_ = '[]string (len 2, cap 2) = {"admin", "dev"}'
    assert whole.startswith(
        f'{{Name = "alice", Tags = {slice_}, Extra = map[string]int (len 1) = {{["age"] = 30}}'
    )
    assert tags == slice_


def test_locals_and_arguments_of_a_frame_are_printed(gdb: Gdb, values: Values) -> None:
    last = line_of("values", "main.go", "at the end")
    ran = gdb.attach(
        values.pid, *IN_SHOW, "info args", f"tbreak main.go:{last}", "continue", "info locals", go=values.go
    )
    assert ran.status == 0, ran
    lines = ran.out.splitlines()
    assert 'm = map[string]int (len 3) = {["alice"] = 1, ["bob"] = 2, ["carol"] = 3}' in lines
    assert 's = "argument"' in lines
    assert "list = []int (len 2, cap 2) = {4, 5}" in lines
    assert "area = main.point = {value = {X = 6, Y = 7}}" in lines
    assert 'err = error(*errors.errorString): "inner"' in lines
    assert any(line.startswith("total = map[string]int (len 4) = {") for line in lines), ran
    assert 'what = "argument[4 5] {6 7} inner"' in lines


def test_locals_that_are_not_initialized_yet_neither_hang_nor_flood(gdb: Gdb, values: Values) -> None:
    show_all = ("set print elements unlimited", "set print repeats unlimited", "info locals")
    ran = gdb.attach(values.pid, "break *'main.show'", "continue", *show_all, "echo alive\\n", go=values.go)
    assert ran.status == 0, ran
    assert "alive" in ran.out
    assert "Traceback" not in ran.out + ran.err
    assert "Python Exception" not in ran.out + ran.err
    assert len(ran.out) < 100_000


@pytest.mark.parametrize("limit", ["3", "10", "unlimited"])
def test_print_elements_limits_whatever_has_parts(gdb: Gdb, values: Values, limit: str) -> None:
    ran = gdb.attach(
        values.pid,
        f"set print elements {limit}",
        "set print repeats unlimited",
        "print 'main.long'",
        "print 'main.numbers'",
        "print 'main.syncMany'",
        "print 'main.queue'",
    )
    string, numbers, sync, queue = shown(ran)
    count = 1000 if limit == "unlimited" else int(limit)
    assert string.rstrip(".") == '"' + ("0123456789" * 100)[:count] + '"'
    # A key and its elem count one each.
    entries = 1000 if limit == "unlimited" else (count + 1) // 2
    assert numbers.startswith("map[int]int (len 1000) = {")
    assert numbers.count("] = ") == entries
    # All of its keys and elems differ, and each is shown once; those that were deleted are not.
    pairs = re.findall(r"\[int\((\d+)\)\] = int\((\d+)\)", sync)
    assert sync.startswith("sync.Map (len 2000) = {")
    assert len(dict(pairs)) == len(pairs) == (2000 if limit == "unlimited" else count // 2)
    assert all(int(elem) == int(key) ** 2 for key, elem in pairs)
    items = queue.removeprefix("chan int (len 1000, cap 1000) = {").rstrip(".}")
    assert items == ", ".join(map(str, range(count)))


def test_print_pretty_and_print_array_indexes_are_obeyed(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(
        values.pid,
        "set print pretty on",
        "set print array-indexes on",
        "print 'main.small'",
        "print 'main.slice'",
    )
    assert '{\n  ["alice"] = 1,\n  ["bob"] = 2,\n  ["carol"] = 3\n}' in ran.out, ran
    assert "[0] = 1, [1] = 2, [2] = 3}" in ran.out


@pytest.mark.parametrize(("name", "words"), [("text", "valid string"), ("slice", "valid slice")])
@pytest.mark.parametrize("length", [-1, 1 << 62, 1 << 40])
def test_a_length_that_cannot_be_is_said(
    gdb: Gdb, values: Values, name: str, words: str, length: int
) -> None:
    ran = gdb.attach(
        values.pid,
        "set print elements unlimited",
        "set language c",  # in Go's, gdb takes `len` for the function
        f"print 'main.{name}'.len = {length}",
        f"print 'main.{name}'",
        "echo alive\\n",
    )
    _, printed = shown(ran)
    assert printed.startswith(f"<no {words}: "), ran
    assert str(length) in printed
    assert "alive" in ran.out


def test_values_that_are_nowhere_in_memory_are_printed_too(gdb: Gdb, values: Values) -> None:
    ran = gdb.attach(
        values.pid,
        "print 'main.text'",
        "print 'main.small'",
        "print 'main.moment'",
        *IN_SHOW,
        "print $1",
        "print $2",
        "print $3",
        go=values.go,
    )
    text, small, moment, *again = shown(ran)
    assert again == [text, small, moment], ran


def test_a_core_shows_the_same_values(gdb: Gdb, values: Values, tmp_path: Path) -> None:
    core = tmp_path / "core"
    prints = [
        f"print 'main.{name}'" for name in (*PRINTED, "small", "numbers", "points", "syncMap", "syncMany")
    ]
    live = gdb.attach(values.pid, *prints, f"generate-core-file {core}")
    values.kill()
    dead = gdb.run([str(values.executable), str(core)], [LOAD, *prints])
    assert dead.status == 0, dead
    assert shown(dead) == shown(live)
    assert len(shown(dead)) == len(prints)


def test_without_a_process_what_the_program_begins_with_is_printed(
    gdb: Gdb, build: Callable[..., Path]
) -> None:
    ran = gdb.run(
        [str(build("values"))],
        [
            LOAD,
            *(f"print 'main.{name}'" for name in ("small", "locked", "syncMap", "noChan")),
            "echo alive\\n",
        ],
    )
    small, locked, sync_map, no_channel = shown(ran)
    assert (small, no_channel) == ("nil", "nil")
    assert sync_map == locked
    assert re.fullmatch("<no process: .*>", sync_map)
    assert "alive" in ran.out
    assert "Traceback" not in ran.out + ran.err
    assert "Python Exception" not in ran.out + ran.err
