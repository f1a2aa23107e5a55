"""Backup and restore: what changes, the objects for it, then all refs in one transaction.

An operation has three steps, so that no lock is waited for inside a worker thread: ``prepare``
compares and transfers, ``commit`` moves the refs under the writers' lock, ``close`` takes back what
no ref names.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vost._engine.branches import BRANCHES
from vost._engine.draft import may_be_named
from vost._engine.intake import Intake
from vost._engine.opening import OpenOptions, create_repository, open_repository
from vost._engine.reachable import common_commits, missing_objects
from vost._engine.refspecs import compare, in_the_way, require_refs
from vost._model.errors import (
    RepositoryNotFoundError,
    StaleSnapshotError,
    UnsupportedRepositoryError,
)
from vost._model.mirror import MirrorDiff
from vost._model.objects import Oid, oid_from_hex
from vost._storage.handles import FileHandle
from vost._storage.packreceive import ReceivedPack
from vost._storage.protocols import RefMismatchError, RefUpdate
from vost._storage.refchecks import is_ref_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

    from vost._engine.refspecs import Selection
    from vost._engine.remotes import Remote
    from vost._engine.repository import Repository


class MirrorOptions(NamedTuple):
    """What is asked for.

    Attributes:
        selection: Which refs.
        dry_run: Only compare.
        delete: Whether refs go that exist only on the side that is written; never with a selection.
        allow_empty: Whether a source without refs is fine.
    """

    selection: Selection
    dry_run: bool = False
    delete: bool = True
    allow_empty: bool = False


class Operation(Protocol):
    """One backup, restore, export or import."""

    def prepare(self) -> MirrorDiff:
        """Compare and transfer; refs stay as they are."""

    def commit(self) -> None:
        """Move the refs under the writers' lock. Raises ``Busy`` if that is taken."""

    def close(self) -> None:
        """Release what is held; take back what no ref names. Idempotent."""


