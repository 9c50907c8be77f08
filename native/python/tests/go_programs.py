"""The Go programs under test: built once a session by real toolchains, started and ended by fixtures."""

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import Child, eventually
from kernel import changed_code, debug_controls, status, stopped_or_traced, switches, threads

ROOT = Path(__file__).resolve().parents[3]

#: The folders of the programs, by their names.
SOURCES = {
    "clobber": ROOT / "samples/clobber",
    "read-write": ROOT / "samples/read-write",
    "iterate-write": ROOT / "samples/iterate-write",
    "locked": ROOT / "samples/locked",
    "headers": ROOT / "native/gotarget/tests/headers",
    "values": ROOT / "native/python/tests/values",
    "ends": ROOT / "native/python/tests/ends",
}

#: A sample ends by itself after so long, in case that nobody is left to end it.
LIFE = "2m"

#: What a racing sample is told so that Go ends it within a second or so.
HURRY = ("-hurry", "250")

#: What Go says as it ends a program for its race.
OF_ITS_RACE = "fatal error: concurrent map"


@dataclass(frozen=True)
class Toolchain:
    """A Go toolchain."""

    version: str
    go: Path

    @property
    def is_classic(self) -> bool:
        """Whether its maps are those of before Go 1.24."""
        return int(self.version.split(".")[1]) < 24

    def root(self) -> Path:
        """Its GOROOT."""
        return self.go.resolve().parents[1]


class Builder:
    """Builds a program at most once a session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[tuple[str, ...], Path] = {}

    def build(self, go: Toolchain, name: str, *flags: str) -> Path:
        """The executable of a program."""
        key = (go.version, name, *flags)
        if key not in self._built:
            made = self._folder / f"{len(self._built)}-{go.version}" / name
            made.parent.mkdir()
            subprocess.run(
                [str(go.go), "build", *flags, "-o", str(made), "."],
                cwd=SOURCES[name],
                env=os.environ
                | {"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "GOPROXY": "off", "GOWORK": "off"},
                check=True,
                timeout=300,
            )
            self._built[key] = made
        return self._built[key]


class Sample(Child):
    """One of samples/, that has made its map and waits for a line on its standard input."""

    def __init__(self, executable: Path, *options: str, stderr: int = subprocess.PIPE) -> None:
        super().__init__([str(executable), "-wait", "-for", LIFE, *options], stderr=stderr)
        self.executable = executable
        ready = self.wait_for_line(lambda line: line.startswith("ready "))
        said = re.fullmatch(r"ready pid=(\d+) map=(0x[0-9a-f]+)\n", ready)
        assert said is not None, ready
        assert int(said[1]) == self.pid
        #: The address of its map's header.
        self.map = said[2]

    def go(self) -> None:
        """Lets its goroutines start."""
        self.tell("go")

    def assert_works_on(self) -> None:
        """Fails unless its goroutines go on for a while, and it then ends as it should when asked to."""
        before = switches(self.pid)
        eventually(
            lambda: self.has_ended() or switches(self.pid) > before + 50,
            "its goroutines run on after gdb left",
        )
        self.assert_ends_well()

    def assert_ends_well(self) -> None:
        """Fails unless it prints what its map holds, and succeeds, when it is asked to end."""
        self.signal(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"status {status}:\n{self.err}"
        assert self.out.endswith("count 64\n"), self.out

    def assert_ends_well_or_of_its_race(self) -> None:
        """The same of a sample that goes on racing: its own runtime may end it before it is asked."""
        self.signal(signal.SIGTERM)
        if self.wait() == 0:
            assert self.out.endswith("count 64\n"), self.out
        else:
            assert OF_ITS_RACE in self.err, f"status {self.wait()}:\n{self.err}"


class Corpus(Child):
    """The program that tells of its own map headers, once it has told."""

    def __init__(self, executable: Path) -> None:
        super().__init__([str(executable)])
        self.executable = executable
        self.wait_for_line(lambda line: line == "ready\n", 120)
        lines = [json.loads(line) for line in self.out.splitlines()[:-1]]
        #: What it says of each map, by the expression that names it.
        self.told: dict[str, dict[str, Any]] = {line["variable"]: line for line in lines}

    def without_nil(self) -> dict[str, dict[str, Any]]:
        """Those that have a header."""
        return {name: told for name, told in self.told.items() if told["address"]}


class Values(Child):
    """The program with values of every kind, that waits for a line before it calls its functions."""

    def __init__(self, executable: Path, entries: int = 100) -> None:
        super().__init__([str(executable), str(entries)])
        self.executable = executable
        self.wait_for_line(lambda line: line.startswith("ready "), 120)

    def go(self) -> None:
        """Lets it call its functions."""
        self.tell("go")


class Ending(Child):
    """The program that its own runtime ends, once it is told to go on."""

    def __init__(self, executable: Path, *how: str) -> None:
        super().__init__([str(executable), *how])
        self.wait_for_line(lambda line: line == "ready\n")

    def go(self) -> None:
        """Lets it come to its end."""
        self.tell("go")


def assert_untouched(sample: Sample) -> None:
    """Fails if a thread is stopped or traced, or anything else is left of a debugger."""
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


def line_of(program: str, file: str, text: str) -> int:
    """The number of the one line of a program's source that holds a text."""
    source = (SOURCES[program] / file).read_text().splitlines()
    (number,) = (number for number, line in enumerate(source, 1) if text in line)
    return number
