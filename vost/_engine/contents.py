"""What a write may be given as content, and how each kind gets into the object storage."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from vost._engine.localfiles import CHUNK, OPEN_FLAGS, read_into
from vost._engine.trees import Entry
from vost._model.objects import ObjectType, Oid, oid_to_hex
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost._storage.protocols import Objects, ObjectWriter


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
                chunks = iter(lambda: stream.read(CHUNK), b"")
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
        descriptor = os.open(self.local_path, OPEN_FLAGS)
        try:
            found = read_into(descriptor, self.local_path, place.writer, place.check)
        finally:
            os.close(descriptor)
        mode = self.mode
        if mode is None:
            mode = MODE_EXECUTABLE if found.status.st_mode & 0o111 else MODE_BLOB
        return Entry(mode, found.oid)


def _chunks(file: IO[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        check()
        yield chunk
