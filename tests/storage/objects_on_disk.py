"""Repositories for the tests of objects on disk, made without a git process."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from vost._model.objects import ObjectType
from vost._storage.packindex import index_parts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost._model.objects import Oid
    from vost._storage.diskobjects import DiskObjects

BLOB = ObjectType.BLOB


def make_repository(path: Path) -> Path:
    """Create an empty bare repository that git accepts."""
    for directory in ("objects/pack", "objects/info", "refs/heads"):
        (path / directory).mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    return path


def write(objects: DiskObjects, contents: Iterable[bytes]) -> list[Oid]:
    """Write blobs as one unit."""
    writer = objects.writer()
    oids = [writer.add(BLOB, data) for data in contents]
    writer.flush()
    writer.release()
    return oids


def versions(count: int) -> list[bytes]:
    """Return contents that git stores as deltas of each other."""
    lines = [b"line %d of a file that changes a little now and then\n" % n for n in range(200)]
    contents = []
    for number in range(count):
        lines[number * 7 % 200] = b"version %d\n" % number
        contents.append(b"".join(lines))
    return contents


def pack_with_git(git: Git, repository: Path, oids: Iterable[Oid], *options: str) -> Path:
    """Make a pack of objects with git, which finds deltas, and return its path."""
    names = "".join(oid.hex() + "\n" for oid in oids)
    base = repository / "objects/pack/pack"
    name = git(repository, "pack-objects", "-q", "--depth=50", *options, base, stdin=names)
    return base.with_name(f"pack-{name}.pack")


def temporaries(repository: Path) -> list[Path]:
    """Return the temporary files in a repository."""
    return sorted((repository / "objects").rglob("tmp_*"))


def delta(base_size: int, size: int, *operations: bytes) -> bytes:
    """Return a delta from its parts."""
    return _size(base_size) + _size(size) + b"".join(operations)


def copy(size: int) -> bytes:
    """Return the delta operation that copies the first ``size`` bytes of the base."""
    return bytes((0xB0, size & 0xFF, size >> 8))


def _size(size: int) -> bytes:
    encoded = bytearray()
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded)


def forge_pack(repository: Path, entries: Iterable[tuple[Oid, bytes]]) -> list[int]:
    """Write a pack from raw entries, right or wrong, and return their offsets."""
    data = bytearray(b"PACK\0\0\0\2\0\0\0\0")
    index: dict[Oid, int] = {}
    for oid, raw in entries:
        index[oid] = len(data) << 32 | zlib.crc32(raw)
        data += raw
    data[8:12] = len(index).to_bytes(4, "big")
    checksum = hashlib.sha1(data).digest()
    stem = repository / f"objects/pack/pack-{checksum.hex()}"
    stem.with_suffix(".pack").write_bytes(data + checksum)
    raw_index = b"".join(index_parts(index, checksum))
    stem.with_suffix(".idx").write_bytes(raw_index + hashlib.sha1(raw_index).digest())
    return [value >> 32 for value in index.values()]
