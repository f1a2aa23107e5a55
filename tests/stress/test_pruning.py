"""What git prunes while a program holds snapshots and batches fails cleanly, or does not matter.

``git gc --prune=now`` at the very moment of a write is no part of this: Git itself says that it
needs a repository at rest. (``test_many_writers`` has ``git gc`` as it is run by default.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stress.judging import assert_tidy, assert_usable
from vost._model.objects import ObjectType, hash_object
from vost_sync import BlobOid, GitStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost_sync import FS, Batch


@pytest.fixture
def pruned(tmp_path: Path, git: Git) -> tuple[GitStore, FS]:
    """A store, and a snapshot of a branch that was deleted and whose objects git removed."""
    store = GitStore.open(tmp_path / "r.git")
    store.branches["gone"] = store.branches["main"]
    gone = store.branches["gone"].write("file", b"only here")
    del store.branches["gone"]
    git(tmp_path / "r.git", "gc", "--prune=now", "--quiet")
    return store, gone


def as_branch(store: GitStore, gone: FS) -> None:
    store.branches["back"] = gone


def as_other_branch(store: GitStore, gone: FS) -> None:
    store.branches["main"] = gone


def as_tag(store: GitStore, gone: FS) -> None:
    store.tags["back"] = gone


def as_parent(store: GitStore, gone: FS) -> None:
    store.branches["main"].write("new", b"new", parents=[gone])


def as_parent_of_squashed(store: GitStore, gone: FS) -> None:
    store.branches["back"] = store.branches["main"].squash(parent=gone)


def as_squashed(store: GitStore, gone: FS) -> None:
    store.branches["back"] = gone.squash()


@pytest.mark.parametrize(
    "use", [as_branch, as_other_branch, as_tag, as_parent, as_parent_of_squashed, as_squashed]
)
def test_snapshot_whose_objects_are_gone_is_refused(
    use: Callable[[GitStore, FS], None], pruned: tuple[GitStore, FS], tmp_path: Path
) -> None:
    store, gone = pruned
    with pytest.raises(KeyError, match=r"[0-9a-f]{40}"):
        use(store, gone)
    assert list(store.branches) == ["main"]
    assert list(store.tags) == []
    assert store.branches["main"].read
    assert_usable(tmp_path / "r.git")
    store.close()


def nothing_special(batch: Batch, store: GitStore) -> None:
    batch.write("file", b"new")


def large_file(batch: Batch, store: GitStore) -> None:
    with batch.writer("large") as file:
        for number in range(40):
            file.write(b"%d" % number * 40_000)


def many_files(batch: Batch, store: GitStore) -> None:
    for number in range(300):
        batch.write(f"many/{number}", b"%d" % number)


def many_and_large(batch: Batch, store: GitStore) -> None:
    many_files(batch, store)
    large_file(batch, store)


def same_as_deleted(batch: Batch, store: GitStore) -> None:
    batch.write("file", b"only here")


def many_and_same_as_deleted(batch: Batch, store: GitStore) -> None:
    many_files(batch, store)
    batch.write("file", b"only here")


def blob_of_deleted(batch: Batch, store: GitStore) -> None:
    batch.write("file", BlobOid(hash_object(ObjectType.BLOB, b"only here").hex().encode()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("gc", "--prune=now", "--quiet"), ("repack", "-a", "-d", "-q")]
)
@pytest.mark.parametrize(
    "stage",
    [
        nothing_special,
        large_file,
        many_files,
        many_and_large,
        same_as_deleted,
        many_and_same_as_deleted,
        blob_of_deleted,
    ],
)
def test_pruning_between_staging_and_commit_harms_nothing(
    stage: Callable[[Batch, GitStore], None], command: tuple[str, ...], tmp_path: Path, git: Git
) -> None:
    repository = tmp_path / "r.git"
    store = GitStore.open(repository)
    fs = store.branches["main"].write("base", b"base")
    store.branches["gone"] = fs
    store.branches["gone"].write("file", b"only here")
    del store.branches["gone"]

    def attempt(*, prune: bool) -> FS | None:
        with store.branches["main"].batch() as batch:
            stage(batch, store)
            if prune:
                git(repository, *command)
        return batch.fs

    try:
        new = attempt(prune=True)
    except (OSError, KeyError):
        # What is gone is known to be gone: the second time it is stored anew.
        assert store.branches["main"].commit_hash == fs.commit_hash
        new = fs if stage is blob_of_deleted else attempt(prune=False)
    assert new is not None
    for path in new.ls(recursive=True):
        new.read(path)
    assert_usable(repository)
    store.branches["main"].write("after", b"after")
    assert_usable(repository)
    store.close()


@pytest.mark.parametrize("by_id", [False, True], ids=["content", "id"])
def test_object_that_another_batch_takes_back_is_stored_again(by_id: bool, tmp_path: Path) -> None:
    repository = tmp_path / "r.git"
    store = GitStore.open(repository)
    in_flight = store._aio._repository.objects.writer()
    for number in range(150):
        in_flight.add(ObjectType.BLOB, b"%d" % number)
    in_flight.add(ObjectType.BLOB, b"only here")
    in_flight.flush()  # readable, but no ref has been moved yet

    other = GitStore.open(repository)
    oid = hash_object(ObjectType.BLOB, b"only here").hex()
    assert other.has_hash(oid)
    data = BlobOid(oid.encode()) if by_id else b"only here"
    other.branches["main"].write("kept", data)
    in_flight.discard()

    assert GitStore.open(repository).branches["main"].read("kept") == b"only here"
    assert_tidy(repository)
    assert_usable(repository)
    store.close()
    other.close()
