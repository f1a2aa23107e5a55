"""Refs in a Git directory: files below ``refs/``, ``packed-refs``, reflogs below ``logs/``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import reflog
from .directories import sync_directory
from .lockfiles import LockFiles
from .looserefs import read_loose, walk_loose
from .packedrefs import PackedRefs
from .refchecks import (
    check_ref_name,
    check_symbolic,
    check_updates,
)
from .refmemory import RefMemory
from .transaction import Place, Transaction

if TYPE_CHECKING:
    import builtins
    import os
    from collections.abc import Callable, Iterator, Sequence

    from vost._model.objects import Oid
    from vost._model.types import ReflogEntry

    from .lock import WritersLock
    from .protocols import RefUpdate


class DiskRefs:
    """The refs of one repository on disk. Safe to share between threads.

    Readers take no lock. Writers exclude each other by the writers' lock, and ``git`` by its
    own lock files.

    Args:
        git_dir: The Git directory, absolute.
        lock: The writers' lock of the repository.
        durable: Whether directories and reflogs are synced too, so that an update survives a
            loss of power once it is acknowledged. The new value itself always is.

    Attributes:
        durable: May be set at any time.
    """

    def __init__(
        self, git_dir: str | os.PathLike[str], lock: WritersLock, *, durable: bool = False
    ) -> None:
        self.durable = durable
        self._git_dir = git_dir if isinstance(git_dir, str) else git_dir.__fspath__()
        self._lock = lock
        self._files = LockFiles(self._git_dir)
        self._packed = PackedRefs(self._git_dir)
        self._place = Place(self._git_dir, self._files, self._packed)
        self._memory = RefMemory(self._git_dir)
        self._changed: Callable[[], None] | None = None

    @property
    def place(self) -> str:
        """Directory in which something changes whenever a ref moves, also for packed ones.

        Git and we take a lock file beside the ref that is moved or deleted, wherever it is, and
        give it back last.
        """
        return f"{self._git_dir}/refs"

    def on_change(self, callback: Callable[[], None] | None) -> None:
        """Set what is called after each change that is made through this object.

        Args:
            callback: Does not raise; ``None``: nothing is called any more.
        """
        self._changed = callback

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make one non-blocking attempt at the writers' lock.

        What a writer left that was killed while it held the lock is removed first.

        Raises:
            Busy: On entering, if somebody else has it.
        """
        with self._lock:
            self._files.recover()
            yield

    def get(self, name: str) -> Oid | None:
        """Return what a full ref name points at, through symbolic refs; ``None``: nothing.

        Raises:
            GitError: If the file of the ref is damaged.
            InvalidRefNameError: If ``name`` is no full ref name.
        """
        check_ref_name(name)
        return self._place.get(name)

    def look(self, name: str) -> Oid | None:
        """Return what ``get`` does, and remember it for ``unmoved``."""
        check_ref_name(name)

        def read() -> tuple[Oid | None, bool]:
            value = read_loose(self._git_dir, name)
            if isinstance(value, bytes):
                return value, False
            return self._place.get(name), value is not None

        return self._memory.look(name, read)

    def unmoved(self, name: str) -> tuple[Oid | None] | None:
        """Return what ``look`` found if it is there still; ``None``: nobody knows without reading.

        Never waits for a disk.
        """
        return self._memory.unmoved(name)

    def list(self, prefix: str) -> dict[str, Oid]:
        """Return all refs whose full name starts with ``prefix``, by full name, sorted.

        Symbolic refs count with the id that they lead to, and not at all if there is none.

        Raises:
            GitError: If the file of a ref is damaged.
        """
        # Files first: a ref that is packed in between is seen in packed-refs then.
        loose = dict(walk_loose(self._git_dir, prefix))
        found: dict[str, Oid] = {
            name: oid
            for name, oid in self._packed.snapshot().refs().items()
            if name.startswith(prefix)
        }
        for name, value in loose.items():
            oid = self.get(name) if isinstance(value, str) else value
            if oid is not None:
                found[name] = oid
            else:  # a symbolic ref that leads nowhere hides a packed ref of its name
                found.pop(name, None)
        return dict(sorted(found.items()))

    def compare_and_set(self, updates: Sequence[RefUpdate], *, identity: str, time: int) -> None:
        """Carry out all updates or none. Call it with the lock held.

        A symbolic ref is written through, and deleted itself. An update to the value that the
        ref has already changes nothing and is not logged.

        Args:
            updates: What to change. Deleting a ref removes its reflog; the line that tells of
                it, if there is one, goes into the log of ``HEAD``.
            identity: ``name <email>`` for the reflog.
            time: Seconds since the epoch for the reflog.

        Raises:
            RefMismatchError: If a ref does not have its expected value.
            Busy: If another Git program holds a lock that an update needs.
            InvalidRefNameError: If a name clashes with an existing one (``a`` and ``a/b``).
            GitError: If what is on disk is damaged or in the way.
        """
        ordered = check_updates(updates)
        self._check_locked()
        Transaction(self._place, identity=identity, time=time, durable=self.durable).run(ordered)
        self._tell()

    def get_symbolic(self, name: str) -> str | None:
        """Return the ref that a symbolic ref such as ``HEAD`` names; ``None`` if it is none."""
        check_ref_name(name)
        value = read_loose(self._git_dir, name)
        return value if isinstance(value, str) else None

    def set_symbolic(self, name: str, target: str) -> None:
        """Make ``name`` a symbolic ref to the full name ``target``. Call it with the lock held.

        Raises:
            Busy: If another Git program has locked ``name``.
            InvalidRefNameError: If ``target`` is no full name below ``refs/``.
        """
        check_symbolic(name, target)
        self._check_locked()
        if read_loose(self._git_dir, name) == target:
            return
        try:
            claim = self._files.claim(name, f"ref: {target}\n".encode("utf-8", "surrogateescape"))
            try:
                self._files.commit(claim)
            finally:
                self._files.release(claim)
        finally:
            self._files.finish()
        if self.durable:
            sync_directory(claim.path.rpartition("/")[0])
        self._tell()

    def reflog(self, name: str) -> builtins.list[ReflogEntry] | None:
        """Return the log of a full ref name, oldest first; ``None`` if it has none."""
        check_ref_name(name)
        return reflog.read(f"{self._git_dir}/logs/{name}")

    def close(self) -> None:
        """Release cached handles. Idempotent; the object stays usable."""
        self._files.close()
        self._packed.forget()

    def _tell(self) -> None:
        changed = self._changed
        if changed is not None:
            changed()

    def _check_locked(self) -> None:
        if not self._lock.held:
            raise RuntimeError("refs are changed with the writers' lock held: use locked()")
