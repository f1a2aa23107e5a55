"""The writer of a disk store: loose objects for a few, one pack for many."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vost._model.objects import hash_object

from .bigobjects import encode_object
from .existing import ExistingObjects
from .packwrite import PackWriter
from .temporary import LOOSE_PREFIX, create, remove_quietly, sync_directory, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vost._model.objects import ObjectType, Oid

    from .deflate import Deflater
    from .objectdirectory import ObjectDirectory

PACK_FROM = 100
"""So many new objects of one writer go into a pack: Git's own ``unpackLimit``."""

BUFFER_LIMIT = 8 << 20
"""So many bytes of small objects are held in memory before they go into a pack."""

BIG = 1 << 20
"""Objects of this size are written at once, not held in memory."""


class DiskWriter:
    """The new objects of one commit (see ``ObjectWriter`` in the protocols).

    Args:
        directories: Where objects may exist; the first is where new ones go.
        deflater: The compression policy.
        sync_loose: Asked when it is time to write: whether loose objects are made durable.
    """

    def __init__(
        self,
        directories: Sequence[ObjectDirectory],
        deflater: Deflater,
        sync_loose: Callable[[], bool],
    ) -> None:
        self._directory = directories[0]
        self._deflater = deflater
        self._sync_loose = sync_loose
        self._existing = ExistingObjects(directories)
        self._small: dict[Oid, tuple[ObjectType, bytes]] = {}
        self._small_size = 0
        self._big: dict[Oid, str] = {}
        self._process = os.getpid()
        self._pack: PackWriter | None = None
        self._packed: dict[Oid, int] = {}
        self._open = True

    # -- taking in ----------------------------------------------------------------------

    def __contains__(self, oid: object) -> bool:
        return (
            oid in self._packed or oid in self._small or oid in self._existing or oid in self._big
        )

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Take an object in and return its id. What exists already is not stored again.

        Raises:
            RuntimeError: If the writer was flushed or discarded.
            OSError: If the object cannot be written.
        """
        self._check_open()
        oid = hash_object(object_type, data)
        if oid in self or self._existing.holds(oid):
            return oid
        if self._pack is not None:
            self._add_packed(self._pack, oid, object_type, data)
        elif len(data) >= BIG:
            self._add_loose_stream(object_type, len(data), (data,))
        else:
            self._small[oid] = object_type, bytes(data)
            self._small_size += len(data)
            if self._is_pack_due() or self._small_size > BUFFER_LIMIT:
                self._open_pack()
        return oid

    def add_stream(self, object_type: ObjectType, size: int, chunks: Iterable[bytes]) -> Oid:
        """Take in an object of ``size`` bytes piece by piece, in bounded memory.

        Raises:
            ValueError: If the chunks do not add up to ``size`` bytes.
            RuntimeError: If the writer was flushed or discarded.
            OSError: If the object cannot be written.
        """
        self._check_open()
        if self._pack is None and not self._is_pack_due():
            return self._add_loose_stream(object_type, size, chunks)
        if self._pack is None:
            self._open_pack()
        assert self._pack is not None
        return self._pack.add_stream(object_type, size, chunks, self._is_known)

    def rely_on(self, oid: Oid) -> bool:
        """Take an existing object for granted; ``False`` if it must be added instead.

        Raises:
            RuntimeError: If the writer was flushed or discarded.
        """
        self._check_open()
        return self._is_known(oid)

    def _check_open(self) -> None:
        if not self._open:
            raise RuntimeError("this writer was flushed or discarded already")

    def _is_known(self, oid: Oid) -> bool:
        return oid in self or self._existing.holds(oid)

    def _is_pack_due(self) -> bool:
        return len(self._small) + len(self._big) >= PACK_FROM

    def _open_pack(self) -> None:
        pack = PackWriter(self._directory.packs.directory, self._deflater)
        self._pack, self._packed = pack, pack.entries
        for oid, (object_type, data) in self._small.items():
            self._add_packed(pack, oid, object_type, data)
        self._small.clear()

    def _add_packed(self, pack: PackWriter, oid: Oid, object_type: ObjectType, data: bytes) -> None:
        try:
            pack.add(oid, object_type, data)
        except BaseException:
            self.discard()
            raise

    def _add_loose_stream(self, object_type: ObjectType, size: int, chunks: Iterable[bytes]) -> Oid:
        """Write a large object to a temporary file; ``flush`` moves it to its place."""
        descriptor, temporary = create(self._directory.path, LOOSE_PREFIX)
        try:
            try:
                oid = encode_object(
                    object_type,
                    size,
                    chunks,
                    deflater=self._deflater,
                    prefix=b"%s %d\0" % (object_type.label, size),
                    sink=lambda piece: write_all(descriptor, piece),
                )
                known = self._is_known(oid)
                if not known and self._sync_loose():
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except BaseException:
            remove_quietly([temporary])
            raise
        if known:
            remove_quietly([temporary])
        else:
            self._big[oid] = temporary
        return oid

    # -- life ---------------------------------------------------------------------------

    def flush(self) -> None:
        """Make everything readable, and durable before any ref can name it.

        Raises:
            RuntimeError: If the writer was flushed or discarded.
            ObjectNotFoundError: If an object that existed was removed meanwhile.
            OSError: If the objects cannot be written; nothing temporary is left then.
        """
        self._check_open()
        try:
            self._flush()
        except BaseException:
            self.discard()
            raise
        self._open = False
        self._small = {oid: (kind, b"") for oid, (kind, _) in self._small.items()}

    def _flush(self) -> None:
        sync = self._sync_loose()
        if self._pack is not None:
            self._directory.packs.add(self._pack.finish())
        loose = self._directory.loose
        for oid, temporary in self._big.items():
            loose.publish(temporary, oid)
        for oid, (object_type, data) in self._small.items():
            header = b"%s %d\0" % (object_type.label, len(data))
            loose.write(oid, self._deflater.deflate_file(object_type, header, data), sync=sync)
        if sync:
            self._sync_directories()
        self._existing.verify()

    def _sync_directories(self) -> None:
        fanout = {oid[:1].hex() for oid in (*self._big, *self._small)}
        for two_digits in fanout:
            sync_directory(f"{self._directory.path}/{two_digits}")
        if fanout:
            sync_directory(self._directory.path)

    def release(self) -> None:
        """Say that the ref now names the objects: they need no protection any more."""
        if self._pack is not None:
            self._pack.release()

    def discard(self) -> None:
        """Drop everything that nobody else can have come to rely on. Idempotent.

        Loose objects that were published stay: another writer may have found them.
        """
        if self._pack is not None:
            stem = self._pack.stem
            self._pack.discard()
            if stem is not None:
                self._directory.packs.drop(stem)
        if self._open and self._process == os.getpid():
            remove_quietly(list(self._big.values()))
        self._open = False

    def __del__(self) -> None:
        # A writer that was forgotten leaves no temporary files behind.
        if self._open and self._big and self._process == os.getpid():
            remove_quietly(list(self._big.values()))
