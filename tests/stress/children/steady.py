"""Uses one store for thousands of operations and prints what it holds meanwhile, in JSON.

``python -m tests.stress.children.steady <repository> <operations>``
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vost_sync import GitStore, StaleSnapshotError, retry_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost_sync import FS

ROUND = 14
"""Operations of one round."""


def one_round(store: GitStore, repository: str, number: int) -> None:
    """Do everything once, errors and things left half done among it."""
    old = store.branches["main"]
    fs = old.write(f"dir{number % 7}/file", b"%d" % number)
    with contextlib.suppress(StaleSnapshotError):
        old.write("late", b"%d" % number)
    with contextlib.suppress(FileNotFoundError):
        fs.read("missing")
    assert fs.exists("dir0") and fs.ls() and fs.stat().nlink
    with fs.batch() as batch:
        for name in range(3):
            batch.write(f"batch/{name}", b"%d %d" % (number, name))
    abandoned = fs.batch()
    abandoned.write("never", b"committed")
    with batch.fs.writer("written") as file:
        file.write(b"x" * (1_100_000 if number % 20 == 0 else 10))
        file.write(b"%d" % number)
    fs = file.fs
    reader = fs.open("written")
    reader.read(1)
    next(fs.log())
    next(fs.walk())
    store.notes.commits[fs] = str(number)
    fs = fs.undo().redo()
    other = GitStore.open(repository)
    retry_write(other, "main", "other", b"%d" % number)
    if number % 2:
        other.close()
    if number % 50 == 49:
        store.gc()


def half_done(fs: FS) -> None:
    """Leave things open, for the garbage collector to close."""


def held() -> dict[str, int]:
    """Return how many descriptors and threads and how many kB of memory this process has."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": int(fields["Threads"]),
        "memory": int(fields["VmRSS"].split()[0]),
    }


def main(measure: Callable[[], dict[str, int]] = held) -> None:
    """Print what is held at the start, after half of the operations, and at the end."""
    repository, operations = sys.argv[1], int(sys.argv[2])
    rounds = max(operations // ROUND, 60)
    report = []
    with GitStore.open(repository) as store:
        for number in range(rounds):
            one_round(store, repository, number)
            if number in (rounds // 4, rounds // 2, rounds - 1):
                report.append(measure())
    report.append(measure())
    print(json.dumps(report))


if __name__ == "__main__":
    main()
