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
from typing import TYPE_CHECKING, NamedTuple

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
        self._content: _Whole | _Stream | None = None

    def read(self, size: int, offset: int) -> bytes:
        """Return at most ``size`` bytes from ``offset``; fewer only at the end.

        Raises:
            VostError: If the content is damaged or gone.
        """
        content = self._content
        if content is not None:
            data = content.at_hand(size, offset)
            if data is not None:
                return data
        with self._lock:
            content = self._content
            if content is None:
                content = self._content = self._begin()
            try:
                return content.read(size, offset)
            except BaseException:
                self._drop()  # where its stream is, nobody knows
                raise

    def rest(self) -> None:
        """Let go of what reading costs; the next read begins again."""
        with self._lock:
            self._drop()

    def _begin(self) -> _Whole | _Stream:
        if self.status.size <= SMALL:
            return _Whole(self.fs.read(self.path))
        return _Stream(self.fs, self.path, self.status.size)

    def _drop(self) -> None:
        if self._content is not None:
            self._content.close()
        self._content = None


class _Whole:
    """A small file, all of it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def at_hand(self, size: int, offset: int) -> bytes | None:
        return self._data[offset : offset + size]

    def read(self, size: int, offset: int) -> bytes:
        return self._data[offset : offset + size]

    def close(self) -> None:
        pass


class _Window(NamedTuple):
    """Consecutive bytes of a file; never changed, so that no lock is needed to look at it."""

    start: int = 0
    end: int = 0
    pieces: tuple[bytes, ...] = ()

    def cut(self, offset: int, stop: int) -> bytes:
        """Return a part of it."""
        at = self.start
        parts = []
        for piece in self.pieces:
            if at < stop and at + len(piece) > offset:
                whole = offset <= at and at + len(piece) <= stop
                parts.append(piece if whole else piece[max(offset - at, 0) : stop - at])
            at += len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def moved_on(self, piece: bytes, needed: int) -> _Window:
        """Return it with one piece more, and without those that end long before ``needed``."""
        end = self.end + len(piece)
        start, first = self.start, 0
        pieces = (*self.pieces, piece)
        while end - start > KEPT and start + len(pieces[first]) <= needed:
            start += len(pieces[first])
            first += 1
        return _Window(start, end, pieces[first:])


class _Stream:
    """Reads a large file, and remembers the bytes before where it is.

    The first read at any place is one of a range, and only the next one, which goes on from there,
    begins a stream. So a look at some place costs no more than that; and no stream begins at the
    start, where it would hash all that passes, in order to verify it at the end: that takes as
    long as all the rest. Like any range, what is read of a large file is not verified.
    """

    def __init__(self, fs: FS, path: str, size: int) -> None:
        self._fs = fs
        self._path = path
        self._size = size
        self._reader: Reader | None = None
        self._window = _Window()

    def at_hand(self, size: int, offset: int) -> bytes | None:
        """Return what can be had without reading; ``None``: it cannot. Needs no lock."""
        window = self._window
        stop = min(offset + size, self._size)
        if window.start <= offset < stop <= window.end:
            return window.cut(offset, stop)
        return b"" if offset >= stop else None

    def read(self, size: int, offset: int) -> bytes:
        stop = min(offset + size, self._size)
        if offset >= stop:
            return b""
        if not self._window.start <= offset <= self._window.end + AHEAD:
            self.close()
            self._window = _Window(offset, offset)
        while self._window.end < stop:
            self._window = self._window.moved_on(self._next(stop), offset)
        return self._window.cut(offset, stop)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._window = _Window()

    def _next(self, stop: int) -> bytes:
        """Return one piece more."""
        at = self._window.end
        if not self._window.pieces:
            piece = self._fs.read(self._path, offset=at, size=stop - at)
        else:
            if self._reader is None:
                self._reader = self._fs.open(self._path)
                self._reader.seek(at)
            piece = self._reader.read1(min(PIECE, self._size - at))
        if not piece:
            raise OSError(errno.EIO, "the file ends before its size says")
        return piece


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
