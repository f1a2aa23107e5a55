"""Files that somebody has open: each is found once and then read piece by piece.

A file keeps the content that it was opened on. What reading costs (a stream, and the bytes that
were read last) is kept for a bounded number of files, those that were read last; the others begin
again where they are asked to.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vost_sync import FS, Reader, StatResult

__all__ = ("OpenFile", "OpenFiles")

SMALL = 1 << 18
"""Bytes up to which a file is read at once."""

PIECE = 1 << 18
"""Bytes that are read of a large file at a time: twice what the kernel asks for."""

KEPT = 1 << 20
"""Bytes of a large file that stay at hand behind where its stream is.

The kernel reads ahead with several requests at once, which arrive in any order.
"""

AHEAD = 1 << 20
"""Bytes that a stream goes on rather than to begin again."""

MAX_READING = 128
"""Files that can be in the middle of being read: their bytes take 128 MiB at most."""

MAX_OPEN = 1 << 16
"""Files that can be open."""


class OpenFile:
    """One file that is open.

    Args:
        fs: The snapshot that it was opened in.
        path: Where it is there.
        status: What it is.
    """

    def __init__(self, fs: FS, path: str, status: StatResult) -> None:
        self.fs = fs
        self.path = path
        self.status = status
        self._lock = threading.Lock()
        self._content: bytes | _Stream | None = None

    def read(self, size: int, offset: int) -> bytes:
        """Return at most ``size`` bytes from ``offset``; fewer only at the end.

        Raises:
            VostError: If the content is damaged or gone.
        """
        with self._lock:
            content = self._content
            if content is None:
                content = self._content = self._begin()
            try:
                if isinstance(content, bytes):
                    return content[offset : offset + size]
                return content.read(size, offset)
            except BaseException:
                self._drop()  # where its stream is, nobody knows
                raise

    def rest(self) -> None:
        """Let go of what reading costs; the next read begins again."""
        with self._lock:
            self._drop()

    def _begin(self) -> bytes | _Stream:
        if self.status.size <= SMALL:
            return self.fs.read(self.path)
        return _Stream(self.fs.open(self.path), self.status.size)

    def _drop(self) -> None:
        if isinstance(self._content, _Stream):
            self._content.close()
        self._content = None


class _Stream:
    """Reads a large file from a stream, and remembers the bytes before where it is."""

    def __init__(self, reader: Reader, size: int) -> None:
        self._reader = reader
        self._size = size
        self._pieces: list[bytes] = []
        self._start = 0  # of the first piece
        self._end = 0  # of the last one: where the stream is

    def read(self, size: int, offset: int) -> bytes:
        stop = min(offset + size, self._size)
        if offset >= stop:
            return b""
        if not self._start <= offset <= self._end + AHEAD:
            self._jump(offset)
        while self._end < stop:
            self._advance(offset)
        return self._cut(offset, stop)

    def close(self) -> None:
        self._reader.close()
        self._pieces.clear()

    def _jump(self, offset: int) -> None:
        self._reader.seek(offset)
        self._pieces.clear()
        self._start = self._end = offset

    def _advance(self, needed: int) -> None:
        """Read one piece more, and forget pieces that end long before ``needed``."""
        piece = self._reader.read1(min(PIECE, self._size - self._end))
        if not piece:
            raise OSError(errno.EIO, "the file ends before its size says")
        self._pieces.append(piece)
        self._end += len(piece)
        while self._end - self._start > KEPT and self._start + len(self._pieces[0]) <= needed:
            self._start += len(self._pieces.pop(0))

    def _cut(self, offset: int, stop: int) -> bytes:
        at = self._start
        parts = []
        for piece in self._pieces:
            if at < stop and at + len(piece) > offset:
                whole = offset <= at and at + len(piece) <= stop
                parts.append(piece if whole else piece[max(offset - at, 0) : stop - at])
            at += len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class OpenFiles:
    """All files that are open, by number."""

    def __init__(self) -> None:
        self._files: dict[int, OpenFile] = {}
        self._reading: OrderedDict[int, OpenFile] = OrderedDict()
        self._last = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._files)

    def add(self, file: OpenFile) -> int:
        """Take a file in and return its number.

        Raises:
            OSError: If there are too many.
        """
        with self._lock:
            if len(self._files) >= MAX_OPEN:
                raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))
            self._last += 1
            self._files[self._last] = file
            return self._last

    def get(self, number: int | None) -> OpenFile | None:
        """Return a file by its number; ``None``: there is none."""
        return None if number is None else self._files.get(number)

    def read(self, number: int, size: int, offset: int) -> bytes | None:
        """Return bytes of a file (see ``OpenFile.read``); ``None``: there is no such file."""
        idle = None
        with self._lock:
            file = self._files.get(number)
            if file is None:
                return None
            self._reading[number] = file
            self._reading.move_to_end(number)
            if len(self._reading) > MAX_READING:
                _, idle = self._reading.popitem(last=False)
        if idle is not None:
            idle.rest()
        return file.read(size, offset)

    def remove(self, number: int) -> None:
        """Forget a file. Idempotent."""
        with self._lock:
            file = self._files.pop(number, None)
            self._reading.pop(number, None)
        if file is not None:
            file.rest()

    def clear(self) -> None:
        """Forget all files. Idempotent."""
        for number in list(self._files):
            self.remove(number)
