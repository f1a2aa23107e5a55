"""A web application that shows a repository beside its own routes, and lets git clone it.

Run it from a clone, with the extra ``serve``: ``python examples/serve_in_an_app.py``. It makes a
repository, serves it on a port of this machine that the system chooses, asks for this and that as
its clients would, and stops. In a program of yours, the part that counts is ``make_app``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

import vost.serve
from vost import GitStore

if TYPE_CHECKING:
    from starlette.requests import Request


def make_app(store: GitStore) -> Starlette:
    """Return an application with two routes of its own, and the repository below two others."""

    async def upload(request: Request) -> JSONResponse:
        fs = await store.branches["main"]
        name = request.path_params["name"]
        fs = await fs.write(f"inbox/{name}", await request.body(), message=f"Upload {name}")
        return JSONResponse({"commit": fs.commit_hash})

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"branches": await store.branches.count()})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/upload/{name}", upload, methods=["POST"]),
            Mount("/files", vost.serve.files(store, "main")),
            Mount("/git", vost.serve.git(store)),
        ]
    )


async def main() -> None:
    """Serve, be a client, stop."""
    with tempfile.TemporaryDirectory() as directory:
        async with await GitStore.open(Path(directory) / "data.git") as store:
            await (await store.branches["main"]).write_text("README.md", "# Data\n")
            server = uvicorn.Server(uvicorn.Config(make_app(store), log_level="warning"))
            listening = socket.create_server(("127.0.0.1", 0))
            running = asyncio.create_task(server.serve([listening]))
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            await asyncio.to_thread(be_a_client, url, Path(directory))
            server.should_exit = True
            await running


def be_a_client(url: str, directory: Path) -> None:
    """Upload a file, read it back, list, and clone."""
    print("health:", fetch(f"{url}/health"))
    commit = json.loads(fetch(f"{url}/upload/note.txt", b"Hello!"))["commit"]
    print("uploaded in commit", commit[:7])
    print("read back:", fetch(f"{url}/files/inbox/note.txt"))
    listing = json.loads(fetch(f"{url}/files/", accept="application/json"))
    print("root:", listing["entries"])
    page = fetch(f"{url}/files/", accept="text/html")
    print("the page for browsers shows the README:", ">Data</h" in page)
    clone = directory / "clone"
    subprocess.run(["git", "clone", "-q", f"{url}/git", clone], check=True)
    print("cloned:", sorted(path.name for path in clone.iterdir() if path.name != ".git"))


def fetch(url: str, body: bytes | None = None, accept: str = "*/*") -> str:
    """Make a request and return the body of the answer as text."""
    request = urllib.request.Request(url, body, {"Accept": accept})
    with urllib.request.urlopen(request) as answer:
        text: str = answer.read().decode()
    return text


if __name__ == "__main__":
    asyncio.run(main())
