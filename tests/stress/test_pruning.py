"""``git gc --prune=now`` and ``git repack -a -d`` may fail a writer, but never lose anything."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.stress.judging import assert_usable, first_parents
from tests.stress.sizes import small_and_full
from tests.support.gitcli import assert_fsck_clean
from vost_sync import GitStore, StaleSnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost_sync import FS

WRITERS = 4


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


@pytest.mark.slow
@pytest.mark.parametrize("steps", small_and_full(8, 150))
def test_pruning_beside_writers_loses_nothing(steps: int, tmp_path: Path, git: Git) -> None:
    repository = tmp_path / "r.git"
    GitStore.open(repository).close()
    refused: list[str] = []

    def write(number: int) -> int:
        store = GitStore.open(repository)
        for step in range(steps):
            name = f"scratch{number}"
            while True:
                try:
                    # The same contents come and go, so that what one relies on is pruned.
                    store.branches[name] = store.branches["main"].squash()
                    store.branches[name].write("pooled", b"%d" % (step % 5))
                    del store.branches[name]
                    fs = store.branches["main"]
                    fs.apply({f"{number}": str(step), f"p{number}": b"%d" % (step % 5)})
                except StaleSnapshotError:
                    continue
                except KeyError as error:
                    # An object was pruned a moment before it was named: said, and tried again.
                    refused.append(str(error))
                    store.branches.pop(name, None)
                else:
                    break
        store.close()
        return steps

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        rounds = 0
        while not all(writer.done() for writer in writers):
            git.attempt(repository, "gc", "--prune=now", "--quiet")
            git.attempt(repository, "repack", "-a", "-d", "-q")
            assert_fsck_clean(repository)
            rounds += 1
        done = sum(writer.result() for writer in writers)
    print(f"{rounds} rounds of pruning; refused: {refused}")
    assert len(first_parents(git, repository)) == done + 1
    assert_usable(repository)
