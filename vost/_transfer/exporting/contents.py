"""The contents of what is written: small ones read many at a time, large ones in pieces."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from vost._engine.lookup import DAMAGE, raise_damaged
from vost._model.errors import CorruptObjectError
from vost._model.objects import ObjectType, oid_to_hex
from vost._transfer.sources import below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vost._model.objects import Oid
    from vost._storage.protocols import Objects

    from .plan import Write

_CHUNK = 1 << 18
# Larger contents are read, and written, in pieces.
_STREAMED = 1 << 20
# No system has links to longer paths.
_LONGEST_TARGET = 1 << 16


class Contents:
    """Reads what the plan writes.

    Args:
        objects: Where it is stored.
        tick: Called between the pieces of large contents.

    Attributes:
        bytes: How many bytes were read so far.
    """

    def __init__(self, objects: Objects, tick: Callable[[], None]) -> None:
        self._objects = objects
        self._tick = tick
        self._small: dict[Oid, tuple[ObjectType, bytes]] = {}
        self.bytes = 0

    def fetch(self, oids: Iterable[Oid]) -> None:
        """Have the small ones among these at hand, and no longer those from before."""
        self._small = {}  # first: both together would be twice the memory
        self._small = self._objects.get_small(oids)

    def is_at_hand(self, write: Write) -> bool:
        """Tell whether the content of a file is in memory."""
        return write.oid in self._small

    def chunks(self, write: Write) -> Iterable[bytes]:
        """Return the content of a file, in pieces if it is large.

        Raises:
            GitError: If it is missing or damaged; for large content, while it is read.
        """
        small = self._small.get(write.oid)
        return self._pieces(write) if small is None else (self._blob(write, *small),)

    def target(self, write: Write) -> bytes:
        """Return the target of a symbolic link.

        Raises:
            OSError: If it is too long for any system.
            GitError: If it is missing or damaged.
        """
        small = self._small.get(write.oid)
        if small is None:
            try:
                if self._objects.header(write.oid).size > _LONGEST_TARGET:
                    raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
                small = self._objects.get(write.oid)
            except DAMAGE as error:
                raise_damaged(repr(below(write.source, write.name)), error)
        return self._blob(write, *small)

    def _pieces(self, write: Write) -> Iterator[bytes]:
        objects = self._objects
        try:
            if objects.header(write.oid).size <= _STREAMED:
                yield self._blob(write, *objects.get(write.oid))
                return
            with objects.open_stream(write.oid) as stream:
                self._blob(write, stream.type, b"")
                while chunk := stream.read(_CHUNK):
                    self.bytes += len(chunk)
                    self._tick()
                    yield chunk
        except DAMAGE as error:
            raise_damaged(repr(below(write.source, write.name)), error)

    def _blob(self, write: Write, object_type: ObjectType, data: bytes) -> bytes:
        if object_type is not ObjectType.BLOB:
            raise CorruptObjectError(
                f"{below(write.source, write.name)!r} is damaged: object {oid_to_hex(write.oid)} "
                f"is a {object_type.name.lower()}, not a blob"
            )
        self.bytes += len(data)
        return data
