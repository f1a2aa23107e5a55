"""Standard streams and local files as async streams, in pieces, never whole.

They are looked up when they are used, so that tests and programs that call the commands can
replace them. A wait for input ends at once when the command is cancelled.
"""

from __future__ import annotations

import asyncio
import io
import os
import stat
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import aiofiles
import aiofiles.threadpool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine

T = TypeVar("T")

CHUNK = 1 << 18
"""Bytes that are read and written at a time."""


async def stdin_chunks() -> AsyncGenerator[bytes, None]:
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


async def pipe_chunks(local_path: str) -> AsyncGenerator[bytes, None]:
    """Yield what comes through a named pipe, as it comes, in pieces of at most 256 KiB.

    Raises:
        OSError: If it cannot be opened or read.
    """
    # Without waiting: a thread that waits for somebody to open the other end cannot be cancelled.
    descriptor = os.open(local_path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            await _readable(descriptor)  # Linux: not before somebody has opened the other end
            try:
                chunk = os.read(descriptor, CHUNK)
            except BlockingIOError:
                continue  # another reader was faster
            if not chunk:
                return
            yield chunk
    finally:
        os.close(descriptor)


async def write_stdout(chunk: bytes) -> None:
    """Write to stdout and let it be seen.

    Raises:
        BrokenPipeError: If nobody reads it any more.
    """
    sys.stdout.flush()
    pipe = _own_end(_descriptor(sys.stdout.buffer))
    if pipe is not None:
        try:
            await _write_all(pipe, chunk)
        finally:
            os.close(pipe)
        return
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


class Incoming:
    """A binary file object for blocking code in a worker thread: it reads what comes in pieces.

    Use ``read_chunks``, which ends a wait for input when the command is cancelled.

    Args:
        chunks: The pieces.
        name: What messages call it.
    """

    def __init__(self, chunks: AsyncIterator[bytes], name: str) -> None:
        self.name = name
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._rest = memoryview(b"")
        self._give_up: Callable[[], object] | None = None
        self._ended = False
        self._stopped = False

    def seekable(self) -> bool:
        """Return whether it can be read in any order: no."""
        return False

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; ``b""`` at the end. Not on the event loop."""
        if not self._rest and not self._ended:
            waiting = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
            self._give_up = waiting.cancel
            if self._stopped:
                waiting.cancel()
            self._rest = memoryview(waiting.result())
            self._ended = not self._rest
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)

    def stop(self) -> None:
        """Wait for input no more: a read that waits raises a cancellation."""
        self._stopped = True
        if self._give_up is not None:
            self._give_up()

    async def _next(self) -> bytes:
        return await anext(self._chunks, b"")


async def read_chunks(
    chunks: AsyncGenerator[bytes, None],
    name: str,
    work: Callable[[Incoming], Coroutine[object, object, T]],
) -> T:
    """Let an operation read what comes in pieces that wants a file object, in bounded memory.

    Args:
        chunks: The pieces.
        name: What messages call it.
        work: Begins the operation, which reads in a worker thread.

    Returns:
        What the operation returns.

    Raises:
        CancelledError: If the command was cancelled, when the operation has ended.
    """
    async with aclosing(chunks):
        incoming = Incoming(chunks, name)
        task = asyncio.create_task(work(incoming))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            # In this order: the operation waits for its thread, which waits for input.
            incoming.stop()
            task.cancel()
            await asyncio.wait({task})
            raise
        return task.result()


def _descriptor(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except (AttributeError, OSError, io.UnsupportedOperation):
        return None


def _own_end(descriptor: int | None) -> int | None:
    """Open a pipe once more, so as not to block; ``None``: it is none, or it cannot be done.

    A thread that waits until somebody reads on cannot be cancelled. The descriptor itself stays as
    it is: other processes have it too.
    """
    try:
        if descriptor is None or not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return None
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


async def _write_all(pipe: int, data: bytes) -> None:
    """Write to a descriptor that does not block."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(pipe, rest) :]
        except BlockingIOError:
            await _writable(pipe)


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


async def _writable(descriptor: int) -> None:
    """Wait until a pipe takes more, or nobody reads it any more."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
