"""Figures without a target of their own: they explain the others."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pygit2

from tests.benchmarks.bulk import write_blocking_at
from tests.benchmarks.racing import Bench, Contender, Row, ready
from tests.benchmarks.report import below, faster, per_second
from vost import _offload
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOPS = 2000


def extras(bench: Bench) -> Iterator[Row]:
    """Measure a directory of very many names, hops, opening, and notes."""
    yield from _many_names(bench)
    for loop in ("asyncio", "trio"):
        hop = min(anyio.run(_hops, backend=loop) for _ in range(3)) / _HOPS
        yield below(f"one hop into a worker thread, {loop}", hop, None)
    path = bench.path("opened.git")
    write_blocking_at(path, {"a.txt": b"a"})
    ours = bench.per_call(lambda: GitStore.open(path).close(), 200)
    yield below("GitStore.open() and close()", ours, None)
    opened = bench.per_call(lambda: pygit2.Repository(str(path)), 200)
    yield below("pygit2.Repository(), for comparison", opened, None)
    yield from _notes(bench)


def _many_names(bench: Bench) -> Iterator[Row]:
    count = bench.scaled(100_000, 10_000)
    path = bench.path("names.git")
    write_blocking_at(path, {f"file-{number:06}.txt": b"x" for number in range(count)})

    def list_with_vost() -> None:
        with GitStore.open(path) as store:
            assert len(store.branches["main"].ls()) == count

    def list_with_pygit2() -> None:
        repo = pygit2.Repository(str(path))
        assert (
            len([entry.name for entry in repo.references["refs/heads/main"].peel(pygit2.Tree)])
            == count
        )

    times = bench.race(
        5,
        Contender("vost_sync", ready(list_with_vost)),
        Contender("pygit2", ready(list_with_pygit2)),
    )
    yield faster(f"ls() of {count:,} names", times["vost_sync"], times["pygit2"])


async def _hops() -> float:
    await _offload.run(int)  # starts the thread
    start = time.perf_counter()
    for _ in range(_HOPS):
        await _offload.run(int)
    return time.perf_counter() - start


def _notes(bench: Bench) -> Iterator[Row]:
    count = bench.scaled(200, 50)
    path = bench.path("notes.git")
    write_blocking_at(path, {"a.txt": b"a"})
    store = GitStore.open(path)
    fs = store.branches["main"]
    commits = []
    for number in range(count):
        fs = fs.write("a.txt", b"%d" % number)
        commits.append(fs.commit_hash)
    rounds = iter(range(100))

    def write(namespace: str) -> None:
        notes = store.notes[namespace]
        for commit in commits:
            notes[commit] = "checked"

    times = bench.race(3, Contender("vost_sync", lambda: partial(write, f"round-{next(rounds)}")))
    yield Row("notes set one by one", per_second(times["vost_sync"], count))
