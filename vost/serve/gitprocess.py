"""Answers made by an installed git: ``git upload-pack`` in a process of its own for each request.

Nothing of the repository's configuration may run a program, and nothing of the environment or of
the user's configuration counts.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from vost.serve.gitserver import LONGEST_REQUEST, UPLOAD

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_PIECE = 1 << 16
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
_SETTINGS = (
    "safe.directory=*",  # whose it is does not matter: nothing of it is run
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.alternateRefsCommand=false",
    "protocol.allow=never",  # what a partial clone lacks is not fetched
    "uploadpack.allowFilter=false",
    "uploadpack.allowAnySHA1InWant=false",
    "gc.auto=0",
)


class GitBackend:
    """An installed git. It needs asyncio.

    Args:
        path: The Git directory.

    Raises:
        FileNotFoundError: If git is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        git = shutil.which("git")
        if git is None:
            raise FileNotFoundError("git is not installed or not on PATH")
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        self._command = [git, *settings, "upload-pack", "--strict", "--stateless-rpc"]
        self._path = os.path.abspath(path)  # noqa: PTH100 - it may begin with a dash

    async def advertise(self, protocol: int) -> bytes:
        """Return the refs.

        Raises:
            ChildProcessError: If git fails.
        """
        process = await self._start(protocol, "--advertise-refs")
        try:
            refs, _ = await process.communicate()
            if process.returncode:
                raise ChildProcessError(f"git upload-pack failed: {process.returncode}")
        finally:
            await _end(process)
        if protocol == 2:
            return refs
        line = f"# service={UPLOAD}\n"
        return f"{len(line) + 4:04x}{line}0000".encode() + refs

    async def upload_pack(
        self, request: bytes, protocol: int, *, gzipped: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield the answer to a request.

        Raises:
            ValueError: On the first step, if the request is malformed.
        """
        if gzipped:
            request = await asyncio.to_thread(_inflated, request)
        process = await self._start(protocol)
        assert process.stdin is not None
        assert process.stdout is not None
        writing = asyncio.create_task(_write(process.stdin, request))
        try:
            is_empty = True
            while piece := await process.stdout.read(_PIECE):
                is_empty = False
                yield piece
            await writing
            if await process.wait() and is_empty:
                raise ValueError("git refuses it")
        finally:
            writing.cancel()
            await _end(process)

    async def _start(self, protocol: int, *options: str) -> asyncio.subprocess.Process:
        environment = {
            name: value for name in _KEPT_VARIABLES if (value := os.environ.get(name)) is not None
        }
        environment |= {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        if protocol:
            environment["GIT_PROTOCOL"] = f"version={protocol}"
        return await asyncio.create_subprocess_exec(
            *(*self._command, *options, "--", self._path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the server, which lets answers finish
            limit=_PIECE,
        )


async def _write(stdin: asyncio.StreamWriter, request: bytes) -> None:
    with suppress(ConnectionError):  # it has read what it wants
        stdin.write(request)
        await stdin.drain()
    stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process that is not wanted any more, with what it has started, and nothing else."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
            else:
                process.kill()
        await process.wait()


def _inflated(request: bytes) -> bytes:
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        found = inflater.decompress(request, LONGEST_REQUEST + 1)
    except zlib.error as error:
        raise ValueError("the body is not compressed as it says") from error
    if len(found) > LONGEST_REQUEST or not inflater.eof:
        raise ValueError("the body is too large, or cut off")
    return found
