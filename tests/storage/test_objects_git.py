"""Beside git: its packs and formats are read, its housekeeping harms nobody, alternates obey."""

from __future__ import annotations

import os
import random
import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.storage.objects_on_disk import (
    BLOB,
    make_repository,
    pack_with_git,
    temporaries,
    versions,
    write,
)
from tests.support.gitcli import assert_fsck_clean
from vost._model.errors import ObjectNotFoundError
from vost._model.objects import hash_object, oid_from_hex
from vost._storage.diskobjects import DiskObjects
from vost._testing.objects import read_to_end

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost._model.objects import Oid


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r.git")


@pytest.fixture
def objects(repository: Path) -> DiskObjects:
    return DiskObjects(repository / "objects")


def commit_versions(git: Git, repository: Path, count: int, branch: str = "main") -> None:
    """Let git make a history of one file that changes and one that grows."""
    stream = []
    for number, data in enumerate(versions(count)):
        stream.append(
            b"commit refs/heads/%b\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n"
            b"M 100644 inline %b/changing.txt\ndata %d\n%b\n"
            b"M 100644 inline growing.txt\ndata %d\n%b\n"
            % (
                branch.encode(),
                number,
                branch.encode(),
                len(data),
                data,
                number * 9,
                b"growing. " * number,
            )
        )
    git(repository, "fast-import", "--quiet", "--force", stdin=b"".join(stream))


def assert_reads_like_git(git: Git, repository: Path, objects: DiskObjects) -> int:
    """Compare everything with ``git cat-file`` and return the number of deltas."""
    form = "%(objectname) %(objecttype) %(objectsize) %(deltabase)"
    listing = git(repository, "cat-file", "--batch-all-objects", f"--batch-check={form}")
    deltas = 0
    seen = set()
    chance = random.Random(1)
    lines = listing.splitlines()
    chance.shuffle(lines)
    for line in lines:
        name, label, size, base = line.split()
        oid = oid_from_hex(name)
        seen.add(oid)
        deltas += base != "0" * 40
        header = objects.header(oid)
        assert (header.type.label.decode(), header.size) == (label, int(size))
        object_type, data = objects.get(oid)
        assert (object_type, len(data)) == header
        offset, length = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
        assert objects.get_range(oid, offset, length) == data[offset:][:length]
        assert read_to_end(objects, oid, offset) == data[offset:]
    assert set(objects.iter_prefix("")) == seen
    assert objects.has_many(seen) == seen
    return deltas


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-c", "pack.indexVersion=1"],
        ["-c", "repack.useDeltaBaseOffset=false"],
        ["-c", "pack.compression=0"],
        ["-c", "pack.compression=9"],
        ["-c", "pack.writeReverseIndex=true", "-c", "repack.writeBitmaps=true"],
    ],
    ids=" ".join,
)
def test_everything_in_a_pack_of_git_is_read(
    git: Git, repository: Path, objects: DiskObjects, options: list[str]
) -> None:
    commit_versions(git, repository, 60)
    git(repository, *options, "repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=20")
    assert assert_reads_like_git(git, repository, objects) > 50
    # Once more with the delta cache warm, and once with a tiny one.
    assert_reads_like_git(git, repository, objects)
    objects._bases._limit = 20_000
    objects._bases.clear()
    assert_reads_like_git(git, repository, objects)


def test_index_with_large_offsets_is_read(git: Git, repository: Path, objects: DiskObjects) -> None:
    oids = write(objects, versions(40))
    pack = pack_with_git(git, repository, oids)
    index = pack.with_suffix(".idx")
    index.unlink()
    git(repository, "index-pack", "--index-version=2,0x40", "-o", index, pack)
    assert int.from_bytes(index.read_bytes()[8 + 1024 + 24 * 40 :][:4], "big") > 0
    for oid in oids:
        objects.remove_loose(oid)
    assert assert_reads_like_git(git, repository, objects) > 20


def test_loose_objects_of_git_are_read(git: Git, repository: Path, objects: DiskObjects) -> None:
    for level in ("0", "1", "9"):
        for data in (b"", b"hello " + level.encode(), os.urandom(300_000), bytes(300_000)):
            options = ("-c", f"core.looseCompression={level}")
            name = git(repository, *options, "hash-object", "-w", "--stdin", stdin=data)
            assert objects.get(oid_from_hex(name)) == (BLOB, data)
    assert_reads_like_git(git, repository, objects)


def test_many_packs_are_searched(git: Git, repository: Path, objects: DiskObjects) -> None:
    oids = []
    for number in range(80):
        pack = objects.pack_writer()
        oids.append(pack.add_stream(BLOB, 3, [b"%03d" % number], lambda _: False))
        pack.finish()
        pack.release()
    for _ in range(3):
        for oid in random.Random(2).sample(oids, len(oids)):
            assert objects.get(oid)[0] is BLOB
    open_files = os.listdir("/proc/self/fd")
    paths = [os.path.realpath(f"/proc/self/fd/{name}") for name in open_files]
    assert 30 < sum(path.startswith(str(repository)) for path in paths) <= 64
    objects.close()
    paths = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    assert not any(path.startswith(str(repository)) for path in paths)
    assert objects.get(oids[0]) == (BLOB, b"000")


# -- housekeeping -----------------------------------------------------------------------


def test_pack_that_git_replaces_is_found_again(
    git: Git, repository: Path, objects: DiskObjects
) -> None:
    commit_versions(git, repository, 5)
    for branch in ("one", "two", "three"):
        before = list(objects.iter_prefix(""))
        first = objects.get(before[0])
        with objects.open_stream(before[0]) as stream:
            commit_versions(git, repository, 5, branch)
            git(repository, "repack", "-q", "-a", "-d", "-f")
            assert stream.read(1 << 20) == first[1]
        if branch == "two":
            objects.close()
        assert objects.get(before[0]) == first
        assert objects.has_many(before) == set(before)
        for oid in before:
            objects.header(oid)


