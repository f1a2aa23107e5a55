"""Damaged data: how it is signalled inside storage, and what callers get to see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._model.objects import ObjectType

if TYPE_CHECKING:
    from vost._model.objects import Oid


class DamagedDataError(Exception):
    """Stored bytes are malformed. Whoever knows the object's id makes it a public error."""


TYPE_OF_CODE: tuple[ObjectType | None, ...] = (None, *ObjectType, None, None, None)
"""Object types by their number in packs; ``None`` where the number is no whole object."""


def describe_damage(oid: Oid, path: str, reason: object) -> str:
    """Return the message of a ``CorruptObjectError``: the object, the file and what is wrong."""
    return f"object {oid.hex()} is damaged in {path}: {reason}"
