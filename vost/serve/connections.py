"""Connections that cannot be held open for nothing: limits that uvicorn's protocols lack.

uvicorn's protocol parses requests and writes answers; a class derived from it watches what comes
and goes. One look at all connections now and then (`check`) costs less than timers for each
request.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from vost.serve.joining import JoiningTransport

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from vost.serve.asgi import Message, Scope

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
except ImportError:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Base  # type: ignore[assignment]

CONNECTION = "vost.connection"
"""Where the state of a request's scope has its connection."""

_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1 << 20
# Beyond the limit of connections so many are told so; further ones are closed without a word.
_TOLD = 64
_LONGEST_PIPELINE = 32
# httptools cuts off longer ones without a word: it has 16 bits for positions in them.
_LONGEST_TARGET = 65_000
_LONGEST_METHOD = 64
_REQUEST_LINE = re.compile(rb"[A-Za-z][A-Za-z_-]* [/*]")
_UNKNOWN_METHOD = "HttpParserInvalidMethodError"  # of httptools, which need not be there
_MORE_FIELDS = {405: ("allow: GET, HEAD, OPTIONS",), 503: ("retry-after: 5",)}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take. Times are in seconds, sizes in bytes.

    Attributes:
        head_size: The first line of a request and its headers together, and what comes in place of
            a body without being one (trailers, extensions of chunks).
        headers: The number of headers.
        head_time: From the beginning of a request, or of its connection, to the end of its headers.
        body_time: Without a byte of a body that is not complete.
        write_time: Without a byte taken of an answer.
        idle_time: From an answer to the next request on the same connection.
        connections: How many there may be at a time.
        stop_time: How long answers go on after the server was told to stop.
    """

    head_size: int = 1 << 16
    headers: int = 200
    head_time: float = 20.0
    body_time: float = 30.0
    write_time: float = 60.0
    idle_time: float = 15.0
    connections: int = 512
    stop_time: float = 5.0

    @property
    def interval(self) -> float:
        """How often connections are to be looked at."""
        shortest = min(self.head_time, self.body_time, self.write_time)
        return max(0.01, min(1.0, shortest / 4))


def protocol_class(limits: Limits) -> type[asyncio.Protocol]:
    """Return the class of connections: with the parser in C where it is installed."""
    return type("Connection", (_Guard, Base), {"limits": limits})


class _RefusedError(Exception):
    """Raised into the parser, which stops: the status and text of the answer."""


class _Guard:
    """The watch on a connection; goes before a protocol class of uvicorn."""

    limits: Limits
    # Of uvicorn's classes.
    app_state: dict[str, Any]
    connections: set[Any]
    cycle: Any
    flow: Any
    loop: asyncio.AbstractEventLoop
    pipeline: Any = ()
    transport: asyncio.Transport
    url: bytes

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            config=config,
            server_state=server_state,
            app_state={**app_state, CONNECTION: self},
            _loop=_loop,
        )
        self.is_lost = False
        self._head_since: float | None = None
        self._heard = 0.0
        self._is_in_head = False
        # Bytes that came since something was made of them. h11 limits them by itself.
        self._counts = hasattr(self, "parser")
        self._unused = 0
        self._was_used = False
        self._first = b""
        self._lingers_until: float | None = None
        # The answer on its way to the client.
        self._unsent = 0
        self._was_drained = False
        self._stalled_since: float | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:
        joining = JoiningTransport(transport, self.loop.call_soon)
        super().connection_made(joining)  # type: ignore[misc]
        self._head_since = self._heard = self.loop.time()
        if len(self.connections) > self.limits.connections + _TOLD:
            transport.abort()
        elif len(self.connections) > self.limits.connections:
            self._refuse(503, "Too many connections: try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        super().connection_lost(exc)  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        self._heard = now = self.loop.time()
        if self._lingers_until is not None:
            self._unused += len(data)
            if self._unused > _LINGER_BYTES:
                self.transport.abort()
            return
        self._first = data[:_LONGEST_METHOD] if self.is_idle and not self._is_in_head else b""
        super().data_received(data)  # type: ignore[misc]
        if self.transport.is_closing() or self._lingers_until is not None:
            return
        if not self.is_idle:
            self._head_since = None
        elif self._head_since is None:
            self._head_since = now
        if self._counts:
            self._unused = 0 if self._was_used else self._unused + len(data)
            self._was_used = False
            if self._unused > self.limits.head_size:
                self._refuse(431 if self._is_in_head else 400, "The headers are too large")

    # Callbacks of httptools' parser. h11 has none; it limits what it collects by itself.

    def on_message_begin(self) -> None:
        self._is_in_head = True
        super().on_message_begin()  # type: ignore[misc]

    def on_url(self, url: bytes) -> None:
        super().on_url(url)  # type: ignore[misc]
        if len(self.url) > min(_LONGEST_TARGET, self.limits.head_size):
            raise _RefusedError(414, "The target is too long")

    def on_headers_complete(self) -> None:
        self._is_in_head, self._was_used = False, True
        if len(self.pipeline) >= _LONGEST_PIPELINE:
            raise _RefusedError(400, "Too many requests at once")
        super().on_headers_complete()  # type: ignore[misc]

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # else it is a trailer, which nobody wants
            super().on_header(name, value)  # type: ignore[misc]

    def on_body(self, body: bytes) -> None:
        self._was_used = True
        super().on_body(body)  # type: ignore[misc]

    def on_message_complete(self) -> None:
        self._was_used = True
        super().on_message_complete()  # type: ignore[misc]

    def send_without_chunks(self, scope: Scope, message: Message) -> None:
        """Let an answer without a length end where its connection ends: HTTP/1.0 knows no chunks.

        Source: RFC 9112 section 6.1. h11 does it by itself.

        Args:
            scope: The request.
            message: A part of the answer, before it is sent.
        """
        cycle = self.cycle
        if not self._counts or cycle is None or cycle.scope is not scope:
            return
        if message["type"] == "http.response.start":
            cycle.chunked_encoding = False
        else:
            # uvicorn compares the length that was said with what is sent; none was.
            is_end = not message.get("more_body", False)
            cycle.expected_content_length = len(message.get("body", b"")) if is_end else sys.maxsize

    def on_response_complete(self) -> None:
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()  # type: ignore[misc]

    def resume_writing(self) -> None:
        self._was_drained = True
        super().resume_writing()  # type: ignore[misc]

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; uvicorn calls it."""
        error = sys.exc_info()[1]
        if error is not None and isinstance(error.__context__, _RefusedError):
            self._refuse(*error.__context__.args)
        elif type(error).__name__ == _UNKNOWN_METHOD and _REQUEST_LINE.match(self._first):
            # httptools knows a list of methods only. h11 has the application answer.
            self._refuse(405, "Method not allowed")
        else:
            # h11 may know better: 431 for a head that is too large.
            self._refuse(getattr(error, "error_status_hint", 400), msg)

    def shutdown(self) -> None:
        """Close the connection once nothing is being answered."""
        if self._lingers_until is not None:
            self.transport.close()
        else:
            super().shutdown()  # type: ignore[misc]

    def check(self, now: float) -> None:
        """End the connection if the client has kept it waiting for too long.

        Args:
            now: The time of the event loop.
        """
        limits = self.limits
        self._check_progress(now)
        if self.transport.is_closing():
            return
        if self._lingers_until is not None:
            if now >= self._lingers_until:
                self.transport.abort()
        elif self._head_since is not None and self.is_idle:
            if now - self._head_since >= limits.head_time:
                self._refuse(408, "The headers did not come in time")
        elif (
            not self.is_idle
            and self.cycle.more_body
            and not self.flow.read_paused
            and now - self._heard >= limits.body_time
        ):
            self.transport.abort()

    def _check_progress(self, now: float) -> None:
        """Close the connection if the client has taken nothing of the answer for too long."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent < self._unsent or self._was_drained:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now
        elif now - self._stalled_since >= self.limits.write_time:
            self.transport.abort()
        self._unsent, self._was_drained = unsent, False

    def _refuse(self, status: int, text: str) -> None:
        """Answer and close, however much the client is still going to send."""
        if not self.is_idle:  # the answer would land in the middle of another one
            self.transport.close()
            return
        body = text.encode()
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "content-type: text/plain; charset=utf-8",
            f"content-length: {len(body)}",
            "x-content-type-options: nosniff",
            *_MORE_FIELDS.get(status, ()),
            "connection: close",
        )
        self.transport.write("\r\n".join((*lines, "", "")).encode() + body)
        # Closing while something has not been read makes the system drop the answer as well
        # (RFC 9112, 9.6): what still comes is read and forgotten for a moment.
        self.transport.write_eof()
        self._unused = 0
        self._lingers_until = self.loop.time() + _LINGER_SECONDS
