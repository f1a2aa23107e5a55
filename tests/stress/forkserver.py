"""The test's side of ``children/server.py``: starts a child, lets it go, hears what it says."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.support.sources import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 60.0
"""Seconds after which a silent child counts as hanging."""


class ForkServer:
    """A warm process that forks one child at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stress.children.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._buffer = b""
        try:
            assert self.hear() == "ready"
        except BaseException:
            self.close()
            raise

    def start(self, task: str, repository: Path, seed: int = 0, **options: object) -> Child:
        """Fork a child for a task; it waits for ``go``."""
        self._say(json.dumps({"task": task, "repo": str(repository), "seed": seed, **options}))
        word, pid = self._expect().split()
        assert word == "pid"
        return Child(self, int(pid))

    def hear(self, deadline: float | None = None) -> str | None:
        """Return the next line; ``None`` if the deadline (monotonic seconds) comes first."""
        limit = time.monotonic() + PATIENCE if deadline is None else deadline
        while b"\n" not in self._buffer:
            left = limit - time.monotonic()
            if not select.select([self._output], [], [], max(left, 0))[0]:
                assert deadline is not None, f"silent for {PATIENCE} s"
                return None
            data = os.read(self._output, 65536)
            assert data, f"the fork server ended: {self._process.poll()}"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def _expect(self) -> str:
        line = self.hear()
        assert line is not None
        return line

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the server."""
        self._process.communicate(timeout=PATIENCE)


class Child:
    """One forked child.

    Attributes:
        pid: Its process id.
        said: The lines that it has written so far.
        ended: ``"killed"`` or ``"exit <code>"``; ``None`` while it runs.
    """

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.said: list[str] = []
        self.ended: str | None = None

    def go(self) -> None:
        """Let it begin."""
        self._server._say("go")

    def listen(self, *, lines: int | None = None, deadline: float | None = None) -> None:
        """Take in what the child says until it has said so much, it is time, or it ended."""
        while self.ended is None and (lines is None or len(self.said) < lines):
            line = self._server.hear(deadline)
            if line is None:
                return
            word, _, rest = line.partition(" ")
            if word == "ended":
                self.ended = rest
            else:
                self.said.append(line)

    def go_away(self) -> None:
        """Make sure that it has ended, whatever went wrong before."""
        if self.ended is None:
            self.kill()

    def kill(self) -> None:
        """Kill it, and take in what it said before."""
        os.kill(self.pid, signal.SIGKILL)
        self.listen()
