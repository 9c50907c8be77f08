"""What the tests of the lldb plugin share with those of the gdb plugin: the Go programs."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-plugin" / "tests"))

from go_programs import Builder, Corpus, Sample, Toolchain

HOW = "run the tests with `cargo xtask test`"

#: One version with classic maps and one with Swiss ones.
SLICE = ("1.23.4", "1.27.3")


def _file(variable: str, default: str = "") -> Path:
    path = Path(os.environ.get(variable) or default)
    if not path.is_file():
        raise pytest.UsageError(f"{variable} names no file: {HOW}")
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs with programs of each Go version."""
    listed = json.loads(_file("REDHANDED_TOOLCHAINS").read_text())
    if "go" in metafunc.fixturenames:
        metafunc.parametrize(
            "go", [Toolchain(version, Path(listed[version])) for version in SLICE], ids=SLICE
        )


@pytest.fixture(scope="session")
def lldb() -> str:
    """The lldb under test."""
    _file("REDHANDED_NATIVE")
    return str(_file("REDHANDED_LLDB", shutil.which("lldb-19") or ""))


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Builds the programs."""
    return Builder(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def corpus(builder: Builder, go: Toolchain) -> Iterator[Corpus]:
    """The program that tells of its own map headers."""
    made = Corpus(builder.build(go, "headers"))
    yield made
    made.kill()


@pytest.fixture
def sample(builder: Builder, go: Toolchain) -> Iterator[Callable[[str], Sample]]:
    """Starts a sample: `sample("clobber")`."""
    started: list[Sample] = []

    def start(name: str) -> Sample:
        started.append(Sample(builder.build(go, name)))
        return started[-1]

    yield start
    for made in started:
        made.kill()
