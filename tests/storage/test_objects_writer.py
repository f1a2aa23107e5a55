"""How new objects reach the disk: loose or packed, in flight, and what is left when it fails."""

from __future__ import annotations

import errno
import gc
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.storage.objects_on_disk import BLOB, make_repository, temporaries, versions, write
from tests.support.gitcli import assert_fsck_clean
from vost._model.errors import NotARepositoryError, ObjectNotFoundError
from vost._model.objects import ObjectType
from vost._storage import diskwriter, packwrite, temporary
from vost._storage.diskobjects import DiskObjects
from vost._storage.packwrite import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.gitcli import Git
    from vost._storage.diskwriter import DiskWriter

HUNDRED = [b"number %d" % number for number in range(100)]
OLD = 1_000_000_000


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r.git")


@pytest.fixture
def objects(repository: Path) -> DiskObjects:
    return DiskObjects(repository / "objects")


def files(repository: Path, pattern: str = "*/*") -> list[str]:
    """Return what is below ``objects``, without the directories."""
    found = (repository / "objects").glob(pattern)
    return sorted(str(path.relative_to(repository / "objects")) for path in found)


def fill(writer: DiskWriter, contents: list[bytes] = HUNDRED) -> list[bytes]:
    return [writer.add(BLOB, data) for data in contents]


# -- loose or packed --------------------------------------------------------------------


def test_ninety_nine_objects_become_loose_and_a_hundred_a_pack(
    repository: Path, objects: DiskObjects
) -> None:
    write(objects, HUNDRED[:99])
    assert files(repository, "pack/*") == []
    assert len(list(objects.iter_loose())) == 99
    write(objects, [b"other " + data for data in HUNDRED])
    assert [Path(name).suffix for name in files(repository, "pack/*")] == [".idx", ".pack"]
    assert len(list(objects.iter_loose())) == 99


def test_many_bytes_become_a_pack(repository: Path, objects: DiskObjects) -> None:
    chance = random.Random(1)
    oids = write(objects, [chance.randbytes(900_000) for _ in range(12)])
    assert [info.object_count for info in objects.packs()] == [12]
    assert objects.has_many(oids) == set(oids)


def test_large_objects_are_written_at_once(repository: Path, objects: DiskObjects) -> None:
    writer = objects.writer()
    data = random.Random(1).randbytes(3_000_000)
    oid = writer.add(BLOB, data)
    streamed = writer.add_stream(BLOB, 3_000_000, [data[::-1]])
    assert [path.stat().st_size > 3_000_000 for path in temporaries(repository)] == [True, True]
    writer.flush()
    assert temporaries(repository) == []
    assert set(objects.iter_loose()) == {oid, streamed}


def test_files_are_read_only(repository: Path, objects: DiskObjects) -> None:
    write(objects, HUNDRED)
    write(objects, [b"hello"])
    writer = objects.writer()
    writer.add_stream(BLOB, 5, [b"world"])
    writer.flush()
    paths = [repository / "objects" / name for name in files(repository)]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o444}
    assert len(paths) == 4


def test_incompressible_and_tree_data_is_stored(repository: Path, objects: DiskObjects) -> None:
    noise = random.Random(1).randbytes(100_000)
    text = b"".join(b"%d," % number for number in range(30_000))
    oids = write(objects, [noise, text])
    writer = objects.writer()
    oids.append(writer.add(ObjectType.TREE, text))
    writer.flush()
    sizes = [
        (repository / "objects" / oid.hex()[:2] / oid.hex()[2:]).stat().st_size for oid in oids
    ]
    assert 100_000 < sizes[0] < 100_050
    assert sizes[1] < len(text) // 2
    assert len(text) < sizes[2] < len(text) + 50


# -- existing objects -------------------------------------------------------------------


@pytest.mark.parametrize("count", [5, 100])
def test_existing_objects_are_freshened_and_not_stored_again(
    repository: Path, objects: DiskObjects, count: int
) -> None:
    write(objects, HUNDRED[:count])
    before = files(repository)
    for name in before:
        os.utime(repository / "objects" / name, (OLD, OLD))
    again = DiskObjects(repository / "objects")
    write(again, [*HUNDRED[:count], *HUNDRED[:count]])
    assert files(repository) == before
    changed = [name for name in before if (repository / "objects" / name).stat().st_mtime > OLD]
    assert changed == (before if count == 5 else [name for name in before if "pack" in name[-5:]])


