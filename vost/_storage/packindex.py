"""Pack indexes, versions 1 and 2: where in a pack is the object with this id?

Source: https://git-scm.com/docs/gitformat-pack

Small indexes are read whole; large ones are mapped, so that only the touched pages are loaded.
Neither is parsed: an id is searched for in the raw bytes of its fan-out bucket.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING

from .damage import DamagedDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vost._model.objects import Oid

_MAP_LIMIT = 1 << 18
_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_FANOUT = struct.Struct(">256I")
_FANOUT_SIZE = _FANOUT.size
_SCAN_LIMIT = 512
_TRAILER_SIZE = 40
_LARGE_OFFSET = 1 << 31

_u32 = struct.Struct(">I").unpack_from
_u64 = struct.Struct(">Q").unpack_from


class PackIndex:
    """A loaded index.

    Args:
        path: The ``.idx`` file.

    Raises:
        FileNotFoundError: If it does not exist (any more).
        DamagedDataError: If it is malformed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._buffer, self.is_mapped = _load(path)
        buffer = self._buffer
        if buffer[:4] == _MAGIC[:4]:
            if buffer[:8] != _MAGIC:
                raise DamagedDataError("unknown version of pack index")
            self.version, fanout_at, self._stride = 2, 8, 20
            self._names = fanout_at + _FANOUT_SIZE
        else:
            self.version, fanout_at, self._stride = 1, 0, 24
            self._names = _FANOUT_SIZE + 4
        if len(buffer) < fanout_at + _FANOUT_SIZE + _TRAILER_SIZE:
            raise DamagedDataError("pack index breaks off")
        self._fanout = (0, *_FANOUT.unpack_from(buffer, fanout_at))
        self.count = self._fanout[256]
        self._check_layout()
        self.pack_checksum = buffer[-_TRAILER_SIZE:-20]

    def _check_layout(self) -> None:
        if any(low > high for low, high in zip(self._fanout, self._fanout[1:])):  # noqa: B905
            raise DamagedDataError("fan-out table of the pack index is not sorted")
        size, count = len(self._buffer), self.count
        if self.version == 1:
            if size != _FANOUT_SIZE + 24 * count + _TRAILER_SIZE:
                raise DamagedDataError("pack index has the wrong size")
            return
        self._crcs = self._names + 20 * count
        self._offsets = self._crcs + 4 * count
        self._large = self._offsets + 4 * count
        large_size = size - _TRAILER_SIZE - self._large
        if large_size % 8 or not 0 <= large_size <= 8 * count:
            raise DamagedDataError("pack index has the wrong size")

    def find(self, oid: Oid) -> int | None:
        """Return the offset of the object in the pack, or ``None``.

        Raises:
            DamagedDataError: If the index is malformed.
        """
        first = oid[0]
        low = self._fanout[first]
        high = self._fanout[first + 1]
        if low == high:
            return None
        names, stride = self._names, self._stride
        if high - low > _SCAN_LIMIT:
            low = self._lower_bound(oid, low, high)
            high = low + 1
        buffer = self._buffer
        base = names + low * stride
        end = names + (high - 1) * stride + 20
        at = buffer.find(oid, base, end)
        while at >= 0:
            number, misfit = divmod(at - names, stride)
            if not misfit:
                if self.version == 2:
                    offset: int = _u32(buffer, self._offsets + 4 * number)[0]
                    if offset < _LARGE_OFFSET:
                        return offset
                return self.offset_of(number)
            at = buffer.find(oid, at + 1, end)
        return None

    def _lower_bound(self, oid: Oid, low: int, high: int) -> int:
        """Return the number of the first entry of the bucket that is not below ``oid``."""
        buffer, names, stride = self._buffer, self._names, self._stride
        while low < high:
            middle = (low + high) // 2
            at = names + middle * stride
            if buffer[at : at + 20] < oid:
                low = middle + 1
            else:
                high = middle
        return low

    def offset_of(self, number: int) -> int:
        """Return the pack offset of the entry with this number.

        Raises:
            DamagedDataError: If the index is malformed.
        """
        if self.version == 1:
            offset: int = _u32(self._buffer, _FANOUT_SIZE + 24 * number)[0]
            return offset
        offset = _u32(self._buffer, self._offsets + 4 * number)[0]
        if offset < _LARGE_OFFSET:
            return offset
        at = self._large + 8 * (offset - _LARGE_OFFSET)
        if at + 8 > len(self._buffer) - _TRAILER_SIZE:
            raise DamagedDataError("pack index names an offset that it does not have")
        offset = _u64(self._buffer, at)[0]
        if offset >> 62:
            raise DamagedDataError("pack index names an impossible offset")
        return offset

    def crc_of(self, number: int) -> int | None:
        """Return the CRC-32 of the raw entry with this number; version 1 has none."""
        if self.version == 1:
            return None
        crc: int = _u32(self._buffer, self._crcs + 4 * number)[0]
        return crc

    def oid_of(self, number: int) -> Oid:
        """Return the id of the entry with this number."""
        at = self._names + number * self._stride
        return self._buffer[at : at + 20]

    def iter_between(self, low: Oid, high: Oid) -> Iterator[Oid]:
        """Yield the ids from ``low`` to ``high``, both included, in order."""
        start, end = self._fanout[low[0]], self._fanout[high[0] + 1]
        for number in range(self._lower_bound(low, start, end), end):
            oid = self.oid_of(number)
            if oid > high:
                return
            yield oid

    def numbers_by_offset(self) -> array[int]:
        """Return the entry numbers in the order of the pack.

        Raises:
            DamagedDataError: If the index is malformed.
        """
        offsets = array("Q", map(self.offset_of, range(self.count)))
        return array("Q", sorted(range(self.count), key=offsets.__getitem__))


def _load(path: str) -> tuple[bytes | mmap.mmap, bool]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if size > _MAP_LIMIT:
            return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ), True
        data = os.read(descriptor, size + 1)
        while len(data) < size:
            more = os.read(descriptor, size - len(data))
            if not more:
                break
            data += more
        return data, False
    finally:
        os.close(descriptor)


def index_parts(entries: Mapping[Oid, int], pack_checksum: bytes) -> Iterator[bytes]:
    """Yield a version 2 index, without the checksum of itself that ends it.

    Args:
        entries: By id: the pack offset, shifted left by 32 bits, plus the CRC-32.
        pack_checksum: The trailer of the pack.
    """
    ordered = sorted(entries)
    counts = [0] * 256
    for oid in ordered:
        counts[oid[0]] += 1
    yield _MAGIC + _FANOUT.pack(*accumulate(counts))
    yield b"".join(ordered)
    yield struct.pack(f">{len(ordered)}I", *(entries[oid] & 0xFFFFFFFF for oid in ordered))
    small: list[int] = []
    large: list[int] = []
    for oid in ordered:
        offset = entries[oid] >> 32
        if offset < _LARGE_OFFSET:
            small.append(offset)
        else:
            small.append(_LARGE_OFFSET + len(large))
            large.append(offset)
    yield struct.pack(f">{len(small)}I", *small)
    yield struct.pack(f">{len(large)}Q", *large)
    yield pack_checksum
