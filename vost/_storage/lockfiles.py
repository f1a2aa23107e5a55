"""``<file>.lock``, Git's own lock, taken so that a killed process leaves none behind for good.

Git makes the lock file exclusively, writes the new content into it and renames it over the
file. Here the content goes to a temporary file first, a note says so (see ``intent``), and the
lock file is made as a hard link to it: that fails like an exclusive creation if a lock file is
there, and leaves evidence of whose lock it is.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from vost._model.errors import Busy, GitError

from .directories import remove_empty_parents
from .intent import NO_LOCK, PLAIN, TEMPORARY, IntentLog, Note
from .refchecks import REF_PATIENCE, is_ref_name

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SUFFIX = ".lock"
NON_REFS = frozenset({"packed-refs", "config"})
"""Files of the Git directory that are locked in the same way and are no refs."""

_NO_LINKS = frozenset(
    getattr(errno, name)
    for name in ("EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV")
    if hasattr(errno, name)
)
_ATTEMPTS = 50
_ABANDONED = 0.5
"""Seconds after which a lock file that may be a dead writer's copy counts as one: an empty one
could also be Git's, but Git does not keep it for so long."""
_COPY_DELAY = 3.0
"""Seconds that a copy can be younger than its original, with clocks that count whole seconds."""


class Claim:
    """A lock on one file of the Git directory, with the file's new content in it.

    Args:
        name: The file, relative to the Git directory.
        path: The same, absolute.
        temporary: The file that holds the new content meanwhile; empty: there is none.
    """

    __slots__ = ("locked", "made_directories", "name", "path", "temporary")

    def __init__(self, name: str, path: str, temporary: str) -> None:
        self.name = name
        self.path = path
        self.temporary = temporary
        self.locked = False
        self.made_directories = False

    @property
    def lock_path(self) -> str:
        """The lock file."""
        return self.path + LOCK_SUFFIX


