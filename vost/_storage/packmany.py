"""Reading many small objects of one pack: in the order of the pack, many with one call.

Where the entries lie close together, a call for each of them would take as long as finding and
hashing it, and reading them in a random order would make a disk seek.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._model.objects import hash_object

from .damage import TYPE_OF_CODE
from .deflate import MALFORMED, decompress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vost._model.objects import ObjectType, Oid

    from .packread import Pack

_WINDOW = 1 << 18
_ENTRY = 4 * 1024
_GAP = 16 * 1024
_SMALL = 64 * 1024


def read_small(pack: Pack, oids: Iterable[Oid]) -> dict[Oid, tuple[ObjectType, bytes]]:
    """Return type and content, verified, of those of ``oids`` that are easy to read.

    What is not in the pack, is large, a delta or damaged is left out: ``Pack.get`` reads it, or
    says what is wrong.

    Raises:
        PackGoneError: If the pack does not exist any more.
        DamagedDataError: If pack or index is malformed.
    """
    located = sorted((at, oid) for oid in oids if (at := pack.find(oid)) is not None)
    if not located:
        return {}
    handle = pack.open_handle()  # held, so that no other thread closes it meanwhile
    pack.used = True
    found = {}
    window, start = b"", 0
    for number, (at, oid) in enumerate(located):
        if at + _ENTRY > start + len(window):
            start = at
            window = handle.read_at(_window_size(located, number), at)
        content = _parse(window, at - start)
        if content is not None and hash_object(*content) == oid:
            found[oid] = content
    return found


def _window_size(located: list[tuple[int, Oid]], number: int) -> int:
    """Return how many bytes from an entry on are worth reading at once."""
    start = end = located[number][0]
    for following in range(number + 1, len(located)):
        at = located[following][0]
        if at - end > _GAP or at - start > _WINDOW:
            break
        end = at
    return end - start + _ENTRY


def _parse(window: bytes, at: int) -> tuple[ObjectType, bytes] | None:
    """Return type and content of the entry at ``at``, if all of it is in the window."""
    try:
        byte = window[at]
        object_type = TYPE_OF_CODE[byte >> 4 & 7]
        size = byte & 15
        at, shift = at + 1, 4
        while byte & 0x80:
            byte = window[at]
            size |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        if object_type is None or size > _SMALL or (size > _ENTRY and at + size > len(window)):
            return None
        # One that did not compress is a little longer than its content, no more than this.
        data = decompress(window[at : at + size + (size >> 8) + 64])
    except MALFORMED:
        return None
    return (object_type, data) if len(data) == size else None
