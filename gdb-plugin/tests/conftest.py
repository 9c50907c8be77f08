"""What the tests share: the gdbs, the Go toolchains, and programs that end with the test.

Every test that names `gdb` and `go` runs with each gdb on programs of each Go version: by default one with
classic maps and one with Swiss ones, with REDHANDED_ALL=1 all. A test marked `paired`, whose subject needs no
full product, takes the first gdb with the first version, the second with the second, and so on. One marked
`newest`, whose subject older gdbs don't have, takes only the newest.
"""

import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from debugger import Gdb
from go_programs import Builder, Corpus, Sample, Toolchain, Values

HOW = "run the tests with `cargo xtask test`"

#: The versions tested by default: one with classic maps, one with Swiss ones.
SLICE = ("1.23.4", "1.27.3")

#: How a program is built to be debugged.
UNOPTIMIZED = ("-gcflags=all=-N -l",)


def _file(variable: str, default: str = "") -> Path:
    path = Path(os.environ.get(variable) or default)
    if not path.is_file():
        raise pytest.UsageError(f"{variable} names no file: {HOW}")
    return path


def _gdbs() -> list[Gdb]:
    return [
        Gdb("gdb13", str(_file("REDHANDED_GDB13", shutil.which("gdb") or ""))),
        Gdb("gdb18", str(_file("REDHANDED_GDB18"))),
    ]


def _toolchains() -> list[Toolchain]:
    listed = json.loads(_file("REDHANDED_TOOLCHAINS").read_text())
    wanted = list(listed) if os.environ.get("REDHANDED_ALL") == "1" else list(SLICE)
    if missing := [version for version in wanted if version not in listed]:
        raise pytest.UsageError(f"no toolchain of Go {', '.join(missing)}: {HOW}")
    return [Toolchain(version, Path(listed[version])) for version in wanted]


def pytest_configure(config: pytest.Config) -> None:
    """Refuses to run without what the tests need, rather than to skip them."""
    config.addinivalue_line("markers", "paired: each gdb and each Go version once, not their product")
    config.addinivalue_line("markers", "newest: only the newest gdb")
    # Fixtures end their processes also when whoever runs the tests gives up on them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _file("REDHANDED_NATIVE")
    config.stash[GDBS], config.stash[TOOLCHAINS] = _gdbs(), _toolchains()


GDBS = pytest.StashKey[list[Gdb]]()
TOOLCHAINS = pytest.StashKey[list[Toolchain]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which gdbs and Go versions a test runs with."""
    gdbs, toolchains = metafunc.config.stash[GDBS], metafunc.config.stash[TOOLCHAINS]
    names = set(metafunc.fixturenames)
    if metafunc.definition.get_closest_marker("newest"):
        gdbs = gdbs[-1:]
    if {"gdb", "go"} <= names:
        pairs = list(itertools.product(gdbs, toolchains))
        if metafunc.definition.get_closest_marker("paired"):
            count = max(len(gdbs), len(toolchains))
            pairs = [(gdbs[at % len(gdbs)], toolchains[at % len(toolchains)]) for at in range(count)]
        ids = [f"{gdb.name}-go{go.version}" for gdb, go in pairs]
        metafunc.parametrize(("gdb", "go"), pairs, ids=ids)
    elif "gdb" in names:
        metafunc.parametrize("gdb", gdbs, ids=[gdb.name for gdb in gdbs])


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Builds the programs."""
    return Builder(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def build(builder: Builder, go: Toolchain) -> Callable[..., Path]:
    """Builds a program with the Go version of the test: `build("clobber", "-ldflags=-w")`."""
    return lambda name, *flags: builder.build(go, name, *flags)


@pytest.fixture
def started() -> Iterator[ExitStack]:
    """What is put here ends with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(build: Callable[..., Path], started: ExitStack) -> Callable[..., Sample]:
    """Starts a sample: `start("clobber")`."""

    def start(name: str, *flags: str) -> Sample:
        sample = Sample(build(name, *flags))
        started.callback(sample.kill)
        return sample

    return start


@pytest.fixture
def values(build: Callable[..., Path], started: ExitStack) -> Values:
    """The program with values of every kind, as one debugs it: without optimisation."""
    made = Values(build("values", *UNOPTIMIZED))
    started.callback(made.kill)
    return made


@pytest.fixture
def gdbserver(gdb: Gdb) -> str:
    """The gdbserver that comes with this gdb, or else any."""
    beside = Path(gdb.path).with_name("gdbserver")
    found = str(beside) if beside.is_file() else shutil.which("gdbserver")
    return found or str(_file("REDHANDED_GDB18").with_name("gdbserver"))


@pytest.fixture
def corpus(build: Callable[..., Path], started: ExitStack) -> Corpus:
    """The program that tells of its own map headers."""
    made = Corpus(build("headers"))
    started.callback(made.kill)
    return made
