"""Maintenance while git repacks: the worst moments, one by one."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.gitcli import assert_fsck_clean
from vost._engine.maintenance import collect_garbage, pack_loose_objects
from vost._engine.repository import Repository
from vost._model.objects import ObjectType
from vost._storage.diskobjects import DiskObjects
from vost_sync import GitStore

if TYPE_CHECKING:
    from tests.support.gitcli import Git
    from vost._model.objects import Oid
    from vost._model.progress import Progress
    from vost._storage.packwrite import PackWriter


class RepackedBeside(DiskObjects):
    """Storage on disk beside which git repacks just before an old pack is removed."""

    def __init__(self, repository: Path, git: Git) -> None:
        super().__init__(repository / "objects")
        self._repack = partial(git, repository, "repack", "-adq")

    def remove_pack(self, path: str) -> None:
        self._repack()
        super().remove_pack(path)


class ReliedOnBeside(DiskObjects):
    """Storage on disk beside which a writer begins to rely on an object before it is packed."""

    def __init__(self, repository: Path, oid: Oid) -> None:
        super().__init__(repository / "objects")
        self._oid = oid

    def pack_writer(self) -> PackWriter:
        assert DiskObjects(Path(self._path)).writer().rely_on(self._oid)
        return super().pack_writer()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "r.git"
    with GitStore.open(path) as store:
        files = {f"d/{number}": b"%d" % number for number in range(150)}
        store.branches["main"].apply({"file": b"content"} | files)
    return path


def on(objects: DiskObjects, path: Path) -> Repository:
    """Return a repository with another object storage."""
    base = GitStore.open(path)._aio._repository
    return Repository(
        objects=objects,
        refs=base.refs,
        signature=base.signature,
        location=base.location,
        identity=base.identity,
        git_dir=base.git_dir,
    )


def unheard(progress: Progress, *, final: bool = False) -> None:
    """Stand for a progress report that nobody wants."""


def nothing() -> None:
    """Stand for a check that finds no cancellation."""


def add_pack(path: Path, contents: list[bytes]) -> list[Oid]:
    objects = DiskObjects(path / "objects")
    writer = objects.writer()
    oids = [writer.add(ObjectType.BLOB, data) for data in contents]
    writer.flush()
    writer.release()
    return oids


def test_pack_that_git_makes_anew_is_not_all_that_is_left(repository: Path, git: Git) -> None:
    # A repack by git comes to the pack again that it made before, name and all, deletes the
    # merged one, and the name is one of those that we are about to delete.
    git(repository, "repack", "-adq")
    (of_git,) = (repository / "objects/pack").glob("*.pack")
    add_pack(repository, [os.urandom(8) for _ in range(200)])
    (ours,) = set((repository / "objects/pack").glob("*.pack")) - {of_git}
    collect_garbage(on(RepackedBeside(repository, git), repository), unheard, nothing)
    assert not of_git.exists()
    assert not ours.exists()
    assert GitStore.open(repository).branches["main"].read("file") == b"content"
    assert_fsck_clean(repository)


def test_young_object_that_a_writer_begins_to_rely_on_stays_loose(repository: Path) -> None:
    (oid,) = add_pack(repository, [b"nobody refers to this"])
    path = repository / "objects" / oid.hex()[:2] / oid.hex()[2:]
    long_ago = time.time() - 100_000
    os.utime(path, (long_ago, long_ago))
    relied_on = on(ReliedOnBeside(repository, oid), repository)
    pack_loose_objects(relied_on, unheard, nothing)
    # In the pack alone, the next repack by git would drop it.
    assert path.exists()
