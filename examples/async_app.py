"""Import a real directory tree from an async program that stays responsive meanwhile.

A heartbeat ticks beside the import; the longest delay between two ticks is printed at the end.

Run it from a clone: ``python examples/async_app.py``.
"""

from __future__ import annotations

import asyncio
import os
import sysconfig
import tempfile
import time
from pathlib import Path

from vost import FS, GitStore

TICK = 0.005
"""Seconds between two heartbeats."""


async def main() -> None:
    """Import the standard library of this Python while a heartbeat runs."""
    library = Path(sysconfig.get_path("stdlib"))
    delays: list[float] = []
    heart = asyncio.create_task(heartbeat(delays))
    try:
        with tempfile.TemporaryDirectory() as scratch:
            await work(Path(scratch) / "data.git", library)
    finally:
        heart.cancel()
    delays.sort()
    print(
        f"heartbeat: {len(delays)} ticks, longest delay {delays[-1] * 1000:.1f} ms, "
        f"99th percentile {delays[len(delays) * 99 // 100] * 1000:.1f} ms"
    )


async def heartbeat(delays: list[float]) -> None:
    """Tick for ever; record how much later than asked for each tick came."""
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(TICK)
        delays.append(time.perf_counter() - asked - TICK)


async def work(repository: Path, library: Path) -> None:
    """Import, read back, edit, undo, tag: each call is awaited, none blocks the loop."""
    async with await GitStore.open(repository) as store:
        fs = await store.branches["main"]
        files = await asyncio.to_thread(local_files, library)
        started = time.perf_counter()
        fs = await import_tree(fs, library, files)
        print(f"imported {len(files)} files in {time.perf_counter() - started:.2f} s: {fs.message!r}")

        started = time.perf_counter()
        total = await compare(fs, library, files)
        print(f"read back {total / 1e6:.1f} MB, every byte equal: {time.perf_counter() - started:.2f} s")

        edited = await fs.write_text("lib/NOTES.txt", "Written beside a heartbeat.\n")
        async for snapshot in edited.log("lib/NOTES.txt"):
            print("log:", snapshot.commit_hash[:7], snapshot.message)
        await edited.undo()
        await store.tags.set("v1.0", edited)
        print("tags:", [name async for name in store.tags])


def local_files(top: Path) -> list[Path]:
    """Return the regular files below ``top``, without installed packages."""
    found = []
    for directory, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name != "site-packages")
        found += [Path(directory) / name for name in sorted(files)]
    return [path for path in found if path.is_file() and not path.is_symlink()]


async def import_tree(fs: FS, top: Path, files: list[Path]) -> FS:
    """Write all files below ``lib`` in one commit."""
    async with fs.batch(operation="import") as batch:
        for local in files:
            await batch.write_from_file(f"lib/{local.relative_to(top).as_posix()}", local)
    assert batch.fs is not None
    return batch.fs


async def compare(fs: FS, top: Path, files: list[Path]) -> int:
    """Read files a hundred at a time and compare them with the disk."""
    total = 0
    for start in range(0, len(files), 100):
        some = files[start : start + 100]
        paths = [f"lib/{local.relative_to(top).as_posix()}" for local in some]
        contents = await fs.read_many(paths)
        expected = await asyncio.to_thread(lambda: [local.read_bytes() for local in some])  # noqa: B023
        assert contents == expected
        total += sum(map(len, contents))
    return total


if __name__ == "__main__":
    asyncio.run(main())
