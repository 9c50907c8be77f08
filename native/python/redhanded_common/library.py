"""The Rust core, loaded straight from the build folder."""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .failure import Failure

#: The version the plugins were written against: the core's must be the same.
VERSION = "0.1.0"

NAME = "redhanded_native"
ROOT = Path(__file__).resolve().parents[3]
REBUILD = f"run `cargo xtask build` in {ROOT}"


def library() -> Path:
    """Where the core is: $REDHANDED_NATIVE, or the build folder of this checkout."""
    named = os.environ.get("REDHANDED_NATIVE")
    if named:
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / f"lib{NAME}.so"


def core() -> ModuleType:
    """The core, loaded at most once into this debugger."""
    module = sys.modules.get(NAME) or _load(library())
    if module.__version__ != VERSION:
        raise Failure(
            f"Redhanded's core is version {module.__version__}, its plugin {VERSION}: "
            f"{REBUILD} and start the debugger again"
        )
    return module


_programs: dict[tuple[str, int], Any] = {}


def program(path: str) -> Any:
    """An executable, opened once for as long as it doesn't change on disk."""
    changed = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
    if (path, changed) not in _programs:
        _programs.clear()
        _programs[path, changed] = core().Program(path)
    return _programs[path, changed]


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise Failure(f"Redhanded's core is not built ({path} is missing): {REBUILD}")
    loader = importlib.machinery.ExtensionFileLoader(NAME, str(path))
    spec = importlib.util.spec_from_file_location(NAME, path, loader=loader)
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise Failure(f"Redhanded's core cannot be loaded: {error}; {REBUILD}") from None
    sys.modules[NAME] = module
    return module
