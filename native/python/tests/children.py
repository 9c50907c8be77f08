"""Child processes whose output is read as it comes, and which never outlive the test that started them."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Optional

#: How long a child may take to say or do what is waited for, in seconds, unless a test says otherwise.
PATIENCE = 30.0


class Child:
    """A process in a session of its own. Its output is kept; a callback may see each line as it comes."""

    def __init__(
        self,
        command: Sequence[str],
        on_line: Optional[Callable[[str], None]] = None,
        environment: Optional[dict[str, str]] = None,
        stderr: int = subprocess.PIPE,
    ) -> None:
        self.command = list(command)
        self._on_line = on_line
        self._changed = threading.Condition()
        self._out: list[str] = []
        self._err: list[str] = []
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            bufsize=1,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._process.pid
        streams = [(self._process.stdout, self._out), (self._process.stderr, self._err)]
        self._readers = [
            threading.Thread(target=self._read, args=(stream, into), daemon=True)
            for stream, into in streams
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Iterator[str], into: list[str]) -> None:
        for line in stream:
            with self._changed:
                into.append(line)
                self._changed.notify_all()
            if self._on_line is not None and into is self._out:
                self._on_line(line.rstrip("\n"))

    @property
    def out(self) -> str:
        """What it has written to its standard output so far."""
        with self._changed:
            return "".join(self._out)

    @property
    def err(self) -> str:
        """What it has written to its standard error so far."""
        with self._changed:
            return "".join(self._err)

    def wait_for_line(self, wanted: Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """The first line of its standard output that is wanted."""

        def found() -> Optional[str]:
            return next((line for line in self._out if wanted(line)), None)

        with self._changed:
            arrived = self._changed.wait_for(lambda: found() is not None or self.has_ended(), seconds)
            line = found()
        if line is None:
            end = "ended" if arrived else f"is silent for {seconds:g} s"
            raise AssertionError(f"{self.command[0]} {end} without the line:\n{self.out}{self.err}")
        return line

    def tell(self, line: str) -> None:
        """Writes a line to its standard input."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit status; negative for a signal. Kills it, and fails, if it doesn't end in time."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            shown = " ".join(self.command)
            raise AssertionError(
                f"not ended after {seconds:g} s: {shown}\n{self.out[-4000:]}{self.err[-4000:]}"
            ) from None
        for reader in self._readers:
            # A grandchild may hold the pipe; what the child itself wrote is long read.
            reader.join(2)
        return status

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to its process group, as a terminal does."""
        if not self.has_ended():
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """Ends it, and whatever it started in its process group."""
        self.signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def child(*arguments, **options) -> Iterator[Child]:
    """A child that is gone at the end of the block."""
    made = Child(*arguments, **options)
    try:
        yield made
    finally:
        made.kill()


def eventually(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Waits until something that the kernel tells only when asked is so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
