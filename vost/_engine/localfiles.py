"""Reading a regular file of the local disk into a blob, or only finding out its id.

The file is described by its open descriptor alone, before and after it is read: nobody can put
another one in its place meanwhile, and one that changes is an error, never half of each.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vost._model.errors import PathIsDirectoryError
from vost._model.objects import ObjectType, Oid, hash_object, object_hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

STREAM_THRESHOLD = 1 << 20
"""Files of more bytes than this are read, compressed and written in pieces."""

CHUNK = 1 << 18

# Not to hang on a FIFO that nobody writes to, before fstat can tell what it is.
OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def identity_of(directory: Path | None) -> tuple[int, int] | None:
    """Return device and inode of a directory; ``None``: there is none.

    Raises:
        OSError: If it cannot be looked at.
    """
    if directory is None:
        return None
    status = directory.stat()
    return status.st_dev, status.st_ino


class Sink(Protocol):
    """Where blobs go."""

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Take content in and return its id."""

    def add_stream(self, object_type: ObjectType, size: int, chunks: Iterable[bytes]) -> Oid:
        """Take in content of ``size`` bytes piece by piece and return its id.

        Raises:
            ValueError: If the chunks do not add up to ``size`` bytes.
        """


class HashingSink:
    """Finds out ids and stores nothing."""

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Return the id of the content."""
        return hash_object(object_type, data)

    def add_stream(self, object_type: ObjectType, size: int, chunks: Iterable[bytes]) -> Oid:
        """Return the id of content that comes in pieces.

        Raises:
            ValueError: If the chunks do not add up to ``size`` bytes.
        """
        hasher = object_hasher(object_type, size)
        total = 0
        for chunk in chunks:
            hasher.update(chunk)
            total += len(chunk)
        if total != size:
            raise ValueError(f"the chunks add up to {total} bytes, not to {size}")
        return hasher.digest()


class ReadFile(NamedTuple):
    """What was read: the blob's id, and what ``fstat`` said before and after.

    ``lasting`` tells whether the same ``fstat`` means the same content later on: files that a
    system makes up (``/proc``) do not say their size.
    """

    oid: Oid
    status: os.stat_result
    lasting: bool


def read_into(
    descriptor: int, shown: str, sink: Sink, check: Callable[[], None], expected: Oid | None = None
) -> ReadFile:
    """Read an open file into a sink.

    Args:
        descriptor: The file, open at its start.
        shown: Its path, for messages.
        sink: Where the content goes.
        check: Called between pieces of a large file; raises when the caller was cancelled.
        expected: Id of a blob that exists: a small file with that content is not given to the sink.

    Raises:
        PathIsDirectoryError: If it is a directory.
        OSError: If it is no regular file, cannot be read, or changes while it is read.
    """
    before = os.fstat(descriptor)
    if stat.S_ISDIR(before.st_mode):
        raise PathIsDirectoryError(f"Is a directory: {shown!r}")
    if not stat.S_ISREG(before.st_mode):
        raise OSError(f"Not a regular file: {shown!r} (it is {kind_of(before.st_mode)})")
    size = before.st_size
    if size <= STREAM_THRESHOLD:
        data = _read_whole(descriptor, size)
        size = len(data)
        oid = None if expected is None else hash_object(ObjectType.BLOB, data)
        if oid is None or oid != expected:
            oid = sink.add(ObjectType.BLOB, data)
    else:
        try:
            oid = sink.add_stream(ObjectType.BLOB, size, _chunks(descriptor, check))
        except ValueError:
            raise OSError(f"File changed while it was read: {shown!r}") from None
    after = os.fstat(descriptor)
    # What the system makes up has no size, or another one with each look.
    made_up = not before.st_size and not after.st_size
    if before.st_mtime_ns != after.st_mtime_ns or before.st_size != after.st_size:
        raise OSError(f"File changed while it was read: {shown!r}")
    if size != before.st_size and not made_up:
        raise OSError(f"File changed while it was read: {shown!r}")
    lasting = size == before.st_size and before.st_ctime_ns == after.st_ctime_ns
    return ReadFile(oid, after, lasting)


def kind_of(mode: int) -> str:
    """Return what a file that is neither file, link nor directory is, for messages."""
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    return kinds.get(stat.S_IFMT(mode), "of an unknown kind")


def _read_whole(descriptor: int, size: int) -> bytes:
    # One byte more than there should be: a file that grew meanwhile shows.
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    pieces = [data]
    total = len(data)
    while total <= STREAM_THRESHOLD and (piece := os.read(descriptor, CHUNK)):
        pieces.append(piece)
        total += len(piece)
    return b"".join(pieces)


def _chunks(descriptor: int, check: Callable[[], None]) -> Iterator[bytes]:
    while chunk := os.read(descriptor, CHUNK):
        check()
        yield chunk
