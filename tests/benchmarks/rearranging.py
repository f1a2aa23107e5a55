"""Copies and moves within a repository: they must not cost what reading the files would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.bulk import write_blocking_at
from tests.benchmarks.contents import small_files
from tests.benchmarks.racing import Bench, Contender, Row, Work
from tests.benchmarks.report import below
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PER_FILE = 10e-6


def rearrange(bench: Bench) -> Iterator[Row]:
    """Copy and move a subtree that the destination lacks."""
    for count in (bench.scaled(5000, 1000), bench.scaled(100_000, 2000)):
        path = bench.path("rearranged.git")
        write_blocking_at(path, {f"top/{name}": data for name, data in small_files(count).items()})
        with GitStore.open(path) as store:
            yield from _rearrange(bench, store, count)


def _rearrange(bench: Bench, store: GitStore, count: int) -> Iterator[Row]:
    start = store.branches["main"]
    actions: dict[str, Callable[[], object]] = {
        "copy_from_ref()": lambda: start.copy_from_ref(start, "top", "copy"),
        "copy_from_ref(dry_run=True)": lambda: start.copy_from_ref(
            start, "top", "copy", dry_run=True
        ),
        "move()": lambda: start.move("top", "moved", recursive=True),
    }

    def prepared(action: Callable[[], object]) -> Work:
        store.branches["main"] = start
        return action

    contenders = [
        Contender(name, lambda action=action: prepared(action))  # type: ignore[misc]
        for name, action in actions.items()
    ]
    for name, timing in bench.race(5, *contenders).items():
        # A move reports each file twice: it comes and it goes.
        limit = _PER_FILE * (2 if name == "move()" else 1)
        yield below(f"{name} of {count:,} files, per file", timing.best / count, limit)
