"""One ``objects`` directory, and the others that its ``info/alternates`` names.

An alternate outside the repository is not followed on its own: a repository from a stranger
could make us read (and, serving it, hand out) any other repository on the machine.

Source: https://git-scm.com/docs/gitrepository-layout
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from .loose import LooseObjects
from .packset import PackSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .deltas import DeltaBaseCache
    from .handles import HandleLimit

MAX_DEPTH = 5

_MAX_ATTEMPTS = 12
_PAUSE = 0.001
"""Seconds: a directory that has just changed must be seen to stay as it is."""


class ObjectDirectory:
    """The loose objects and the packs of one ``objects`` directory.

    Args:
        path: The directory.
        bases: Cache of delta bases.
        handles: Limit on open handles.
    """

    def __init__(self, path: str, bases: DeltaBaseCache, handles: HandleLimit) -> None:
        self.path = path
        self.loose = LooseObjects(path)
        self.packs = PackSet(path + "/pack", bases, handles)


class Search:
    """Decides whether what was looked for in some directories is really not there.

    Args:
        directories: Where. Make this object before the first look.
    """

    def __init__(self, directories: Sequence[ObjectDirectory]) -> None:
        self._directories = directories
        self._attempts = 0
        self._generations = [directory.packs.generation for directory in directories]

    def again(self) -> bool:
        """Tell whether to look once more; which packs there are has been found out anew then."""
        self._attempts += 1
        if self._attempts >= _MAX_ATTEMPTS:
            return False
        looked = zip(self._directories, self._generations)  # noqa: B905 - same length
        if all(directory.packs.was_complete(seen) for directory, seen in looked):
            return False
        if self._attempts > 1:
            time.sleep(_PAUSE * self._attempts)
        for directory, seen in zip(self._directories, self._generations):  # noqa: B905
            directory.packs.rescan(seen)
        self._generations = [directory.packs.generation for directory in self._directories]
        return True


class Alternates(NamedTuple):
    """Which other ``objects`` directories are followed, and which are not."""

    followed: list[str]
    ignored: list[str]


def find_alternates(objects: str, *, follow_outside: bool) -> Alternates:
    """Return the alternates of an ``objects`` directory, nested ones included.

    Args:
        objects: The directory.
        follow_outside: Follow those outside the repository (its parent) as well.
    """
    root = os.path.realpath(objects)
    inside = os.path.dirname(root) + os.sep
    found = Alternates([], [])
    seen = {root}
    level = [root]
    for _ in range(MAX_DEPTH):
        following = []
        for directory in level:
            for entry in _entries(directory):
                path = os.path.realpath(os.path.join(directory, entry))
                if path in seen:
                    continue
                seen.add(path)
                if not (follow_outside or path.startswith(inside)):
                    found.ignored.append(path)
                elif os.path.isdir(path):
                    found.followed.append(path)
                    following.append(path)
        level = following
    return found


def _entries(objects: str) -> list[str]:
    try:
        with open(f"{objects}/info/alternates", "rb") as lines:
            content = lines.read()
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [
        os.fsdecode(_unquoted(line))
        for line in content.split(b"\n")
        if line and not line.startswith(b"#") and b"\0" not in line
    ]


def _unquoted(line: bytes) -> bytes:
    """Undo the quotes and backslashes of a path with special characters."""
    if len(line) < 2 or line[:1] != b'"' or line[-1:] != b'"':
        return line
    try:
        return line[1:-1].decode("unicode_escape").encode("latin-1")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return line
