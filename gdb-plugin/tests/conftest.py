"""What the tests share: the gdbs, the Go toolchains, and programs that end with the test.

Every test that names `gdb` and `go` runs with each gdb on programs of each Go version: by default one with
classic maps and one with Swiss ones, with REDHANDED_ALL=1 all. A test marked `paired`, whose subject needs no
full product, takes the first gdb with the first version, the second with the second, and so on. One marked
`newest`, whose subject older gdbs don't have, takes only the newest.
"""

import itertools
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "native/python/tests"))

from debugger import Gdb
from fixtures import build, builder, corpus, file_named_by, start, started, toolchains, values
from go_programs import Toolchain

__all__ = ["build", "builder", "corpus", "start", "started", "values"]


def pytest_configure(config: pytest.Config) -> None:
    """Refuses to run without what the tests need, rather than to skip them."""
    config.addinivalue_line("markers", "paired: each gdb and each Go version once, not their product")
    config.addinivalue_line("markers", "newest: only the newest gdb")
    # Fixtures end their processes also when whoever runs the tests gives up on them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    file_named_by("REDHANDED_NATIVE")
    config.stash[GDBS], config.stash[TOOLCHAINS] = Gdb.all(), toolchains()


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


@pytest.fixture
def gdbserver(gdb: Gdb) -> str:
    """The gdbserver that comes with this gdb, or else any."""
    return gdb.gdbserver()
