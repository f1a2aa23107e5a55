"""One file a commit: how many of them, and whether a large directory makes them slow."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import TYPE_CHECKING

import pygit2
from dulwich.repo import Repo

import vost
from tests.benchmarks import peers
from tests.benchmarks.bulk import write_blocking_at
from tests.benchmarks.racing import Bench, Contender, Row, Work
from tests.benchmarks.report import at_most, faster
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Edits = list[tuple[str, bytes]]


def commits(bench: Bench) -> Iterator[Row]:
    """Commit one file after the other, each on top of the last."""
    for directories, files in ((1, 20), (50, 100)):
        yield from _commits(bench, directories, files)


def _commits(bench: Bench, directories: int, files: int) -> Iterator[Row]:
    count = bench.scaled(300, 60)
    names = [
        f"data-{number:02}/file-{file:03}.txt"
        for number in range(directories)
        for file in range(files)
    ]
    prepare = partial(_work, bench, count, random.Random(1).choices(names, k=count), names)
    times = bench.race(
        7,
        Contender("vost_sync", partial(prepare, _commit_with_vost)),
        Contender("pygit2", partial(prepare, _commit_with_pygit2)),
        Contender("vost_sync durable", partial(prepare, _commit_durably)),
        Contender("pygit2 with fsync", partial(prepare, _commit_with_synced_pygit2)),
        Contender("vost on asyncio", partial(prepare, _commit_on_asyncio)),
        Contender("dulwich", partial(prepare, _commit_with_dulwich)),
    )
    theirs, synced = times["pygit2"], times["pygit2 with fsync"]
    what = f"commits of one file among {len(names)}"
    yield faster(what, times["vost_sync"], theirs, target=2, items=count)
    durable = f"{what}, durable=True"
    yield faster(durable, times["vost_sync durable"], synced, items=count)
    yield faster(f"{what}, vost as it is by default", times["vost_sync"], synced, items=count)
    yield faster(f"{what}, asyncio", times["vost on asyncio"], theirs, items=count)
    yield faster(what, times["vost_sync"], times["dulwich"], items=count)


def _work(
    bench: Bench,
    count: int,
    chosen: list[str],
    names: list[str],
    commit: Callable[[Path, Edits], None],
) -> Work:
    path = bench.path("commits.git")
    # The same repository for all: they write reflogs because its configuration says so.
    write_blocking_at(path, dict.fromkeys(names, b"first\n"))
    edits = [
        (chosen[number], b"This is version %d of the file.\n" % number * 30)
        for number in range(count)
    ]
    return partial(commit, path, edits)


def _commit_with_vost(path: Path, edits: Edits) -> None:
    with GitStore.open(path) as store:
        fs = store.branches["main"]
        for edit in edits:
            fs = fs.write(*edit)


def _commit_durably(path: Path, edits: Edits) -> None:
    with GitStore.open(path, durable=True) as store:
        fs = store.branches["main"]
        for edit in edits:
            fs = fs.write(*edit)


def _commit_on_asyncio(path: Path, edits: Edits) -> None:
    async def write() -> None:
        async with await vost.GitStore.open(path) as store:
            fs = await store.branches["main"]
            for edit in edits:
                fs = await fs.write(*edit)

    asyncio.run(write())


def _commit_with_pygit2(path: Path, edits: Edits) -> None:
    repo = pygit2.Repository(str(path))
    for edit in edits:
        peers.pygit2_commit(repo, *edit)


def _commit_with_synced_pygit2(path: Path, edits: Edits) -> None:
    option = pygit2.enums.Option.ENABLE_FSYNC_GITDIR
    pygit2.option(option, True)
    try:
        _commit_with_pygit2(path, edits)
    finally:
        pygit2.option(option, False)


def _commit_with_dulwich(path: Path, edits: Edits) -> None:
    with Repo(str(path)) as repo:
        for edit in edits:
            peers.dulwich_commit(repo, *edit)


def directory(bench: Bench) -> Iterator[Row]:
    """Write one file into a large directory and into a small one."""
    stores = {}
    for count in (bench.scaled(10_000, 1000), 10):
        path = bench.path("directory.git")
        write_blocking_at(path, {f"data/file-{number:05}.txt": b"x\n" for number in range(count)})
        stores[count] = GitStore.open(path)
    large, small = stores
    changes = {
        "replaces one": "data/file-00007.txt",
        "adds one": "data/new-{}.txt",
    }
    for change, name in changes.items():
        times = bench.race(
            7,
            *(
                Contender(f"directory of {count}", partial(_writing, store, name))
                for count, store in stores.items()
            ),
        )
        what = f"100 one-file writes into a directory of {large:,} entries, each {change}"
        yield at_most(what, times[f"directory of {large}"], times[f"directory of {small}"], 2)


def _writing(store: GitStore, name: str) -> Work:
    start = store.branches["main"]

    def work() -> None:
        fs = start
        for number in range(100):
            fs = fs.write(name.format(number), f"{fs.commit_hash}\n".encode())
        fs.undo(100)

    return work
