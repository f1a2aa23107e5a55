"""Read-only file handles that live as long as somebody uses them, and no longer.

A reader holds the handle object while it reads, so that nobody can close the descriptor under
its feet: dropping a handle from a cache only takes the cache's reference away. Reads are
``pread``: they share no file position, neither between threads nor with a forked child.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_FLAGS = os.O_RDONLY | os.O_CLOEXEC


class FileHandle:
    """An open file: its descriptor, its path and its size in bytes when it was opened."""

    __slots__ = ("fd", "path", "size")

    def __init__(self, path: str) -> None:
        self.fd = -1
        self.path = path
        self.fd = os.open(path, _FLAGS)
        self.size = os.fstat(self.fd).st_size

    @classmethod
    def of_descriptor(cls, fd: int, path: str) -> FileHandle:
        """Return a handle of a file that is open already; the caller keeps its own descriptor.

        Args:
            fd: The descriptor.
            path: What the file is called in messages: it may have no name.
        """
        handle = cls.__new__(cls)
        handle.fd = -1
        handle.path = path
        handle.fd = os.dup(fd)
        handle.size = os.fstat(fd).st_size
        return handle

    def read_at(self, size: int, offset: int) -> bytes:
        """Return at most ``size`` bytes from ``offset``."""
        return os.pread(self.fd, size, offset)

    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        if self.fd >= 0:
            _close(self.fd)


class HandleOwner(Protocol):
    """Something that keeps handles open and can let go of them."""

    used: bool

    def drop_handles(self) -> None:
        """Let go of the handles. Idempotent."""


class HandleLimit:
    """Keeps the number of owners with open handles bounded (a clock: nearly the oldest goes).

    Args:
        limit: How many owners may have handles open at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Weak, so that there is no cycle: a store that is dropped closes its files at once.
        self._owners: deque[weakref.ref[HandleOwner]] = deque()
        self._lock = threading.Lock()

    def opened(self, owner: HandleOwner) -> None:
        """Take note that ``owner`` opened its handles; makes others drop theirs if need be."""
        reference = weakref.ref(owner)
        with self._lock:
            if reference not in self._owners:
                self._owners.append(reference)
            victims = self._evict()
        for victim in victims:
            victim.drop_handles()

    def _evict(self) -> list[HandleOwner]:
        """Take the owners that are too many off the list and return them."""
        victims = []
        spared = 0
        while len(self._owners) > self._limit:
            reference = self._owners.popleft()
            oldest = reference()
            if oldest is None:
                continue
            if oldest.used and spared < self._limit:
                oldest.used = False
                spared += 1
                self._owners.append(reference)
            else:
                victims.append(oldest)
        return victims

    def close(self) -> None:
        """Make all owners drop their handles."""
        with self._lock:
            references = list(self._owners)
            self._owners.clear()
        for reference in references:
            owner = reference()
            if owner is not None:
                owner.drop_handles()

    def renew_lock(self) -> None:
        """Replace the lock: in a forked child another thread may have held the old one."""
        self._lock = threading.Lock()
