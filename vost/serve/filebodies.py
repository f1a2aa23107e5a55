"""Answers that are files: bytes from memory or from the repository, whole or by range.

Each is an ASGI application. Nothing is read for a HEAD request,
and never more than a piece is held while a client takes its time.
"""

from __future__ import annotations

import secrets
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from vost.serve.answers import utf8

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from vost.serve.asgi import Receive, Scope, Send
    from vost.serve.fields import Fields
    from vost.serve.ranges import Span

    Pieces = AsyncGenerator[bytes, None]
    Opener = Callable[[Span], Pieces]

_GZIP = 31
"""zlib's window for a gzip stream with the largest window."""


class BytesAnswer(Response):
    """An answer that is in memory.

    Args:
        body: The bytes.
        headers: All headers, in lower case, but the length.
        status: HTTP status.
    """

    def __init__(self, body: bytes, headers: Fields, status: int = 200) -> None:
        # Not Response's own, which encodes each header again.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = headers
        if status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(body)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it; a HEAD request gets the headers alone."""
        await _start(send, self)
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})


def text_answer(status: int, text: str, fields: Fields | None = None) -> BytesAnswer:
    """Return an answer of plain text.

    Args:
        status: HTTP status.
        text: What it says; names that are not UTF-8 stay the bytes that they are.
        fields: Further headers.
    """
    kind = (b"content-type", b"text/plain; charset=utf-8")
    return BytesAnswer(text.encode("utf-8", "surrogateescape"), [kind, *(fields or ())], status)


def in_utf8(answer: Response) -> Response:
    """Return an answer of plain text with what is not UTF-8 in it replaced."""
    body = bytes(answer.body)
    text = utf8(body)
    if text == body:
        return answer
    kept = [field for field in answer.raw_headers if field[0] != b"content-length"]
    return BytesAnswer(text, kept, answer.status_code)


class StreamAnswer(StreamingResponse):
    """An answer that is made while it is sent, and given up when the client goes away.

    Args:
        pieces: Makes the pieces, when it is called.
        headers: All headers, in lower case, but the length.
        length: Bytes in all; ``None``: nobody knows.
        status: HTTP status.
    """

    def __init__(
        self,
        pieces: Callable[[], Pieces],
        headers: Fields,
        length: int | None = None,
        status: int = 200,
    ) -> None:
        self.status_code = status
        self.background = None
        self.raw_headers = headers
        self._pieces = pieces
        if length is not None:
            headers.append((b"content-length", b"%d" % length))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a HEAD request gets the headers alone."""
        if scope["method"] == "HEAD":
            await _start(send, self)
            await send({"type": "http.response.body", "body": b""})
        else:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the pieces; what fails before the first one can still be answered properly."""
        async with aclosing(self._pieces()) as pieces:
            first = await anext(pieces, b"")
            await _start(send, self)
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def parts_answer(
    opener: Opener,
    spans: list[Span],
    size: int,
    headers: Fields,
) -> StreamAnswer:
    """Return the 206 answer for some ranges of a file (RFC 9110 section 14.6).

    Args:
        opener: Reads a span.
        spans: At least one; several become ``multipart/byteranges``.
        size: Of the whole file, in bytes.
        headers: Those of the whole file, without a length.
    """
    if len(spans) == 1:
        (span,) = spans
        headers.append((b"content-range", span.content_range(size).encode()))
        return StreamAnswer(lambda: opener(span), headers, span.length, 206)
    boundary = secrets.token_hex(16)
    kind = next((value for name, value in headers if name == b"content-type"), b"")
    heads = [_part_head(boundary, kind, span, size) for span in spans]
    end = f"\r\n--{boundary}--\r\n".encode()
    whole = [pair for pair in headers if pair[0] != b"content-type"]
    whole.append((b"content-type", f"multipart/byteranges; boundary={boundary}".encode()))
    length = sum(map(len, heads)) + sum(span.length for span in spans) + len(end)

    async def pieces() -> Pieces:
        for head, span in zip(heads, spans, strict=True):
            yield head
            async with aclosing(opener(span)) as part:
                async for piece in part:
                    yield piece
        yield end

    return StreamAnswer(pieces, whole, length, 206)


async def gzipped(pieces: Pieces) -> Pieces:
    """Yield a stream compressed with gzip, each piece as soon as it is there."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    async with aclosing(pieces):
        async for piece in pieces:
            compressed = await run_in_threadpool(compressor.compress, piece)
            if compressed:
                yield compressed
    yield await run_in_threadpool(compressor.flush)


async def gzip_bytes(data: bytes) -> bytes:
    """Return bytes compressed with gzip."""
    return await run_in_threadpool(_gzip_bytes, data)


def _gzip_bytes(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    return compressor.compress(data) + compressor.flush()


def _part_head(boundary: str, kind: bytes, span: Span, size: int) -> bytes:
    return (
        f"\r\n--{boundary}\r\nContent-Type: {kind.decode('latin-1')}\r\n"
        f"Content-Range: {span.content_range(size)}\r\n\r\n"
    ).encode("latin-1")


async def _start(send: Send, answer: Response) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status_code,
            "headers": answer.raw_headers,
        }
    )
