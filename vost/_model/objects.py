"""Object ids and types, as Git counts them.

Inside the package an object id is 20 raw bytes (``Oid``). The 40 hexadecimal characters
that people see are made and read at the edge.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hashlib import _Hash
    from typing import TypeAlias

Oid: TypeAlias = bytes

ZERO_OID: Oid = bytes(20)
EMPTY_TREE_OID: Oid = bytes.fromhex("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

_HEX_DIGITS = frozenset("0123456789abcdef")


class ObjectType(IntEnum):
    """The four object types, numbered as in packs.

    Source: https://git-scm.com/docs/gitformat-pack
    """

    COMMIT = 1
    TREE = 2
    BLOB = 3
    TAG = 4

    @property
    def label(self) -> bytes:
        """The type as it is spelled in object headers, for example ``b"commit"``."""
        return _LABELS[self]

    @staticmethod
    def from_label(label: bytes) -> ObjectType:
        """Return the type that ``label`` names.

        Raises:
            ValueError: For anything but the four type names.
        """
        try:
            return _TYPES[label]
        except KeyError:
            raise ValueError(f"not an object type: {label!r}") from None


_LABELS = (b"", b"commit", b"tree", b"blob", b"tag")
"""By number: a dictionary would call Python code to hash an enum member."""
_TYPES = {object_type.label: object_type for object_type in ObjectType}
_HEADERS = tuple(label + b" %d\0" for label in _LABELS)

# Copied for every object: faster than making one each time.
_NEW_SHA1 = hashlib.sha1(usedforsecurity=False)


class ObjectHeader(NamedTuple):
    """What an object is, without its content: its type and its size in bytes."""

    type: ObjectType
    size: int


def oid_to_hex(oid: Oid) -> str:
    """Return the 40 lowercase hexadecimal characters of a raw id."""
    return oid.hex()


def is_hex_oid(text: str) -> bool:
    """Tell whether ``text`` is a full object id: 40 lowercase hexadecimal characters."""
    return len(text) == 40 and _HEX_DIGITS.issuperset(text)


def oid_from_hex(text: str | bytes) -> Oid:
    """Return the raw id of 40 lowercase hexadecimal characters.

    Raises:
        ValueError: If ``text`` is anything else.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    if not is_hex_oid(text):
        raise ValueError(f"not a full object id (40 lowercase hex characters): {text!r}")
    return bytes.fromhex(text)


def object_hasher(object_type: ObjectType, size: int) -> _Hash:
    """Return a SHA-1 that has already taken in the header of an object of ``size`` bytes.

    Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    hasher = _NEW_SHA1.copy()
    hasher.update(_HEADERS[object_type] % size)
    return hasher


def hash_object(object_type: ObjectType, data: bytes) -> Oid:
    """Return the id of an object with this content."""
    hasher = _NEW_SHA1.copy()
    hasher.update(_HEADERS[object_type] % len(data))
    hasher.update(data)
    return hasher.digest()
