"""One change of refs on disk, all or none, by Git's own protocol.

First everything that can fail: a lock on each ref, its old value checked under that lock, the
new value written durably, the reflog line. Then the renames. Deletions come last: the reflog,
then ``packed-refs``, then the file, so that a crash in between leaves the ref as it was. Its
lock and that of ``packed-refs`` are held all along, for ``git pack-refs`` could otherwise
bring a deleted ref back.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import GitError
from vost._model.objects import Oid, oid_to_hex

from . import reflog
from .directories import remove_empty_directories, remove_empty_parents, sync_directory
from .lockfiles import Claim, LockFiles, refuse_locked
from .looserefs import lock_below, read_loose, walk_loose
from .packedrefs import PACKED_REFS, PackedRefs
from .protocols import RefMismatchError, RefUpdate
from .refchecks import (
    SYMBOLIC_DEPTH,
    check_ref_name,
    first_below,
    names_above,
    refuse_clash,
    refuse_twice,
    too_deep,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .looserefs import RefValue


class Place(NamedTuple):
    """Where refs are kept and how: what a transaction needs to know of a repository."""

    git_dir: str
    files: LockFiles
    packed: PackedRefs

    def get(self, name: str) -> Oid | None:
        """Return what a ref points at, through symbolic refs; ``None``: nothing.

        Raises:
            GitError: If the file of the ref is damaged, or symbolic refs go in circles.
        """
        start = name
        for _ in range(SYMBOLIC_DEPTH + 1):
            value = read_loose(self.git_dir, name)
            if value is None:
                value = self.packed.snapshot().get(name)
            if value is None:
                # Deleted and made anew between the two looks (libgit2/libgit2#3561).
                value = read_loose(self.git_dir, name)
            if not isinstance(value, str):
                return value
            name = value
        raise GitError(too_deep(start))


class _Step(NamedTuple):
    """One update with the lock on the file that it changes."""

    update: RefUpdate
    claim: Claim


class Transaction:
    """Carries out a list of updates once. Use it with the writers' lock held.

    Args:
        place: The repository.
        identity: ``name <email>`` for the reflog.
        time: Seconds since the epoch for the reflog.
        durable: Whether directories and the reflog are synced too.
    """

    def __init__(self, place: Place, *, identity: str, time: int, durable: bool) -> None:
        self._place = place
        self._identity = identity
        self._time = time
        self._durable = durable
        self._steps: list[_Step] = []
        self._packed_claim: Claim | None = None
        self._packed_content = ""
        self._appended: list[reflog.Appended] = []

    def run(self, updates: Sequence[RefUpdate]) -> None:
        """Carry out all ``updates``, which are in the order of their names, or none."""
        committing = False
        try:
            for update in updates:
                self._prepare(update)
            if any(step.update.new is None for step in self._steps):
                self._prepare_packed()
            self._append_logs()
            committing = True
            self._commit()
        finally:
            if not committing:
                self._take_back_logs()
            self._clean()

    def _prepare(self, update: RefUpdate) -> None:
        """Lock what an update changes and check that the update is possible."""
        place = self._place
        if update.old == update.new:
            self._verify(update, place.get(update.name))
            return
        claim, value = self._lock(update)
        if isinstance(value, str):
            actual = place.get(update.name)
        else:
            actual = value or place.packed.snapshot().get(claim.name)
        self._verify(update, actual)
        if value is None and update.new is not None:
            self._make_room(claim)

    def _lock(self, update: RefUpdate) -> tuple[Claim, RefValue | None]:
        """Lock the file that an update changes and return what the file says.

        For a symbolic ref that is its target; one that is deleted is the file itself, as for
        ``git branch -d``.

        Raises:
            GitError: If symbolic refs go in circles.
        """
        content = b"" if update.new is None else oid_to_hex(update.new).encode() + b"\n"
        name = update.name
        for _ in range(SYMBOLIC_DEPTH + 1):
            claim = self._claim(update, name, content)
            self._steps.append(_Step(update, claim))
            value = read_loose(self._place.git_dir, name)
            if update.new is None or not isinstance(value, str):
                return claim, value
            self._place.files.release(claim)
            self._steps.pop()
            name = value
        raise GitError(too_deep(update.name))

    def _claim(self, update: RefUpdate, name: str, content: bytes) -> Claim:
        check_ref_name(name)
        if any(step.claim.name == name for step in self._steps):
            self._verify(update, self._place.get(update.name))
            refuse_twice(name)
        try:
            return self._place.files.claim(name, content)
        except NotADirectoryError:
            if update.old is not None:
                raise RefMismatchError(update.name, update.old, None) from None
            for above in names_above(name):
                if os.path.isfile(f"{self._place.git_dir}/{above}"):
                    refuse_clash(name, above)
            raise

    @staticmethod
    def _verify(update: RefUpdate, actual: Oid | None) -> None:
        if actual != update.old:
            raise RefMismatchError(update.name, update.old, actual)

    def _make_room(self, claim: Claim) -> None:
        """Make sure that a new ref and an existing one are not each other's directory.

        Raises:
            InvalidRefNameError: If they are; it names both.
            Busy: If another program is making a ref below this one.
            GitError: If something that is no ref is in the way.
        """
        packed = self._place.packed.snapshot()
        others = [step.claim.name for step in self._steps]
        for above in names_above(claim.name):
            if above in others or packed.get(above) is not None:
                refuse_clash(claim.name, above)
        below = first_below(claim.name, others) or packed.below(claim.name)
        if below is not None:
            refuse_clash(claim.name, below)
        if not os.path.lexists(claim.path) or remove_empty_directories(claim.path):
            return
        for below, _ in walk_loose(self._place.git_dir, claim.name + "/"):
            refuse_clash(claim.name, below)
        lock_path = lock_below(claim.path)
        if lock_path is not None:
            refuse_locked(lock_path)
        raise GitError(f"{claim.path} is in the way of a new ref, and no ref itself: remove it")

    def _prepare_packed(self) -> None:
        """Lock ``packed-refs`` and write what it will be without the deleted refs."""
        files = self._place.files
        self._packed_claim = files.claim(PACKED_REFS, b"")
        self._place.packed.forget()
        gone = [step.claim.name for step in self._steps if step.update.new is None]
        content = self._place.packed.snapshot().without(gone)
        if content is not None:
            self._packed_content = files.write_temporary(content)

    def _append_logs(self) -> None:
        for step in self._steps:
            update = step.update
            # The log of a deleted ref goes with it, so the log of HEAD tells of the deletion: Git
            # keeps what that log names from being pruned.
            name = "HEAD" if update.new is None else step.claim.name
            if update.message is None or step.claim.name == "HEAD":
                continue
            self._place.files.check_directories(f"logs/{name}")
            entry = reflog.make_entry(
                update.old, update.new, self._identity, self._time, update.message
            )
            self._appended.append(
                reflog.append(self._place.git_dir, name, entry, durable=self._durable)
            )

    def _take_back_logs(self) -> None:
        for appended in reversed(self._appended):
            reflog.take_back(appended)
        for step in self._steps:
            remove_empty_parents(f"{self._place.git_dir}/logs", step.claim.name)

    def _commit(self) -> None:
        files = self._place.files
        deleted = []
        for step in self._steps:
            if step.update.new is None:
                deleted.append(step.claim)
            else:
                files.commit(step.claim)
        for claim in deleted:
            reflog.remove(self._place.git_dir, claim.name)
        if self._packed_content:
            os.replace(self._packed_content, self._place.packed.path)
            self._place.packed.forget()
        for claim in deleted:
            # An empty directory is in the place of a ref that is packed only.
            with suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(claim.path)
        if self._durable:
            self._sync_directories()

    def _sync_directories(self) -> None:
        """Make new, changed and removed names durable."""
        git_dir = self._place.git_dir
        directories = {git_dir} if self._packed_content else set()
        for step in self._steps:
            directory = os.path.dirname(step.claim.path)
            directories.add(directory)
            while step.claim.made_directories and len(directory) > len(git_dir):
                directory = os.path.dirname(directory)
                directories.add(directory)
        for directory in sorted(directories):
            with suppress(FileNotFoundError):
                sync_directory(directory)

    def _clean(self) -> None:
        """Remove all locks and temporary files that are left."""
        files = self._place.files
        for step in self._steps:
            files.release(step.claim)
            if step.update.new is None:
                remove_empty_parents(self._place.git_dir, step.claim.name)
        if self._packed_content:
            with suppress(OSError):
                os.unlink(self._packed_content)
        if self._packed_claim is not None:
            files.release(self._packed_claim)
        files.finish()