def test_more_lookups_than_are_made_one_by_one_find_loose_objects(objects: DiskObjects) -> None:
    for data in HUNDRED:
        write(objects, [data])
    oids = write(objects, [*HUNDRED, *HUNDRED[::-1]])
    assert set(objects.iter_loose()) == set(oids)
    assert objects.packs() == []


def test_existing_stream_is_dropped_again(repository: Path, objects: DiskObjects) -> None:
    data = random.Random(1).randbytes(2_000_000)
    [oid] = write(objects, [data])
    before = files(repository)
    for count in (0, 100):
        writer = objects.writer()
        fill(writer, [b"%d" % number for number in range(count)])
        assert writer.add_stream(BLOB, len(data), [data]) == oid
        last = writer.add(BLOB, b"last")
        writer.flush()
        writer.release()
        assert objects.get(last)[1] == b"last"
        assert [name for name in files(repository) if name in before] == before
    assert sum(info.size for info in objects.packs()) < 10_000
    assert_fsck_clean(repository)


def test_object_in_a_cruft_pack_is_stored_again(repository: Path, objects: DiskObjects) -> None:
    [oid, *_] = write(objects, HUNDRED)
    [info] = objects.packs()
    Path(info.path).with_suffix(".mtimes").write_bytes(b"")
    again = DiskObjects(repository / "objects")
    write(again, HUNDRED[:1])
    assert list(again.iter_loose()) == [oid]
    assert again.packs()[0].is_cruft


def test_flush_fails_if_an_object_that_existed_was_removed(
    repository: Path, objects: DiskObjects
) -> None:
    [oid] = write(objects, [b"hello"])
    writer = objects.writer()
    writer.add(BLOB, b"hello")
    writer.add(BLOB, b"world")
    objects.remove_loose(oid)
    with pytest.raises(ObjectNotFoundError, match=oid.hex()):
        writer.flush()


def test_flush_accepts_an_object_that_moved_to_another_pack(
    git: Git, repository: Path, objects: DiskObjects
) -> None:
    oids = write(objects, [*HUNDRED, b"hello"])
    [loose] = write(objects, [b"world"])
    writer = objects.writer()
    fill(writer)
    writer.add(BLOB, b"world")
    names = "".join(oid.hex() + "\n" for oid in [*oids, loose])
    git(repository, "pack-objects", "-q", repository / "objects/pack/pack", stdin=names)
    [old] = [info.path for info in objects.packs() if info.object_count == 101]
    objects.remove_pack(old)
    objects.remove_loose(loose)
    writer.flush()


def test_pack_that_vanished_is_not_relied_on(repository: Path, objects: DiskObjects) -> None:
    write(objects, HUNDRED)
    objects.get(write(objects, HUNDRED[:1])[0])
    [info] = DiskObjects(repository / "objects").packs()
    DiskObjects(repository / "objects").remove_pack(info.path)
    oids = write(objects, HUNDRED)
    assert DiskObjects(repository / "objects").has_many(oids) == set(oids)


# -- packs in flight --------------------------------------------------------------------


def test_pack_is_in_flight_until_it_is_released(repository: Path, objects: DiskObjects) -> None:
    writer = objects.writer()
    fill(writer)
    assert [Path(name).name[:9] for name in files(repository, "pack/*")] == ["tmp_pack_"]
    writer.flush()
    [keep] = (repository / "objects/pack").glob("*.keep")
    assert keep.read_bytes().startswith(IN_FLIGHT)
    assert str(os.getpid()) in keep.read_text()
    assert [info.in_flight for info in objects.packs()] == [True]
    writer.release()
    assert [Path(name).suffix for name in files(repository, "pack/*")] == [".idx", ".pack"]
    assert [info.in_flight for info in objects.packs()] == [False]


def test_other_writers_do_not_rely_on_a_pack_in_flight(
    repository: Path, objects: DiskObjects
) -> None:
    first = objects.writer()
    oids = fill(first)
    first.flush()
    for handle in (objects, DiskObjects(repository / "objects")):
        assert handle.get(oids[0]) == (BLOB, HUNDRED[0])
        writer = handle.writer()
        fill(writer, HUNDRED[:1])
        writer.flush()
        assert list(handle.iter_loose()) == [oids[0]]
        handle.remove_loose(oids[0])
    first.release()
    write(objects, HUNDRED)
    assert list(objects.iter_loose()) == []
    assert len(objects.packs()) == 1


