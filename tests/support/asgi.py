"""Requests to an ASGI application without a socket: any bytes as a target, any headers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import anyio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vost.serve.asgi import ASGIApp, Message, Scope


@dataclass(frozen=True)
class Reply:
    """What an application answered.

    Attributes:
        status: HTTP status.
        fields: Its headers as they were sent, names in lower case.
        body: All of it.
        pieces: How many messages the body came in.
    """

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    pieces: int

    def __getitem__(self, name: str) -> str:
        """Return the value of a header that is there once."""
        (value,) = [value for key, value in self.fields if key == name]
        return value

    def __contains__(self, name: str) -> bool:
        """Tell whether a header is there."""
        return any(key == name for key, _ in self.fields)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def scope_of(
    target: str | bytes,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    root_path: str = "",
) -> Scope:
    """Return the ASGI scope of a request, as uvicorn makes it.

    Args:
        target: Path and query as they stand in the request line, below ``root_path``.
        headers: Its headers.
        method: Its method.
        root_path: Where the application is mounted.
    """
    raw = target if isinstance(target, bytes) else target.encode("ascii")
    path, _, query = (root_path.encode() + raw).partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "method": method,
        "root_path": root_path,
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "headers": [
            (b"host", b"127.0.0.1"),
            *(
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in (headers or {}).items()
            ),
        ],
    }


async def request(
    app: ASGIApp,
    target: str | bytes,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    *,
    root_path: str = "",
) -> Reply:
    """Make a request and return the whole answer, checked for what HTTP demands of each."""
    messages: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope_of(target, headers, method, root_path), receive, send)
    start, *bodies = messages
    assert start["type"] == "http.response.start"
    assert all(message["type"] == "http.response.body" for message in bodies)
    assert [bool(message.get("more_body")) for message in bodies] == [
        *[True] * (len(bodies) - 1),
        False,
    ]
    reply = Reply(
        status=start["status"],
        fields=[
            (name.decode("ascii"), value.decode("latin-1")) for name, value in start["headers"]
        ],
        body=b"".join(message.get("body", b"") for message in bodies),
        pieces=len(bodies),
    )
    _check(reply, method)
    return reply


def _check(reply: Reply, method: str) -> None:
    names = [name for name, _ in reply.fields]
    assert names == [name.lower() for name in names]
    assert len(names) == len(set(names)), "a header twice"
    for _, value in reply.fields:
        assert value.isprintable(), "control characters in a header"
    if method == "HEAD" or reply.status in (204, 304):
        assert reply.body == b""
    elif "content-length" in reply:
        assert int(reply["content-length"]) == len(reply.body)
    assert ("content-length" in reply) is False or reply.status != 204
