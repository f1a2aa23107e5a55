"""A restore beside writers, and one that is killed: nothing is lost, refs move all or none."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import vost_sync
from tests.support.gitcli import Git, assert_fsck_clean
from tests.support.sources import ROOT
from vost import StaleSnapshotError


@pytest.fixture
def source(tmp_path: Path) -> Any:
    store = vost_sync.GitStore.open(tmp_path / "source.git")
    fs = store.branches["main"].apply({f"d{n % 7}/f{n}": b"%d" % n for n in range(300)})
    store.branches["other"] = fs
    store.tags["v1"] = fs
    return store


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = vost_sync.GitStore.open(tmp_path / "store.git")
    store.branches["gone"] = store.branches["main"].write("mine", b"1")
    return store


def refs_of(git: Git, path: Path) -> str:
    return git(path, "for-each-ref")


def test_commit_during_a_restore_is_not_lost(
    source: Any, store: Any, tmp_path: Path, git: Git
) -> None:
    written: list[Any] = []

    def meanwhile(_: bytes) -> None:
        if not written:
            written.append(store.branches["main"].write("meanwhile", b"2"))

    with pytest.raises(StaleSnapshotError, match=r"refs/heads/main has moved.*nothing was changed"):
        store.restore(tmp_path / "source.git", progress=meanwhile)
    assert store.branches["main"].commit_hash == written[0].commit_hash
    assert sorted(store.branches) == ["gone", "main"]
    assert list(store.tags) == []
    assert not (tmp_path / "store.git/logs/HEAD").exists()
    assert_fsck_clean(tmp_path / "store.git")
    assert store.restore(tmp_path / "source.git").total == 4
    assert store.branches["main"].commit_hash == source.branches["main"].commit_hash


def test_commit_in_the_target_of_a_backup_is_not_lost(
    source: Any, store: Any, tmp_path: Path
) -> None:
    target = vost_sync.GitStore.open(tmp_path / "store.git")
    written: list[Any] = []

    def meanwhile(_: bytes) -> None:
        if not written:
            written.append(target.branches["gone"].write("meanwhile", b"2"))

    with pytest.raises(StaleSnapshotError, match="refs/heads/gone"):
        source.backup(tmp_path / "store.git", progress=meanwhile)
    assert store.branches["gone"].commit_hash == written[0].commit_hash
    assert list(store.tags) == []


def test_move_by_git_is_noticed(source: Any, store: Any, tmp_path: Path, git: Git) -> None:
    path = tmp_path / "store.git"

    before = store.branches["main"].parent.commit_hash

    def meanwhile(_: bytes) -> None:
        git(path, "update-ref", "refs/heads/main", before)

    with pytest.raises(StaleSnapshotError):
        store.restore(tmp_path / "source.git", progress=meanwhile)
    assert store.branches["main"].commit_hash == before
    assert "gone" in store.branches


@pytest.mark.slow
def test_writers_and_restores_side_by_side_lose_nothing(
    source: Any, store: Any, tmp_path: Path
) -> None:
    """Additive restores of other refs, while a thread counts on a branch of its own."""
    counter = store.branches.create("counter")
    stop = threading.Event()
    steps: list[int] = []

    def count() -> None:
        while not stop.is_set():
            number = len(steps) + 1
            vost_sync.retry_write(store, "counter", "n", b"%d" % number, retries=50)
            steps.append(number)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        for n in range(10):
            source.branches["main"].write("f", b"%d" % n)
            assert store.restore(tmp_path / "source.git", refs=["main"]).total == 1
    finally:
        stop.set()
        thread.join()
    assert store.branches["main"].read("f") == b"9"
    assert store.branches["counter"].read("n") == b"%d" % steps[-1]
    assert len(list(store.branches["counter"].log())) == len(steps) + 1
    assert counter.commit_hash


@pytest.mark.parametrize("direction", ["backup", "restore"])
def test_mirror_waits_for_the_lock_of_the_side_that_it_writes(
    source: Any, store: Any, tmp_path: Path, git: Git, direction: str
) -> None:
    path = tmp_path / "store.git"
    before = refs_of(git, path)
    copied = threading.Event()

    def report(line: bytes) -> None:
        if line.startswith(b"copying objects: 100%"):
            copied.set()

    def mirror() -> None:
        if direction == "backup":
            source.backup(path, progress=report)
        else:
            store.restore(tmp_path / "source.git", progress=report)

    thread = threading.Thread(target=mirror)
    with (path / "vost.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread.start()
        assert copied.wait(20)
        thread.join(0.2)
        assert thread.is_alive()
        assert refs_of(git, path) == before
    thread.join()
    assert refs_of(git, path) == refs_of(git, tmp_path / "source.git")


KILLED_WHILE_COPYING = """
import os, signal, sys, vost_sync
def now(line):
    os.kill(os.getpid(), signal.SIGKILL)
vost_sync.GitStore.open(sys.argv[1]).restore(sys.argv[2], progress=now)
"""

KILLED_BEFORE_THE_REFS = """
import os, signal, sys, vost_sync
from vost._engine.mirror import Landing
Landing.commit = lambda self: os.kill(os.getpid(), signal.SIGKILL)
vost_sync.GitStore.open(sys.argv[1]).restore(sys.argv[2])
"""

KILLED_AMONG_THE_REFS = """
import os, signal, sys, vost_sync
from vost._storage.transaction import Transaction
Transaction._commit = lambda self: os.kill(os.getpid(), signal.SIGKILL)
vost_sync.GitStore.open(sys.argv[1]).restore(sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [KILLED_WHILE_COPYING, KILLED_BEFORE_THE_REFS, KILLED_AMONG_THE_REFS],
    ids=["copying", "before", "among"],
)
@pytest.mark.parametrize("kind", ["repository", "bundle"])
def test_killed_restore_leaves_the_refs(
    source: Any, store: Any, tmp_path: Path, git: Git, program: str, kind: str
) -> None:
    place = tmp_path / ("source.git" if kind == "repository" else "x.bundle")
    if kind == "bundle":
        source.bundle_export(place)
    path = tmp_path / "store.git"
    before = refs_of(git, path)
    child = subprocess.run(
        [sys.executable, "-c", program, path, place],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert refs_of(git, path) == before
    assert_fsck_clean(path)
    again = vost_sync.GitStore.open(path)
    assert again.restore(place).total == (4 if kind == "repository" else 3)
    assert again.branches["other"].commit_hash == source.branches["other"].commit_hash
    again.gc()
    assert_fsck_clean(path)
    litter = [p.name for p in path.rglob("*") if p.name.startswith("tmp_") or p.suffix == ".keep"]
    assert litter == []


def test_backup_while_others_make_the_same_repository(source: Any, tmp_path: Path) -> None:
    """All succeed, whoever is first."""
    target = tmp_path / "copy.git"
    handles = [vost_sync.GitStore.open(tmp_path / "source.git") for _ in range(4)]
    errors: list[BaseException] = []

    def back_up(handle: Any) -> None:
        try:
            handle.backup(target)
        except StaleSnapshotError:
            handle.backup(target)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=back_up, args=(handle,)) for handle in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert source.backup(target).in_sync
    assert_fsck_clean(target)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
