"""Packs as maintenance sees them: what there is, and raw entries to merge without inflating."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import CorruptObjectError

from .damage import DamagedDataError, describe_damage
from .deflate import crc32
from .packread import OFS_DELTA, REF_DELTA
from .packwrite import entry_header, is_in_flight, is_our_keep
from .temporary import read_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._model.objects import Oid

    from .handles import FileHandle
    from .packread import Pack
    from .packwrite import PackWriter


class PackInfo(NamedTuple):
    """What maintenance must know of a pack to decide on it.

    ``path`` is the ``.pack`` file, ``size`` its bytes, ``modified`` its time in seconds since
    the epoch. ``in_flight``: a live writer may still discard it. ``kept``: it has a ``.keep``
    that is not ours, so leave it alone. ``is_cruft``: git keeps unreachable objects in it
    (``.mtimes``). ``is_promisor``: it came from a partial clone (``.promisor``).
    """

    path: str
    object_count: int
    size: int
    modified: float
    in_flight: bool
    kept: bool
    is_cruft: bool
    is_promisor: bool


class PackEntry(NamedTuple):
    """One raw entry of a pack.

    ``kind`` is the number in the pack: 1 to 4 for whole objects, 6 and 7 for deltas, whose
    base is ``base``. ``size`` is what the zlib stream inflates to: for a delta not the size of
    the object. The raw bytes are at ``start`` to ``end`` of the pack, of which the zlib stream
    begins at ``data_start``. ``crc`` is the CRC-32 in the index, ``None`` in a version 1 index.
    """

    oid: Oid
    kind: int
    size: int
    base: Oid | None
    start: int
    data_start: int
    end: int
    crc: int | None
    handle: FileHandle

    def chunks(self) -> Iterator[bytes]:
        """Yield the zlib stream in pieces of at most 1 MiB.

        Raises:
            CorruptObjectError: At the end, if the bytes do not match the CRC-32 of the index.
        """
        fd = self.handle.fd
        checksum = crc32(self.handle.read_at(self.data_start - self.start, self.start))
        for chunk in read_chunks(fd, self.data_start, self.end):
            checksum = crc32(chunk, checksum)
            yield chunk
        if self.crc is not None and checksum != self.crc:
            raise CorruptObjectError(
                describe_damage(self.oid, self.handle.path, "its checksum is wrong")
            )


def describe(pack: Pack) -> PackInfo:
    """Return what maintenance must know of a pack.

    Raises:
        PackGoneError: If it does not exist any more.
        DamagedDataError: If its index is malformed.
    """
    keep = pack.stem + ".keep"
    ours = is_our_keep(keep)
    status = os.stat(pack.path)
    return PackInfo(
        path=pack.path,
        object_count=pack.index.count,
        size=status.st_size,
        modified=status.st_mtime,
        in_flight=ours and is_in_flight(keep),
        kept=not ours and os.path.exists(keep),
        is_cruft=pack.is_cruft,
        is_promisor=pack.is_promisor,
    )


def iter_entries(pack: Pack) -> Iterator[PackEntry]:
    """Yield the raw entries of a pack in the order in which they are stored.

    Raises:
        CorruptObjectError: If an entry is malformed.
    """
    index = pack.index
    handle = pack.open_handle()
    numbers = index.numbers_by_offset()
    offsets = [index.offset_of(number) for number in numbers]
    offsets.append(handle.size - 20)
    oid_at = dict(zip(offsets, map(index.oid_of, numbers)))  # noqa: B905 - the end has no id
    for position, number in enumerate(numbers):
        oid = index.oid_of(number)
        start, end = offsets[position], offsets[position + 1]
        try:
            entry = pack.entry(handle, start)
            base = oid_at[entry.base_offset] if entry.kind >= OFS_DELTA else None
        except (DamagedDataError, IndexError, KeyError) as error:
            raise CorruptObjectError(describe_damage(oid, pack.path, error)) from error
        yield PackEntry(
            oid=oid,
            kind=entry.kind,
            size=entry.size,
            base=base,
            start=start,
            data_start=entry.data_start,
            end=end,
            crc=index.crc_of(number),
            handle=handle,
        )


def copy_entry(writer: PackWriter, entry: PackEntry) -> None:
    """Copy a raw entry into a new pack, unless the object is in it already.

    A delta is copied as one, so its base must get into the same pack: copying *all* entries of
    the packs to merge, one pack after the other, sees to that.

    Raises:
        CorruptObjectError: If the entry does not match its checksum; it is not copied then.
    """
    if entry.oid in writer.entries:
        return
    if entry.base is None:
        header = entry_header(entry.kind, entry.size)
    elif entry.base in writer.entries:
        distance = writer.offset - (writer.entries[entry.base] >> 32)
        header = entry_header(OFS_DELTA, entry.size) + _encode_distance(distance)
    else:
        header = entry_header(REF_DELTA, entry.size) + entry.base
    writer.add_raw(entry.oid, header, entry.chunks())


def _encode_distance(distance: int) -> bytes:
    encoded = bytearray((distance & 0x7F,))
    distance >>= 7
    while distance:
        distance -= 1
        encoded.append(0x80 | distance & 0x7F)
        distance >>= 7
    encoded.reverse()
    return bytes(encoded)


def remove_pack(stem: str) -> None:
    """Delete a pack and what belongs to it, the index first. Idempotent."""
    _remove_multi_pack_index(os.path.dirname(stem))
    for extension in (".idx", ".rev", ".bitmap", ".mtimes", ".promisor", ".pack", ".keep"):
        with suppress(FileNotFoundError):
            os.unlink(stem + extension)


def _remove_multi_pack_index(directory: str) -> None:
    """Delete git's index over several packs: it must not name one that is gone.

    It is a cache: git writes it anew when it repacks.
    """
    chain = os.path.join(directory, "multi-pack-index.d")
    for place in (directory, chain):
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in sorted(os.listdir(place)):
                if name.startswith("multi-pack-index") and name != "multi-pack-index.d":
                    with suppress(FileNotFoundError):
                        os.unlink(os.path.join(place, name))
