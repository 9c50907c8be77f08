"""Completion, as gdb's own `complete` command gives it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from debugger import LOAD, Gdb
from go_programs import Corpus, Sample

pytestmark = pytest.mark.paired


def complete(gdb: Gdb, program: Path, typed: str) -> list[str]:
    """What gdb offers for what is typed, with only the program loaded."""
    ran = gdb.run([str(program)], [LOAD, f"complete {typed}"])
    assert ran.status == 0, ran
    assert ran.err == "", ran
    return ran.out.splitlines()


@pytest.mark.parametrize("command", ["header", "watch"])
def test_map_variables_are_completed(gdb: Gdb, build: Callable[..., Path], command: str) -> None:
    program = build("locked")
    assert complete(gdb, program, f"gomap {command} main.s") == [f"gomap {command} main.shared"]
    assert complete(gdb, program, f"gomap {command} ma") != []
    assert complete(gdb, program, f"gomap {command} main.shared") == [f"gomap {command} main.shared"]


def test_only_maps_are_offered(gdb: Gdb, build: Callable[..., Path]) -> None:
    # main.seen is an integer.
    assert complete(gdb, build("locked"), "gomap header main.se") == []
    offered = complete(gdb, build("headers"), "gomap header main.")
    assert "gomap header main.small" in offered
    assert "gomap header main.registry" in offered
    assert "gomap header main.server" not in offered


def test_every_map_of_the_program_is_offered(gdb: Gdb, build: Callable[..., Path], corpus: Corpus) -> None:
    offered = complete(gdb, build("headers"), "gomap header main.")
    assert {f"gomap header {name}" for name in corpus.told if name.count(".") == 1} <= set(offered)


def test_options_are_completed_before_and_after_the_map(gdb: Gdb, build: Callable[..., Path]) -> None:
    program = build("locked")
    assert complete(gdb, program, "gomap watch main.shared --h") == ["gomap watch main.shared --hold"]
    assert complete(gdb, program, "gomap watch --r") == ["gomap watch --rescue"]
    assert complete(gdb, program, "gomap header main.shared --") == ["gomap header main.shared --json"]
    every = complete(gdb, program, "gomap watch main.shared --")
    assert {line.rpartition(" ")[2] for line in every} == {"--hold", "--count", "--for", "--rescue", "--json"}


def test_the_commands_themselves_are_completed(gdb: Gdb, build: Callable[..., Path]) -> None:
    assert complete(gdb, build("locked"), "gomap go") == ["gomap goroutines"]


def test_without_a_program_nothing_is_offered_and_nothing_fails(gdb: Gdb) -> None:
    ran = gdb.run([], [LOAD, "complete gomap header main.s", "echo alive\\n"])
    assert (ran.status, ran.out, ran.err) == (0, "alive\n", "")


def test_a_running_sample_is_completed_too(gdb: Gdb, start: Callable[[str], Sample]) -> None:
    ran = gdb.attach(start("locked").pid, "complete gomap watch main.s")
    assert "gomap watch main.shared\n" in ran.out
