"""Objects on their way out: as the entries of a pack, in bounded memory.

What lies compressed in a pack is copied as it is, deltas included where their base goes along and
comes first. Everything else is compressed anew, large objects piece by piece.

Source of the format: https://git-scm.com/docs/gitformat-pack
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import GitError, MissingObjectError, ObjectNotFoundError
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid, oid_to_hex
from vost._storage.packwrite import entry_header
from vost._storage.protocols import PackedObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from vost._engine.repository import Repository
    from vost._storage.packscan import PackEntry
    from vost._storage.protocols import Objects

STREAM_FROM = 1 << 20
"""Objects of this size (bytes) are handled piece by piece."""

CHUNK = 1 << 18
_REF_DELTA = 7
_HEADER = struct.Struct(">4sII")
# Going through a whole pack pays if it holds at most so many times the objects that are wanted.
_SCAN_RATIO = 8


class Outgoing(NamedTuple):
    """One object to send.

    Attributes:
        oid: Its id.
        entry: Its compressed entry in a pack, to be copied; ``None``: read it from storage.
    """

    oid: Oid
    entry: PackEntry | None


def outgoing(
    objects: Objects, wanted: Collection[Oid], check: Callable[[], None]
) -> Iterator[Outgoing]:
    """Yield each wanted object once, in an order in which the base of a delta comes before it."""
    written: set[Oid] = set()
    remaining = set(wanted)
    if isinstance(objects, PackedObjects):
        for pack in objects.packs():
            if pack.object_count > _SCAN_RATIO * len(remaining):
                continue
            # A pack that goes away meanwhile, or is damaged, is not the only place to look.
            with suppress(FileNotFoundError, GitError):
                for entry in objects.iter_pack_entries(pack.path):
                    check()
                    oid = entry.oid
                    if oid in remaining and (entry.base is None or entry.base in written):
                        remaining.discard(oid)
                        written.add(oid)
                        yield Outgoing(oid, entry)
    for oid in wanted:
        if oid in remaining:
            check()
            yield Outgoing(oid, None)


def read_object(repository: Repository, oid: Oid) -> tuple[ObjectType, bytes]:
    """Return type and content of an object that must exist.

    Raises:
        MissingObjectError: If it does not.
        CorruptObjectError: If it is damaged.
    """
    try:
        return repository.objects.get(oid)
    except ObjectNotFoundError as error:
        if oid == EMPTY_TREE_OID:  # Git knows it without storing it
            return ObjectType.TREE, b""
        raise MissingObjectError(
            oid_to_hex(oid), f"{repository.location}: an object is missing: {error}"
        ) from error


def size_of(repository: Repository, oid: Oid) -> int:
    """Return the size of an object in bytes; 0 if it does not exist."""
    try:
        return repository.objects.header(oid).size
    except ObjectNotFoundError:
        return 0


def entry_chunks(repository: Repository, item: Outgoing) -> Iterator[bytes]:
    """Yield the bytes of a pack entry.

    Raises:
        MissingObjectError: If the object does not exist.
        CorruptObjectError: If it is damaged.
    """
    oid, entry = item
    if entry is not None:
        if entry.base is None:
            yield entry_header(entry.kind, entry.size)
        else:
            yield entry_header(_REF_DELTA, entry.size) + entry.base
        yield from entry.chunks()
    elif size_of(repository, oid) < STREAM_FROM:
        object_type, data = read_object(repository, oid)
        yield whole_entry(object_type, data)
    else:
        yield from _streamed_entry(repository, oid)


def whole_entry(object_type: ObjectType, data: bytes) -> bytes:
    """Return the pack entry of an object that is in memory."""
    return entry_header(object_type, len(data)) + zlib.compress(data, 1)


def _streamed_entry(repository: Repository, oid: Oid) -> Iterator[bytes]:
    with repository.objects.open_stream(oid) as stream:
        yield entry_header(stream.type, stream.size)
        compress = zlib.compressobj(1)
        while data := stream.read(CHUNK):
            packed = compress.compress(data)
            if packed:
                yield packed
        yield compress.flush()


def pack_chunks(
    repository: Repository,
    wanted: Collection[Oid],
    extra: Mapping[Oid, bytes],
    check: Callable[[], None],
) -> Iterator[bytes]:
    """Yield a complete pack.

    Args:
        repository: Where the objects are.
        wanted: Their ids, each once.
        extra: Commits that are in no repository: their content by id.
        check: Raises when the caller was cancelled.

    Raises:
        MissingObjectError: If an object does not exist.
        CorruptObjectError: If one is damaged.
    """
    hasher = hashlib.sha1(usedforsecurity=False)

    def counted(chunk: bytes) -> bytes:
        hasher.update(chunk)
        return chunk

    yield counted(_HEADER.pack(b"PACK", 2, len(wanted) + len(extra)))
    for data in extra.values():
        yield counted(whole_entry(ObjectType.COMMIT, data))
    for item in outgoing(repository.objects, wanted, check):
        for chunk in entry_chunks(repository, item):
            yield counted(chunk)
    yield hasher.digest()
