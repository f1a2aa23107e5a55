"""Standard streams and local files as async streams, in pieces, never whole.

They are looked up when they are used, so that tests and programs that call the commands can
replace them. A wait for input ends at once when the command is cancelled.
"""

from __future__ import annotations

import asyncio
import io
import sys
from typing import TYPE_CHECKING, BinaryIO

import aiofiles
import aiofiles.threadpool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK = 1 << 18
"""Bytes that are read and written at a time."""


async def stdin_chunks() -> AsyncIterator[bytes]:
    """Yield what comes on stdin, as it comes, in pieces of at most 256 KiB."""
    binary = sys.stdin.buffer
    descriptor = _descriptor(binary)
    file = aiofiles.threadpool.wrap(binary)
    while True:
        if descriptor is not None:
            await _readable(descriptor)
        chunk = await file.read1(CHUNK)
        if not chunk:
            return
        yield chunk


async def write_stdout(chunk: bytes) -> None:
    """Write to stdout and let it be seen.

    Raises:
        BrokenPipeError: If nobody reads it any more.
    """
    sys.stdout.flush()
    file = aiofiles.threadpool.wrap(sys.stdout.buffer)
    await file.write(chunk)
    await file.flush()


async def file_chunks(local_path: str) -> AsyncIterator[bytes]:
    """Yield a local file in pieces of at most 256 KiB.

    Raises:
        OSError: If it cannot be read.
    """
    async with aiofiles.open(local_path, "rb") as file:
        while chunk := await file.read(CHUNK):
            yield chunk


def _descriptor(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except (AttributeError, OSError, io.UnsupportedOperation):
        return None


async def _readable(descriptor: int) -> None:
    """Wait until a read would not block: a thread that blocks in one cannot be cancelled."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except (OSError, NotImplementedError):
        return  # a regular file, which never blocks, or a loop that cannot watch it
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
