"""Lines that are shown while the process runs."""

import os
import sys
from typing import Any

import gdb

from . import prefix


class Lines:
    """Writes each line as it comes, past the capture that keeps gdb's own chatter away.

    While the process runs, gdb's output is captured, or every hold would print "Switching to thread".
    So lines go straight to the terminal; in an IDE, where standard output belongs to a protocol, they wait
    until the watch ends."""

    def __init__(self, json: bool) -> None:
        self._json = json
        self._colour = prefix.colour()
        self._waiting: list[str] = []
        self._direct = "gdb.dap" not in sys.modules
        gdb.flush()

    def show(self, report: Any) -> None:
        """One report, as text or as a JSON line."""
        self._write(report.json() + "\n" if self._json else report.text(self._colour))

    def note(self, text: str) -> None:
        """A line for a person; JSON has its own fields for that."""
        if not self._json:
            self._write(text + "\n")

    def close(self) -> None:
        """Shows what had to wait."""
        gdb.write("".join(self._waiting))
        self._waiting.clear()

    def _write(self, text: str) -> None:
        if self._direct:
            data = text.encode()
            while data:
                data = data[os.write(1, data) :]
        else:
            self._waiting.append(text)