class LockFiles:
    """Takes, commits and recovers lock files. Use it with the writers' lock held.

    Args:
        git_dir: The Git directory.
    """

    def __init__(self, git_dir: str) -> None:
        self._git_dir = git_dir
        self._intent = IntentLog(git_dir)
        self._swept = False
        self._checked: set[str] = set()

    def claim(self, name: str, content: bytes) -> Claim:
        """Lock the file ``name``, with ``content`` to become its own.

        Raises:
            Busy: If another program has locked it.
            NotADirectoryError: If a file is where a directory is needed.
        """
        claim = Claim(name, f"{self._git_dir}/{name}", "")
        self.check_directories(name)
        try:
            claim.temporary = self._note_temporary(name)
            write_new(claim.temporary, content)
            self._lock(claim)
        except BaseException:
            self.release(claim)
            raise
        return claim

    def write_temporary(self, content: bytes, target: str = NO_LOCK) -> str:
        """Write a noted temporary file in the Git directory, durably; return its path."""
        path = self._note_temporary(target)
        write_new(path, content)
        return path

    def _note_temporary(self, target: str) -> str:
        temporary = f"vost.ref-{os.urandom(4).hex()}.tmp"
        self._intent.add(temporary, target)
        return f"{self._git_dir}/{temporary}"

    def commit(self, claim: Claim) -> None:
        """Put the new content in place; that unlocks the file."""
        os.replace(claim.lock_path, claim.path)
        claim.locked = False
        self._drop_temporary(claim)

    def release(self, claim: Claim) -> None:
        """Unlock without a change. Idempotent."""
        # An interruption may come between making the lock file and taking note of it.
        if claim.locked or (claim.temporary and _same_file(claim.temporary, claim.lock_path)):
            claim.locked = False
            with suppress(OSError):
                os.unlink(claim.lock_path)
        self._drop_temporary(claim)
        if claim.made_directories:
            remove_empty_parents(self._git_dir, claim.name)

    @staticmethod
    def _drop_temporary(claim: Claim) -> None:
        path, claim.temporary = claim.temporary, ""
        if path:
            with suppress(OSError):  # a name too many does no harm and is swept later
                os.unlink(path)

    def finish(self) -> None:
        """Say that all claims are committed or released."""
        self._intent.finish()

    def close(self) -> None:
        """Release cached handles. Idempotent."""
        self._intent.close()

    def _lock(self, claim: Claim) -> None:
        """Make the lock file, and the directories for it."""
        for _ in range(_ATTEMPTS):
            try:
                self._make_lock_file(claim)
            except FileExistsError:
                refuse_locked(claim.lock_path)
            except FileNotFoundError:
                self._make_directories(claim)
            else:
                claim.locked = True
                return
        raise GitError(f"{os.path.dirname(claim.path)} is removed as often as it is made")

    def _make_lock_file(self, claim: Claim) -> None:
        try:
            os.link(claim.temporary, claim.lock_path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with open(claim.temporary, "rb") as file:
                content = file.read()
            self._intent.add(os.path.basename(claim.temporary), claim.name, copied=True)
            write_new(claim.lock_path, content)

    def _make_directories(self, claim: Claim) -> None:
        """Make the directory of a claim; ``git pack-refs`` may remove it at any moment."""
        try:
            os.makedirs(os.path.dirname(claim.path), exist_ok=True)
            claim.made_directories = True
        except FileNotFoundError:
            pass
        except FileExistsError as error:  # a file in place of the last directory
            raise NotADirectoryError(errno.ENOTDIR, error.strerror, error.filename) from None

    def check_directories(self, name: str) -> None:
        """Refuse to write through a symbolic link to somewhere outside the repository.

        Raises:
            GitError: If a directory of ``name`` is a symbolic link.
        """
        directory = os.path.dirname(name)
        if directory in self._checked:
            return
        parts = directory.split("/")
        for end in range(1, len(parts) + 1):
            path = f"{self._git_dir}/{'/'.join(parts[:end])}"
            if os.path.islink(path):
                raise GitError(f"{path} is a symbolic link: expected a directory")
        if len(self._checked) < 1000:
            self._checked.add(directory)

    def recover(self) -> None:
        """Remove what a writer left that died holding the writers' lock.

        Costs one ``stat`` if there is nothing to do.
        """
        if self._intent.pending():
            undecided = [note for note in self._intent.read() if not self._remove(note)]
            self._intent.keep(undecided)
            if undecided:
                return
        if not self._swept:
            self._sweep()
            self._swept = True

    def _remove(self, note: Note) -> bool:
        """Remove the two files of one note; ``False`` if it cannot be told whose the lock is."""
        temporary = f"{self._git_dir}/{note.temporary}"
        if note.target in NON_REFS or is_ref_name(note.target):
            lock_path = f"{self._git_dir}/{note.target}{LOCK_SUFFIX}"
            if _same_file(temporary, lock_path):
                os.unlink(lock_path)
            elif note.copied and _is_copy(temporary, lock_path):
                if time.time() - os.stat(lock_path).st_mtime < _ABANDONED:
                    return False
                os.unlink(lock_path)
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        return True

    def _sweep(self) -> None:
        """Remove our temporary files that no note names: power was lost before it was on disk."""
        with os.scandir(self._git_dir) as entries:
            left = [entry.path for entry in entries if TEMPORARY.fullmatch(entry.name)]
        if not left:
            return
        inodes = {os.lstat(path).st_ino for path in left}
        for lock_path in self._lock_paths():
            with suppress(FileNotFoundError):
                if os.lstat(lock_path).st_ino in inodes:
                    os.unlink(lock_path)
        for path in left:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def _lock_paths(self) -> Iterator[str]:
        for name in ("HEAD", *NON_REFS):
            yield f"{self._git_dir}/{name}{LOCK_SUFFIX}"
        for directory, _, names in os.walk(f"{self._git_dir}/refs"):
            yield from (f"{directory}/{name}" for name in names if name.endswith(LOCK_SUFFIX))


def write_new(path: str, content: bytes) -> None:
    """Make a file and write ``content`` durably. A file in part is removed.

    Raises:
        FileExistsError: If something of that name exists.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        if content:
            os.fsync(fd)
    except BaseException:
        os.close(fd)
        with suppress(OSError):
            os.unlink(path)
        raise
    os.close(fd)


def refuse_locked(lock_path: str) -> NoReturn:
    """Give way to a lock file of another program.

    Raises:
        Busy: Always; it says which file it is, how old, and whose.
    """
    which = None
    try:
        status = os.stat(lock_path)
        age = f"{max(0.0, time.time() - status.st_mtime):.1f} seconds"
        # Git programs that take turns make a new file each: patience is for one that stays.
        which = (status.st_ino, status.st_mtime_ns)
    except OSError:
        age = "an unknown time"
    raise Busy(
        f"{lock_path} has been there for {age}, made by {_git_holder(lock_path)}; "
        "if no Git program is at work in the repository, remove the file",
        REF_PATIENCE,
        which,
    ) from None


def _git_holder(lock_path: str) -> str:
    """Read who locked a file, if Git was told to note that (``core.lockfilePid``)."""
    note = f"{lock_path[: -len(LOCK_SUFFIX)]}~pid{LOCK_SUFFIX}"
    try:
        with open(note, encoding="ascii", errors="replace") as file:
            process = file.read(64).strip().removeprefix("pid").strip()
    except OSError:
        process = ""
    return f"process {process}" if process.isdigit() else "an unknown Git program"


def _same_file(first: str, second: str) -> bool:
    try:
        return os.path.samestat(os.lstat(first), os.lstat(second))
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return False


def _is_copy(temporary: str, lock_path: str) -> bool:
    """Tell whether a lock file can be one that was made where hard links do not work.

    It is a copy of the temporary file, or the first part of one, made right after it.
    """
    try:
        with open(temporary, "rb") as first, open(lock_path, "rb") as second:
            apart = os.fstat(second.fileno()).st_mtime - os.fstat(first.fileno()).st_mtime
            return abs(apart) < _COPY_DELAY and first.read().startswith(second.read())
    except OSError:
        return False