def test_readers_survive_repacking(git: Git, repository: Path, objects: DiskObjects) -> None:
    commit_versions(git, repository, 40)
    oids = list(objects.iter_prefix(""))
    expected = {oid: objects.get(oid) for oid in oids}
    stop = threading.Event()
    problems: list[BaseException] = []
    reads = [0] * 4

    def read(number: int) -> None:
        chance = random.Random(number)
        # Two threads share a handle, the others open their own again and again.
        mine = objects
        try:
            while not stop.is_set():
                if number >= 2 and chance.random() < 0.05:
                    mine = DiskObjects(repository / "objects")
                oid = chance.choice(oids)
                assert mine.get(oid) == expected[oid]
                assert mine.header(oid).size == len(expected[oid][1])
                assert mine.get_range(oid, 5, 50) == expected[oid][1][5:55]
                reads[number] += 1
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(8):
        # Each round makes another pack, so that the old one is deleted.
        git(repository, "repack", "-q", "-a", "-d", "-f", f"--depth={round_ * 3}")
        if round_ == 4:
            git(repository, "repack", "-q", "-A", "-d")
            git(repository, "prune-packed", "-q")
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert min(reads) > 20


def test_writers_survive_gc(git: Git, repository: Path, objects: DiskObjects) -> None:
    commit_versions(git, repository, 5)
    stop = threading.Event()

    def collect() -> None:
        while not stop.is_set():
            git.attempt(repository, "gc", "-q", "--prune=2.weeks.ago")

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        oids = []
        for number in range(30):
            oids += write(objects, [b"%d %d" % (number, n) for n in range(number * 7 % 110 + 1)])
            assert objects.has_many(oids) == set(oids)
    finally:
        stop.set()
        thread.join()
    assert objects.has_many(oids) == set(oids)
    assert temporaries(repository) == []
    assert_fsck_clean(repository)


# -- alternates -------------------------------------------------------------------------


def lend(repository: Path, *paths: Path | str) -> None:
    lines = "".join(f"{path}\n" for path in paths)
    (repository / "objects/info/alternates").write_text(f"# comment\n\n{lines}")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "outside.git")


HELLO = hash_object(BLOB, b"hello")


@pytest.mark.parametrize("count", [1, 100])
def test_alternate_outside_is_named_and_not_followed(
    repository: Path, outside: Path, count: int
) -> None:
    oids: list[Oid] = write(
        DiskObjects(outside / "objects"), [b"%d" % number for number in range(count)]
    )
    lend(repository, outside / "objects")
    objects = DiskObjects(repository / "objects")
    with pytest.raises(ObjectNotFoundError, match=r"outside.git/objects.*follow_alternates=True"):
        objects.get(oids[0])
    with pytest.raises(ObjectNotFoundError, match="git repack -a -d"):
        objects.header(oids[0])
    assert objects.has_many(oids) == set()
    assert list(objects.iter_prefix("")) == []
    following = DiskObjects(repository / "objects", follow_alternates=True)
    assert following.get(oids[0]) == (BLOB, b"0")
    assert following.has_many(oids) == set(oids)
    assert set(following.iter_prefix("")) == set(oids)
    # A writer relies on what is there, and only then.
    write(following, [b"0"])
    assert list(following.iter_loose()) == []
    write(objects, [b"0"])
    assert list(objects.iter_loose()) == [oids[0]]


@pytest.mark.parametrize("quoted", [False, True])
def test_alternate_inside_the_repository_is_followed(repository: Path, quoted: bool) -> None:
    inside = make_repository(repository / "fork\tone")
    write(DiskObjects(inside / "objects"), [b"hello"])
    if quoted:
        lend(repository, f'"{repository}/fork\\tone/objects"')
    else:
        lend(repository, "../fork\tone/objects")
    objects = DiskObjects(repository / "objects")
    assert objects.get(HELLO) == (BLOB, b"hello")
    assert objects.has_many([HELLO]) == {HELLO}


def test_alternate_that_leads_outside_through_a_link_is_not_followed(
    repository: Path, outside: Path
) -> None:
    write(DiskObjects(outside / "objects"), [b"hello"])
    (repository / "fork").symlink_to(outside)
    lend(repository, "../fork/objects", f"../../{repository.name}/../outside.git/objects")
    with pytest.raises(ObjectNotFoundError, match="outside"):
        DiskObjects(repository / "objects").get(HELLO)
    following = DiskObjects(repository / "objects", follow_alternates=True)
    assert list(following.iter_prefix("")) == [HELLO]


@pytest.mark.parametrize("depth,found", [(1, True), (5, True), (6, False)])
def test_nested_alternates_are_followed_to_a_depth_and_cycles_end(
    repository: Path, depth: int, found: bool
) -> None:
    chain = [repository, *(make_repository(repository / f"n{n}") for n in range(depth))]
    for lower, upper in pairwise(chain):
        lend(lower, upper / "objects", repository / "objects", "nowhere")
    [oid] = write(DiskObjects(chain[-1] / "objects"), [b"hello"])
    objects = DiskObjects(repository / "objects")
    assert objects.has_many([oid]) == ({oid} if found else set())


def test_sibling_with_the_repository_as_name_prefix_is_outside(
    tmp_path: Path, repository: Path
) -> None:
    sibling = make_repository(tmp_path / "r.git-evil")
    [oid] = write(DiskObjects(sibling / "objects"), [b"hello"])
    lend(repository, sibling / "objects")
    with pytest.raises(ObjectNotFoundError, match="evil"):
        DiskObjects(repository / "objects").get(oid)