def test_same_content_in_flight_twice_makes_independent_packs(
    repository: Path, objects: DiskObjects
) -> None:
    writers = [objects.writer() for _ in range(3)]
    for writer in writers:
        oids = fill(writer)
        writer.flush()
    assert len(objects.packs()) == 3
    writers[0].discard()
    writers[2].discard()
    assert len(objects.packs()) == 1
    assert objects.has_many(oids) == set(oids)
    writers[1].release()
    assert_fsck_clean(repository)
    assert len(files(repository, "pack/*")) == 2


def test_discard_after_flush_removes_the_pack_and_keeps_loose_objects(
    repository: Path, objects: DiskObjects
) -> None:
    writer = objects.writer()
    [oid, *_] = fill(writer)
    writer.flush()
    assert objects.get(oid)
    writer.discard()
    assert files(repository) == []
    with pytest.raises(ObjectNotFoundError):
        objects.get(oid)
    writer = objects.writer()
    fill(writer, [b"hello"])
    writer.flush()
    writer.discard()
    assert len(files(repository)) == 1


def test_git_leaves_a_pack_in_flight_alone(
    git: Git, repository: Path, objects: DiskObjects
) -> None:
    writer = objects.writer()
    oids = fill(writer)
    writer.flush()
    git(repository, "repack", "-a", "-d", "-q")
    git(repository, "gc", "-q", "--prune=now")
    assert objects.has_many(oids) == set(oids)
    writer.release()


# -- failures ---------------------------------------------------------------------------


