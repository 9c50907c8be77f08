"""`gomap header` against what a Go program says of its own maps, live and in a core file."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from debugger import LOAD, Gdb, Ran
from go_programs import Corpus, Sample


def assert_agrees(header: dict[str, Any], told: dict[str, Any]) -> None:
    """Fails unless a decoded header is what the program told."""
    assert header["map"]["type"] == told["type"]
    assert int(header["map"]["address"], 16) == told["address"]
    assert header["kind"] == told["kind"]
    assert header["len"] == told["len"]
    assert {row["field"]: int(row["value"], 16) for row in header["fields"]} == told["fields"]
    growth = told["growth"]
    assert header["growth"]["kind"] == growth["kind"]
    if growth["kind"] != "not_growing":
        assert header["growth"]["evacuated"] == growth["evacuated"]
        assert header["growth"]["old_buckets"] == growth["old_buckets"]
    if told["tables"]["distinct"]:
        assert header["tables"] == {"tables": told["tables"]["distinct"], "used": told["tables"]["used"]}
    assert header["writing"] is False
    assert header["findings"] == []


def assert_all_agree(ran: Ran, corpus: Corpus) -> None:
    """Fails unless one header was shown for each map of the program, and is what it told."""
    assert ran.status == 0, ran
    headers = ran.lines("redhanded.header/1")
    assert len(headers) == len(corpus.without_nil()) > 15
    for header, (_, told) in zip(headers, corpus.without_nil().items()):
        assert_agrees(header, told)


def by_name(corpus: Corpus) -> list[str]:
    """A command for each map that has a header."""
    return [f"gomap header {name} --json" for name in corpus.without_nil()]


def by_address(corpus: Corpus) -> list[str]:
    """The same by address and type."""
    return [
        f"gomap header ({told['type']}){told['address']:#x} --json" for told in corpus.without_nil().values()
    ]


def test_every_header_is_what_the_program_says_of_it(gdb: Gdb, corpus: Corpus) -> None:
    ran = gdb.attach(corpus.pid, *by_name(corpus))
    assert_all_agree(ran, corpus)
    shown = [header["map"]["expression"] for header in ran.lines("redhanded.header/1")]
    assert shown == list(corpus.without_nil())


def test_an_address_with_a_type_names_the_same_map(gdb: Gdb, corpus: Corpus) -> None:
    assert_all_agree(gdb.attach(corpus.pid, *by_address(corpus)), corpus)


def test_a_core_file_shows_the_same_headers_and_goroutines(gdb: Gdb, corpus: Corpus, tmp_path: Path) -> None:
    core = tmp_path / "core"
    live = gdb.attach(corpus.pid, "gomap goroutines --json", f"generate-core-file {core}")
    assert live.status == 0, live
    corpus.kill()
    dead = gdb.run(
        [str(corpus.executable), str(core)],
        [LOAD, *by_name(corpus), *by_address(corpus)[:1], "gomap goroutines --json", "gomap threads --json"],
    )
    assert dead.status == 0, dead
    headers = dead.lines("redhanded.header/1")
    maps = list(corpus.without_nil().values())
    assert len(headers) == len(maps) + 1
    for header, told in zip(headers, [*maps, maps[0]]):
        assert_agrees(header, told)
    without_selection = [
        [{**goroutine, "current": False} for goroutine in ran.one("redhanded.goroutines/1")["goroutines"]]
        for ran in (live, dead)
    ]
    assert without_selection[0] == without_selection[1]
    assert len(dead.one("redhanded.threads/1")["threads"]) > 1


@pytest.mark.paired
def test_a_pointer_on_the_way_is_followed(gdb: Gdb, corpus: Corpus) -> None:
    told = corpus.told["main.server.cache"]
    ran = gdb.attach(
        corpus.pid,
        "gomap header main.server.cache --json",
        "set language c",
        "gomap header main.server.cache --json",
        "gomap header --json   main.server.cache",
        "gomap header 'main.server.cache' --json",
    )
    headers = ran.lines("redhanded.header/1")
    assert len(headers) == 4, ran
    for header in headers:
        assert_agrees(header, told)


@pytest.mark.paired
def test_a_nil_map_is_an_error_that_says_so(gdb: Gdb, corpus: Corpus) -> None:
    ran = gdb.attach(corpus.pid, "gomap header main.nothing")
    assert ran.status == 1
    (line,) = ran.errors()
    assert "main.nothing" in line
    assert "nil map" in line


@pytest.mark.paired
def test_the_text_shows_every_field_with_its_meaning(gdb: Gdb, corpus: Corpus) -> None:
    told = corpus.told["main.manyTables"]
    ran = gdb.attach(corpus.pid, "gomap header main.manyTables")
    head, *rows = ran.out.splitlines()
    assert head.startswith(f"main.manyTables: map[int]int at {told['address']:#x} (Go ")
    shown = {row.split()[0]: row.split(maxsplit=2)[1:] for row in rows if row.startswith("  ")}
    for field, value in told["fields"].items():
        assert int(shown[field][0], 16) == value
        assert len(shown[field]) == 2, f"{field} has no meaning"
    assert {"growth", "shape"} <= shown.keys()
    assert "\x1b" not in ran.out


BUILDS = {
    "position independent": ("-buildmode=pie",),
    "without inlining": ("-gcflags=all=-l",),
    "without optimisation": ("-gcflags=all=-N -l",),
    "uncompressed DWARF": ("-ldflags=-compressdwarf=false",),
}


@pytest.mark.paired
@pytest.mark.parametrize("flags", BUILDS.values(), ids=BUILDS)
def test_other_kinds_of_builds_are_read_as_well(
    gdb: Gdb, build: Callable[..., Path], started: ExitStack, flags: tuple[str, ...]
) -> None:
    sample = Sample(build("locked", *flags))
    started.callback(sample.kill)
    ran = gdb.attach(
        sample.pid, "gomap header main.shared --json", "gomap watch main.shared --count 10", go=sample.go
    )
    assert ran.status == 0, ran
    header = ran.one("redhanded.header/1")
    assert (header["map"]["address"], header["len"]) == (sample.map, 64)
    assert "count reached" in ran.out
    sample.assert_works_on()
