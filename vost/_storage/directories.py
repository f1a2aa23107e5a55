"""Directories of ref files and logs: made durable, and removed when they are empty."""

from __future__ import annotations

import os
from contextlib import suppress

from .intent import PLAIN


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    if os.name == "nt":  # pragma: no cover - Windows cannot open a directory
        return
    fd = os.open(path, os.O_RDONLY | PLAIN)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directories(top: str, path: str) -> None:
    """Make the names in all directories durable from that of ``path`` up to ``top``."""
    while len(path) > len(top):
        path = os.path.dirname(path)
        sync_directory(path)


def remove_empty_parents(root: str, name: str) -> None:
    """Remove the empty directories above a ref file; ``refs/heads`` and the like stay."""
    parts = name.split("/")[:-1]
    while len(parts) > 2:
        try:
            os.rmdir(f"{root}/{'/'.join(parts)}")
        except OSError:
            return
        parts.pop()


def remove_empty_directories(path: str) -> bool:
    """Remove a directory that holds nothing but empty directories; tell whether that worked."""
    for directory, _, _ in os.walk(path, topdown=False):
        with suppress(OSError):
            os.rmdir(directory)
    return not os.path.lexists(path)
