"""``packed-refs``: the one file into which Git gathers refs that have not moved for a while.

Source: https://git-scm.com/docs/git-pack-refs and gitrepository-layout(5).
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from vost._model.errors import GitError
from vost._model.objects import Oid, oid_from_hex

from .intent import PLAIN

if TYPE_CHECKING:
    from collections.abc import Collection

PACKED_REFS = "packed-refs"

_SETTLED = 2_000_000_000
"""Nanoseconds after which a file cannot be replaced within the same tick of its time stamp."""

_SEARCHES = 20
"""How often the text is searched before taking it apart, which costs as much as 20 searches."""


class PackedSnapshot:
    """The content of ``packed-refs`` at one moment.

    Args:
        path: The file, for messages.
        data: Its content.
    """

    def __init__(self, path: str, data: bytes) -> None:
        self._path = path
        self._data = data if data.endswith(b"\n") or not data else data + b"\n"
        self._refs: dict[str, Oid] | None = None
        self._searches = 0

    def get(self, name: str) -> Oid | None:
        """Return the id of one ref, without taking the whole file apart.

        Raises:
            GitError: If its line is damaged.
        """
        if self._searches == _SEARCHES:
            with suppress(GitError):  # only the damaged line itself is an error here
                self.refs()
        self._searches += 1
        if self._refs is not None:
            return self._refs.get(name)
        end = self._data.find(b" " + os.fsencode(name) + b"\n")
        if end < 0:
            return None
        return self._parse_id(self._data[self._data.rfind(b"\n", 0, end) + 1 : end])

    def refs(self) -> dict[str, Oid]:
        """Return all refs by name. Do not change the result.

        Raises:
            GitError: If a line is damaged.
        """
        if self._refs is None:
            refs = {}
            for line in self._data.split(b"\n"):
                if line and line[:1] not in (b"#", b"^"):
                    oid, _, name = line.partition(b" ")
                    refs[os.fsdecode(name)] = self._parse_id(oid)
            self._refs = refs
        return self._refs

    def below(self, name: str) -> str | None:
        """Return one ref that needs ``name`` to be a directory."""
        start = self._data.find(b" " + os.fsencode(name) + b"/") + 1
        if start == 0:
            return None
        return os.fsdecode(self._data[start : self._data.index(b"\n", start)])

    def without(self, names: Collection[str]) -> bytes | None:
        """Return the content without these refs; ``None`` if none of them is in it."""
        gone = {os.fsencode(name) for name in names}
        kept = []
        dropping = found = False
        for line in self._data.splitlines(keepends=True):
            if not line.startswith(b"^"):  # a peeled id belongs to the line before it
                dropping = line[:1] != b"#" and line.rstrip(b"\n").partition(b" ")[2] in gone
                found = found or dropping
            if not dropping:
                kept.append(line)
        return b"".join(kept) if found else None

    def _parse_id(self, text: bytes) -> Oid:
        try:
            return oid_from_hex(text)
        except ValueError:
            raise GitError(
                f"{self._path} is damaged: expected an object id, found {text[:60]!r}"
            ) from None


class PackedRefs:
    """Reads ``packed-refs`` anew whenever it was replaced. Safe to share between threads.

    Args:
        git_dir: The Git directory.
    """

    def __init__(self, git_dir: str) -> None:
        self.path = f"{git_dir}/{PACKED_REFS}"
        self._empty = PackedSnapshot(self.path, b"")
        self._cached: tuple[tuple[int, int, int], PackedSnapshot] | None = None

    def snapshot(self) -> PackedSnapshot:
        """Return the content as it is now.

        Raises:
            GitError: If the file is a symbolic link.
            OSError: If it cannot be read.
        """
        cached = self._cached
        try:
            if cached is not None and _stamp(os.lstat(self.path)) == cached[0]:
                return cached[1]
            fd = os.open(self.path, os.O_RDONLY | PLAIN)
        except FileNotFoundError:
            return self._empty
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise GitError(f"{self.path} is a symbolic link: expected a file") from error
        try:
            status = os.fstat(fd)
            data = b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
        finally:
            os.close(fd)
        snapshot = PackedSnapshot(self.path, data)
        # A file so young may be replaced by one with the same stamp: inodes are used again.
        settled = time.time_ns() - status.st_mtime_ns > _SETTLED
        self._cached = (_stamp(status), snapshot) if settled else None
        return snapshot

    def forget(self) -> None:
        """Drop the cached content."""
        self._cached = None


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
