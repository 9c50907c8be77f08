"""What the scenarios share: the debuggers and the Go toolchains."""

import signal

import pytest
from debugger import Gdb, Lldb
from fixtures import build, builder, file_named_by, start, started, toolchains

__all__ = ["build", "builder", "start", "started"]


def pytest_configure(config: pytest.Config) -> None:
    """Refuses to run without what the tests need, rather than to skip them."""
    config.addinivalue_line("markers", "newest: only with the newest Go")
    # Fixtures end their processes also when whoever runs the tests gives up on them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    file_named_by("REDHANDED_NATIVE")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which debuggers and Go versions a test runs with."""
    if "debugger" in metafunc.fixturenames:
        debuggers = [*Gdb.all(), *Lldb.all()]
        metafunc.parametrize("debugger", debuggers, ids=lambda debugger: debugger.name)
    if "go" in metafunc.fixturenames:
        is_newest = metafunc.definition.get_closest_marker("newest")
        versions = toolchains()[-1:] if is_newest else toolchains()
        metafunc.parametrize("go", versions, ids=lambda go: f"go{go.version}")
