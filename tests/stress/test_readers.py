"""Readers need no lock: what is repacked beside them is found where it is now."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.stress.sizes import small_and_full
from vost_sync import GitStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "r.git"
    with GitStore.open(path) as store, store.branches["main"].batch() as batch:
        for number in range(150):
            batch.write(f"dir{number % 5}/{number}", b"%d" % number)
    return path


@pytest.mark.slow
def test_listing_that_misses_both_packs_is_repeated(
    repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory listing is no snapshot: it may miss the new pack and no longer have the old."""
    store = GitStore.open(repository)
    fs = store.branches["main"]
    fs.read("dir1/1")
    store.close()
    git(repository, "config", "pack.packSizeLimit", "1m")
    (old,) = (repository / "objects/pack").glob("*.pack")
    fs.write("another", b"so that the new pack has another name")
    git(repository, "repack", "-a", "-d", "-q")
    assert not old.exists()

    real, missed = os.listdir, []

    def listdir(path: str) -> list[str]:
        names = real(path)
        if str(path).endswith("objects/pack") and len(missed) < 1:
            missed.append(path)
            # That packs come and go meanwhile is what makes a listing miss them.
            (repository / "objects/pack/pack-passing").touch()
            (repository / "objects/pack/pack-passing").unlink()
            return [name for name in names if not name.startswith("pack-")]
        return names

    monkeypatch.setattr(os, "listdir", listdir)
    assert fs.read("dir2/2") == b"2"
    assert missed
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("rounds", small_and_full(12, 300))
def test_readers_beside_repacks_find_everything(rounds: int, repository: Path, git: Git) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def read() -> None:
        store = GitStore.open(repository)
        try:
            while not stop.is_set():
                fs = store.branches["main"]
                paths = fs.ls(recursive=True)
                fs.read_many(paths)
        except BaseException as error:
            errors.append(error)
        store.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    caretaker = GitStore.open(repository)
    for number in range(rounds):
        with caretaker.branches["main"].batch() as batch:
            for name in range(110):
                batch.write(f"new{number % 4}/{name}", b"%d %d" % (number, name))
        git(repository, "repack", "-a", "-d", "-q")
        caretaker.gc()
    stop.set()
    for reader in readers:
        reader.join()
    caretaker.close()
    assert errors == []
