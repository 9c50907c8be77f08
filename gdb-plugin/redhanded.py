"""Loads Redhanded into gdb: (gdb) source gdb-plugin/redhanded.py

Prints nothing. Loading it again, after a rebuild or by accident, replaces the commands.
"""

import sys
from pathlib import Path

PLUGIN = Path(__file__).resolve().parent
if str(PLUGIN) not in sys.path:
    sys.path.insert(0, str(PLUGIN))
for loaded in [name for name in sys.modules if name.split(".")[0] == "redhanded_gdb"]:
    del sys.modules[loaded]

import redhanded_gdb  # noqa: E402  (only now is it on the path)

redhanded_gdb.load()
