"""Writing one pack in one pass: no deltas, nothing read back but for the checksum.

While it grows, the pack is a ``tmp_pack_*`` file. Published, it comes with a ``.keep`` file that
marks it as *in flight*: no ref names its objects yet, git leaves it alone, other writers do not
rely on it, and its writer can still take it back. The writer holds a ``flock`` on either file,
so that a sweep can tell what a dead process left behind.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING

from .bigobjects import encode_object
from .deflate import crc32
from .packindex import index_parts
from .temporary import (
    INDEX_PREFIX,
    PACK_PREFIX,
    create,
    create_locked,
    is_held,
    lock_new_file,
    place,
    read_chunks,
    remove_quietly,
    sync_directory,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vost._model.objects import ObjectType, Oid

    from .deflate import Deflater

IN_FLIGHT = b"vost in flight"

_BUFFER_SIZE = 1 << 20
_PACK_HEADER = struct.Struct(">4sII")


def is_in_flight(keep_path: str) -> bool:
    """Tell whether a ``.keep`` file is one of ours and its writer is alive."""
    return is_our_keep(keep_path) and is_held(keep_path)


def is_our_keep(keep_path: str) -> bool:
    """Tell whether a ``.keep`` file is one of ours, whatever became of its writer."""
    try:
        with open(keep_path, "rb") as keep:
            return keep.read(len(IN_FLIGHT)) == IN_FLIGHT
    except FileNotFoundError:
        return False


def entry_header(kind: int, size: int) -> bytes:
    """Return the header of a pack entry: its kind and the size of the inflated data."""
    byte = kind << 4 | size & 15
    size >>= 4
    if not size:
        return bytes((byte,))
    if size < 0x80:
        return bytes((byte | 0x80, size))
    header = bytearray()
    while size:
        header.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    header.append(byte)
    return bytes(header)


class PackWriter:
    """One new pack.

    Args:
        directory: The ``objects/pack`` directory; created if it does not exist.
        deflater: The compression policy.
    """

    def __init__(self, directory: str, deflater: Deflater) -> None:
        self._directory = directory
        self._deflater = deflater
        self._process = os.getpid()
        self._descriptor = -1
        self._temporary: str | None = None
        self._keep: tuple[int, str] | None = None
        self.stem: str | None = None
        self.entries: dict[Oid, int] = {}
        """By id: the offset, shifted left by 32 bits, plus the CRC-32 of the raw entry."""
        os.makedirs(directory, exist_ok=True)
        self._descriptor, self._temporary = create_locked(directory, PACK_PREFIX)
        self._parts: list[bytes] = [_PACK_HEADER.pack(b"PACK", 2, 0)]
        self._buffered = _PACK_HEADER.size
        self._offset = _PACK_HEADER.size

    # -- content ------------------------------------------------------------------------

    def add(self, oid: Oid, object_type: ObjectType, data: bytes) -> None:
        """Write an object whose id is known.

        Raises:
            RuntimeError: If the pack was finished or discarded (as it is when a write fails).
        """
        if self._descriptor < 0:
            raise RuntimeError("this pack was finished or discarded already")
        entry = entry_header(object_type, len(data)) + self._deflater.deflate(object_type, data)
        self.entries[oid] = self._offset << 32 | crc32(entry)
        self._append(entry)

    def add_stream(
        self,
        object_type: ObjectType,
        size: int,
        chunks: Iterable[bytes],
        exists: Callable[[Oid], bool],
    ) -> Oid:
        """Write an object piece by piece, unless it turns out to exist.

        Args:
            object_type: What it is.
            size: Bytes of its content.
            chunks: The content.
            exists: Whether an object of that id need not be stored.

        Raises:
            ValueError: If the chunks do not add up to ``size`` bytes.
        """
        start = self._offset
        checksum = 0

        def sink(piece: bytes) -> None:
            nonlocal checksum
            checksum = crc32(piece, checksum)
            self._append(piece)

        try:
            sink(entry_header(object_type, size))
            oid = encode_object(
                object_type, size, chunks, deflater=self._deflater, prefix=b"", sink=sink
            )
            if oid in self.entries or exists(oid):
                self._truncate(start)
                return oid
        except BaseException:
            self._truncate(start)
            raise
        self.entries[oid] = start << 32 | checksum
        return oid

    def add_raw(self, oid: Oid, header: bytes, chunks: Iterable[bytes]) -> None:
        """Write an entry that is compressed already.

        Args:
            oid: The object's id.
            header: The header of the entry, with the reference to its base if it is a delta.
            chunks: The zlib stream.
        """
        start = self._offset
        checksum = crc32(header)
        try:
            self._append(header)
            for chunk in chunks:
                checksum = crc32(chunk, checksum)
                self._append(chunk)
        except BaseException:
            self._truncate(start)
            raise
        self.entries[oid] = start << 32 | checksum

    @property
    def offset(self) -> int:
        """Where the next entry will begin."""
        return self._offset

    def _append(self, data: bytes) -> None:
        self._parts.append(data)
        self._offset += len(data)
        self._buffered += len(data)
        if self._buffered >= _BUFFER_SIZE:
            self._write_buffer()

    def _write_buffer(self) -> None:
        data = b"".join(self._parts)
        self._parts.clear()
        self._buffered = 0
        try:
            write_all(self._descriptor, data)
        except BaseException:
            # Nobody knows how much of it was written: the pack cannot be continued.
            self.discard()
            raise

    def _truncate(self, offset: int) -> None:
        """Take back everything from ``offset`` on."""
        if self._descriptor < 0:
            return
        self._write_buffer()
        try:
            os.ftruncate(self._descriptor, offset)
            os.lseek(self._descriptor, offset, os.SEEK_SET)
        except BaseException:
            self.discard()
            raise
        self._offset = offset

    # -- life ---------------------------------------------------------------------------

    def finish(self) -> str:
        """Make the pack durable and publish it, in flight.

        Returns:
            The path of its files without the extension.

        Raises:
            RuntimeError: If the pack was finished or discarded.
            OSError: If it cannot be written; nothing is left of it then.
        """
        if self._descriptor < 0:
            raise RuntimeError("this pack was finished or discarded already")
        try:
            return self._finish()
        except BaseException:
            self.discard()
            raise

    def _finish(self) -> str:
        checksum = self._seal()
        temporary = self._temporary or ""
        index, index_path = self._write_index(checksum)
        try:
            stem = self._claim_name(checksum)
            place(self._descriptor, temporary, stem + ".pack")
            self.stem, self._temporary = stem, None
            place(index, index_path, stem + ".idx")
        except BaseException:
            remove_quietly([index_path])
            raise
        finally:
            os.close(index)
        sync_directory(self._directory)
        self._close()
        return stem

    def _seal(self) -> bytes:
        """Complete header and trailer, make the file durable, return the trailer."""
        self._write_buffer()
        descriptor = self._descriptor
        os.pwrite(descriptor, struct.pack(">I", len(self.entries)), 8)
        hasher = hashlib.sha1(usedforsecurity=False)
        for chunk in read_chunks(descriptor, 0, self._offset):
            hasher.update(chunk)
        write_all(descriptor, hasher.digest())
        os.fsync(descriptor)
        return hasher.digest()

    def _write_index(self, checksum: bytes) -> tuple[int, str]:
        descriptor, path = create(self._directory, INDEX_PREFIX)
        hasher = hashlib.sha1(usedforsecurity=False)
        try:
            for part in index_parts(self.entries, checksum):
                hasher.update(part)
                write_all(descriptor, part)
            write_all(descriptor, hasher.digest())
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            remove_quietly([path])
            raise
        return descriptor, path

    def _claim_name(self, checksum: bytes) -> str:
        """Create the locked ``.keep`` of a name that no pack ever had, and return the stem.

        The same content may have been packed before: by a writer that will take it back, or in a
        pack that a ``git repack`` is about to delete, by its name. Git does not ask whether a name
        is the checksum.
        """
        while True:
            name = hashlib.sha1(checksum + os.urandom(16), usedforsecurity=False)
            stem = f"{self._directory}/pack-{name.hexdigest()}"
            try:
                descriptor = os.open(
                    stem + ".keep", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644
                )
            except FileExistsError:
                continue
            self._keep = descriptor, stem + ".keep"
            if not lock_new_file(descriptor):
                os.close(descriptor)
                self._keep = None
                continue
            import socket  # late: most processes write no pack

            text = b"%s: pid %d on %s\n" % (
                IN_FLIGHT,
                os.getpid(),
                socket.gethostname().encode("utf-8", "replace"),
            )
            write_all(descriptor, text)
            return stem

    def _drop_keep(self) -> None:
        if self._keep is not None:
            descriptor, path = self._keep
            self._keep = None
            remove_quietly([path])
            os.close(descriptor)

    def release(self) -> None:
        """Say that a ref names the objects now. Idempotent."""
        if self._process == os.getpid():
            self._drop_keep()
            self.stem = None

    def discard(self) -> None:
        """Remove the pack, whatever its state, unless it was released. Idempotent."""
        if self._process == os.getpid():
            if self.stem is not None:
                # The index first: without it no reader takes the pack for complete.
                remove_quietly([self.stem + ".idx", self.stem + ".pack"])
                self.stem = None
            if self._temporary is not None:
                remove_quietly([self._temporary])
                self._temporary = None
            self._drop_keep()
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        self._parts = []
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        # Forgotten: unfinished work is litter; a published pack is left to whoever finds it.
        if self._temporary is not None and self._process == os.getpid():
            remove_quietly([self._temporary])
        if self._keep is not None:
            os.close(self._keep[0])
            self._keep = None
        self._close()
