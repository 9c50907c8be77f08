"""The pretty-printer of maps: it wins over Go's own script, whatever the order in which they come."""

from collections.abc import Callable
from pathlib import Path

import pytest
from children import Child
from debugger import LOAD, Gdb
from go_programs import LIFE, Corpus, Sample, Toolchain

Start = Callable[[str], Sample]

SHOW = ("print 'main.shared'", "info pretty-printer")


def go_script(go: Toolchain) -> str:
    """The command that loads Go's own script."""
    script = go.root() / "src/runtime/runtime-gdb.py"
    assert script.is_file()
    return f"source {script}"


def assert_ours_wins(out: str) -> None:
    """Fails unless a map is printed by our printer, with Go's there too."""
    assert "map[int]int (len 64) = {" in out, out
    printers = [line.strip() for line in out.splitlines()]
    assert "redhanded" in printers
    # Go's own are there, as anonymous functions or by their names.
    assert any("Printer" in line or "matcher" in line or "pp" in line for line in printers), out


@pytest.mark.parametrize("order", ["before", "between", "automatic"])
def test_ours_wins_over_the_one_that_go_ships(gdb: Gdb, go: Toolchain, start: Start, order: str) -> None:
    sample = start("locked")
    theirs = go_script(go)
    if order == "automatic":
        # As it comes for a user who trusts the folder: gdb loads it by itself with the program.
        trusted = ["-iex", f"add-auto-load-safe-path {go.root()}"]
        ran = gdb.run(trusted, [LOAD, f"file {sample.executable}", f"attach {sample.pid}", *SHOW])
    else:
        orders = {"before": [theirs, LOAD], "between": [LOAD, theirs, LOAD]}
        ran = gdb.run(["-p", str(sample.pid)], [*orders[order], *SHOW])
    assert ran.status == 0, ran
    assert_ours_wins(ran.out)


@pytest.mark.paired
def test_ours_wins_as_well_when_go_s_script_is_sourced_afterwards_at_the_prompt(
    gdb: Gdb, go: Toolchain, start: Start
) -> None:
    # Go's script throws all printers out; ours comes back with the next prompt, and a batch has none.
    sample = start("locked")
    prompt = Child([gdb.path, "-nx", "-q", "-iex", "set debuginfod enabled off", "-p", str(sample.pid)])
    try:
        for line in (LOAD, go_script(go), *SHOW, "set confirm off", "quit"):
            prompt.tell(line)
        assert prompt.wait() == 0
        assert_ours_wins(prompt.out)
    finally:
        prompt.kill()


@pytest.mark.paired
def test_maps_of_every_state_are_printed_by_how_many_entries_they_have(gdb: Gdb, corpus: Corpus) -> None:
    names = [name for name in corpus.told if name.count(".") == 1]
    ran = gdb.attach(corpus.pid, *[f"print '{name}'" for name in names])
    assert ran.status == 0, ran
    shown = [line.partition(" = ")[2] for line in ran.out.splitlines() if line.startswith("$")]
    assert len(shown) == len(names)
    for name, text in zip(names, shown):
        told = corpus.told[name]
        if told["address"] == 0:
            assert text == "nil", name
        else:
            head = f"{told['type']} (len {told['len']}"
            # A growing map says so after its length.
            assert text.startswith((f"{head})", f"{head}, ")), name
            shown = min(told["len"], 100)
            assert text.count("] = ") >= shown, name
            assert "DAMAGED" not in text, name


@pytest.mark.paired
def test_a_map_in_a_struct_and_behind_a_pointer_is_printed(gdb: Gdb, corpus: Corpus) -> None:
    ran = gdb.attach(corpus.pid, "print *'main.server'", "print 'main.server'.cache", "print *'main.small'")
    first, second, third = [line for line in ran.out.splitlines() if line.startswith("$")]
    assert "cache = map[string]int (len 7) = {" in first
    assert "= map[string]int (len 7) = {" in second
    assert "map with 3 entries, flags " in third


@pytest.mark.paired
def test_a_map_in_an_argument_of_a_frame_is_printed(gdb: Gdb, build: Callable[..., Path]) -> None:
    ran = gdb.run(
        ["--args", str(build("locked")), "-for", LIFE], [LOAD, "break main.finish", "run", "info args"]
    )
    assert "m = map[int]int (len 64) = {" in ran.out, ran


@pytest.mark.paired
def test_the_printer_can_be_turned_off_by_its_name(gdb: Gdb, start: Start) -> None:
    sample = start("locked")
    ran = gdb.attach(
        sample.pid, "disable pretty-printer global redhanded", "disable pretty-printer .* redhanded", SHOW[0]
    )
    assert ran.status == 0, ran
    assert "len 64" not in ran.out


@pytest.mark.paired
def test_a_program_that_is_not_go_has_no_printer_of_ours(gdb: Gdb) -> None:
    ran = gdb.run(["/bin/sleep"], [LOAD, "info pretty-printer"])
    assert "redhanded" not in ran.out
