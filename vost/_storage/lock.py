"""The writers' lock: one holder at a time, over threads and processes, gone with its process.

It is an ``flock`` on ``vost.lock``, so that every other program that locks this file in the same
way is excluded too. The file stays where it is, empty: removing it would let two writers lock
two different files of the same name.

filelock makes the system's calls. It is imported by the first writer: who only reads should not
wait for that, and it takes a fifth of the time of importing vost.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

from vost._model.errors import Busy, RepositoryNotFoundError

if TYPE_CHECKING:
    from types import TracebackType

    from filelock import FileLock

WRITERS_PATIENCE = 60.0
"""Seconds for which it makes sense to wait for another writer."""


class Mutex:
    """A lock between the threads of this process that is only ever tried, never waited for.

    A forked child starts with all of them free: the thread that held one is not in the child.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.held = False
        _forkable.add(self)

    def try_acquire(self) -> bool:
        """Take the mutex if it is free, and tell whether that worked."""
        if not self._lock.acquire(blocking=False):
            return False
        self.held = True
        return True

    def release(self) -> None:
        """Give the mutex back; nothing happens if it is free (after a fork, for example)."""
        if self.held:
            self.held = False
            self._lock.release()

    def reset_after_fork(self) -> None:
        """Be free again, in a child process."""
        self._lock = threading.Lock()
        self.held = False


class WritersLock:
    """The lock that a writer holds while it moves refs.

    Args:
        path: The lock file. Its directory must exist; the file is made when it is first locked.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        # One FileLock counts how often it was acquired instead of refusing a second thread.
        self._mutex = Mutex()
        self._file: FileLock | None = None
        _forkable.add(self)

    def _new_file(self) -> FileLock:
        from filelock import FileLock

        # Not thread-local: the release may happen on another thread. Never the existence lock
        # that filelock falls back to: it would not exclude a program that uses flock.
        return FileLock(
            self._path, timeout=0, thread_local=False, blocking=False, fallback_to_soft=False
        )

    @property
    def path(self) -> str:
        """The lock file."""
        return self._path

    @property
    def held(self) -> bool:
        """Whether some thread of this process holds the lock through this object."""
        return self._mutex.held

    def acquire(self) -> None:
        """Make one attempt to take the lock, without waiting.

        Raises:
            Busy: If another thread or process has it.
            RepositoryNotFoundError: If the directory of the lock file is gone.
        """
        # filelock would make the directory anew, and a removed repository would be back, empty.
        parent = os.path.dirname(self._path)
        if not os.path.isdir(parent):
            raise RepositoryNotFoundError(2, "the repository is gone", parent)
        if not self._mutex.try_acquire():
            raise Busy(
                f"{self._path} is held by another thread of this process ({os.getpid()})",
                WRITERS_PATIENCE,
            )
        try:
            if self._file is None:
                self._file = self._new_file()
            self._file.acquire()
        except BaseException as error:
            self._mutex.release()
            # filelock.Timeout, which is the only one of this kind here.
            if not isinstance(error, TimeoutError):
                raise
            raise Busy(
                f"{self._path} is held by {_flock_holder(self._path)}", WRITERS_PATIENCE
            ) from None

    def release(self) -> None:
        """Give the lock back; nothing happens if it is not held."""
        if not self._mutex.held or self._file is None:
            return
        try:
            self._file.release()
        finally:
            self._mutex.release()

    def __enter__(self) -> WritersLock:
        self.acquire()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def reset_after_fork(self) -> None:
        """Forget the parent's hold, in a child process; the parent keeps it."""
        # filelock closes inherited descriptors itself and refuses to reuse an inherited object.
        self._file = None


def _flock_holder(path: str) -> str:
    """Say who holds the lock, as far as the system tells."""
    try:
        inode = os.stat(path).st_ino
        with open("/proc/locks", encoding="ascii", errors="replace") as lines:
            for line in lines:
                fields = line.split()
                if len(fields) > 5 and fields[5].endswith(f":{inode}") and fields[1] == "FLOCK":
                    return f"process {fields[4]}"
    except OSError:
        pass
    return "another writer"


_forkable: weakref.WeakSet[Mutex | WritersLock] = weakref.WeakSet()


def _reset_after_fork() -> None:
    for lock in list(_forkable):
        lock.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
