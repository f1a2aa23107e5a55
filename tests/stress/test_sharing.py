"""One store shared by threads, tasks and forked children; nothing is held longer than needed."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import anyio
import pytest

import vost
from tests.stress.judging import assert_usable, first_parents
from tests.stress.sizes import small_and_full
from tests.support.sources import ROOT
from vost_sync import GitStore, retry_write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.gitcli import Git

THREADS = 8
KEPT_OPEN = 12
"""Descriptors that a store in use may hold: some packs, the file of notes to the next writer."""


def run_child(module: str, *args: object, options: tuple[str, ...] = ()) -> str:
    """Run a child program to its end and return what it prints; it must not complain."""
    result = subprocess.run(
        [sys.executable, *options, "-m", f"tests.stress.children.{module}", *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr, result.stderr
    assert result.returncode == 0
    return result.stdout


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("forks", small_and_full(10, 200))
def test_forked_children_go_on_with_an_inherited_store(
    forks: int, tmp_path: Path, git: Git
) -> None:
    repository = tmp_path / "r.git"
    by_parent = int(run_child("forks", repository, forks))
    # The first commit, the parent's first write, then its batch and what came after.
    assert len(first_parents(git, repository)) == 2 + by_parent + forks
    with GitStore.open(repository) as store:
        fs = store.branches["main"]
        assert sorted(fs.ls("child")) == sorted(str(number) for number in range(forks))
        assert len(store.notes.commits) == len(store.tags) == forks
    assert_usable(repository)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("operations", small_and_full(1000, 20_000))
def test_descriptors_threads_and_memory_stay_flat(operations: int, tmp_path: Path) -> None:
    # Development mode makes every file that the garbage collector has to close a complaint.
    out = run_child("steady", tmp_path / "r.git", operations, options=("-X", "dev", "-W", "error"))
    start, half, end, closed = json.loads(out)
    print(start, half, end, closed)
    assert closed["descriptors"] == start["descriptors"]
    assert end["descriptors"] <= start["descriptors"] + KEPT_OPEN
    assert end["threads"] == start["threads"]
    assert end["memory"] - half["memory"] < 8_000, "kB more in the second half"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("opens", small_and_full(200, 2000))
@pytest.mark.parametrize("close", [True, False], ids=["closed", "dropped"])
def test_opening_again_and_again_keeps_no_descriptor(
    close: bool, opens: int, tmp_path: Path
) -> None:
    repository = tmp_path / "r.git"
    with GitStore.open(repository) as store, store.branches["main"].batch() as batch:
        for number in range(120):
            batch.write(f"packed/{number}", b"%d" % number)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(opens):
        store = GitStore.open(repository)
        fs = store.branches["main"]
        assert fs.read("packed/3") == b"3"
        if number % 20 == 0:
            fs.write("file", b"%d" % number)
        if close:
            store.close()
        del store, fs
    gc.collect()  # stores and their branches refer to each other
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.slow
@pytest.mark.parametrize("steps", small_and_full(8, 200))
@pytest.mark.parametrize("storage", ["disk", "memory"])
def test_threads_share_one_store(storage: str, steps: int, tmp_path: Path, git: Git) -> None:
    repository = tmp_path / "r.git"
    store = GitStore.open(repository) if storage == "disk" else GitStore.memory()
    with store.branches["main"].batch() as batch:
        for number in range(300):
            batch.write(f"dir{number % 9}/{number}", b"%d" % number)
    shared = batch.fs
    assert shared is not None

    def read(number: int) -> None:
        for step in range(steps):
            at = (number * 37 + step * 11) % 300
            assert shared.read(f"dir{at % 9}/{at}") == b"%d" % at
            assert len(shared.ls(recursive=True)) == 300
            assert shared.read_many([f"dir{n % 9}/{n}" for n in range(50)])[49] == b"49"
            with shared.open(f"dir{at % 9}/{at}") as file:
                assert file.read() == b"%d" % at

    def write(number: int) -> None:
        for step in range(steps):
            retry_write(store, "main", f"new/{number}/{step}", b"%d" % step, retries=1000)
            store.notes["threads"][f"{number:02x}{step:038x}"] = f"{number} {step}"

    def close() -> None:
        for _ in range(steps):
            store.close()  # others go on: only cached handles are let go

    with ThreadPoolExecutor(2 * THREADS + 1) as pool:
        work = [pool.submit(read, number) for number in range(THREADS)]
        work += [pool.submit(write, number) for number in range(THREADS)]
        work.append(pool.submit(close))
        for each in work:
            each.result()
    fs = store.branches["main"]
    assert len(fs.ls("new", recursive=True)) == THREADS * steps
    assert len(list(fs.log())) == THREADS * steps + 2
    assert len(store.notes["threads"]) == THREADS * steps
    store.close()
    if storage == "disk":
        assert_usable(repository)


@pytest.fixture
def _threads_alternate() -> Iterator[None]:
    """Let threads take turns so often that they meet in the middle of things."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.slow
@pytest.mark.usefixtures("_threads_alternate")
@pytest.mark.parametrize("storage", ["disk", "memory"])
def test_threads_share_one_batch(storage: str, tmp_path: Path) -> None:
    repository = tmp_path / "r.git"
    store = GitStore.open(repository) if storage == "disk" else GitStore.memory()
    ready = threading.Barrier(THREADS)
    with store.branches["main"].batch() as batch:

        def stage(number: int) -> None:
            ready.wait()
            for step in range(60):
                batch.write(f"{number}/{step}", b"%d %d" % (number, step))
            with batch.writer(f"{number}/written") as file:
                file.write(b"%d" % number)
            batch.remove(f"{number}/0")

        with ThreadPoolExecutor(THREADS) as pool:
            for each in [pool.submit(stage, number) for number in range(THREADS)]:
                each.result()
    fs = batch.fs
    assert fs is not None
    assert len(fs.ls(recursive=True)) == THREADS * 60
    for number in range(THREADS):
        assert fs.read(f"{number}/59") == b"%d 59" % number
    store.close()
    if storage == "disk":
        assert_usable(repository)


@pytest.mark.slow
async def test_tasks_share_one_store(tmp_path: Path) -> None:
    async with await vost.GitStore.open(tmp_path / "r.git") as store:

        async def write(number: int) -> None:
            for step in range(3):
                data = b"%d" % step
                await vost.retry_write(store, "main", f"{number}/{step}", data, retries=1000)
                await store.notes.commits.set(f"{number:02x}{step:038x}", "note")

        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(write, number)
        fs = await store.branches["main"]
        assert len(await fs.ls(recursive=True)) == 36
        assert len([snapshot async for snapshot in fs.log()]) == 37
        assert await store.notes.commits.count() == 36
