"""Trees of files on the local disk, for tests that copy them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

LONG_AGO = 1_000_000_000
"""A time at which files are not racy: seconds since the epoch."""


class Link(str):
    """The target of a symbolic link, where a test says what is in a tree."""

    __slots__ = ()


class Program(bytes):
    """The content of an executable file, where a test says what is in a tree."""

    __slots__ = ()


Tree = Mapping[str, "bytes | Link | Program | None"]
"""Path to what is there; ``None``: an empty directory."""


def make_tree(directory: Path, tree: Tree) -> Path:
    """Write a tree into a directory, which is made if it is missing, and return it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, what in tree.items():
        path = directory / name
        if what is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, Link):
            path.symlink_to(what)
        else:
            path.write_bytes(what)
            path.chmod(0o755 if isinstance(what, Program) else 0o644)
    return directory


def local_contents(directory: Path) -> dict[str, tuple[str, bytes]]:
    """Return type and content of every file and link below a directory, links not followed."""
    found: dict[str, tuple[str, bytes]] = {}
    for above, names, files in os.walk(os.fsencode(directory)):
        links = [name for name in names if os.path.islink(os.path.join(above, name))]
        for name in [*files, *links]:
            path = os.path.join(above, name)
            shown = os.fsdecode(os.path.relpath(path, os.fsencode(directory)))
            if os.path.islink(path):
                found[shown] = "link", os.readlink(path)
            elif os.path.isfile(path):
                kind = "executable" if os.stat(path).st_mode & 0o111 else "blob"
                with open(path, "rb") as file:
                    found[shown] = kind, file.read()
    return found
