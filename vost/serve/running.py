"""Runs an ASGI application: with limits and time-outs, a log of requests, and a clean stop.

uvicorn does the work. What is added is what a server needs that strangers may talk to, and that
whoever stops it sees no traceback.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from uvicorn import Config, Server

from vost.serve.accesslog import AccessLog
from vost.serve.addresses import Address, listen
from vost.serve.answers import respond
from vost.serve.connections import CONNECTION, Limits, protocol_class

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Iterator

    from vost.serve.asgi import ASGIApp, Message, Receive, Scope, Send

__all__ = ("AccessLog", "Address", "Limits", "serve", "stopping")

STOPPING = "vost.stopping"
_LAST_WAIT = 2.0
_TURNS = 4


async def serve(
    app: ASGIApp,
    address: Address,
    *,
    on_listening: Callable[[Address], None],
    log: AccessLog | None = None,
    limits: Limits | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve an application until SIGINT, SIGTERM, or ``stop``.

    It stops accepting, lets answers that are under way finish for ``limits.stop_time``, and
    returns. A second SIGINT ends them at once. Needs asyncio; signals are left alone in other
    threads than the main one.

    Args:
        app: The application.
        address: Where to listen; port 0: the system chooses one.
        on_listening: Called with the real address once clients can connect.
        log: Takes lines about requests and errors; closed at the end.
        limits: What clients may take.
        stop: Set to end it.

    Raises:
        OSError: If it cannot listen there.
    """
    if log is None:
        log = await asyncio.to_thread(AccessLog)
    limits = limits or Limits()
    stop = stop or asyncio.Event()
    try:
        sockets = await listen(address)
        bound = Address(address.host, sockets[0].getsockname()[1])
        with _quiet(log), _signals(stop) as force:
            await _run(
                _Watch(app, limits, log), sockets, limits, (stop, force), bound, on_listening
            )
    finally:
        await asyncio.to_thread(log.close)


def stopping(scope: Scope) -> asyncio.Event | None:
    """Return what is set when the server stops, for answers without an end.

    Args:
        scope: A request; ``None`` is returned if another server runs the application.
    """
    found = scope.get("state", {}).get(STOPPING)
    return found if isinstance(found, asyncio.Event) else None


async def _run(
    app: ASGIApp,
    sockets: list[socket.socket],
    limits: Limits,
    events: tuple[asyncio.Event, asyncio.Event],
    bound: Address,
    on_listening: Callable[[Address], None],
) -> None:
    stop, force = events
    config = Config(
        app,
        http=protocol_class(limits),
        ws="none",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # whoever connects could choose what the log says
        server_header=False,
        h11_max_incomplete_event_size=limits.head_size,
        timeout_keep_alive=limits.idle_time,  # type: ignore[arg-type]
        timeout_graceful_shutdown=limits.stop_time,  # type: ignore[arg-type]
    )
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    server.lifespan.state[STOPPING] = stop
    await server.startup(sockets=sockets)
    watches = [
        asyncio.create_task(_look_after(server, limits, stop)),
        asyncio.create_task(_force(server, force)),
    ]
    try:
        on_listening(bound)
        await _tick(server, stop)
    finally:
        stop.set()
        await _accept_no_more(sockets)
        await server.shutdown(sockets=sockets)
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        for watch in watches:
            watch.cancel()
        # Cancelled answers close what they have open.
        rest = [*server.server_state.tasks, *watches]
        if rest:
            await asyncio.wait(rest, timeout=_LAST_WAIT)


async def _accept_no_more(sockets: list[socket.socket]) -> None:
    """Stop accepting, and let what was accepted just now become connections.

    asyncio would drop those without closing them if the server was closed before.
    """
    loop = asyncio.get_running_loop()
    for listening in sockets:
        loop.remove_reader(listening)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _tick(server: Server, stop: asyncio.Event) -> None:
    """Keep the date of answers right until the server is to stop."""
    while not stop.is_set():
        await server.on_tick(0)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)


