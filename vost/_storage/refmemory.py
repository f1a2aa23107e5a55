"""What refs were found at, for as long as their files are certainly the same.

Whoever asks for a ref again and again, as a server does for each request, need not read its file
again: looking at the file's times takes a microsecond or two, and reading it in a worker thread a
hundred. The rule is that of Git's index and of our `packed-refs`: a file is trusted to be the same
only once it was so old, when it was read, that a later one cannot have the same times.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from .packedrefs import PACKED_REFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._model.objects import Oid

_SETTLED = 2_000_000_000
"""Nanoseconds after which a file cannot be replaced within the same tick of its time stamp."""

_MOST_REFS = 1000
_TOO_LONG = 5_000_000
"""Nanoseconds for a look that the disk, or the network, must have been asked about."""

_PAUSE = 10_000_000_000

Stamp: TypeAlias = "tuple[int, int, int] | None"
"""Time of the last change, size and inode of a file; ``None``: there is none."""


class _Found(NamedTuple):
    oid: Oid | None
    loose: Stamp
    packed: Stamp


class RefMemory:
    """Remembers what refs were found at. Safe to share between threads.

    Args:
        git_dir: The Git directory.
        clock: Returns the time in nanoseconds since the epoch.
    """

    def __init__(self, git_dir: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._git_dir = git_dir
        self._packed_path = f"{git_dir}/{PACKED_REFS}"
        self._found: dict[str, _Found] = {}
        self._not_before = 0

    def look(self, name: str, read: Callable[[], tuple[Oid | None, bool]]) -> Oid | None:
        """Read a ref and remember what was found, if that is certain.

        Args:
            name: Full name.
            read: Reads it; tells also whether it is a symbolic ref, whose file does not show when
                what it leads to moves.
        """
        loose, packed = self._stamps(name)
        oid, is_symbolic = read()
        same = self._stamps(name) == (loose, packed)
        if not is_symbolic and same and self._are_settled(loose, packed):
            if len(self._found) >= _MOST_REFS:
                self._found.clear()
            self._found[name] = _Found(oid, loose, packed)
        else:
            self._found.pop(name, None)
        return oid

    def unmoved(self, name: str) -> tuple[Oid | None] | None:
        """Return what a ref was found at, if it is there still; ``None``: it must be read.

        Never waits for a disk: if a look takes long, there is none for a while.

        Args:
            name: Full name.
        """
        found = self._found.get(name)
        if found is None:
            return None
        start = time.perf_counter_ns()
        if start < self._not_before:
            return None
        # The packed file counts only where there is no other, as for whoever reads the ref.
        loose = _stamp(f"{self._git_dir}/{name}")
        same = loose == found.loose and (
            loose is not None or _stamp(self._packed_path) == found.packed
        )
        end = time.perf_counter_ns()
        if end - start > _TOO_LONG:
            self._not_before = end + _PAUSE
        return (found.oid,) if same else None

    def _are_settled(self, *stamps: Stamp) -> bool:
        now = self._clock()
        return all(stamp is None or now - stamp[0] > _SETTLED for stamp in stamps)

    def _stamps(self, name: str) -> tuple[Stamp, Stamp]:
        return _stamp(f"{self._git_dir}/{name}"), _stamp(self._packed_path)


def _stamp(path: str) -> Stamp:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ctime_ns, status.st_size, status.st_ino
