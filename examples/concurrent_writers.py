"""Several processes write one branch at the same time, and no update is lost.

Two ways: ``retry_write`` where a file is simply written, and a loop of one's own where the new
content depends on the old one. Both rest on the same rule: a write from a snapshot that is no
longer the tip of its branch raises ``StaleSnapshotError`` and changes nothing.

Run it from a clone: ``python examples/concurrent_writers.py``.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from vost_sync import FS, GitStore, StaleSnapshotError, retry_write

WORKERS = 4
ROUNDS = 10


def main() -> None:
    """Let the workers loose on a new repository, then count."""
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "data.git"
        with GitStore.open(repository) as store:
            store.branches["main"].write_text("counter", "0")
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            tries = sum(pool.map(work, [repository] * WORKERS, range(WORKERS)))
        with GitStore.open(repository, create=False) as store:
            report(store.branches["main"], tries)


def work(repository: Path, number: int) -> int:
    """Leave a report per round and count it; return how many attempts the counting took."""
    tries = 0
    with GitStore.open(repository, create=False) as store:
        for round_number in range(ROUNDS):
            path = f"reports/{number}-{round_number}.txt"
            retry_write(store, "main", path, b"done", retries=100)
            tries += count_up(store)
    return tries


def count_up(store: GitStore) -> int:
    """Add one to the counter; return how many attempts it took."""
    tries = 0
    while True:
        tries += 1
        fs = store.branches["main"]  # afresh for each attempt: it is what the sum is made from
        value = int(fs.read_text("counter"))
        try:
            fs.write_text("counter", str(value + 1))
        except StaleSnapshotError:
            continue
        return tries


def report(fs: FS, tries: int) -> None:
    """Check that every report and every increment is there."""
    expected = WORKERS * ROUNDS
    assert len(fs.ls("reports")) == expected
    assert int(fs.read_text("counter")) == expected
    assert len(list(fs.log("counter"))) == expected + 1
    print(f"{WORKERS} processes counted to {fs.read_text('counter')}: nothing was lost")
    print(f"it took {tries} attempts; {tries - expected} found that somebody had been faster")


if __name__ == "__main__":
    main()
