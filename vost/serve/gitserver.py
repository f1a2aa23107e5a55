"""Git over HTTP, to be read from: what ``git clone``, ``git fetch`` and ``git ls-remote`` ask for.

Source of the protocol: https://git-scm.com/docs/gitprotocol-http ("Smart Clients").
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

from starlette.responses import StreamingResponse

from vost.serve.answers import respond
from vost.serve.lifespan import answer_other
from vost.serve.presence import require_repository

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from vost import GitStore
    from vost.serve.asgi import ASGIApp, Receive, Scope, Send

UPLOAD = "git-upload-pack"
RECEIVE = "git-receive-pack"
LONGEST_REQUEST = 16 << 20
"""Bytes of a request, compressed or not: names of 300,000 commits."""

_HELD_BYTES = 64 << 20
_MOST_ANSWERS = 64
_NO_CACHE = (
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
)


class Backend(Protocol):
    """Who makes the answers."""

    async def advertise(self, protocol: int) -> bytes:
        """Return the refs, as the first answer of the protocol."""

    def upload_pack(
        self, request: bytes, protocol: int, *, gzipped: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield the answer to a request; ``ValueError`` on the first step: it is malformed."""


class StoreBackend:
    """vost itself.

    Args:
        store: The repository.
    """

    def __init__(self, store: GitStore) -> None:
        self._store = store

    async def advertise(self, protocol: int) -> bytes:
        """Return the refs."""
        refs = await self._store.advertise_refs(protocol=protocol)
        await require_repository(self._store)
        return refs

    def upload_pack(
        self, request: bytes, protocol: int, *, gzipped: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield the answer to a request."""
        return self._store.upload_pack(request, protocol=protocol, gzipped=gzipped)


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    """The status and text of an answer, and its further headers."""

    def __init__(self, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(status, text)
        self.status, self.text, self.headers = status, text, headers


class GitServer:
    """The ASGI application.

    Args:
        backend: Who makes the answers.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        # Of all clients together.
        self._held = 0
        self._answers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await answer_other(scope, receive, send)
            return
        try:
            response = await self._answer(scope, receive)
        except _Refused as refused:
            await respond(scope, send, refused.status, refused.text, refused.headers)
            return
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp | None:
        path, method = _path(scope), scope["method"]
        if path == "/info/refs":
            _require(method, "GET", "HEAD")
            return await self._advertise(scope)
        if path == f"/{RECEIVE}":
            _require(method, "POST")
            raise _Refused(403, "Unsupported service")
        if path == f"/{UPLOAD}":
            _require(method, "POST")
            return await self._upload(scope, receive)
        raise _Refused(404, "Not found")

    async def _advertise(self, scope: Scope) -> ASGIApp:
        try:
            query = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=20))
        except ValueError:
            query = {}
        service = query.get("service")
        if service is None:
            raise _Refused(404, "Not found (this server speaks the smart protocol only)")
        if service != UPLOAD:
            raise _Refused(403, "Unsupported service")
        body = await self._backend.advertise(_protocol(scope))

        async def whole(scope: Scope, _: Receive, send: Send) -> None:
            headers = [(b"content-type", f"application/x-{UPLOAD}-advertisement".encode())]
            headers += [(b"content-length", b"%d" % len(body)), *_NO_CACHE]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            shown = b"" if scope["method"] == "HEAD" else body
            await send({"type": "http.response.body", "body": shown})

        return whole

    async def _upload(self, scope: Scope, receive: Receive) -> ASGIApp | None:
        headers = dict(scope["headers"])
        if headers.get(b"content-type") != f"application/x-{UPLOAD}-request".encode():
            raise _Refused(400, f"Content-Type has to be application/x-{UPLOAD}-request")
        encoding = headers.get(b"content-encoding", b"identity").lower()
        if encoding not in {b"identity", b"gzip", b"x-gzip"}:
            raise _Refused(415, "Content-Encoding has to be gzip", (b"accept-encoding", b"gzip"))
        if self._answers >= _MOST_ANSWERS:
            raise _Refused(503, "Too many clones at once: try again later", (b"retry-after", b"5"))
        self._answers += 1
        try:
            body = await self._body(receive)
            if body is None:
                self._answers -= 1
                return None
            pieces = self._backend.upload_pack(
                body, _protocol(scope), gzipped=encoding != b"identity"
            )
            del body
            first = await _first(pieces)
        except BaseException:
            self._answers -= 1
            raise
        return _Pack(first, pieces, self)

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the body of the request; ``None``: the client has gone."""
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self._held += len(part)
                if size > LONGEST_REQUEST:
                    raise _Refused(413, "The request is too large")
                if self._held > _HELD_BYTES:
                    raise _Refused(503, "Too many large requests", (b"retry-after", b"5"))
                if not message.get("more_body", False):
                    return b"".join(parts)
        finally:
            self._held -= size

    def end_answer(self) -> None:
        """Count an answer that has ended."""
        self._answers -= 1


class _Pack(StreamingResponse):
    """The answer to a request for a pack: made as fast as the client takes it.

    Args:
        first: Its first piece.
        rest: The others; closed when the client has gone.
        server: Counts the answers.
    """

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], server: GitServer) -> None:
        async def pieces() -> AsyncGenerator[bytes, None]:
            async with aclosing(rest):
                yield first
                async for piece in rest:
                    yield piece

        self._pieces = pieces()
        self._server = server
        headers = {name.decode(): value.decode() for name, value in _NO_CACHE}
        super().__init__(self._pieces, headers=headers, media_type=f"application/x-{UPLOAD}-result")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            # Closed here, or it would be left to the garbage collector when the client has gone.
            async with aclosing(self._pieces):
                await super().__call__(scope, receive, send)
        finally:
            self._server.end_answer()


async def _first(pieces: AsyncGenerator[bytes, None]) -> bytes:
    try:
        return await anext(pieces, b"")
    except ValueError as error:
        raise _Refused(400, f"Malformed request: {error}") from None


def _path(scope: Scope) -> str:
    """Return the path below where the application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return path


def _require(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise _Refused(405, "Method not allowed", (b"allow", ", ".join(allowed).encode()))


def _protocol(scope: Scope) -> int:
    """Return the version that the client asks for: the highest of several, as git takes it."""
    found = 0
    for name, value in scope["headers"]:
        if name == b"git-protocol":
            for part in value.split(b":"):
                key, _, number = part.partition(b"=")
                if key == b"version" and number in {b"1", b"2"}:
                    found = max(found, int(number))
    return found
