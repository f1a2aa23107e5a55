"""What maintenance builds on: lists of packs, raw entries, merging without inflating."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.storage.objects_on_disk import BLOB, make_repository, pack_with_git, versions, write
from tests.support.gitcli import assert_fsck_clean
from vost._model.errors import CorruptObjectError
from vost._storage.diskobjects import DiskObjects

if TYPE_CHECKING:
    from tests.support.gitcli import Git
    from vost._model.objects import Oid


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r.git")


@pytest.fixture
def objects(repository: Path) -> DiskObjects:
    return DiskObjects(repository / "objects")


def git_pack(git: Git, repository: Path, contents: list[bytes], *options: str) -> list[Oid]:
    """Store contents in a pack of git only."""
    objects = DiskObjects(repository / "objects")
    oids = write(objects, contents[:90]) + write(objects, contents[90:])
    pack_with_git(git, repository, oids, *options)
    for oid in oids:
        objects.remove_loose(oid)
    return oids


def merge(objects: DiskObjects) -> str:
    """Merge all packs into one, as maintenance does."""
    writer = objects.pack_writer()
    old = objects.packs()
    for info in old:
        for entry in objects.iter_pack_entries(info.path):
            objects.copy_pack_entry(writer, entry)
    stem = writer.finish()
    writer.release()
    for info in old:
        objects.remove_pack(info.path)
    return f"{stem}.pack"


@pytest.mark.parametrize("offsets", [True, False])
def test_merged_packs_keep_deltas_and_content(
    git: Git, repository: Path, objects: DiskObjects, offsets: bool
) -> None:
    options = ["--delta-base-offset"] if offsets else []
    contents = versions(50)
    git_pack(git, repository, contents[:30], *options)
    git_pack(git, repository, contents[20:][::-1], *options)
    contents += [b"our own %d" % number for number in range(120)]
    contents.append(random.Random(1).randbytes(3_000_000))
    oids = write(objects, contents)
    before = sum(info.size for info in objects.packs())
    assert len(objects.packs()) == 3
    path = merge(objects)
    assert [(info.path, info.object_count) for info in objects.packs()] == [(path, len(contents))]
    assert objects.packs()[0].size < before
    git(repository, "index-pack", "--verify", path)
    assert git(repository, "verify-pack", "-v", path).count("chain length") > 2
    assert_fsck_clean(repository)
    for handle in (objects, DiskObjects(repository / "objects")):
        for oid, data in zip(oids, contents, strict=True):
            assert handle.get(oid) == (BLOB, data)
    # Merging is repeatable.
    assert merge(objects)
    assert objects.has_many(oids) == set(oids)


def test_entries_come_in_order_and_cover_the_pack(
    git: Git, repository: Path, objects: DiskObjects
) -> None:
    oids = git_pack(git, repository, versions(30))
    [info] = objects.packs()
    entries = list(objects.iter_pack_entries(info.path))
    assert {entry.oid for entry in entries} == set(oids)
    assert entries[0].start == 12
    assert entries[-1].end == info.size - 20
    assert all(one.end == two.start for one, two in zip(entries, entries[1:]))  # noqa: B905, RUF007
    for entry in entries:
        assert (entry.base is None) == (entry.kind == BLOB)
        assert entry.base is None or entry.base in oids
        data = b"".join(entry.chunks())
        assert len(data) == entry.end - entry.data_start


def test_damaged_entry_is_not_copied(git: Git, repository: Path, objects: DiskObjects) -> None:
    write(objects, [b"number %d" % number for number in range(100)])
    [info] = objects.packs()
    entries = list(objects.iter_pack_entries(info.path))
    path = Path(info.path)
    data = bytearray(path.read_bytes())
    data[entries[7].end - 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    writer = objects.pack_writer()
    for number, entry in enumerate(entries):
        if number == 7:
            with pytest.raises(CorruptObjectError, match=f"{entry.oid.hex()}.*checksum"):
                objects.copy_pack_entry(writer, entry)
        else:
            objects.copy_pack_entry(writer, entry)
    stem = writer.finish()
    git(repository, "verify-pack", stem)
    assert objects.packs()[0].object_count == 99
    writer.discard()


def test_packs_tell_what_git_thinks_of_them(
    git: Git, repository: Path, objects: DiskObjects
) -> None:
    git_pack(git, repository, versions(10))
    [info] = objects.packs()
    path = Path(info.path)
    assert info.size == path.stat().st_size
    assert info.modified == path.stat().st_mtime
    assert not (info.kept)
    assert not (info.in_flight)
    assert not (info.is_cruft)
    assert not (info.is_promisor)
    path.with_suffix(".keep").write_text("precious\n")
    path.with_suffix(".promisor").touch()
    [info] = objects.packs()
    assert (info.kept, info.in_flight, info.is_promisor) == (True, False, True)
    with pytest.raises(FileNotFoundError):
        list(objects.iter_pack_entries("nowhere.pack"))
    objects.remove_pack(info.path)
    assert list((repository / "objects/pack").iterdir()) == []
    objects.remove_pack(info.path)


def test_damaged_index_is_reported(repository: Path, objects: DiskObjects) -> None:
    write(objects, versions(100))
    [info] = objects.packs()
    index = Path(info.path).with_suffix(".idx")
    index.chmod(0o644)
    index.write_bytes(b"")
    with pytest.raises(CorruptObjectError, match=r"\.idx"):
        DiskObjects(repository / "objects").packs()


def test_loose_objects_can_be_packed(repository: Path, objects: DiskObjects) -> None:
    contents = [*versions(5), random.Random(1).randbytes(2_000_000)]
    for data in contents:
        write(objects, [data])
    writer = objects.pack_writer()
    for oid in objects.iter_loose():
        with objects.open_stream(oid) as stream:
            chunks = iter(lambda stream=stream: stream.read(100_000), b"")
            assert writer.add_stream(stream.type, stream.size, chunks, lambda _: False) == oid
    writer.finish()
    writer.release()
    for oid in list(objects.iter_loose()):
        objects.remove_loose(oid)
    assert sorted(objects.get(oid)[1] for oid in objects.iter_prefix("")) == sorted(contents)
    assert_fsck_clean(repository)