class Lines:
    """Passes on what transports say of their progress, line by line.

    Args:
        report: Takes a line with its end; says with ``final`` that it must not be dropped.
    """

    def __init__(self, report: Callable[..., None]) -> None:
        self._report = report
        self._rest = b""

    def __call__(self, data: bytes) -> None:
        """Take in bytes, which may begin and end anywhere in a line."""
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\r\n").split(b"\n")
        for line in lines:
            # What is overwritten on a terminal may be left out; what stays there may not.
            if line.endswith(b"\r"):
                self._report(line)
            elif line:
                self._report(line + b"\n", final=True)
        if len(self._rest) > 1 << 16:
            self._rest = b""

    def step(self, what: str, done: int, total: int) -> None:
        """Tell how far a step of ours is."""
        if done == total:
            self(b"%s: 100%% (%d/%d), done.\n" % (what.encode(), done, total))
        elif done % 64 == 0:
            self(b"%s: %d%% (%d/%d)\r" % (what.encode(), 100 * done // total, done, total))


class Landing:
    """The side of a transfer where refs change.

    Args:
        target: The repository.
        options: What is asked for.
        origin: Where the refs come from, for messages and reflogs, such as ``"restore: <url>"``.
        check: Raises when the caller was cancelled.
    """

    def __init__(
        self, target: Repository, options: MirrorOptions, origin: str, check: Callable[[], None]
    ) -> None:
        self.target = target
        self.diff = MirrorDiff()
        self.intake = Intake(target, check)
        self._options = options
        self._origin = origin
        self._before: dict[str, Oid] = {}
        self._head: str | None = None
        self._left: list[list[RefUpdate]] | None = None
        self._began = False
        self._unsure = False

    def plan(self, refs: Mapping[str, Oid], where: str) -> MirrorDiff:
        """Compare with the refs of the source.

        Args:
            refs: All refs of the source.
            where: What the source is called in messages.

        Raises:
            ValueError: If the source has no refs, or two of them would get one name.
            RefNotFoundError: If a ref that was asked for does not exist.
        """
        options = self._options
        require_refs(refs, options.selection, where, allow_empty=options.allow_empty)
        picked = options.selection.pick(refs, f"in {where}")
        self._before = plain_refs(self.target)
        delete = options.delete and options.selection.is_everything
        self.diff = compare(picked, self._before, delete=delete)
        return self.diff

    def follow(self, head: str | None) -> None:
        """Take over the current branch of the source, if the target has no refs until now."""
        # A remote may say anything.
        if not self._before and head is not None and head.startswith(BRANCHES):
            self._head = head if is_ref_name(head) else None

    @property
    def wanted(self) -> list[Oid]:
        """The objects that refs are to name; none on a dry run."""
        if self._options.dry_run:
            return []
        changes = (*self.diff.add, *self.diff.update)
        return [oid_from_hex(change.new_target) for change in changes if change.new_target]

    @property
    def known(self) -> list[Oid]:
        """What refs of the target named when the operation began."""
        return list(dict.fromkeys(self._before.values()))

    def commit(self) -> None:
        """Move all refs under the writers' lock, or none.

        Raises:
            Busy: If a lock is taken; nothing was done.
            StaleSnapshotError: If a ref has moved since it was compared; nothing was done.
            InvalidRefNameError: If a name clashes with that of a ref that stays.
        """
        target = self.target
        with target.refs.locked():
            if self._left is None:
                self._left = self._transactions()
            while self._left:
                self._unsure = True
                try:
                    target.refs.compare_and_set(
                        self._left[0], identity=target.ident, time=target.now()
                    )
                    # When it is called again, it goes on where it was.
                    del self._left[0]
                    self._began = True
                except RefMismatchError as error:
                    done = "what had to make room is gone" if self._began else "nothing was changed"
                    raise StaleSnapshotError(
                        f"{error.name} has moved while the mirror was being prepared: {done}. "
                        "Run it again."
                    ) from None
            if self._head is not None and target.refs.get(self._head) is not None:
                target.refs.set_symbolic("HEAD", self._head)
        self._unsure = False
        self.intake.release()

    def close(self) -> None:
        """Take back what no ref names. Idempotent."""
        if self._unsure and any(
            may_be_named(self.target, update) for update in self._updates() if update.new
        ):
            self.intake.release()
        self.intake.discard()

    def _updates(self) -> list[RefUpdate]:
        diff, origin = self.diff, self._origin
        changed = [
            RefUpdate(c.ref, _oid(c.old_target), _oid(c.new_target), origin)
            for c in (*diff.add, *diff.update)
        ]
        deleted = [
            RefUpdate(c.ref, _oid(c.old_target), None, f"{origin}: deleted {c.ref}")
            for c in diff.delete
        ]
        return changed + deleted

    def _transactions(self) -> list[list[RefUpdate]]:
        """Return all updates as one transaction; as two if a name must first make room.

        Raises:
            StaleSnapshotError: If it takes two, and a ref has moved already.
        """
        updates = self._updates()
        if not in_the_way(self.diff):
            return [updates] if updates else []
        for update in updates:
            if self.target.refs.get(update.name) != update.old:
                raise StaleSnapshotError(f"{update.name} has moved meanwhile: nothing was changed")
        return [
            [update for update in updates if update.new is None],
            [update for update in updates if update.new is not None],
        ]


class _Restore:
    """What restores have in common.

    Args:
        repository: The one whose refs change.
        remote: The source.
        options: What is asked for.
        lines: Takes progress messages.
        check: Raises when the caller was cancelled.
    """

    def __init__(
        self,
        repository: Repository,
        remote: Remote,
        options: MirrorOptions,
        lines: Lines,
        check: Callable[[], None],
    ) -> None:
        self._remote = remote
        self._lines = lines
        self._check = check
        self._landing = Landing(repository, options, f"restore: {remote.display}", check)
        self.commit = self._landing.commit
        self.close = self._landing.close


class LocalRestore(_Restore):
    """A restore from a repository on the local disk."""

    def prepare(self) -> MirrorDiff:
        """Compare and copy what is missing here.

        Raises:
            RepositoryNotFoundError: If the source does not exist.
            NotARepositoryError: If it is something else.
            ValueError: If it has no refs, or two of them would get one name.
            RefNotFoundError: If a ref that was asked for does not exist.
        """
        options = OpenOptions(create=False, branch=None, signature=self._landing.target.signature)
        source = open_repository(self._remote.path, options)
        try:
            diff = self._landing.plan(plain_refs(source), self._remote.display)
            self._landing.follow(source.refs.get_symbolic("HEAD"))
            copy_missing(source, self._landing, self._lines, self._check)
        finally:
            source.close()
        return diff


class NetworkRestore(_Restore):
    """A restore from a remote repository."""

    def prepare(self) -> MirrorDiff:
        """Compare and fetch what is missing here.

        Raises:
            RemoteError: If the conversation fails.
            RepositoryNotFoundError: If there is no repository at that place.
            ValueError: If it has no refs, or two of them would get one name.
            RefNotFoundError: If a ref that was asked for does not exist.
        """
        from vost._engine.transport import Transport  # late: see there

        landing, remote = self._landing, self._remote
        transport = Transport(remote, self._lines, self._check)

        def choose(refs: Mapping[str, Oid]) -> list[Oid]:
            landing.plan(refs, remote.display)
            return landing.wanted

        with tempfile.TemporaryFile(dir=landing.target.spool_dir) as file:
            told = transport.fetch(landing.target, choose, file.write)
            landing.follow(told.head)
            receive(file, landing, self._lines)
        return landing.diff


class _Backup:
    """What backups have in common.

    Args:
        repository: The source.
        remote: The one whose refs change.
        options: What is asked for.
        lines: Takes progress messages.
        check: Raises when the caller was cancelled.
    """

    def __init__(
        self,
        repository: Repository,
        remote: Remote,
        options: MirrorOptions,
        lines: Lines,
        check: Callable[[], None],
    ) -> None:
        self._source = repository
        self._remote = remote
        self._options = options
        self._lines = lines
        self._check = check
        self._landing: Landing | None = None

    def commit(self) -> None:
        """Move the refs of a local repository, as ``Landing.commit`` does; a remote has done it."""
        if self._landing is not None:
            self._landing.commit()

    def close(self) -> None:
        """Take back what no ref names. Idempotent."""
        if self._landing is not None:
            self._landing.close()
            self._landing.target.close()
            self._landing = None


class LocalBackup(_Backup):
    """A backup into a repository on the local disk, which is made if it is missing."""

    def prepare(self) -> MirrorDiff:
        """Compare and copy what is missing there; make the repository if there is none.

        Raises:
            NotARepositoryError: If something else is at that place.
            UnsupportedRepositoryError: If the source lacks history (a shallow clone).
            ValueError: If the source has no refs, or two of them would get one name.
            RefNotFoundError: If a ref that was asked for does not exist.
        """
        refs = source_refs(self._source, self._options)
        signature = self._source.signature
        try:
            target = open_repository(self._remote.path, OpenOptions(False, None, signature))  # noqa: FBT003
        except RepositoryNotFoundError:
            return self._make(refs)
        return self._land(target, refs)

    def _land(self, target: Repository, refs: dict[str, Oid]) -> MirrorDiff:
        origin = f"backup: from {self._source.location}"
        landing = self._landing = Landing(target, self._options, origin, self._check)
        diff = landing.plan(refs, self._source.location)
        copy_missing(self._source, landing, self._lines, self._check)
        return diff

    def _make(self, refs: dict[str, Oid]) -> MirrorDiff:
        picked = self._options.selection.names(refs, f"in {self._source.location}")
        diff = compare({new: refs[old] for old, new in picked.items()}, {}, delete=False)
        if self._options.dry_run:
            return diff
        head = self._source.refs.get_symbolic("HEAD") or ""
        head = picked.get(head, head)
        branch = head.removeprefix(BRANCHES) if head.startswith(BRANCHES) else None

        def fill(target: Repository) -> None:
            self._land(target, refs)
            self.commit()
            self._landing = None

        options = OpenOptions(True, branch, self._source.signature)  # noqa: FBT003
        try:
            made, is_ours = create_repository(self._remote.path, options, fill)
        except BaseException:
            self.close()
            raise
        if not is_ours:
            return self._land(made, refs)
        made.close()
        return diff


class NetworkBackup(_Backup):
    """A backup into a remote repository."""

    def prepare(self) -> MirrorDiff:
        """Compare, and unless it is a dry run push all changes at once.

        A name that must first make room for another is deleted before, in a push of its own.

        Raises:
            RemoteError: If the conversation fails, or the remote refuses a change.
            RepositoryNotFoundError: If there is no repository at that place.
            UnsupportedRepositoryError: If the source lacks history (a shallow clone).
            ValueError: If the source has no refs, or two of them would get one name.
            RefNotFoundError: If a ref that was asked for does not exist.
        """
        from vost._engine.transport import Transport  # late: see there

        options = self._options
        refs = source_refs(self._source, options)
        picked = options.selection.pick(refs, f"in {self._source.location}")
        delete = options.delete and options.selection.is_everything
        transport = Transport(self._remote, self._lines, self._check)
        diff = MirrorDiff()

        def plan(there: dict[str, Oid]) -> MirrorDiff:
            return compare(picked, there, delete=delete)

        def make_room(there: dict[str, Oid]) -> MirrorDiff:
            nonlocal diff
            diff = plan(there)
            return MirrorDiff(delete=in_the_way(diff)) if in_the_way(diff) else diff

        transport.push(self._source, make_room, dry_run=options.dry_run)
        if in_the_way(diff) and not options.dry_run:
            transport.push(self._source, plan, dry_run=False)
        return diff


def plain_refs(repository: Repository) -> dict[str, Oid]:
    """Return all refs but the symbolic ones, which are names for others."""
    refs = repository.refs
    return {name: oid for name, oid in refs.list("refs/").items() if not refs.get_symbolic(name)}


def source_refs(repository: Repository, options: MirrorOptions) -> dict[str, Oid]:
    """Return the refs of a source, if it can be copied as is asked for.

    Raises:
        ValueError: If it has no refs, or two of them would get one name.
        RefNotFoundError: If a ref that was asked for does not exist.
        UnsupportedRepositoryError: If it lacks history (a shallow clone).
    """
    refs = plain_refs(repository)
    where = repository.location
    require_refs(refs, options.selection, where, allow_empty=options.allow_empty)
    options.selection.names(refs, f"in {where}")
    require_history(repository)
    return refs


def require_history(repository: Repository) -> None:
    """Refuse a shallow clone: a copy of it would be damaged.

    Raises:
        UnsupportedRepositoryError: If it is one.
    """
    if repository.shallow:
        raise UnsupportedRepositoryError(
            f"{repository.location} is a shallow clone, of which no complete copy can be made "
            "(git fetch --unshallow gets the rest of its history)"
        )


def copy_missing(
    source: Repository, landing: Landing, lines: Lines, check: Callable[[], None]
) -> None:
    """Copy the objects that the refs of a landing need from a local repository.

    Raises:
        UnsupportedRepositoryError: If the source lacks history.
    """
    wanted = landing.wanted
    if not wanted:
        return
    require_history(source)
    known = common_commits(landing.target, source, check)
    oids = [reached.oid for reached in missing_objects(source, wanted, known, check)]
    lines(b"counting objects: %d, done.\n" % len(oids))
    landing.intake.copy(source, oids, lines.step)


def receive(file: IO[bytes], landing: Landing, lines: Lines) -> None:
    """Store what came as a pack, and check that it is all that the refs of a landing need.

    Args:
        file: Holds the pack; empty: nothing came.
        landing: Where it goes.
        lines: Takes progress messages.
    """
    wanted = landing.wanted
    if not wanted:
        return
    file.flush()
    handle = FileHandle.of_descriptor(file.fileno(), "the received pack")
    if handle.size:
        landing.intake.receive(ReceivedPack(handle), lines.step)
    landing.intake.check_connected(wanted, landing.known)


def _oid(text: str | None) -> Oid | None:
    return None if text is None else oid_from_hex(text)
