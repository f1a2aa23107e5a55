"""Short answers in plain text: what went wrong, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vost.serve.asgi import Scope, Send


async def respond(
    scope: Scope,
    send: Send,
    status: int,
    text: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a whole answer of plain text; a HEAD request gets its headers alone.

    Args:
        scope: The ASGI scope of the request.
        send: Sends the answer's messages.
        status: HTTP status.
        text: The body.
        headers: Further headers, names in lower case.
    """
    body = utf8(text.encode("utf-8", "surrogateescape"))
    fields = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def utf8(data: bytes) -> bytes:
    """Return text in UTF-8, with replacement characters for what is not, as names may be.

    Clients that were told of UTF-8 may fail over anything else.
    """
    return data.decode("utf-8", "replace").encode()
