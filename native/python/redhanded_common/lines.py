"""What a command shows: reports of the core, as text or as JSON."""

from typing import Any

from .debugger import Debugger


class Lines:
    """Writes each line as it comes, also while the process runs."""

    def __init__(self, debugger: Debugger, json: bool) -> None:
        self._debugger, self._json = debugger, json

    def show(self, report: Any) -> None:
        """One report."""
        text = report.json() + "\n" if self._json else report.text(self._debugger.colour())
        self._debugger.write(text)

    def note(self, text: str) -> None:
        """A line for a person; JSON has its own fields for that."""
        if not self._json:
            self._debugger.write(text + "\n")
