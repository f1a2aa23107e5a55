"""Import a real directory tree from an async program that stays responsive meanwhile.

The tree is the standard library of the Python that runs this. A heartbeat ticks beside the work;
the longest delay of a tick is printed at the end.

Run it from a clone: ``python examples/async_app.py``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sysconfig
import tempfile
import time
from pathlib import Path

from vost import FS, GitStore

TICK = 0.005
"""Seconds between two heartbeats."""


async def main() -> None:
    """Do the work while a heartbeat runs."""
    delays: list[float] = []
    heart = asyncio.create_task(heartbeat(delays))
    try:
        with tempfile.TemporaryDirectory() as scratch:
            repository = Path(scratch) / "data.git"
            await work(repository, Path(sysconfig.get_path("stdlib")))
            await ask_git(repository)
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
        seconds = time.perf_counter() - started
        print(f"imported {len(files)} files in one commit in {seconds:.2f} s: {fs.message!r}")

        started = time.perf_counter()
        total = await compare(fs, library, files)
        seconds = time.perf_counter() - started
        print(f"read back {total / 1e6:.1f} MB, every byte equal, in {seconds:.2f} s")

        edited = await fs.write_text("lib/NOTES.txt", "Written beside a heartbeat.\n")
        print("edited:", [snapshot.message async for snapshot in edited.log(limit=2)])
        undone = await edited.undo()
        assert undone.commit_hash == fs.commit_hash
        print("undone: the branch is at", undone.commit_hash[:7], "again")
        await store.tags.set("v1.0", edited)
        print("tagged:", [name async for name in store.tags])


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
    """Compare the snapshot with the disk, a hundred files at a time; return how many bytes."""
    paths = [f"lib/{local.relative_to(top).as_posix()}" for local in files]
    assert sorted(await fs.ls(recursive=True)) == sorted(paths)
    total = 0
    for start in range(0, len(files), 100):
        contents = await fs.read_many(paths[start : start + 100])
        assert contents == await asyncio.to_thread(read_all, files[start : start + 100])
        total += sum(map(len, contents))
    return total


def read_all(files: list[Path]) -> list[bytes]:
    """Return what the disk has."""
    return [local.read_bytes() for local in files]


async def ask_git(repository: Path) -> None:
    """Show what Git sees: the same history, the same tree, no complaint."""
    if shutil.which("git") is None:
        print("git is not installed: nobody to ask")
        return
    print("git log:")
    print(await git(repository, "log", "--format=  %h %an: %s", "v1.0"), end="")
    listed = (await git(repository, "ls-tree", "-r", "-z", "--name-only", "main")).split("\0")[:-1]
    async with await GitStore.open(repository, create=False) as store:
        assert sorted(listed) == sorted(await (await store.fs("main")).ls(recursive=True))
    print(f"git ls-tree -r: the same {len(listed)} paths")
    await git(repository, "fsck", "--strict", "--full")
    print("git fsck --strict: clean")


async def git(repository: Path, *args: str) -> str:
    """Run git on the repository and return what it prints."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    process = await asyncio.create_subprocess_exec(
        "git",
        f"--git-dir={repository}",
        *args,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"git {args} failed with {process.returncode}")
    return os.fsdecode(output)


if __name__ == "__main__":
    asyncio.run(main())
