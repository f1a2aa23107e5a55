"""What all operations of a snapshot share: which commit it is, and how it asks and writes."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, TypeVar, cast

from vost._engine.draft import CommitOptions, Draft, NewTag, Published
from vost._engine.repository import NotCached, Reader, Repository
from vost._model.errors import ReadOnlySnapshotError
from vost._model.messages import validate_message
from vost._model.objects import Oid, oid_from_hex, oid_to_hex
from vost._offload import check, is_inline, run, run_exclusive, run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from typing_extensions import TypeVarTuple, Unpack

    from vost._engine.commits import Commit
    from vost._engine.contents import Content
    from vost._model.changes import ChangeReport
    from vost.fs import FS
    from vost.store import GitStore

    Ts = TypeVarTuple("Ts")

T = TypeVar("T")


class Snapshot:
    """A commit of a store, and the branch or tag that it was found through.

    Args:
        store: The store that the commit is in.
        commit_oid: The commit's id: 40 hexadecimal characters, in ASCII ``bytes`` or ``str``.
        ref_name: Short name of the branch or tag; ``None``: detached.
        writable: Whether writes go to the branch ``ref_name``; by default if there is one.

    Raises:
        ValueError: If ``commit_oid`` is no full object id.
    """

    def __init__(
        self,
        store: GitStore,
        commit_oid: bytes | str,
        ref_name: str | None = None,
        *,
        writable: bool | None = None,
    ) -> None:
        self._store = store
        self._repository: Repository = store._repository
        self._oid: Oid = oid_from_hex(commit_oid)
        self._ref_name = ref_name
        self._writable = (ref_name is not None) if writable is None else writable
        self._changes: ChangeReport | None = None
        self._tag: NewTag | None = None
        self._known_commit: Commit | None = None
        self._mtime: float | None = None

    def __repr__(self) -> str:
        """Show the ref and the abbreviated commit."""
        ref = "" if self._ref_name is None else f"ref_name={self._ref_name!r}, "
        readonly = "" if self._writable else ", readonly"
        return f"FS({ref}commit={oid_to_hex(self._oid)[:7]}{readonly})"

    @property
    def writable(self) -> bool:
        """Whether writes are allowed: yes on branches, no on tags and detached snapshots."""
        return self._writable

    @property
    def ref_name(self) -> str | None:
        """Short name of the branch or tag; ``None`` for a detached snapshot."""
        return self._ref_name

    @property
    def commit_hash(self) -> str:
        """Id of the commit: 40 hexadecimal characters."""
        return oid_to_hex(self._oid)

    @property
    def tree_hash(self) -> str:
        """Id of the root tree: 40 hexadecimal characters."""
        return oid_to_hex(self._commit.tree)

    @property
    def message(self) -> str:
        """The commit message without its trailing newlines."""
        return self._commit.message

    @property
    def time(self) -> datetime:
        """When the commit was made: aware, in the committer's own offset from UTC."""
        return self._commit.time

    @property
    def author_name(self) -> str:
        """Name of the commit's author."""
        return self._commit.author_name

    @property
    def author_email(self) -> str:
        """Email address of the commit's author."""
        return self._commit.author_email

    @property
    def changes(self) -> ChangeReport | None:
        """What the call that returned this snapshot changed; ``None`` if it changed nothing."""
        return self._changes

    @property
    def _commit(self) -> Commit:
        # Snapshots that the library hands out know their commit; one that was constructed by
        # hand reads it here, which blocks for some microseconds.
        if self._known_commit is None:
            self._known_commit = self._repository.commit(self._oid)
        return self._known_commit

    async def _loaded(self) -> Commit:
        if self._known_commit is None:
            self._known_commit = await run(self._repository.commit, self._oid)
        return self._known_commit

    async def _look(
        self,
        question: Callable[[Reader, Oid, str, Unpack[Ts]], T],
        path: str,
        *args: Unpack[Ts],
    ) -> T:
        """Answer from memory at once, or else from the disk in one hop."""
        root = (self._known_commit or await self._loaded()).tree
        if is_inline():
            return question(self._repository, root, path, *args)
        try:
            return question(self._repository.cached, root, path, *args)
        except NotCached:
            return await run(question, self._repository, root, path, *args)

    def _with_commit(self, commit: Commit, changes: ChangeReport | None = None) -> FS:
        """Return a snapshot of another commit on the same branch or tag."""
        return make_snapshot(
            self._store, commit, self._ref_name, writable=self._writable, changes=changes
        )

    def _tagged(self, tag: NewTag | None) -> FS:
        """Return this snapshot with another tag for its next commit."""
        same = copy(self._same())
        same._tag = tag
        return same

    def _same(self) -> FS:
        return cast("FS", self)

    def _require_writable(self, verb: str = "write to") -> str:
        """Return the full name of the branch that writes go to.

        Raises:
            ReadOnlySnapshotError: If the snapshot is read-only.
        """
        if not self._writable or self._ref_name is None:
            ref = "" if self._ref_name is None else f" (ref {self._ref_name!r})"
            raise ReadOnlySnapshotError(f"Cannot {verb} read-only snapshot{ref}")
        return f"refs/heads/{self._ref_name}"

    def _options(
        self, message: str | None, operation: str | None, parents: Sequence[FS] | None
    ) -> CommitOptions:
        validate_message(message, operation)
        return CommitOptions(message, operation, self._parent_oids(parents), self._tag)

    def _parent_oids(self, parents: Sequence[FS] | None) -> tuple[Oid, ...]:
        for parent in parents or ():
            require_same_store(self._store, parent)
        return tuple(parent._oid for parent in parents or ())

    async def _draft(self, ref: str) -> Draft:
        return Draft(self._repository, await self._loaded(), ref, check)

    async def _write_one(self, path: str, content: Content, options: CommitOptions) -> FS:
        """Write one file in one hop."""
        return await self._commit_edits(lambda draft: draft.put_many([(path, content)]), options)

    async def _commit_edits(
        self, stage: Callable[[Draft], ChangeReport | None], options: CommitOptions
    ) -> FS:
        """Have edits staged and commit them, all in one hop.

        Args:
            stage: Called once, when the branch is known to be where it should be; returns what
                the edits change if it knows.
            options: How the commit is recorded.
        """
        draft = await self._draft(self._require_writable())
        report: ChangeReport | None = None
        staged = False

        def attempt() -> Published | None:
            nonlocal report, staged
            first = not staged
            if first:
                draft.require_current()
                report = stage(draft)
                staged = True
            return draft.publish(options, report, is_current=first)

        try:
            return self._outcome(await run_exclusive(attempt))
        except BaseException:
            if draft.has_stored:
                await run_to_end(draft.discard)
            raise

    def _outcome(self, published: Published | None) -> FS:
        if published is None:
            return self._same() if self._tag is None else self._tagged(None)
        return self._with_commit(published.commit, published.changes)


def make_snapshot(
    store: GitStore,
    commit: Commit,
    ref_name: str | None,
    *,
    writable: bool,
    changes: ChangeReport | None = None,
) -> FS:
    """Return the snapshot of a commit that is known already."""
    from vost.fs import FS  # the class that is built from this module

    snapshot = FS(store, oid_to_hex(commit.oid), ref_name, writable=writable)
    snapshot._known_commit = commit
    snapshot._changes = changes
    return snapshot


def require_same_store(store: GitStore, other: object) -> None:
    """Check that ``other`` is a snapshot of the same repository as ``store``.

    Raises:
        TypeError: If it is no snapshot.
        ValueError: If it is one of another repository.
    """
    if not isinstance(other, Snapshot):
        raise TypeError(f"Expected FS, got {type(other).__name__}")
    if other._repository.identity != store._repository.identity:
        raise ValueError(
            f"The snapshot must belong to the same repo: it is in "
            f"{other._repository.location}, not in {store._repository.location}"
        )
