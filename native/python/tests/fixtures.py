"""The fixtures of all the plugins' tests: Go toolchains, and programs that end with the test."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from go_programs import Builder, Corpus, Sample, Toolchain, Values

HOW = "run the tests with `cargo xtask test`"

#: The versions tested by default: one with classic maps, one with Swiss ones.
SLICE = ("1.23.4", "1.27.3")

#: How a program is built to be debugged.
UNOPTIMIZED = ("-gcflags=all=-N -l",)


def file_named_by(variable: str) -> Path:
    """The file that an environment variable names. Tests refuse to run without what they need."""
    path = Path(os.environ.get(variable, ""))
    if not path.is_file():
        raise pytest.UsageError(f"{variable} names no file: {HOW}")
    return path


def toolchains() -> list[Toolchain]:
    """The Go versions to test with; with REDHANDED_ALL=1 all."""
    listed = json.loads(file_named_by("REDHANDED_TOOLCHAINS").read_text())
    wanted = list(listed) if os.environ.get("REDHANDED_ALL") == "1" else list(SLICE)
    if missing := [version for version in wanted if version not in listed]:
        raise pytest.UsageError(f"no toolchain of Go {', '.join(missing)}: {HOW}")
    return [Toolchain(version, Path(listed[version])) for version in wanted]


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

    def start(name: str, *flags: str, options: tuple[str, ...] = ()) -> Sample:
        sample = Sample(build(name, *flags), *options)
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
def corpus(build: Callable[..., Path], started: ExitStack) -> Corpus:
    """The program that tells of its own map headers."""
    made = Corpus(build("headers"))
    started.callback(made.kill)
    return made
