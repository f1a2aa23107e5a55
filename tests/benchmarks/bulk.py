"""Many small files in one commit: against the peers, at two sizes, and beside an event loop."""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import TYPE_CHECKING

import anyio
import trio

import vost
from tests.benchmarks import peers
from tests.benchmarks.contents import shuffled, small_files, write_tree
from tests.benchmarks.racing import Bench, Contender, Row, Work, ready
from tests.benchmarks.report import below, duration, faster
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Files = dict[str, bytes]

_HEARTBEAT = 0.001
_SOME = 5000


def batch(bench: Bench) -> Iterator[Row]:
    """Commit new small files in one batch, as vost and everybody else does it."""
    count = bench.scaled(5000, 1000)
    files = small_files(count)
    source = bench.path("source")
    write_tree(source, files)
    check_same_tree(bench, files)
    times = bench.race(
        7,
        Contender("vost_sync", partial(_vost_work, bench, files, write_blocking)),
        Contender("git add -A && git commit", partial(_git_work, bench, files)),
        Contender("vost on asyncio", partial(_vost_work, bench, files, _write_on_asyncio)),
        Contender("git fast-import", partial(_fast_import_work, bench, files)),
        Contender("vost on trio", partial(_vost_work, bench, files, _write_on_trio)),
        Contender("pygit2 (loose)", partial(_peer_work, bench, files, peers.pygit2_batch)),
        Contender("vost_sync from files", partial(_local_work, bench, files, source)),
        Contender("dulwich (pack)", partial(_peer_work, bench, files, peers.dulwich_batch)),
    )
    ours = times["vost_sync"]
    added, imported = times["git add -A && git commit"], times["git fast-import"]
    what = f"batch of {count} new files of 1.2 KB"
    yield faster(f"{what}, vost_sync", ours, added, target=2)
    yield faster(f"{what}, vost_sync", ours, imported, target=1.5)
    for loop in ("asyncio", "trio"):
        yield faster(f"{what}, {loop}", times[f"vost on {loop}"], added, target=2)
        yield faster(f"{what}, {loop}", times[f"vost on {loop}"], imported, target=1.5)
    yield faster(f"{what}, write_from_file()", times["vost_sync from files"], added)
    yield faster(what, ours, times["pygit2 (loose)"])
    yield faster(what, ours, times["dulwich (pack)"])


def check_same_tree(bench: Bench, files: Files) -> None:
    """Check that everybody makes the same tree of the files.

    Raises:
        AssertionError: If somebody does not: then the times mean nothing.
    """
    trees = set()
    for write in (write_blocking, _write_on_asyncio, _fast_import, peers.dulwich_batch):
        path = new_repository(bench)
        write(path, files)
        trees.add(peers.git_tree(path))
    if len(trees) != 1:
        raise AssertionError(f"trees differ: {trees}")


def new_repository(bench: Bench) -> Path:
    """Make a bare repository without branches, to be written once."""
    path = bench.path("new.git")
    GitStore.open(path).close()
    return path


def write_blocking(path: Path, files: Files) -> None:
    """Commit files in one batch through the blocking facade."""
    with GitStore.open(path) as store, store.branches["main"].batch() as staged:
        for name, data in files.items():
            staged.write(name, data)


async def write_async(path: Path, files: Files) -> None:
    """Commit files in one batch through the async API."""
    async with await vost.GitStore.open(path) as store:
        fs = await store.branches["main"]
        async with fs.batch() as staged:
            for name, data in files.items():
                await staged.write(name, data)


def _write_on_asyncio(path: Path, files: Files) -> None:
    asyncio.run(write_async(path, files))


def _write_on_trio(path: Path, files: Files) -> None:
    trio.run(write_async, path, files)


def _vost_work(bench: Bench, files: Files, write: Callable[[Path, Files], None]) -> Work:
    return partial(write, new_repository(bench), files)


def _local_work(bench: Bench, files: Files, source: Path) -> Work:
    path = new_repository(bench)

    def work() -> None:
        with GitStore.open(path) as store, store.branches["main"].batch() as staged:
            for name in files:
                staged.write_from_file(name, source / name)

    return work


def _peer_work(bench: Bench, files: Files, write: Callable[[Path, Files], None]) -> Work:
    return partial(write, peers.git_init(bench.path("peer.git")), files)


def _git_work(bench: Bench, files: Files) -> Work:
    path = peers.git_init(bench.path("worktree"), bare=False)
    write_tree(path, files)

    def work() -> None:
        peers.git(path, "add", "-A")
        peers.git(path, "commit", "--quiet", "--message=import")

    return work


