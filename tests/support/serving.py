"""Servers that run beside a test, in a thread of their own, and clients that need no library."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blockbuster import blockbuster_ctx

from vost.serve.running import AccessLog, Address, Limits, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from vost.serve.asgi import ASGIApp

TIMEOUT = 20
"""Seconds after which a test is stuck."""


class _Guarded:
    """How many servers are watched, and the watch: they may end in another order than they began.

    Each watch puts back what it found: two that overlap would leave one of them on for ever.
    """

    lock = threading.Lock()
    servers = 0
    watch = ExitStack()


@contextmanager
def _nothing_blocks() -> Iterator[None]:
    """Make blocking calls on an event loop an error for the length of a block."""
    with _Guarded.lock:
        if not _Guarded.servers:
            _Guarded.watch.enter_context(blockbuster_ctx(["vost"]))
        _Guarded.servers += 1
    try:
        yield
    finally:
        with _Guarded.lock:
            _Guarded.servers -= 1
            if not _Guarded.servers:
                _Guarded.watch.close()


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Running:
    """A context manager that serves an application on 127.0.0.1; blocking its loop is an error.

    Attributes:
        app: The application.
        limits: What clients may take.
        log_file: Where requests are logged; ``None``: nowhere.
        quiet: Whether they are not shown.
        host: Where it listens.
        shown: What was shown.
        failure: What ended it but a stop.
    """

    app: ASGIApp
    limits: Limits = field(default_factory=Limits)
    log_file: Path | None = None
    quiet: bool = False
    host: str = "127.0.0.1"
    shown: list[str] = field(default_factory=list)
    failure: BaseException | None = None
    address: Address = field(default_factory=lambda: Address("", 0))

    def __enter__(self) -> Running:
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        assert self._listening.wait(TIMEOUT)
        if self.failure is not None:
            self._thread.join(TIMEOUT)
            raise self.failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if kind is None and self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Stop it and wait for its end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()

    def stop_soon(self) -> None:
        """Tell it to stop."""
        self._loop.call_soon_threadsafe(self._stop.set)

    @property
    def url(self) -> str:
        """Its URL."""
        return self.address.url

    def get(
        self, target: str, headers: Mapping[str, str] | None = None, *, method: str = "GET"
    ) -> Answer:
        """Make one request on a connection of its own."""
        return self.request(method, target, headers)

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Make one request on a connection of its own."""
        connection = http.client.HTTPConnection(
            self.address.host, self.address.port, timeout=TIMEOUT
        )
        with closing(connection):
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def connect(self) -> socket.socket:
        """Connect to it."""
        return socket.create_connection((self.address.host, self.address.port), timeout=TIMEOUT)

    def exchange(self, sent: bytes) -> bytes:
        """Send bytes and return all that comes back until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(sent)
            return received(connection)

    @property
    def shown_lines(self) -> list[str]:
        """The lines that were shown."""
        return self.shown

    def _serve(self) -> None:
        try:
            path = None if self.log_file is None else str(self.log_file)
            log = AccessLog(self.shown.append, path, quiet=self.quiet)
            with _nothing_blocks():
                asyncio.run(self._run(log))
        except BaseException as error:
            self.failure = error
        finally:
            self._listening.set()

    async def _run(self, log: AccessLog) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await serve(
            self.app,
            Address(self.host, 0),
            on_listening=self._begin,
            log=log,
            limits=self.limits,
            stop=self._stop,
        )

    def _begin(self, address: Address) -> None:
        self.address = address
        self._listening.set()


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes the connection."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