async def _look_after(server: Server, limits: Limits, stop: asyncio.Event) -> None:
    """Look at all connections again and again."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(limits.interval)
        now = loop.time()
        for connection in list(server.server_state.connections):
            connection.check(now)  # type: ignore[union-attr]
            if stop.is_set():
                connection.shutdown()


async def _force(server: Server, force: asyncio.Event) -> None:
    await force.wait()
    server.force_exit = True


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[asyncio.Event]:
    """Let SIGINT and SIGTERM set ``stop``; the event that is handed out is set by a second SIGINT.

    Whoever ignores a signal (SIGINT: the jobs that a script puts in the background) goes on.
    """
    force = asyncio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield force
        return
    loop = asyncio.get_running_loop()

    def arrived() -> None:
        if stop.is_set():
            force.set()
        stop.set()

    before = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    for number in before:
        loop.add_signal_handler(number, arrived)
    try:
        yield force
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextmanager
def _quiet(log: AccessLog) -> Generator[None, None, None]:
    """Let what uvicorn and asyncio have to say be one line each in our log, without tracebacks."""
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "uvicorn.asgi", "asyncio")]
    before = [logger.disabled for logger in loggers]
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # A client that is gone is no error of ours.
        if not isinstance(error, ConnectionError):
            reason = "" if error is None else f": {_named(error)}"
            log.report(f"{context['message']}{reason}")

    for logger in loggers:
        logger.disabled = True
    loop.set_exception_handler(report)
    try:
        yield
    finally:
        loop.set_exception_handler(handler)
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


class _Watch:
    """Goes around the application: refuses large heads, logs, and makes answers of errors.

    Args:
        app: The application.
        limits: What clients may take.
        log: Takes the lines.
    """

    def __init__(self, app: ASGIApp, limits: Limits, log: AccessLog) -> None:
        self._app = app
        self._limits = limits
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            if self._is_too_large(scope):
                await respond(scope, answer.send, 431, "The headers are too large")
            else:
                await self._app(scope, receive, answer.send)
        except Exception as error:
            self._log.report(f"{_request_line(scope)}: {_named(error)}")
            if answer.status:
                raise  # uvicorn closes the connection: the client sees that the body is cut off
            await respond(scope, answer.send, 500, "Internal server error")
        finally:
            if self._log.is_wanted:
                # 499: the client has gone before there was an answer, as nginx has it.
                status = answer.status or 499
                self._log.request(_client(scope), _request_line(scope), status, answer.size)

    def _is_too_large(self, scope: Scope) -> bool:
        """Tell whether the head is beyond the limits: one that came in one piece was parsed."""
        headers = scope["headers"]
        if len(headers) > self._limits.headers:
            return True
        size = len(scope["raw_path"]) + len(scope["query_string"])
        for name, value in headers:
            size += len(name) + len(value) + 4
        return size > self._limits.head_size


class _Answer:
    """What is sent of one answer.

    Attributes:
        status: Its status; 0: there is none yet.
        size: The bytes of its body.
    """

    __slots__ = (
        *("_connection", "_ends_by_closing", "_has_body", "_is_old", "_scope", "_send"),
        *("size", "status"),
    )

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._connection = scope["state"][CONNECTION]
        self._scope = scope
        self._has_body = scope["method"] != "HEAD"
        self._is_old = self._has_body and scope["http_version"] == "1.0"
        self._ends_by_closing = False
        self.status = 0
        self.size = 0

    async def send(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._ends_by_closing = self._is_old and _has_no_length(message)
        if self._ends_by_closing:
            self._connection.send_without_chunks(self._scope, message)
        await self._send(message)
        if self._has_body and not self._connection.is_lost:
            self.size += len(message.get("body", b""))


def _has_no_length(start: Message) -> bool:
    """Tell whether an answer has a body of a length that nobody knows."""
    return start["status"] not in (204, 304) and not any(
        name.lower() == b"content-length" for name, _ in start["headers"]
    )


def _client(scope: Scope) -> str:
    client = scope.get("client")
    host = str(client[0]) if client else "-"
    return host.removeprefix("::ffff:")  # an IPv4 address where both kinds come in


def _request_line(scope: Scope) -> str:
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return f"{scope['method']} {target.decode('latin-1')} HTTP/{scope['http_version']}"


def _named(error: object) -> str:
    return f"{type(error).__name__}: {error}"
