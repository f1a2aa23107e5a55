"""What a write may be given as content, and how each kind gets into the object storage."""

from __future__ import annotations

import os
import stat
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from vost._engine.trees import Entry
from vost._model.errors import PathIsDirectoryError
from vost._model.objects import ObjectType, Oid, oid_to_hex
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost._storage.protocols import Objects, ObjectWriter

STREAM_THRESHOLD = 1 << 20
"""Files of more bytes than this are read, compressed and written in pieces."""

_CHUNK = 1 << 18


class Place(NamedTuple):
    """Where contents are stored.

    Attributes:
        objects: What exists already.
        writer: Takes new objects.
        check: Called between pieces of large content; raises when the caller was cancelled.
    """

    objects: Objects
    writer: ObjectWriter
    check: Callable[[], None]


class Content(Protocol):
    """Something that can be stored as a blob."""

    def store(self, place: Place) -> Entry:
        """Store it and return mode and id."""


class BytesContent(NamedTuple):
    """Content that is in memory."""

    data: bytes
    mode: int

    def store(self, place: Place) -> Entry:
        """Store the bytes as a blob."""
        return Entry(self.mode, place.writer.add(ObjectType.BLOB, self.data))


class StoredBlob(NamedTuple):
    """Content that is in the repository already, named by its id."""

    oid: Oid
    mode: int

    def store(self, place: Place) -> Entry:
        """Make sure that the id names a blob.

        Raises:
            ObjectNotFoundError: If there is no such object.
            ValueError: If it is no blob.
        """
        object_type = place.objects.header(self.oid).type
        if object_type is not ObjectType.BLOB:
            raise ValueError(
                f"Object {oid_to_hex(self.oid)} is a {object_type.name.lower()}, not a blob"
            )
        if not place.writer.rely_on(self.oid):
            # Another writer's, who may still take it back: store a copy that stays.
            with place.objects.open_stream(self.oid) as stream:
                chunks = iter(lambda: stream.read(_CHUNK), b"")
                place.writer.add_stream(ObjectType.BLOB, stream.size, chunks)
        return Entry(self.mode, self.oid)


class SpooledContent(NamedTuple):
    """Content of ``size`` bytes that was written to a temporary file from its start."""

    file: IO[bytes]
    size: int
    mode: int

    def store(self, place: Place) -> Entry:
        """Stream the temporary file into a blob."""
        self.file.seek(0)
        chunks = _chunks(self.file, place.check)
        return Entry(self.mode, place.writer.add_stream(ObjectType.BLOB, self.size, chunks))


class LocalFile(NamedTuple):
    """The content of a regular file on disk; ``mode=None`` takes the mode from there too."""

    local_path: str
    mode: int | None = None

    def store(self, place: Place) -> Entry:
        """Store the file as a blob. Symbolic links on the way are followed.

        Raises:
            FileNotFoundError: If nothing is there, or a link leads nowhere.
            PathIsDirectoryError: If it is a directory.
            OSError: If it is no regular file, cannot be read, or changes while it is read.
        """
        # Not to hang on a FIFO that nobody writes to, before fstat can tell what it is.
        descriptor = os.open(self.local_path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise PathIsDirectoryError(f"Is a directory: {self.local_path!r}")
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"Not a regular file: {self.local_path!r}")
            mode = self.mode
            if mode is None:
                mode = MODE_EXECUTABLE if status.st_mode & 0o111 else MODE_BLOB
            # A file object that is refused (of a directory) would not close its descriptor.
            with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
                return Entry(mode, self._store_open(file, status.st_size, place))
        finally:
            os.close(descriptor)

    def _store_open(self, file: IO[bytes], size: int, place: Place) -> Oid:
        if size <= STREAM_THRESHOLD:
            data = file.read(STREAM_THRESHOLD + 1)
            if len(data) <= STREAM_THRESHOLD:
                return place.writer.add(ObjectType.BLOB, data)
            raise OSError(f"File grew while it was read: {self.local_path!r}")
        try:
            return place.writer.add_stream(ObjectType.BLOB, size, _chunks(file, place.check))
        except ValueError:
            raise OSError(f"File changed while it was read: {self.local_path!r}") from None


def _chunks(file: IO[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        check()
        yield chunk
