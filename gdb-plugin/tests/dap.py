"""gdb as an IDE drives it: the Debug Adapter Protocol over its standard input and output."""

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from debugger import LOAD, Gdb

#: How long an answer may take, in seconds.
PATIENCE = 60.0


class Refused(Exception):
    """gdb answered that it can't."""


class Ide:
    """One session with an IDE that is as simple as can be."""

    def __init__(self, gdb: Gdb, pages: bool) -> None:
        command = [gdb.path, "-nx", "-q", "-i=dap", "-iex", "set debuginfod enabled off", "-iex", LOAD]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | dict(gdb.environment),
        )
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._events: list[dict[str, Any]] = []
        self._number = 0
        threading.Thread(target=self._read, daemon=True).start()
        self.ask("initialize", adapterID="gdb", supportsVariablePaging=pages, supportsVariableType=True)

    def _read(self) -> None:
        out = self._process.stdout
        while header := out.readline():
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
                while out.readline().strip():
                    pass
                self._said.put(json.loads(out.read(length)))

    def tell(self, command: str, **arguments: Any) -> int:
        """Sends a request without waiting for the answer."""
        self._number += 1
        request = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()
        return self._number

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Sends a request and gives the answer's body."""
        return self.answer(self.tell(command, **arguments))

    def answer(self, number: int) -> dict[str, Any]:
        """The answer to a request."""
        while True:
            message = self._said.get(timeout=PATIENCE)
            if message["type"] == "event":
                self._events.append(message)
            elif message.get("request_seq") == number:
                if not message["success"]:
                    raise Refused(message.get("message"))
                return message.get("body") or {}

    def wait_for(self, event: str) -> dict[str, Any]:
        """An event's body."""
        while True:
            for message in self._events:
                if message["event"] == event:
                    self._events.remove(message)
                    return message.get("body") or {}
            message = self._said.get(timeout=PATIENCE)
            if message["type"] == "event":
                self._events.append(message)

    def attach(self, pid: int, function: str) -> None:
        """Attaches to a process and sets a breakpoint at a function."""
        attached = self.tell("attach", pid=pid)
        self.wait_for("initialized")
        self.ask("setFunctionBreakpoints", breakpoints=[{"name": function}])
        self.ask("configurationDone")
        self.answer(attached)
        self.wait_for("stopped")

    def top(self) -> int:
        """The innermost frame of the thread that has just stopped."""
        thread = self.wait_for("stopped")["threadId"]
        return self.ask("stackTrace", threadId=thread, levels=1)["stackFrames"][0]["id"]

    def evaluate(self, expression: str, context: str = "watch") -> dict[str, Any]:
        """A value, or in the context `repl` what a command prints."""
        return self.ask("evaluate", expression=expression, context=context)

    def children(self, of: dict[str, Any], **page: int) -> list[dict[str, Any]]:
        """What a variable consists of."""
        return self.ask("variables", variablesReference=of["variablesReference"], **page)["variables"]

    def kill(self) -> None:
        """Ends gdb."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def ide(gdb: Gdb, pages: bool = True) -> Iterator[Ide]:
    """A session that is gone at the end of the block."""
    made = Ide(gdb, pages)
    try:
        yield made
    finally:
        made.kill()
