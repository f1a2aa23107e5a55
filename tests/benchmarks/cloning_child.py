"""A server to clone from, in a process of its own: ``python -m ... KIND REPOSITORY``.

It prints its URL, serves until its stdin ends, and then prints the most memory that it had.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import vost
import vost.serve
from tests.support.peaks import peak_memory
from vost.serve.running import Address, serve

if TYPE_CHECKING:
    from vost.serve.asgi import ASGIApp, Receive, Scope, Send

_PIECE = 1 << 16


class HttpBackend:
    """``git http-backend``, run as CGI by an ASGI application."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        process = await asyncio.create_subprocess_exec(
            *("git", "http-backend"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment(scope, len(body)),
            limit=_PIECE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(body)
        process.stdin.close()
        head = await process.stdout.readuntil(b"\r\n\r\n")
        fields = [line.split(b": ", 1) for line in head.split(b"\r\n") if line]
        headers = [(name.lower(), value) for name, value in fields if name != b"Status"]
        status = next((int(value[:3]) for name, value in fields if name == b"Status"), 200)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        while piece := await process.stdout.read(_PIECE):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        await process.wait()

    def _environment(self, scope: Scope, length: int) -> dict[str, str]:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        return os.environ | {
            "GIT_PROJECT_ROOT": str(self._repository.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
            "PATH_INFO": f"/{self._repository.name}{scope['path']}",
            "REQUEST_METHOD": scope["method"],
            "QUERY_STRING": scope["query_string"].decode(),
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        }


async def main(kind: str, path: Path) -> None:
    """Serve until stdin ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(0, stop.set)
    async with await vost.GitStore.open(path, create=False) as store:
        app: ASGIApp
        if kind == "http-backend":
            app = HttpBackend(path)
        else:
            app = vost.serve.git(store, backend="git" if kind == "git" else "vost")
        await serve(
            app,
            Address("127.0.0.1", 0),
            on_listening=lambda bound: print(bound.url, flush=True),
            stop=stop,
        )
    loop.remove_reader(0)
    print(peak_memory(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