def fail_with(error: int) -> object:
    def fail(*_args: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail


@pytest.mark.parametrize("count", [3, 100])
@pytest.mark.parametrize("name", ["write_all", "os.fsync", "os.rename"])
def test_full_disk_leaves_no_temporary_files(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    name: str,
) -> None:
    objects = DiskObjects(repository / "objects", fsync_loose=True)
    writer = objects.writer()
    with monkeypatch.context() as patch:
        if name == "write_all":
            for module in (packwrite, diskwriter, temporary, sys.modules["vost._storage.loose"]):
                patch.setattr(module, name, fail_with(errno.ENOSPC))
        else:
            patch.setattr(name, fail_with(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            fill(writer, HUNDRED[:count])
            writer.flush()
    writer.discard()
    assert files(repository, "*/*") == []
    assert write(objects, HUNDRED[:count])
    assert_fsck_clean(repository)


def test_full_disk_in_a_stream_leaves_no_temporary_files(
    repository: Path, objects: DiskObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (0, 100):
        writer = objects.writer()
        fill(writer, HUNDRED[:count])
        with monkeypatch.context() as patch:
            for module in (packwrite, diskwriter):
                patch.setattr(module, "write_all", fail_with(errno.ENOSPC))
            with pytest.raises(OSError, match="No space left"):
                writer.add_stream(BLOB, 5_000_000, [os.urandom(5_000_000)])
        writer.discard()
        assert temporaries(repository) == []


def test_writer_goes_on_after_a_source_failed(repository: Path, objects: DiskObjects) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(5_000_000)
        raise OSError(errno.EIO, "the source is damaged")

    for count in (0, 100):
        writer = objects.writer()
        oids = fill(writer, HUNDRED[:count])
        with pytest.raises(OSError, match="source"):
            writer.add_stream(BLOB, 10_000_000, chunks())
        oids.append(writer.add(BLOB, b"last"))
        writer.flush()
        writer.release()
        assert objects.has_many(oids) == set(oids)
    assert sum(info.size for info in objects.packs()) < 10_000
    assert_fsck_clean(repository)


def test_pack_that_could_not_be_written_takes_no_more(
    repository: Path, objects: DiskObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = objects.writer()
    fill(writer)
    with monkeypatch.context() as patch:
        patch.setattr(packwrite, "write_all", fail_with(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            fill(writer, [os.urandom(900_000), os.urandom(900_000)])
    assert temporaries(repository) == []
    for attempt in (lambda: writer.add(BLOB, b"more"), writer.flush):
        with pytest.raises(RuntimeError, match="discarded"):
            attempt()


def test_forgotten_writer_leaves_no_temporary_files(repository: Path, objects: DiskObjects) -> None:
    for count in (0, 100):
        writer = objects.writer()
        fill(writer, HUNDRED[:count])
        writer.add_stream(BLOB, 2_000_000, [bytes(2_000_000)])
        assert temporaries(repository)
        del writer
        gc.collect()
        assert temporaries(repository) == []


def test_pruned_temporary_files_do_not_harm_a_pack(
    git: Git, repository: Path, objects: DiskObjects
) -> None:
    writer = objects.writer()
    oids = fill(writer)
    git(repository, "prune", "--expire=now")
    assert temporaries(repository) == []
    writer.flush()
    writer.release()
    assert objects.has_many(oids) == set(oids)
    assert_fsck_clean(repository)


def test_fanout_directories_that_gc_removes_are_made_again(
    objects: DiskObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, rename = temporary.create, os.rename
    remaining = [2, 2]

    def remove_then_create(directory: str, prefix: str) -> tuple[int, str]:
        if remaining[0]:
            remaining[0] -= 1
            if os.path.isdir(directory):
                os.rmdir(directory)
        return create(directory, prefix)

    def remove_then_rename(source: str, target: str) -> None:
        if remaining[1]:
            remaining[1] -= 1
            os.unlink(source)
            os.rmdir(os.path.dirname(source))
        rename(source, target)

    monkeypatch.setattr("vost._storage.loose.create", remove_then_create)
    monkeypatch.setattr("os.rename", remove_then_rename)
    [oid] = write(objects, [b"hello"])
    assert objects.get(oid) == (BLOB, b"hello")


CHILD = """
import os, sys
from pathlib import Path
from vost._model.objects import ObjectType
from vost._storage.diskobjects import DiskObjects
writer = DiskObjects(Path(sys.argv[1])).writer()
for number in range(150):
    writer.add(ObjectType.BLOB, b"child %d" % number)
if sys.argv[2] == "flushed":
    writer.flush()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["unflushed", "flushed"])
def test_leftovers_of_a_killed_writer_are_swept(
    repository: Path, objects: DiskObjects, state: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, repository / "objects", state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert objects.remove_leftovers(min_age=0) == []
        assert [info.in_flight for info in objects.packs()] == [True] * (state == "flushed")
        child.send_signal(signal.SIGKILL)
    assert [info.in_flight for info in objects.packs()] == [False] * (state == "flushed")
    assert [info.kept for info in objects.packs()] == [False] * (state == "flushed")
    removed = objects.remove_leftovers(min_age=1000)
    assert len(removed) == 1
    assert removed[0].endswith(".keep") if state == "flushed" else "tmp_pack_" in removed[0]
    # What was published stays: a ref may name it, or will be found to need it by nobody.
    assert [info.object_count for info in objects.packs()] == [150] * (state == "flushed")
    assert_fsck_clean(repository)


def test_old_temporaries_and_a_pack_without_index_are_swept(
    repository: Path, objects: DiskObjects
) -> None:
    directory = repository / "objects"
    (directory / "aa").mkdir()
    old = [directory / "aa/tmp_obj_x1", directory / "tmp_obj_x2", directory / "pack/tmp_idx_x3"]
    young = [directory / "aa/tmp_obj_y1", directory / "pack/tmp_pack_y2"]
    for path in (*old, *young):
        path.touch()
    for path in old:
        os.utime(path, (OLD, OLD))
    half = directory / "pack" / f"pack-{'1' * 40}"
    half.with_suffix(".pack").touch()
    half.with_suffix(".keep").write_bytes(IN_FLIGHT)
    foreign = directory / "pack" / f"pack-{'2' * 40}"
    foreign.with_suffix(".keep").write_bytes(b"precious\n")
    removed = {Path(path) for path in objects.remove_leftovers(min_age=3600)}
    assert removed == {*old, half.with_suffix(".pack"), half.with_suffix(".keep")}
    assert foreign.with_suffix(".keep").exists()
    assert all(path.exists() for path in young)


# -- opening ----------------------------------------------------------------------------


def test_linked_objects_directory_is_refused(tmp_path: Path, repository: Path) -> None:
    other = tmp_path / "other.git"
    other.mkdir()
    (other / "objects").symlink_to(repository / "objects")
    with pytest.raises(NotARepositoryError, match="symbolic link"):
        DiskObjects(other / "objects")


def test_missing_objects_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="not a directory"):
        DiskObjects(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(NotARepositoryError, match="not a directory"):
        DiskObjects(tmp_path / "file")


@pytest.mark.parametrize("compression", [-1, 10])
def test_impossible_compression_is_refused(repository: Path, compression: int) -> None:
    with pytest.raises(ValueError, match="compression"):
        DiskObjects(repository / "objects", compression=compression)


def test_pack_directory_is_made_when_needed(repository: Path, objects: DiskObjects) -> None:
    (repository / "objects/pack").rmdir()
    assert objects.packs() == []
    oids = write(objects, versions(120))
    assert objects.has_many(oids) == set(oids)
