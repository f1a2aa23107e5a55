"""The note that a writer leaves before it makes lock files, in case it dies before it ends.

``vost.intent`` lies in the Git directory and is empty between transactions. A line is::

    <temporary file> <file to be locked, or -> <process id> <host> [copied]

The lock file is a hard link to the temporary file. Whoever takes the writers' lock and finds a
note knows that its author is dead, because the author held that same lock; and a lock file that
is the same inode as the noted temporary file is the dead author's, never Git's. Where hard
links do not work the lock file is a copy, and the note says ``copied``.
"""

from __future__ import annotations

import errno
import os
import re
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable

INTENT_NAME = "vost.intent"
NO_LOCK = "-"
PLAIN = (
    getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)
"""Flags for every file that is opened: bytes, never through a link, not waiting for a pipe."""

TEMPORARY = re.compile(r"vost\.ref-[0-9a-f]{8}\.tmp")
"""Names of our temporary files; nothing else is ever removed because a note says so."""


class Note(NamedTuple):
    """One line: which temporary file belongs to which file that was to be locked."""

    temporary: str
    target: str
    process: int
    host: str
    copied: bool = False


class IntentLog:
    """The notes of the transaction under way. Use it with the writers' lock held.

    Args:
        git_dir: The Git directory.
    """

    def __init__(self, git_dir: str) -> None:
        self._path = f"{git_dir}/{INTENT_NAME}"
        self._host = ""
        self._size = self._kept_size = 0
        self._active: tuple[int, int] | None = None
        # The descriptor is kept from one transaction to the next, with the inode that it is. A
        # list, because its methods are atomic: close() may be called by another thread meanwhile.
        self._kept: list[tuple[int, int]] = []
        self._inode = 0
        weakref.finalize(self, _close_all, self._kept)

    def pending(self) -> bool:
        """Tell whether a dead writer left notes. To be asked before each transaction."""
        try:
            status = os.lstat(self._path)
        except FileNotFoundError:
            self._inode = self._kept_size = 0
            return False
        self._inode = status.st_ino
        self._kept_size = 0
        return status.st_size > 0

    def add(self, temporary: str, target: str, *, copied: bool = False) -> None:
        """Note that ``temporary`` is about to be made, and ``target`` to be locked with it."""
        if self._active is None:
            self._active = self._open()
            self._size = self._kept_size
        if not self._host:
            import socket  # late: most processes write nothing

            self._host = socket.gethostname().replace(" ", "") or "?"
        end = " copied\n" if copied else "\n"
        line = os.fsencode(f"{temporary} {target} {os.getpid()} {self._host}{end}")
        written = _write_at(self._active[0], line, self._size)
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        self._size += written

    def read(self) -> list[Note]:
        """Return the last note on each temporary file; what is no note is passed over."""
        opened = self._open()
        try:
            data = _read_all(opened[0])
        finally:
            self._kept.append(opened)
        notes = {}
        for line in os.fsdecode(data).split("\n"):
            temporary, target, process, host, mark = ([*line.split(" "), "", "", "", ""])[:5]
            if TEMPORARY.fullmatch(temporary) and process.isdigit():
                notes[temporary] = Note(temporary, target, int(process), host, mark == "copied")
        return list(notes.values())

    def finish(self) -> None:
        """Take the notes back: everything they name is gone."""
        opened, self._active = self._active, None
        if opened is None:
            return
        with suppress(OSError):  # the next writer reads them once more, finds nothing, tries again
            os.ftruncate(opened[0], self._kept_size)
        self._kept.append(opened)

    def keep(self, notes: Iterable[Note]) -> None:
        """Drop all notes but these; they stay for the writers to come."""
        self._kept_size = 0
        for note in notes:
            self.add(note.temporary, note.target, copied=note.copied)
        if self._active is None:
            self._active, self._size = self._open(), 0
        self._kept_size = self._size
        self.finish()

    def close(self) -> None:
        """Close the descriptor that is kept between transactions. Idempotent."""
        _close_all(self._kept)

    def _open(self) -> tuple[int, int]:
        while self._kept:
            with suppress(IndexError):
                opened = self._kept.pop()
                if opened[1] == self._inode:
                    return opened
                os.close(opened[0])  # the file was replaced
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | PLAIN, 0o666)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise GitError(f"{self._path} is a symbolic link: expected a file") from error
        self._inode = os.fstat(fd).st_ino
        return fd, self._inode


def _close_all(opened: list[tuple[int, int]]) -> None:
    while True:
        try:
            os.close(opened.pop()[0])
        except IndexError:
            return


def _write_at(fd: int, data: bytes, offset: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(fd, data, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, data)


def _read_all(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    return b"".join(iter(lambda: os.read(fd, 65536), b""))
