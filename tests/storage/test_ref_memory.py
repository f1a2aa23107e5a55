"""Refs that are known without reading: never after they have moved (ADR 16)."""

from __future__ import annotations

import time

import pytest

from vost import GitStore, RefNotFoundError
from vost._model.objects import oid_from_hex
from vost._offload import observe_hops
from vost._storage.refmemory import RefMemory

MAIN = "refs/heads/main"


class Known:
    """A repository of git's, and what is remembered of its refs two seconds later."""

    def __init__(self, git, path) -> None:
        self.git = lambda *args: git(path, *args)
        git(path, "init", "-q", "--bare", str(path))
        tree = self.git("mktree")
        self.commits = [self.git("commit-tree", tree, "-m", text) for text in ("one", "two")]
        self.git("update-ref", MAIN, self.commits[0])
        self.memory = RefMemory(str(path), lambda: time.time_ns() + self.ahead)
        self.ahead = 3_000_000_000

    def look(self, name: str = MAIN) -> str | None:
        return self.memory.look(name, lambda: (self.read(name), name == "HEAD"))

    def read(self, name: str):
        lines = self.git("for-each-ref", "--format=%(objectname)", name)
        return oid_from_hex(lines) if lines else None


@pytest.fixture
def known(git, tmp_path):
    return Known(git, tmp_path / "r.git")


def test_a_ref_that_stays_is_known(known):
    assert known.memory.unmoved(MAIN) is None
    found = known.look()
    assert found == oid_from_hex(known.commits[0])
    assert known.memory.unmoved(MAIN) == (found,)


@pytest.mark.parametrize(
    "command",
    [
        ["update-ref", MAIN, "TWO"],
        ["update-ref", "-d", MAIN],
        ["pack-refs", "--all"],
        ["symbolic-ref", MAIN, "refs/heads/other"],
    ],
    ids=lambda command: command[0],
)
def test_a_ref_that_git_touched_is_not_known(known, command):
    known.look()
    known.git(*(known.commits[1] if word == "TWO" else word for word in command))
    assert known.memory.unmoved(MAIN) is None


def test_a_packed_ref_is_known_until_it_moves(known):
    known.git("pack-refs", "--all")
    found = known.look()
    assert known.memory.unmoved(MAIN) == (found,)
    known.git("update-ref", "refs/heads/x", known.commits[0])
    assert known.memory.unmoved(MAIN) == (found,)
    known.git("update-ref", MAIN, known.commits[1])
    assert known.memory.unmoved(MAIN) is None
    known.look()
    known.git("update-ref", "-d", MAIN)
    assert known.memory.unmoved(MAIN) is None


def test_a_packed_ref_is_read_again_when_others_are_packed(known):
    known.git("pack-refs", "--all")
    known.look()
    known.git("update-ref", "refs/heads/x", known.commits[0])
    known.git("pack-refs", "--all")
    assert known.memory.unmoved(MAIN) is None


def test_that_there_is_no_ref_is_known_until_it_is_made(known):
    assert known.look("refs/tags/v1") is None
    assert known.memory.unmoved("refs/tags/v1") == (None,)
    known.git("update-ref", "refs/tags/v1", known.commits[0])
    assert known.memory.unmoved("refs/tags/v1") is None


def test_a_young_file_is_not_trusted(known):
    known.ahead = 0
    known.look()
    assert known.memory.unmoved(MAIN) is None


def test_a_file_of_the_future_is_not_trusted(known):
    known.ahead = -(10**18)
    known.look()
    assert known.memory.unmoved(MAIN) is None


def test_a_symbolic_ref_is_not_trusted(known):
    known.look("HEAD")
    assert known.memory.unmoved("HEAD") is None


def test_what_moves_while_it_is_read_is_not_known(known):
    def read():
        found = known.read(MAIN)
        known.git("update-ref", MAIN, known.commits[1])
        return found, False

    known.memory.look(MAIN, read)
    assert known.memory.unmoved(MAIN) is None


def test_memory_is_bounded(known):
    for number in range(1500):
        known.memory.look(f"refs/tags/{number}", lambda: (None, False))
    assert sum(known.memory.unmoved(f"refs/tags/{n}") is not None for n in range(1500)) <= 1000


async def test_a_settled_branch_is_looked_up_without_a_hop(known, tmp_path):
    async with await GitStore.open(tmp_path / "r.git") as store:
        refs = store._repository.refs
        refs._memory = known.memory
        await store.branches["main"]
        hops = []
        with observe_hops(lambda: hops.append(None)):
            assert (await store.branches["main"]).commit_hash == known.commits[0]
            assert await store.tags.get("v1") is None
            assert await store.tags.get("v1") is None
            assert len(hops) == 1
            known.git("update-ref", MAIN, known.commits[1])
            assert (await store.branches["main"]).commit_hash == known.commits[1]
            known.git("update-ref", "-d", MAIN)
            with pytest.raises(RefNotFoundError):
                await store.branches["main"]
        await store.branches.create("again")
        assert await store.branches.get("again") is not None
