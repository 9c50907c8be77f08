"""What the tests share: the lldbs, the Go toolchains, and programs that end with the test.

Every test runs with each lldb; with which Go versions, see `paired` in the tests of the gdb plugin.
"""

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "native/python/tests"))

from debugger import Lldb
from fixtures import build, builder, corpus, file_named_by, start, started, toolchains, values

__all__ = ["build", "builder", "corpus", "start", "started", "values"]


def pytest_configure(config: pytest.Config) -> None:
    """Refuses to run without what the tests need, rather than to skip them."""
    # Fixtures end their processes also when whoever runs the tests gives up on them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    file_named_by("REDHANDED_NATIVE")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which lldbs and Go versions a test runs with."""
    if "lldb" in metafunc.fixturenames:
        metafunc.parametrize("lldb", Lldb.all(), ids=lambda lldb: lldb.name)
    if "go" in metafunc.fixturenames:
        metafunc.parametrize("go", toolchains(), ids=lambda go: f"go{go.version}")
