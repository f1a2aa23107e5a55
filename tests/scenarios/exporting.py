"""What the scenarios of copies to the local disk share."""

from __future__ import annotations

from typing import Any

from vost import FileType

FILES = {
    "a.txt": b"alpha",
    ".dot": b"hidden",
    "run": b"*#!/bin/sh\n",
    "ln": "-> a.txt",
    "d/x": b"x",
    "d/sub/y": b"y",
    "d/sub/deep/z": b"z",
    "e/x": b"other x",
}
"""The snapshot that the scenarios copy, as ``tests.support.localtrees.disk`` shows it."""


async def stored(fs: Any, entries: dict[str, Any]) -> Any:
    """Write entries in the form of ``FILES`` in one commit."""
    async with fs.batch() as batch:
        for path, entry in entries.items():
            if isinstance(entry, str):
                await batch.write_symlink(path, entry.removeprefix("-> "))
            elif entry.startswith(b"*"):
                await batch.write(path, entry[1:], mode=FileType.EXECUTABLE)
            else:
                await batch.write(path, entry)
    return batch.fs


async def filled(store: Any) -> Any:
    """Return a snapshot with ``FILES``."""
    return await stored(await store.branches["main"], FILES)


def at(prefix: str, landing: str = "") -> dict[str, Any]:
    """Return what is below ``prefix`` in ``FILES``, at ``landing``."""
    return {
        landing + path.removeprefix(prefix): entry
        for path, entry in FILES.items()
        if path.startswith(prefix)
    }
