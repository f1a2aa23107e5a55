"""Where an archive is read from: a file on disk, a file object, a pipe."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from vost._transfer.archives.formats import HEAD_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Source:
    """The bytes of an archive, from front to back; the first of them may be looked at before.

    Args:
        name: What messages call it.
        file: The open file.
    """

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        self.file = file
        self.is_seekable = _is_seekable(file)
        start = file.tell() if self.is_seekable else 0
        self.head = self._read_full(HEAD_SIZE)
        self._unread = self.head
        if self.is_seekable:
            file.seek(start)
            self._unread = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; ``b""`` only at the end."""
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
            return data
        return _read(self.file, size)

    def _read_full(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (piece := _read(self.file, size - len(data))):
            data += piece
        return data


@contextmanager
def opened(source: str | IO[bytes]) -> Iterator[Source]:
    """Open a path, or take a file object of the caller's, which is left open.

    Raises:
        FileNotFoundError: If there is no such file.
        IsADirectoryError: If it is a directory.
        OSError: If it cannot be read.
        TypeError: If the file object is no binary one.
    """
    if not isinstance(source, str):
        yield Source(name_of(source), source)
        return
    with open(source, "rb") as file:
        yield Source(source, file)


@contextmanager
def seekable_file(
    source: Source, directory: Path | None, limit: int | None, check: Callable[[], None]
) -> Iterator[IO[bytes] | None]:
    """Give access to all of a source in any order: a pipe is first written to a temporary file.

    Args:
        source: The source.
        directory: Where the temporary file may lie; ``None``: the system's place.
        limit: Bytes of it that are read at most; ``None``: all.
        check: Called between pieces; raises when the caller was cancelled.

    Yields:
        The file; ``None`` if the source is longer than ``limit``.
    """
    if source.is_seekable:
        yield source.file
        return
    import tempfile  # late: few processes write so much

    with tempfile.TemporaryFile(dir=directory) as file:
        size = 0
        while piece := source.read(1 << 18):
            check()
            size += len(piece)
            if limit is not None and size > limit:
                yield None
                return
            file.write(piece)
        yield file


def name_of(file: object) -> str:
    """Return what messages call a file object of the caller's."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "the stream"


def _is_seekable(file: IO[bytes]) -> bool:
    ask = getattr(file, "seekable", None)
    return bool(ask and ask())


def _read(file: IO[bytes], size: int) -> bytes:
    data: object = file.read(size)
    if isinstance(data, bytes):
        return data
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    if data is None:
        raise BlockingIOError("the file object has no data now: it must not be non-blocking")
    raise TypeError(f"expected a binary file object, but it reads {type(data).__name__}")


def local_name(path: str | os.PathLike[str]) -> str:
    """Return a local path as text.

    Raises:
        TypeError: If it is no path.
    """
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path must be str or os.PathLike[str], not {type(path).__name__}")
    return text
