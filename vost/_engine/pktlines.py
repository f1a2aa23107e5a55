"""Packets of Git's protocol: four hexadecimal digits for the length, then the content.

Source of the format: https://git-scm.com/docs/gitprotocol-common
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vost._model.objects import Oid, is_hex_oid, oid_from_hex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FLUSH = b"0000"
DELIMITER = b"0001"
LONGEST = 65_520
_HEADER = 4
_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")


class MalformedRequestError(ValueError):
    """A client said what is not of the protocol."""


def packet(content: bytes) -> bytes:
    """Return one packet."""
    return b"%04x" % (len(content) + _HEADER) + content


def parse(data: bytes) -> Iterator[bytes | None]:
    """Yield the content of each packet; ``None`` for a flush, ``DELIMITER`` for a delimiter.

    Lines lose their line end.

    Raises:
        MalformedRequestError: If the data is no sequence of whole packets.
    """
    position = 0
    while position < len(data):
        digits = data[position : position + _HEADER]
        if not _LENGTH.fullmatch(digits):
            raise MalformedRequestError("a packet has no length")
        length = int(digits, 16)
        if length <= 1:
            yield DELIMITER if length else None
            position += _HEADER
            continue
        if length < _HEADER or length > LONGEST or position + length > len(data):
            raise MalformedRequestError("a packet has a wrong length")
        yield data[position + _HEADER : position + length].removesuffix(b"\n")
        position += length


def parse_oid(text: bytes) -> Oid:
    """Return the object id that a client wrote.

    Raises:
        MalformedRequestError: If it is none.
    """
    try:
        digits = text.decode("ascii")
    except UnicodeDecodeError:
        digits = ""
    if not is_hex_oid(digits):
        raise MalformedRequestError("an object id is malformed")
    return oid_from_hex(digits)


def parse_number(text: bytes) -> int:
    """Return a number that a client wrote: not negative, and not larger than any time or depth.

    Raises:
        MalformedRequestError: If it is none.
    """
    if not text.isdigit() or len(text) > 12:
        raise MalformedRequestError("a number is malformed")
    return int(text)


def sideband(chunks: Iterable[bytes], room: int) -> Iterator[bytes]:
    """Yield data as packets of band 1.

    Args:
        chunks: The data, in pieces of any size.
        room: The most bytes of data of a packet; 0: no packets, but the data as it is.
    """
    waiting = bytearray()
    step = room or LONGEST
    for chunk in chunks:
        waiting += chunk
        if len(waiting) >= step:
            whole = len(waiting) - len(waiting) % step
            view = bytes(waiting[:whole])
            del waiting[:whole]
            for start in range(0, whole, step):
                yield _banded(view[start : start + step], room)
    if waiting:
        yield _banded(bytes(waiting), room)


def _banded(data: bytes, room: int) -> bytes:
    return packet(b"\x01" + data) if room else data
