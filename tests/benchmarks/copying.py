"""Copying from the local disk: against git, and against merely looking at every file."""

from __future__ import annotations

import os
import stat
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

import anyio

import vost
from tests.benchmarks import peers
from tests.benchmarks.bulk import new_repository
from tests.benchmarks.contents import small_files, write_tree
from tests.benchmarks.racing import Bench, Contender, Row, Timing, Work, ready
from tests.benchmarks.report import at_most, below, duration, faster
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

_HEARTBEAT = 0.001
_LONGEST = 0.025


def copy_in(bench: Bench) -> Iterator[Row]:
    """Copy trees of two sizes: all new, then with nothing to do."""
    sizes = {bench.scaled(5000, 1000): 5, bench.scaled(100_000, 5000): 2}
    new: dict[int, Timing] = {}
    same: dict[int, Timing] = {}
    for count, repeats in sizes.items():
        source = bench.path("source")
        write_tree(source, small_files(count))
        new[count] = yield from _new_files(bench, source, count, repeats)
        same[count] = yield from _nothing_to_do(bench, source, count)
    few, many = sizes
    for what, times in (("copy_in of new files", new), ("copy_in of unchanged files", same)):
        small, large = times[few].best / few, times[many].best / many
        yield Row(
            f"{what}, cost per file at {many:,} files",
            duration(large),
            f"vost at {few:,} files: {duration(small)}",
            f"{large / small:.2f}x",
            "<= 1.3x",
            large / small <= 1.3,
        )


def heartbeat(bench: Bench) -> Iterator[Row]:
    """Measure how long an event loop must wait while a tree is copied beside it."""
    source = bench.path("source")
    files = small_files(bench.scaled(5000, 1000))
    write_tree(source, files)
    for loop in ("asyncio", "trio"):
        results = []
        for _ in range(3):
            path = new_repository(bench)
            results.append(anyio.run(_delays_beside_copy, path, source, backend=loop))
        slowest, beats = min((statistics.quantiles(d, n=100)[98], len(d)) for d in results)
        what = f"heartbeat on {loop}: 99th percentile while {len(files)} files are copied in"
        yield below(what, slowest, _LONGEST, f"{beats} beats, one every {duration(_HEARTBEAT)}")


def _new_files(
    bench: Bench, source: Path, count: int, repeats: int
) -> Generator[Row, None, Timing]:
    times = bench.race(
        repeats,
        Contender("copy_in", partial(_copy_work, bench, source)),
        Contender("git add -A && git commit", partial(_git_work, bench, count)),
    )
    ours = times["copy_in"]
    what = f"copy_in of {count:,} new files"
    yield faster(what, ours, times["git add -A && git commit"], target=2)
    return ours


def _nothing_to_do(bench: Bench, source: Path, count: int) -> Generator[Row, None, Timing]:
    path = new_repository(bench)
    for _ in range(2):  # the second time, nothing that was read the first time is young any more
        _copy(path, source)
        time.sleep(0.1)
    times = bench.race(
        7,
        Contender("copy_in", ready(_copy, path, source)),
        Contender("scandir and lstat", ready(look_at_all, source)),
        Contender("sync_in", ready(_sync, path, source)),
        Contender("sync_in, checksum=False", ready(_sync_by_times, path, source)),
    )
    walk = times["scandir and lstat"]
    for name in ("copy_in", "sync_in", "sync_in, checksum=False"):
        yield at_most(f"{name} of {count:,} unchanged files", times[name], walk, 3)
    return times["copy_in"]


def look_at_all(directory: Path) -> int:
    """List a tree and ask for the status of each file; return how many there are."""
    count = 0
    pending = [str(directory)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if stat.S_ISDIR(entry.stat(follow_symlinks=False).st_mode):
                    pending.append(entry.path)
                else:
                    count += 1
    return count


def _copy(path: Path, source: Path) -> None:
    with GitStore.open(path) as store:
        store.branches["main"].copy_in(f"{source}/", "data")


def _sync(path: Path, source: Path) -> None:
    with GitStore.open(path) as store:
        assert store.branches["main"].sync_in(source, "data").changes is None


def _sync_by_times(path: Path, source: Path) -> None:
    with GitStore.open(path) as store:
        assert store.branches["main"].sync_in(source, "data", checksum=False).changes is None


def _copy_work(bench: Bench, source: Path) -> Work:
    return partial(_copy, new_repository(bench), source)


def _git_work(bench: Bench, count: int) -> Work:
    path = peers.git_init(bench.path("worktree"), bare=False)
    write_tree(path, small_files(count))

    def work() -> None:
        peers.git(path, "add", "-A")
        peers.git(path, "commit", "--quiet", "--message=import")

    return work


async def _delays_beside_copy(path: Path, source: Path) -> list[float]:
    delays: list[float] = []
    async with await vost.GitStore.open(path) as store, anyio.create_task_group() as tasks:
        fs = await store.branches["main"]

        async def beat() -> None:
            while True:
                start = time.perf_counter()
                await anyio.sleep(_HEARTBEAT)
                delays.append(time.perf_counter() - start - _HEARTBEAT)

        tasks.start_soon(beat)
        await fs.copy_in(f"{source}/", "data")
        tasks.cancel_scope.cancel()
    return delays
