"""Loads Redhanded into lldb: (lldb) command script import lldb-plugin/redhanded.py

Prints one line, on SIGURG. Loading it again, after a rebuild or by accident, replaces the commands.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGES = {"redhanded_lldb": HERE, "redhanded_common": HERE.parent / "native" / "python"}


def __lldb_init_module(debugger: Any, internal_dict: dict[str, Any]) -> None:
    again = "redhanded_lldb" in sys.modules
    if again:
        sys.modules["redhanded_lldb"].unload(debugger)
    for loaded in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
        del sys.modules[loaded]
    for folder in PACKAGES.values():
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    import redhanded_lldb

    # Where lldb looks for the classes of commands.
    internal_dict[redhanded_lldb.__name__] = redhanded_lldb
    redhanded_lldb.load(debugger, again)
