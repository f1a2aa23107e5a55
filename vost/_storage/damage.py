"""Damaged data: how it is signalled inside storage, and what callers get to see of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vost._model.objects import ObjectType

if TYPE_CHECKING:
    from vost._model.objects import Oid


class DamagedDataError(Exception):
    """Stored bytes are malformed. Whoever knows the object's id makes it a public error."""


TYPE_OF_CODE: tuple[ObjectType | None, ...] = (None, *ObjectType, None, None, None)
"""Object types by their number in packs; ``None`` where the number is no whole object."""

_HASH_PREFIXES = (b"", *(b"%s " % kind.label for kind in ObjectType))
_JOIN_LIMIT = 1 << 16


def describe_damage(oid: Oid, path: str, reason: object) -> str:
    """Return the message of a ``CorruptObjectError``: the object, the file and what is wrong."""
    return f"object {oid.hex()} is damaged in {path}: {reason}"


def is_content_of(oid: Oid, object_type: ObjectType, data: bytes) -> bool:
    """Tell whether an object of this type and content has the id ``oid``."""
    prefix = b"%s%d\0" % (_HASH_PREFIXES[object_type], len(data))
    if len(data) < _JOIN_LIMIT:
        return hashlib.sha1(prefix + data, usedforsecurity=False).digest() == oid
    hasher = hashlib.sha1(prefix, usedforsecurity=False)
    hasher.update(data)
    return hasher.digest() == oid