def _fast_import(path: Path, files: Files) -> None:
    # By force: a new vost repository has a first commit already.
    arguments = ["fast-import", "--quiet", "--done", "--force"]
    peers.git(path, *arguments, stdin=peers.fast_import_stream(files))


def _fast_import_work(bench: Bench, files: Files) -> Work:
    path = peers.git_init(bench.path("imported.git"))
    stream = peers.fast_import_stream(files)
    return lambda: peers.git(path, "fast-import", "--quiet", "--done", stdin=stream)


def scale(bench: Bench) -> Iterator[Row]:
    """Compare the cost of a file among very many with that among many."""
    many, few = bench.scaled(100_000, 10_000), bench.scaled(5000, 1000)
    sizes = {many: small_files(many), few: small_files(few)}
    times = bench.race(
        3,
        *(
            Contender(f"{count} files", partial(_vost_work, bench, files, write_blocking))
            for count, files in sizes.items()
        ),
    )
    yield _scaled_row(
        "batch write", few, many, times[f"{few} files"].best, times[f"{many} files"].best
    )
    paths = {}
    for count, files in sizes.items():
        paths[count] = bench.path("stored.git")
        write_blocking_at(paths[count], files)
    operations: dict[str, Callable[[Path, Files], None]] = {
        "read of all, in random order": _read_all,
        "read of 5000, in random order": _read_some,
        "ls(recursive=True)": _list_all,
        "walk": _walk_all,
    }
    for name, operation in operations.items():
        found = bench.race(
            3,
            *(
                Contender(str(count), ready(operation, paths[count], sizes[count]))
                for count in sizes
            ),
        )
        costs = {count: found[str(count)].best for count in sizes}
        if operation is _read_some:
            # The same number of files from both: shows what trees cost that are met first.
            costs = {count: cost * count / _SOME for count, cost in costs.items()}
        aimed = operation is not _read_some
        yield _scaled_row(name, few, many, costs[few], costs[many], aimed=aimed)


def write_blocking_at(path: Path, files: Files) -> None:
    """Make a repository with these files in one commit."""
    GitStore.open(path).close()
    write_blocking(path, files)


def _scaled_row(
    what: str, few: int, many: int, small: float, large: float, *, aimed: bool = True
) -> Row:
    ratio = (large / many) / (small / few)
    return Row(
        f"{what}, cost per file at {many:,} files",
        duration(large / many),
        f"vost at {few:,} files: {duration(small / few)}",
        f"{ratio:.2f}x",
        "<= 1.3x" if aimed else "",
        ratio <= 1.3 if aimed else None,
    )


def _read_all(path: Path, files: Files) -> None:
    _read(path, random.Random(1).sample(list(files), len(files)))


def _read_some(path: Path, files: Files) -> None:
    _read(path, shuffled(files, _SOME))


def _read(path: Path, names: list[str]) -> None:
    with GitStore.open(path) as store:
        fs = store.branches["main"]
        for name in names:
            fs.read(name)


def _list_all(path: Path, files: Files) -> None:
    with GitStore.open(path) as store:
        assert len(store.branches["main"].ls(recursive=True)) == len(files)


def _walk_all(path: Path, files: Files) -> None:
    with GitStore.open(path) as store:
        assert sum(len(step[2]) for step in store.branches["main"].walk()) == len(files)


def heartbeat(bench: Bench) -> Iterator[Row]:
    """Measure how long an event loop must wait while a batch is written beside it."""
    files = small_files(bench.scaled(5000, 1000))
    for loop in ("asyncio", "trio"):
        longest, beats = float("inf"), 0
        for _ in range(5):
            path = new_repository(bench)
            delays = anyio.run(_delays_beside_batch, path, files, backend=loop)
            longest, beats = min((longest, beats), (max(delays), len(delays)))
        what = f"heartbeat on {loop}: longest delay while a batch of {len(files)} is written"
        yield below(what, longest, None, f"{beats} beats, one every {duration(_HEARTBEAT)}")


async def _delays_beside_batch(path: Path, files: Files) -> list[float]:
    delays: list[float] = []
    async with anyio.create_task_group() as tasks:

        async def beat() -> None:
            while True:
                start = time.perf_counter()
                await anyio.sleep(_HEARTBEAT)
                delays.append(time.perf_counter() - start - _HEARTBEAT)

        tasks.start_soon(beat)
        await write_async(path, files)
        tasks.cancel_scope.cancel()
    return delays
