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

from vost._engine import repository as repository_module
from vost_sync import GitStore, StaleSnapshotError, retry_write

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
    assert fs.exists("dir0")
    assert fs.ls()
    assert fs.stat().nlink
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
    store.notes.commits[f"{number % 20:040x}"] = str(number)
    fs = fs.undo().redo()
    other = GitStore.open(repository)
    retry_write(other, "main", "other", b"%d" % number)
    if number % 2:
        other.close()
    if number % 50 == 49:
        store.gc()


def held() -> dict[str, int]:
    """Return how many descriptors and threads and how many kB of memory this process has."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,
        "threads": int(fields["Threads"]),
        "memory": int(fields["VmRSS"].split()[0]),
    }


def main() -> None:
    """Print what is held at the start, after half of the operations, at the end, and closed."""
    repository, operations = sys.argv[1], int(sys.argv[2])
    rounds = max(operations // ROUND, 60)
    # Caches of a size that is reached soon: what grows after that is lost.
    for name, size in (("_TREE_CACHE_BYTES", 1 << 20), ("_COMMIT_CACHE_ITEMS", 64)):
        assert hasattr(repository_module, name)
        setattr(repository_module, name, size)
    report = [held()]
    with GitStore.open(repository) as store:
        for number in range(rounds):
            one_round(store, repository, number)
            if number in (rounds // 2, rounds - 1):
                report.append(held())
    report.append(held())
    print(json.dumps(report))


if __name__ == "__main__":
    main()
