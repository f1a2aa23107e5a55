"""Deltas of foreign packs: applying them, with a bounded cache of their bases.

We never write deltas ourselves; git does when it repacks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING

from .damage import DamagedDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._model.objects import ObjectType

MAX_CHAIN = 4096
"""Longest delta chain that is followed; git itself never makes one of that length."""

MAX_RESULT = 1 << 31
"""Most bytes that a delta may expand to: it has to be resolved in memory."""

_MAX_COPY = 0xFFFFFF


def result_size(delta: bytes) -> tuple[int, int]:
    """Return the sizes that a delta declares: of its base and of its result, in bytes.

    Args:
        delta: The delta, or at least its first 20 bytes.

    Raises:
        DamagedDataError: If the sizes are malformed.
    """
    if len(delta) > 3 and delta[0] >= 0x80 > delta[1] and delta[2] >= 0x80 > delta[3]:
        # Both from 128 bytes to 16 KiB, as they mostly are: at half the price of the loop.
        return delta[0] & 0x7F | delta[1] << 7, delta[2] & 0x7F | delta[3] << 7
    sizes = []
    size = shift = 0
    for byte in delta[:20]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            sizes.append(size)
            if len(sizes) == 2:
                return sizes[0], size
            size = shift = 0
        elif shift > 63:
            break
    raise DamagedDataError("delta breaks off")


def apply(base: bytes, delta: bytes) -> bytes:
    """Return what ``delta`` makes of ``base``.

    Raises:
        DamagedDataError: If the delta is malformed, does not fit or is unreasonably large.
    """
    apply_delta, errors = _dulwich()
    base_size, size = result_size(delta)
    if base_size != len(base):
        raise DamagedDataError(f"delta is for {base_size} bytes, its base has {len(base)}")
    if size > min(MAX_RESULT, len(delta) * _MAX_COPY):
        raise DamagedDataError(f"delta claims to expand to {size} bytes")
    try:
        result = b"".join(apply_delta(base, delta))
    except errors as error:
        raise DamagedDataError(f"bad delta ({error})") from error
    if len(result) != size:
        raise DamagedDataError("delta does not expand to the size that it declares")
    return result


@cache
def _dulwich() -> tuple[Callable[[bytes, bytes], list[bytes]], tuple[type[Exception], ...]]:
    # Imported late: dulwich takes 100 ms, and repositories that only we wrote have no deltas.
    from dulwich.errors import ApplyDeltaError
    from dulwich.pack import apply_delta

    return apply_delta, (ApplyDeltaError, ValueError, IndexError, OverflowError)


class DeltaBaseCache:
    """The latest delta bases, by pack and offset, up to a number of bytes.

    The oldest go first, used or not: chains of deltas lead from one object to the next.

    Args:
        limit: Most bytes that are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._bases: OrderedDict[int, tuple[ObjectType, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: int) -> tuple[ObjectType, bytes] | None:
        """Return a base, or ``None``. The key tells the pack and the offset."""
        return self._bases.get(key)

    def put(self, key: int, base: tuple[ObjectType, bytes]) -> None:
        """Keep a base, at the expense of the oldest ones."""
        size = len(base[1])
        if size > self._limit // 4:
            return
        with self._lock:
            if key in self._bases:
                return
            self._bases[key] = base
            self._size += size
            while self._size > self._limit:
                _, (_, dropped) = self._bases.popitem(last=False)
                self._size -= len(dropped)

    def clear(self) -> None:
        """Forget everything; the lock is new too, so that a forked child may call this."""
        self._lock = threading.Lock()
        self._bases = OrderedDict()
        self._size = 0
