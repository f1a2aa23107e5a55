"""Servers that a command runs in a process of its own, and requests to them."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.commands import TIMEOUT

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from tests.support.commands import Vost

_URL = re.compile(r"http://(\S+):(\d+)/")


@dataclass
class Served:
    """A server that runs.

    Attributes:
        banner: The line that says what it serves, and where.
        process: The process.
        later: The lines that it printed after the banner, complete when it has ended.
        reader: What collects them.
    """

    banner: str
    process: subprocess.Popen[bytes]
    later: list[str] = field(default_factory=list)
    reader: threading.Thread = field(default_factory=threading.Thread)

    def __post_init__(self) -> None:
        """Begin to read what it prints."""
        self.reader = threading.Thread(target=self._collect)
        self.reader.start()

    @property
    def port(self) -> int:
        """The port that it says it listens on."""
        return int(self._address()[1])

    @property
    def url(self) -> str:
        """The URL of its root, without the base path."""
        return f"http://127.0.0.1:{self.port}/"

    def get(
        self, target: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Make a request; return status, headers and body of the answer."""
        host = self._address()[0].strip("[]")
        with closing(http.client.HTTPConnection(host, self.port, timeout=TIMEOUT)) as connection:
            connection.request(method, target, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, list[str]]:
        """Stop it by a signal; return its exit status and what it printed after the banner."""
        self.process.send_signal(number)
        code = self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)
        return code, self.later

    def _collect(self) -> None:
        assert self.process.stderr is not None
        self.later.extend(line.decode().rstrip("\n") for line in self.process.stderr)

    def _address(self) -> tuple[str, str]:
        found = _URL.search(self.banner)
        assert found, self.banner
        return found[1], found[2]


@contextmanager
def serving(vost: Vost, *args: str | os.PathLike[str]) -> Iterator[Served]:
    """Run a server command on a port that the system chooses, for the length of a block."""
    process = vost.start(*args, "-p", "0")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    served = Served(process.stderr.readline().decode().rstrip("\n"), process)
    try:
        yield served
    finally:
        process.kill()
        process.wait(TIMEOUT)
        served.reader.join(TIMEOUT)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
