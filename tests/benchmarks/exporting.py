"""Copying to the local disk: against git, and against merely looking at every file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks import peers
from tests.benchmarks.bulk import new_repository, write_blocking
from tests.benchmarks.contents import small_files
from tests.benchmarks.copying import look_at_all
from tests.benchmarks.racing import Bench, Contender, Row, Timing, Work, ready
from tests.benchmarks.report import at_most, duration
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


def copy_out(bench: Bench) -> Iterator[Row]:
    """Copy trees of two sizes: into an empty directory, then with nothing to do."""
    sizes = {bench.scaled(5000, 1000): 7, bench.scaled(100_000, 5000): 2}
    new: dict[int, Timing] = {}
    same: dict[int, Timing] = {}
    for count, repeats in sizes.items():
        path = new_repository(bench)
        write_blocking(path, small_files(count))
        new[count] = yield from _new_files(bench, path, count, repeats)
        same[count] = yield from _nothing_to_do(bench, path, count)
    few, many = sizes
    for what, times in (("copy_out into an empty folder", new), ("sync_out, nothing to do", same)):
        small, large = times[few].best / few, times[many].best / many
        yield Row(
            f"{what}, cost per file at {many:,} files",
            duration(large),
            f"vost at {few:,} files: {duration(small)}",
            f"{large / small:.2f}x",
            "<= 1.3x",
            large / small <= 1.3,
        )


def _new_files(bench: Bench, path: Path, count: int, repeats: int) -> Generator[Row, None, Timing]:
    times = bench.race(
        repeats,
        Contender("copy_out", partial(_copy_work, bench, path)),
        Contender("git checkout-index -a", partial(_git_work, bench, path)),
    )
    ours = times["copy_out"]
    what = f"copy_out of {count:,} files into an empty folder"
    yield at_most(what, ours, times["git checkout-index -a"], 1.5)
    return ours


def _nothing_to_do(bench: Bench, path: Path, count: int) -> Generator[Row, None, Timing]:
    place = bench.path("synced")
    with GitStore.open(path) as store:
        store.branches["main"].sync_out("", place)
    times = bench.race(
        7,
        Contender("sync_out", ready(_sync, path, place)),
        Contender("sync_out, checksum=False", ready(_sync_by_times, path, place)),
        Contender("copy_out", ready(_copy_again, path, place)),
        Contender("scandir and lstat", ready(look_at_all, place)),
    )
    walk = times["scandir and lstat"]
    for name in ("sync_out", "sync_out, checksum=False", "copy_out"):
        yield at_most(f"{name} of {count:,} unchanged files", times[name], walk, 3)
    return times["sync_out"]


def _copy(path: Path, place: Path) -> None:
    with GitStore.open(path) as store:
        assert store.branches["main"].copy_out("", place).changes is not None


def _copy_again(path: Path, place: Path) -> None:
    with GitStore.open(path) as store:
        assert store.branches["main"].copy_out("", place).changes is None


def _sync(path: Path, place: Path) -> None:
    with GitStore.open(path) as store:
        assert store.branches["main"].sync_out("", place).changes is None


def _sync_by_times(path: Path, place: Path) -> None:
    with GitStore.open(path) as store:
        assert store.branches["main"].sync_out("", place, checksum=False).changes is None


def _copy_work(bench: Bench, path: Path) -> Work:
    return partial(_copy, path, bench.path("copied"))


def _git_work(bench: Bench, path: Path) -> Work:
    place = bench.path("checked-out")
    place.mkdir()
    there = ["--git-dir=.", f"--work-tree={place}"]
    peers.git(path, *there, "read-tree", "main")
    return lambda: peers.git(path, *there, "checkout-index", "--all")
