"""The contract of objects, on memory and on every form that an object has on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.storage.objects_on_disk import make_repository, pack_with_git, temporaries
from tests.support.gitcli import Git, assert_fsck_clean
from vost._model.objects import ObjectType
from vost._storage.diskobjects import DiskObjects
from vost._storage.memoryobjects import MemoryObjects
from vost._testing.objects import BLOB, ObjectsContract

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vost._model.objects import Oid
    from vost._storage.protocols import Objects


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r.git")


class TestMemoryObjects(ObjectsContract):
    @pytest.fixture
    def objects(self) -> Objects:
        return MemoryObjects()


class OnDisk(ObjectsContract):
    compression: int | None = None

    @pytest.fixture
    def objects(self, repository: Path) -> Iterator[Objects]:
        yield DiskObjects(repository / "objects", compression=self.compression)
        assert temporaries(repository) == []

    @pytest.fixture
    def other(self, objects: Objects, repository: Path) -> Objects:
        return DiskObjects(repository / "objects")


class TestLooseObjects(OnDisk):
    def store(
        self, objects: Objects, contents: Sequence[bytes], object_type: ObjectType = BLOB
    ) -> list[Oid]:
        return [
            super(TestLooseObjects, self).store(objects, [data], object_type)[0]
            for data in contents
        ]


class TestBulkOfObjects(OnDisk):
    pass


class TestDurableObjects(OnDisk):
    @pytest.fixture
    def objects(self, repository: Path) -> Objects:
        return DiskObjects(repository / "objects", fsync_loose=True)


class TestUncompressedObjects(OnDisk):
    compression = 0


class TestZlibObjects(OnDisk):
    compression = 6


class TestPackedObjects(OnDisk):
    def store(
        self, objects: Objects, contents: Sequence[bytes], object_type: ObjectType = BLOB
    ) -> list[Oid]:
        """Put everything into a pack of our own."""
        assert isinstance(objects, DiskObjects)
        pack = objects.pack_writer()
        oids = []
        for data in contents:
            oids.append(pack.add_stream(object_type, len(data), [data], lambda _: False))
        pack.finish()
        pack.release()
        return oids


class TestObjectsPackedByGit(OnDisk):
    @pytest.fixture(autouse=True)
    def _git(self, git: Git, repository: Path) -> None:
        self.git, self.repository = git, repository

    def store(
        self, objects: Objects, contents: Sequence[bytes], object_type: ObjectType = BLOB
    ) -> list[Oid]:
        """Let git make a pack, with deltas."""
        assert isinstance(objects, DiskObjects)
        oids = super().store(objects, contents, object_type)
        pack_with_git(self.git, self.repository, oids)
        for oid in oids:
            objects.remove_loose(oid)
        return oids


@pytest.mark.parametrize("count", [3, 150])
@pytest.mark.parametrize("compression", [None, 0, 1, 9])
def test_git_finds_what_we_write_sound(
    git: Git, repository: Path, count: int, compression: int | None
) -> None:
    objects = DiskObjects(repository / "objects", compression=compression)
    writer = objects.writer()
    oids = [writer.add(BLOB, b"content %d\n" % number * number) for number in range(count)]
    oids.append(writer.add(BLOB, bytes(range(256)) * 1000))
    oids.append(writer.add_stream(BLOB, 3_000_000, [bytes(3_000_000)]))
    tree = b"".join(b"100644 %05d\0%b" % entry for entry in enumerate(oids[:200]))
    oids.append(writer.add(ObjectType.TREE, tree))
    writer.flush()
    writer.release()
    assert_fsck_clean(repository)
    listing = git(
        repository, "cat-file", "--batch-check", stdin="".join(f"{o.hex()}\n" for o in oids)
    ).splitlines()
    for oid, line in zip(oids, listing, strict=True):
        header = objects.header(oid)
        assert line == f"{oid.hex()} {header.type.label.decode()} {header.size}"
        if count == 3:
            content = git.raw(repository, "cat-file", header.type.label.decode(), oid.hex())
            assert objects.get(oid) == (header.type, content)
    for pack in objects.packs():
        git(repository, "verify-pack", pack.path)
        git(repository, "index-pack", "--verify", pack.path)
