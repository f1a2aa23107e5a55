"""``kill -9`` at any moment of writing loses nothing that was acknowledged and blocks nobody."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.stress.judging import assert_tidy, assert_usable, leftovers, reflog_tips, tip
from tests.stress.sizes import small_and_full
from tests.support.gitcli import assert_fsck_clean
from vost_sync import GitStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stress.forkserver import Child, ForkServer
    from tests.support.gitcli import Git

AT_ONCE = 2.0
"""Seconds within which the next writer must be done."""

LONG_AGO = 4 * 7 * 24 * 3600
"""Seconds after which a temporary file is nobody's, whatever tells so."""

# Which tasks are killed, and about how many seconds one step of each takes.
WRITERS = {
    "single_writes": 0.01,
    "batches": 0.05,
    "imports": 0.1,
    "undo_and_redo": 0.02,
    "large_files": 0.1,
    "maintenance": 0.05,
}


def kill_at_random(
    server: ForkServer, task: str, repository: Path, chance: random.Random, step: float
) -> Child:
    """Start a task and kill it: some acknowledgements in, and then at any moment of the next."""
    child = server.start(task, repository, chance.randrange(1 << 30))
    child.go()
    child.listen(lines=chance.randrange(7))
    # Waits for the moment, not for something to happen: it is what the kill is about.
    child.listen(deadline=time.monotonic() + chance.uniform(0, 1.5 * step))
    child.kill()
    assert child.ended == "killed", child.said[-1:]
    assert not any(line.startswith(("error", "interrupted")) for line in child.said)
    return child


def assert_next_writer_starts_at_once(repository: Path, number: int, others: GitStore) -> None:
    """Write with a new handle or with one that was open all the time, without any help."""
    started = time.monotonic()
    store = others if number % 3 == 2 else GitStore.open(repository)
    fs = store.branches["main"].write("after", f"kill {number}".encode())
    took = time.monotonic() - started
    assert fs.read("after") == f"kill {number}".encode()
    assert took < AT_ONCE, f"the writer after kill {number} took {took:.1f} s"
    if store is not others:
        store.close()


@pytest.mark.slow
@pytest.mark.parametrize("kills", small_and_full(2, 12))
@pytest.mark.parametrize("task", sorted(WRITERS))
def test_killed_writer_loses_no_acknowledged_commit(
    task: str, kills: int, server: ForkServer, tmp_path: Path, git: Git, seed: int
) -> None:
    chance = random.Random(f"{task} {seed}")
    repository = tmp_path / "r.git"
    bystander = GitStore.open(repository)
    left: Counter[str] = Counter()
    for number in range(kills):
        before = len(reflog_tips(repository))
        child = kill_at_random(server, task, repository, chance, WRITERS[task])
        acknowledged = [line.split()[1] for line in child.said]
        assert_fsck_clean(repository)
        movements = [new for _, new in reflog_tips(repository)][before:]
        assert movements[: len(acknowledged)] == acknowledged
        assert len(movements) <= len(acknowledged) + 1, "more happened than one step"
        # The last line of the log may tell of a movement that the kill prevented.
        assert tip(repository) in movements[-2:] or not movements
        assert not acknowledged or tip(repository) in movements[len(acknowledged) - 1 :]
        git(repository, "cat-file", "-e", f"{tip(repository)}^{{commit}}")

        assert_next_writer_starts_at_once(repository, number, bystander)
        assert_usable(repository)
        left.update(os.path.basename(name).split("_vost")[0][-8:] for name in leftovers(repository))
    print(f"{task}: {kills} kills left {dict(left)}")
    assert_gc_tidies(repository, bystander)
    bystander.close()


def assert_gc_tidies(repository: Path, store: GitStore) -> None:
    """Fail unless gc removes what the dead left, now that it is old enough to be sure."""
    long_ago = time.time() - LONG_AGO
    for name in leftovers(repository):
        os.utime(repository / name, (long_ago, long_ago))
    before = {name: fs.commit_hash for name, fs in store.branches.items()}
    store.gc()
    assert_tidy(repository)
    assert_fsck_clean(repository)
    assert {name: fs.commit_hash for name, fs in store.branches.items()} == before


@pytest.mark.slow
@pytest.mark.parametrize("kills", small_and_full(2, 10))
def test_killed_notes_writer_loses_no_acknowledged_note(
    kills: int, server: ForkServer, tmp_path: Path, git: Git, seed: int
) -> None:
    chance = random.Random(f"notes {seed}")
    repository = tmp_path / "r.git"
    store = GitStore.open(repository)
    for number in range(kills):
        child = kill_at_random(server, "notes", repository, chance, 0.02)
        assert_fsck_clean(repository)
        acknowledged = {}
        for line in child.said:
            _, key, text = line.split(" ", 2)
            acknowledged[key] = text
        last = max((int(text.split()[1]) for text in acknowledged.values()), default=-1)
        for key, text in acknowledged.items():
            run, step = store.notes["kills"][key].split()
            # The step that was killed may have been done, or part of its lines said.
            assert run == text.split()[0]
            assert int(step) in (int(text.split()[1]), last, last + 1)
        assert_next_writer_starts_at_once(repository, number, store)
        store.notes["kills"]["f" * 40] = f"after {number}"
        assert_usable(repository)
    assert git(repository, "notes", "--ref=kills", "list").count("\n") + 1 == len(
        store.notes["kills"]
    )
    assert_gc_tidies(repository, store)
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("kills", small_and_full(2, 10))
def test_killed_ref_writer_loses_no_acknowledged_ref(
    kills: int, server: ForkServer, tmp_path: Path, git: Git, seed: int
) -> None:
    chance = random.Random(f"refs {seed}")
    repository = tmp_path / "r.git"
    store = GitStore.open(repository)
    for number in range(kills):
        child = kill_at_random(server, "refs", repository, chance, 0.01)
        assert_fsck_clean(repository)
        expected: dict[str, str] = {}
        for line in child.said:
            _, name, value = line.split()
            expected[name] = value
        listed = git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
        actual = dict(line.split() for line in listed.splitlines())
        # What was done last may be undone by the step that was killed.
        for name, value in list(expected.items())[:-1]:
            assert actual.get(name, "-") == value
        assert_next_writer_starts_at_once(repository, number, store)
        store.tags[f"after/{number}"] = store.branches["main"]
        assert_usable(repository)
        if number % 2:
            git(repository, "pack-refs", "--all")
    assert_gc_tidies(repository, store)
    store.close()
