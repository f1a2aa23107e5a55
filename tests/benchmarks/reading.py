"""Reading small files and asking about paths."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pygit2
from dulwich.object_store import tree_lookup_path
from dulwich.repo import Repo

import vost
from tests.benchmarks import peers
from tests.benchmarks.bulk import write_blocking_at
from tests.benchmarks.contents import shuffled, small_files
from tests.benchmarks.racing import Bench, Contender, Row, Work
from tests.benchmarks.report import below, duration, faster
from vost._engine import lookup
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CALLS = 5000


def reads(bench: Bench) -> Iterator[Row]:
    """Read small files in random order, by path, from a pack."""
    files = small_files(bench.scaled(5000, 1000))
    path = bench.path("read.git")
    write_blocking_at(path, files)
    wanted = shuffled(files, _CALLS)
    expected = sum(len(files[name]) for name in wanted)
    for state in ("packed by vost", "packed by git gc"):
        if state == "packed by git gc":
            peers.git(path, "gc", "--quiet")
        readers: dict[str, Callable[[Path, list[str]], int]] = {
            "vost_sync": _read_each,
            "pygit2": _read_with_pygit2,
            "vost_sync read_many": _read_many,
            "dulwich": _read_with_dulwich,
            "vost on asyncio read_many": _read_many_async,
        }
        times = bench.race(
            5,
            *(
                Contender(name, partial(_reading, read, path, wanted, expected))
                for name, read in readers.items()
            ),
        )
        theirs = times["pygit2"]
        what = f"{_CALLS} random small reads by path, {state}"
        yield faster(f"{what}, read()", times["vost_sync"], theirs, target=1)
        yield faster(f"{what}, read_many()", times["vost_sync read_many"], theirs)
        yield faster(f"{what}, await read_many()", times["vost on asyncio read_many"], theirs)
        yield faster(f"{what}, read()", times["vost_sync"], times["dulwich"])


def _reading(
    read: Callable[[Path, list[str]], int], path: Path, wanted: list[str], expected: int
) -> Work:
    def work() -> None:
        assert read(path, wanted) == expected

    return work


def _read_each(path: Path, wanted: list[str]) -> int:
    with GitStore.open(path) as store:
        fs = store.branches["main"]
        return sum(len(fs.read(name)) for name in wanted)


def _read_many(path: Path, wanted: list[str]) -> int:
    with GitStore.open(path) as store:
        return sum(map(len, store.branches["main"].read_many(wanted)))


def _read_many_async(path: Path, wanted: list[str]) -> int:
    async def read() -> int:
        async with await vost.GitStore.open(path) as store:
            fs = await store.branches["main"]
            return sum(map(len, await fs.read_many(wanted)))

    return asyncio.run(read())


def _read_with_pygit2(path: Path, wanted: list[str]) -> int:
    repo: Any = pygit2.Repository(str(path))
    tree = repo.references[peers.BRANCH].peel(pygit2.Tree)
    return sum(len(tree[name].data) for name in wanted)


def _read_with_dulwich(path: Path, wanted: list[str]) -> int:
    with Repo(str(path)) as repo:
        store = repo.object_store
        commit: Any = store[repo.refs[peers.BRANCH.encode()]]  # type: ignore[index]
        get = store.__getitem__
        total = 0
        for name in wanted:
            _, blob = tree_lookup_path(get, commit.tree, name.encode())
            total += len(store.get_raw(blob)[1])
        return total


def lookups(bench: Bench) -> Iterator[Row]:
    """Ask about paths three names deep whose trees are in memory."""
    fs, names = _deep_snapshot(bench)
    for name in names:
        fs.stat(name)
    absent = [f"{name}.not" for name in names]
    yield below(
        "exists() on cached trees, three names deep", bench.per_item(fs.exists, names), 10e-6
    )
    yield below("exists() of what is not there", bench.per_item(fs.exists, absent), 10e-6)
    yield below("stat() on cached trees, three names deep", bench.per_item(fs.stat, names), 50e-6)
    directories = sorted({name.rpartition("/")[0] for name in names})
    yield below("stat() of a directory of 100 files", bench.per_item(fs.stat, directories), 50e-6)


def _deep_snapshot(bench: Bench) -> tuple[Any, list[str]]:
    files = {f"top/{name}": data for name, data in small_files(1000).items()}
    path = bench.path("deep.git")
    write_blocking_at(path, files)
    return GitStore.open(path).branches["main"], list(files)


def facade(bench: Bench) -> Iterator[Row]:
    """Compare calls of the facade with the functions of the engine that do their work."""
    fs, names = _deep_snapshot(bench)
    repository = fs._aio._repository
    root = fs._aio._commit.tree
    seconds = float(fs._aio._commit.time_seconds)
    calls: dict[str, tuple[Callable[[str], object], Callable[[str], object]]] = {
        "exists()": (fs.exists, lambda name: lookup.exists(repository, root, name)),
        "is_dir()": (fs.is_dir, lambda name: lookup.is_dir(repository, root, name)),
        "stat()": (fs.stat, lambda name: lookup.stat(repository, root, name, seconds)),
        "read()": (fs.read, lambda name: lookup.read(repository, root, name, 0, None)),
    }
    for what, (call, engine) in calls.items():
        pairs = [
            (bench.per_item(call, names, 2), bench.per_item(engine, names, 2)) for _ in range(9)
        ]
        through, own = (min(times) for times in zip(*pairs, strict=True))
        over = f"the engine's own time: {duration(own)}; the whole call: {duration(through)}"
        yield below(f"facade overhead of {what}", through - own, 3e-6, over)
