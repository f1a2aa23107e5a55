r"""The log of requests, in the common log format of web servers.

One line for each: ``127.0.0.1 - - [22/Nov/2026:08:33:10 +0000] "GET /a HTTP/1.1" 200 12``. Source
of the format: https://httpd.apache.org/docs/2.4/logs.html#common. What a client chooses is escaped
as there: quotes, backslashes, and everything that is not printable ASCII, as ``\xhh``.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNPRINTABLE = re.compile(r"[^ !#-\[\]-~]")
_DELAY = 0.02
_MOST_BATCHES = 16
_MOST_LINES = 50_000
_LAST_WAIT = 2.0


class AccessLog:
    """Writes lines about requests, in a thread of its own: the event loop never waits for a disk.

    Args:
        show: Takes each line for the screen; ``None``: they are not shown.
        path: A file that lines are appended to as well; ``None``: none.
        quiet: Show errors only; the file gets everything.

    Raises:
        OSError: If the file cannot be opened.
    """

    def __init__(
        self,
        show: Callable[[str], object] | None = None,
        path: str | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        self._show = show
        self._quiet = quiet
        self._file: IO[bytes] | None = None if path is None else open(path, "ab")  # noqa: PTH123, SIM115 - the user's spelling in errors; closed by `close`
        self._lines: list[tuple[bool, str]] = []
        self._lost = 0
        self._is_scheduled = False
        self._batches: SimpleQueue[list[tuple[bool, str]] | None] = SimpleQueue()
        self._stamp = (0, "")
        self._thread = threading.Thread(target=self._write, name="vost-log", daemon=True)
        self._thread.start()

    @property
    def is_wanted(self) -> bool:
        """Whether anybody sees lines about requests."""
        return self._file is not None or (self._show is not None and not self._quiet)

    def request(self, client: str, request: str, status: int, size: int) -> None:
        """Write a line about a request; to be called on the event loop.

        Args:
            client: The address of the client.
            request: The first line of the request, as it came.
            status: The status of the answer.
            size: The bytes of its body that were sent.
        """
        if self.is_wanted:
            line = f'{client} - - [{self._now()}] "{escaped(request)}" {status} {size}'
            self._add(line, always=False)

    def report(self, text: str) -> None:
        """Write a line about what went wrong in the server; to be called on the event loop."""
        self._add(f"ERROR: {escaped(text)}", always=True)

    def close(self) -> None:
        """Write what is left and close the file. It blocks, but not for long."""
        self._batches.put(self._lines)
        self._lines = []
        self._batches.put(None)
        # A screen that takes nothing must not keep the server from ending.
        self._thread.join(_LAST_WAIT)
        if self._file is not None and not self._thread.is_alive():
            self._file.close()

    def _now(self) -> str:
        seconds = int(time.time())
        if seconds != self._stamp[0]:
            at = time.gmtime(seconds)
            month = _MONTHS[at.tm_mon - 1]  # strftime would use the user's language
            self._stamp = (seconds, time.strftime(f"%d/{month}/%Y:%H:%M:%S +0000", at))
        return self._stamp[1]

    def _add(self, line: str, *, always: bool) -> None:
        if len(self._lines) >= _MOST_LINES:
            self._lost += 1
            return
        self._lines.append((always, line))
        if not self._is_scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._is_scheduled = True
        asyncio.get_running_loop().call_later(_DELAY, self._hand_over)

    def _hand_over(self) -> None:
        self._is_scheduled = False
        if not self._lines:
            return
        if self._batches.qsize() >= _MOST_BATCHES:  # whoever reads the screen is slow
            self._schedule()
            return
        if self._lost:
            self._lines.append((True, f"WARNING: {self._lost} lines of the log were lost"))
            self._lost = 0
        self._batches.put(self._lines)
        self._lines = []

    def _write(self) -> None:
        while (batch := self._batches.get()) is not None:
            # A screen that is closed, or a disk that is full: serving goes on.
            with suppress(OSError, ValueError):
                for always, line in batch:
                    if self._show is not None and (always or not self._quiet):
                        self._show(line)
            if self._file is not None:
                with suppress(OSError, ValueError):
                    self._file.write("".join(f"{line}\n" for _, line in batch).encode())
                    self._file.flush()


def escaped(text: str) -> str:
    r"""Return text of a client as one printable line: quotes, backslashes, the rest as ``\xhh``."""
    return _UNPRINTABLE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return "\\" + character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
