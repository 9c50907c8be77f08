"""Where a transcript begins: which program, and how a debugger has come to it."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from children import Child, eventually
from debugger import MARK, PATIENCE, Debugger, Gdb, at_first
from fixtures import UNOPTIMIZED
from go_programs import HURRY, LIFE, Sample, Values, line_of

#: What is played in every debugger.
SCENARIOS = Path(__file__).parent / "scenarios"

#: Before the name of a racing sample that Go is to end soon.
HURRIED = "hurried "


class Scene(NamedTuple):
    """What a debugger is started with, and what is typed before the transcript."""

    arguments: list[str]
    commands: list[str]
    #: Called with each line that the debugger says.
    on_line: Callable[[str], None] | None = None


class Stage:
    """Sets scenes, for one debugger and programs of one Go version; they end with the stack."""

    def __init__(
        self, debugger: Debugger, build: Callable[..., Path], stack: ExitStack, folder: Path
    ) -> None:
        self._debugger, self._build, self._stack, self._folder = debugger, build, stack, folder

    def set(self, described: str) -> Scene:
        """The scene that is described, in one of the forms below."""
        for pattern, make in self._forms():
            if found := re.fullmatch(pattern, described):
                return make(**found.groupdict())
        raise ValueError(f"no such scene: {described}")

    def _forms(self) -> list[tuple[str, Callable[..., Scene]]]:
        name, function, line = rf"(?P<name>({HURRIED})?[\w-]+)", r"(?P<function>[\w.]+)", r"`(?P<line>.+)`"
        return [
            ("nothing", lambda: Scene([], [])),
            (f"the program {name}", lambda name: Scene([str(self._build(name))], [])),
            (f"attached to {name}", self._attached),
            (f"attached to {name}, running", self._running),
            (f"attached to {name} without DWARF", lambda name: self._attached(name, flags=("-ldflags=-w",))),
            (f"attached to {name}, stopped in {function}", self._attached),
            (f"attached to {name}, stopped at {line}", self._attached),
            (f"{name}, run to {function}", self._launched),
            (f"{name} on a server, run to {function}", self._remote),
            (f"a core of {name}", self._core),
            (f"a core of {name}, at its end", self._core_at_end),
        ]

    def _attached(self, name: str, function: str = "", line: str = "", flags: tuple[str, ...] = ()) -> Scene:
        started = self._started(name, *flags)
        stop = []
        if function:
            stop = [self._debugger.stop_in.format(function), "continue"]
        elif line:
            stop = [self._debugger.stop_at.format("main.go", line_of(name, "main.go", line)), "continue"]
        # What it is told once it is stopped, it reads as soon as a command lets it run.
        return Scene(["-p", str(started.pid)], stop, at_first(lambda line: line == MARK, started.go))

    def _running(self, name: str) -> Scene:
        return self._attached(name)._replace(commands=[self._debugger.run_on])

    def _launched(self, name: str, function: str) -> Scene:
        program, *options = self._program(name)
        program = [self._debugger.before_program, str(program), *options, "-for", LIFE]
        return Scene(program, [self._debugger.stop_in.format(function), "run"])

    def _remote(self, name: str, function: str) -> Scene:
        program, *options = self._program(name)
        with socket.create_server(("localhost", 0)) as free:
            port = free.getsockname()[1]
        # It has process numbers of its own, so that none is another's here by chance.
        apart = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
        server = Child([*apart, *self._debugger.server(port, program, *options, "-for", LIFE)])
        self._stack.callback(server.kill)
        eventually(lambda: _is_listening(port) or server.has_ended(), "the server listens")
        stop = self._debugger.stop_in.format(function)
        return Scene([str(program)], [self._debugger.connect.format(port), stop, "continue"])

    def _core(self, name: str) -> Scene:
        started = self._started(name)
        made = ["gcore", "-o", str(self._folder / "core"), str(started.pid)]
        subprocess.run(made, check=True, timeout=PATIENCE, capture_output=True)
        return Scene(self._debugger.on_core(started.executable, self._folder / f"core.{started.pid}"), [])

    def _core_at_end(self, name: str) -> Scene:
        started = self._started(name)
        core = self._folder / "core"
        # gdb makes it, whichever debugger looks at it.
        made = ("gomap stakeout --for 50 --wait 0", f"gcore {core}")
        ran = Gdb.all()[0].attach(started.pid, *made, go=started.go)
        assert core.is_file(), ran
        return Scene(self._debugger.on_core(started.executable, core), [])

    def _program(self, name: str, *flags: str) -> tuple[Any, ...]:
        """A sample's executable, and its options."""
        return self._build(name.removeprefix(HURRIED), *flags), *(HURRY if name.startswith(HURRIED) else ())

    def _started(self, name: str, *flags: str) -> Sample | Values:
        if name == "values":
            started = Values(self._build(name, *UNOPTIMIZED))
        else:
            started = Sample(*self._program(name, *flags))
        self._stack.callback(started.kill)
        return started


def _is_listening(port: int) -> bool:
    # State 0A of an address, whose port is in hexadecimal. To connect would be taken for the debugger.
    lines = [line for file in ("tcp", "tcp6") for line in Path(f"/proc/net/{file}").read_text().splitlines()]
    return any(re.match(rf"\s*\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 0A ", line) for line in lines)
