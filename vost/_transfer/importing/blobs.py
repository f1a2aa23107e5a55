"""Getting local files into blobs, or in a dry run only finding out which blobs they would be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from vost._engine.localfiles import CHUNK, STREAM_THRESHOLD, HashingSink, ReadFile, read_into
from vost._model.objects import ObjectType, hash_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.draft import Draft
    from vost._engine.localfiles import Sink
    from vost._engine.repository import Repository
    from vost._engine.trees import Entry
    from vost._model.objects import Oid
    from vost._storage.protocols import ObjectWriter


class BlobStore(Protocol):
    """Where the blobs of an import go."""

    def sink(self) -> Sink:
        """Return what takes new blobs in."""

    def rely_on(self, oid: Oid) -> bool:
        """Take a blob for granted; ``False``: it must be stored."""


class DraftBlobs:
    """Stores the blobs for a commit. Nothing is opened before there is one.

    Args:
        draft: The commit in the making.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._writer: ObjectWriter | None = None

    def sink(self) -> ObjectWriter:
        """Return the writer of the draft."""
        if self._writer is None:
            self._writer = self._draft.place().writer
        return self._writer

    def rely_on(self, oid: Oid) -> bool:
        """Take a blob for granted if it exists and cannot be taken back."""
        return self.sink().rely_on(oid)


class NoBlobs:
    """Stores nothing: for a dry run."""

    def __init__(self) -> None:
        self._sink = HashingSink()

    def sink(self) -> HashingSink:
        """Return what only finds out ids."""
        return self._sink

    def rely_on(self, oid: Oid) -> bool:  # noqa: ARG002 - the id alone is what a plan needs
        """Say yes: nothing is going to be stored."""
        return True


class FileReader:
    """Reads the files of one import.

    Args:
        repository: What exists already.
        blobs: Where blobs go.
        check: Called between pieces; raises when the caller was cancelled.

    Attributes:
        bytes: How many bytes of files were read so far.
    """

    def __init__(self, repository: Repository, blobs: BlobStore, check: Callable[[], None]) -> None:
        self._repository = repository
        self._blobs = blobs
        self._check = check
        self.bytes = 0

    def read(
        self, descriptor: int, shown: str, size: int, old: Entry | None, tick: Callable[[], None]
    ) -> ReadFile:
        """Read an open regular file into a blob.

        Args:
            descriptor: The file.
            shown: Its path, for messages.
            size: Its size in bytes when it was looked at.
            old: What the repository has at its place; the same content is not stored again.
            tick: Called between the pieces of a large file, when ``bytes`` has been counted on.

        Raises:
            OSError: If it cannot be read, changes meanwhile, or is no regular file.
        """
        sink = self._blobs.sink()
        before, after = self.bytes, self.bytes + size
        if size <= STREAM_THRESHOLD:
            self.bytes = after
            return read_into(descriptor, shown, sink, self._check, old.oid if old else None)

        def count() -> None:
            self.bytes = min(self.bytes + CHUNK, after)
            self._check()
            tick()

        try:
            if old is not None and self._repository.blob_size(old.oid) == size:
                # To compress it and then find that it is there already would take much longer.
                found = read_into(descriptor, shown, HashingSink(), count)
                if found.oid == old.oid:
                    return found
                os.lseek(descriptor, 0, os.SEEK_SET)
                self.bytes = before
            return read_into(descriptor, shown, sink, count)
        finally:
            self.bytes = after

    def link(self, target: bytes, old: Entry | None) -> Oid:
        """Return the id of the blob that holds the target of a symbolic link."""
        oid = hash_object(ObjectType.BLOB, target)
        if old is None or old.oid != oid:
            self._blobs.sink().add(ObjectType.BLOB, target)
        return oid

    def rely_on(self, oid: Oid) -> bool:
        """Take a blob that is known by its id for granted; ``False``: read the file."""
        return self._blobs.rely_on(oid)
