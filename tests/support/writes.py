"""Every way to write a file, for scenarios that hold for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EVERY_WRITE = (
    "write",
    "write_text",
    "write_from_file",
    "write_symlink",
    "apply",
    "batch",
    "writer",
)


async def branch_for_each_way(store: Any) -> AsyncIterator[tuple[str, Any]]:
    """Yield each of EVERY_WRITE with the snapshot of a new branch of its own."""
    for way in EVERY_WRITE:
        yield way, await store.branches.create(way)


async def write_somehow(fs: Any, way: str, path: str, local: Path) -> Any:
    """Write `path` by one of EVERY_WRITE, always the same content, and return the new snapshot."""
    simple = {
        "write": lambda: fs.write(path, b"1"),
        "write_text": lambda: fs.write_text(path, "1"),
        "write_from_file": lambda: fs.write_from_file(path, local),
        "write_symlink": lambda: fs.write_symlink(path, "target"),
        "apply": lambda: fs.apply({path: b"1"}),
    }
    if way in simple:
        return await simple[way]()
    if way == "batch":
        async with fs.batch() as batch:
            await batch.write(path, b"1")
        return batch.fs
    async with fs.writer(path) as writer:
        await writer.write(b"1")
    return writer.fs
