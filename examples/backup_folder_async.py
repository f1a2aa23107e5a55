"""Backs a folder up in an async program that goes on with other work meanwhile.

Run it from a clone: ``python examples/backup_folder_async.py``. It backs up the standard library of
the Python that runs it, twice, and restores it elsewhere.
"""

from __future__ import annotations

import asyncio
import sysconfig
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from vost import ExcludeFilter, GitStore, Progress

BEAT = 0.005
"""Seconds between two ticks of the heartbeat."""


async def main() -> None:
    """Back up and restore while a heartbeat goes on."""
    folder = Path(sysconfig.get_path("stdlib"))
    with tempfile.TemporaryDirectory() as scratch:
        beats: list[float] = []
        heart = asyncio.create_task(heartbeat(beats))
        async with await GitStore.open(Path(scratch) / "backups.git") as store:
            await back_up(store, folder, "first backup")
            await back_up(store, folder, "nothing new")
            fs = await store.branches["main"]
            started = time.perf_counter()
            steps: list[Progress] = []
            elsewhere = Path(scratch) / "restored"
            restored = await fs.sync_out("library", elsewhere, progress=steps.append)
            assert restored.changes is not None
            seconds = time.perf_counter() - started
            print(f"restored {len(restored.changes.add)} files in {seconds:.2f} s")
            print(f"progress: {steps[-1].phase}, {steps[-1].done} of {steps[-1].total}")
        heart.cancel()
    delays = sorted(after - before for before, after in pairwise(beats))
    late = delays[len(delays) * 99 // 100] - BEAT
    print(f"heartbeat: {len(beats)} ticks, 99 of 100 at most {late * 1000:.1f} ms late")


async def back_up(store: GitStore, folder: Path, what: str) -> None:
    """Make the branch hold what the folder holds, in one commit at most."""
    packages = ExcludeFilter(patterns=["site-packages/", "__pycache__/"])
    started = time.perf_counter()
    fs = await store.branches["main"]
    fs = await fs.sync_in(folder, "library", exclude=packages)
    count = 0 if fs.changes is None else fs.changes.total
    print(f"{what}: {count} files in {time.perf_counter() - started:.2f} s")


async def heartbeat(beats: list[float]) -> None:
    """Note when it was this task's turn, all the time."""
    while True:
        beats.append(time.perf_counter())
        await asyncio.sleep(BEAT)


if __name__ == "__main__":
    asyncio.run(main())
