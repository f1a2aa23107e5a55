"""What lies on the local disk, as plain values to compare."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def disk(top: Path | str) -> dict[str, bytes | str]:
    """Return everything below a directory by its path.

    Files are their bytes, executable ones ``b"*"`` and their bytes, links ``"-> target"``,
    directories without anything in them ``"empty"``, other things ``"special"``.
    """
    found: dict[str, bytes | str] = {}
    for directory, names, files in os.walk(top):
        prefix = os.path.relpath(directory, top)
        prefix = "" if prefix == "." else f"{prefix}/"
        if not names and not files and prefix:
            found[prefix[:-1]] = "empty"
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[prefix + name] = f"-> {os.readlink(path)}"
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    found[prefix + name] = (b"*" if mode & 0o111 else b"") + file.read()
            elif not stat.S_ISDIR(mode):
                found[prefix + name] = "special"
    return found


def make_disk(top: Path, entries: Mapping[str, bytes | str]) -> Path:
    """Create what ``disk`` describes below a directory, and return the directory."""
    top.mkdir(parents=True, exist_ok=True)
    for name, entry in entries.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry == "empty":
            path.mkdir(exist_ok=True)
        elif entry == "special":
            os.mkfifo(path)
        elif isinstance(entry, str):
            path.symlink_to(entry.removeprefix("-> "))
        else:
            path.write_bytes(entry.removeprefix(b"*"))
            path.chmod(0o755 if entry.startswith(b"*") else 0o644)
    return top


def stamps(top: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of change of every entry below a directory: equal if untouched."""
    return {
        path.relative_to(top).as_posix(): (path.lstat().st_ino, path.lstat().st_ctime_ns)
        for path in sorted(top.rglob("*"))
    }
