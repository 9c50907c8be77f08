"""Loads Redhanded into gdb: (gdb) source gdb-plugin/redhanded.py

Prints nothing. Loading it again, after a rebuild or by accident, replaces the commands.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = {"redhanded_gdb": HERE, "redhanded_common": HERE.parent / "native" / "python"}

if "redhanded_gdb" in sys.modules:
    sys.modules["redhanded_gdb"].unload()
for loaded in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
    del sys.modules[loaded]
for folder in PACKAGES.values():
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import redhanded_gdb  # noqa: E402  (only now is it on the path)

redhanded_gdb.load()
