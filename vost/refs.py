"""Branches and tags of a store, as mappings from name to snapshot."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar, overload

from vost._arguments import Missing, hash_argument
from vost._engine import branches
from vost._engine.repository import NotCached
from vost._model.errors import RefNotFoundError
from vost._model.refnames import check_branch_name
from vost._offload import Wakeup, run, run_exclusive, run_shared, stream
from vost._snapshot import make_snapshot, require_same_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from vost._engine.commits import Commit
    from vost._model.objects import Oid
    from vost._model.types import ReflogEntry
    from vost.fs import FS
    from vost.store import GitStore

__all__ = ("RefDict",)

D = TypeVar("D")

_SHORTEST_POLL = 0.01


class RefDict:
    """The branches or the tags of a store: ``await refs["main"]`` is a snapshot.

    Branch snapshots are writable, tag snapshots are not. Branches can be pointed anywhere; tags
    are created once and move only when told so.

    Args:
        store: The store.
        kind: ``"branches"`` or ``"tags"``.
    """

    def __init__(self, store: GitStore, kind: str) -> None:
        self._store = store
        self._repository = store._repository
        self._kind = kind
        self._tags = kind == "tags"
        self._prefix = branches.TAGS if self._tags else branches.BRANCHES

    def __repr__(self) -> str:
        """Show which refs these are, and how many."""
        count = len(branches.names(self._repository, self._prefix))
        return f"RefDict({self._kind!r}, len={count})"

    async def __getitem__(self, name: str) -> FS:
        """Return a snapshot of where a branch or tag is now; annotated tags are followed.

        Args:
            name: Short name.

        Raises:
            RefNotFoundError: (a ``KeyError``) If there is no such ref.
            ValueError: If it leads to something that is no commit.
        """
        if not isinstance(name, str):
            raise RefNotFoundError(name, f"no such ref: {name!r}")
        try:
            commit = branches.unmoved_commit(self._repository, self._prefix, name)
        except NotCached:
            question = (id(self._repository), self._kind, name)
            commit = await run_shared(question, self._commit, name)
        return self._snapshot(name, commit)

    @overload
    async def get(self, name: str) -> FS | None: ...

    @overload
    async def get(self, name: str, default: D) -> FS | D: ...

    async def get(self, name: str, default: D | None = None) -> FS | D | None:
        """Return the snapshot of a branch or tag, or ``default`` if there is none.

        Args:
            name: Short name.
            default: What to return instead.

        Raises:
            ValueError: If the ref leads to something that is no commit.
        """
        try:
            return await self[name]
        except RefNotFoundError:
            return default

    async def set(
        self,
        name: str,
        fs: FS,
        *,
        replace: bool | None = None,
        expected: FS | None = None,
    ) -> FS:
        """Create a branch or tag, or point one elsewhere, and return its new snapshot.

        A branch moves whatever it is at now: there is no check for lost commits (the reflog knows
        them). A tag is created as a lightweight one. Both in one step.

        Args:
            name: Short name.
            fs: Any snapshot of this store, read-only ones too.
            replace: Whether the ref may exist already; ``None``: a branch may, a tag may not.
            expected: The snapshot that the ref must be at now; ``None``: wherever it is.

        Returns:
            A snapshot that is bound to ``name``.

        Raises:
            ValueError: If the name is illegal or clashes with another (``a`` and ``a/b``), or a
                snapshot is of another store.
            TypeError: If ``fs`` is no snapshot.
            KeyError: If the ref exists and may not.
            StaleSnapshotError: If the ref is not where it is expected.
        """
        check_branch_name(name)
        require_same_store(self._store, fs)
        if expected is not None:
            require_same_store(self._store, expected)
        commit = await fs._loaded()
        await run_exclusive(
            lambda: branches.point(
                self._repository,
                self._prefix,
                name,
                commit,
                replace=not self._tags if replace is None else replace,
                expected=None if expected is None else expected._oid,
            )
        )
        return self._snapshot(name, commit)

    async def create(self, name: str, *, replace: bool = False) -> FS:
        """Create a branch that begins with an empty first commit.

        This is how a store without branches gets its first one.

        Args:
            name: Short name.
            replace: Whether the branch may exist already; its reflog knows what it was at.

        Raises:
            ValueError: If the name is illegal, or this is for tags.
            KeyError: If the branch exists and may not.
        """
        self._require_branches("Tags cannot be created empty: set() makes a tag of a snapshot")
        check_branch_name(name)
        commit = await run_exclusive(
            lambda: branches.create_branch(self._repository, name, replace=replace)
        )
        return self._snapshot(name, commit)

    async def delete(self, name: str) -> None:
        """Delete a branch, with its reflog, or a tag.

        Args:
            name: Short name.

        Raises:
            KeyError: If there is no such ref.
        """
        await run_exclusive(lambda: branches.delete(self._repository, self._prefix, name))

    async def contains(self, name: object) -> bool:
        """Tell whether a ref of that name exists; anything but a legal name does not.

        Args:
            name: Short name.
        """
        if not isinstance(name, str):
            return False
        return await run(branches.exists, self._repository, self._prefix, name)

    async def count(self) -> int:
        """Return how many refs there are."""
        return len(await self.keys())

    # Without it, `x in refs` and `iter(refs)` would ask for `refs[0]`, `refs[1]` ... for ever.
    __iter__ = None

    async def watch(
        self, name: str, *, since: FS | str | None = None, poll: float = 1.0
    ) -> AsyncGenerator[FS, None]:
        """Yield the snapshot of a branch or tag: at once, and whenever it has moved since.

        What counts is where the ref is when it is looked at: snapshots that were passed meanwhile
        are left out, and the last one always comes. It ends when the store is closed. Writes
        through this store are seen at once; those of others within a tenth of a second if
        watchfiles is installed (extras ``cli`` and ``serve``) and the system tells of them.

        Args:
            name: Short name.
            since: A snapshot or full commit id that is known: nothing is yielded at once if the
                ref is there still.
            poll: Seconds after which the ref is looked at in any case: so long it may take where
                nobody tells of changes, such as on a network filesystem. At least 0.01.

        Raises:
            RefNotFoundError: (a ``KeyError``) If there is no such ref, or it is deleted.
            ValueError: If it leads to something that is no commit, ``since`` is of another store
                or no full id, or ``poll`` is too small.

        Example:
            >>> async for fs in store.branches.watch("main"):
            ...     print(fs.commit_hash, fs.message)
        """
        known = self._commit_id(since)
        if not poll >= _SHORTEST_POLL:
            raise ValueError(f"poll must be at least {_SHORTEST_POLL} seconds, got {poll}")
        if not isinstance(name, str):
            raise RefNotFoundError(name, f"no such ref: {name!r}")
        watch = self._repository.watcher.watch(self._prefix + name, poll)
        question = (id(self._repository), "tip", watch.name)
        try:
            while not watch.closed:
                moved = Wakeup()
                watch.arm(moved.wake)
                if watch.is_on:  # all who are woken by the same change look together
                    oid, commit = await run_shared(
                        question, branches.tip, self._repository, watch.name
                    )
                else:
                    oid, commit = await run(branches.begin_watch, self._repository, watch)
                watch.saw(oid)
                if commit.oid != known:
                    known = commit.oid
                    yield self._snapshot(name, commit)
                if watch.is_on:  # not in a child that was forked meanwhile
                    await moved.wait()
        finally:
            watch.end()

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        """Yield the names, sorted."""
        async with aclosing(
            stream(lambda: iter(branches.names(self._repository, self._prefix)))
        ) as items:
            async for name in items:
                yield name

    async def keys(self) -> list[str]:
        """Return the names, sorted."""
        return await run(branches.names, self._repository, self._prefix)

    async def values(self) -> list[FS]:
        """Return the snapshots, sorted by name."""
        return [fs for _, fs in await self.items()]

    async def items(self) -> list[tuple[str, FS]]:
        """Return names and snapshots, sorted by name.

        Raises:
            ValueError: If a ref leads to something that is no commit.
        """
        found = await run(self._all)
        return [(name, self._snapshot(name, commit)) for name, commit in found]

    @overload
    async def pop(self, name: str) -> FS: ...

    @overload
    async def pop(self, name: str, default: D) -> FS | D: ...

    async def pop(self, name: str, default: D | Missing = Missing.MISSING) -> FS | D:
        """Delete a ref and return the snapshot that it had.

        Args:
            name: Short name.
            default: What to return if there is no such ref.

        Raises:
            RefNotFoundError: (a ``KeyError``) If there is no such ref, and no default.
        """
        try:
            fs = await self[name]
            await self.delete(name)
        except RefNotFoundError:
            if isinstance(default, Missing):
                raise
            return default
        return fs

    async def popitem(self) -> tuple[str, FS]:
        """Delete the first ref and return its name and the snapshot that it had.

        Raises:
            RefNotFoundError: (a ``KeyError``) If there are none.
        """
        names = await self.keys()
        if not names:
            raise RefNotFoundError("", f"there are no {self._kind}")
        return names[0], await self.pop(names[0])

    async def setdefault(self, name: str, default: FS | None = None) -> FS:
        """Return the snapshot of a branch or tag; if there is none, make it of ``default``.

        Args:
            name: Short name.
            default: Any snapshot of this store.

        Raises:
            TypeError: If ``default`` is needed and is no snapshot.
            ValueError: As ``set``.
        """
        try:
            return await self[name]
        except RefNotFoundError:
            if default is None:
                raise TypeError("Expected FS, got NoneType") from None
            await self.set(name, default)
            return default

    async def clear(self) -> None:
        """Delete all refs, one after the other."""
        for name in await self.keys():
            await self.pop(name, None)

    async def update(self, other: Mapping[str, FS] | Iterable[tuple[str, FS]]) -> None:
        """Set several refs, one after the other.

        Args:
            other: Names and snapshots.

        Raises:
            ValueError, TypeError, KeyError: As ``set``.
        """
        pairs = other.items() if hasattr(other, "items") else other
        for name, fs in list(pairs):
            await self.set(name, fs)

    @property
    async def current_name(self) -> str | None:
        """Name of the current branch: the one that HEAD names. ``None`` if it names none.

        Raises:
            ValueError: For tags.
        """
        self._require_branches("Tags have no current one")
        return await run(branches.current_name, self._repository)

    @property
    async def current(self) -> FS | None:
        """Snapshot of the current branch; ``None`` if there is none.

        Raises:
            ValueError: For tags.
        """
        self._require_branches("Tags have no current one")
        found = await run(self._current)
        return None if found is None else self._snapshot(*found)

    async def set_current(self, name: str) -> None:
        """Make a branch the current one.

        Args:
            name: Short name of an existing branch.

        Raises:
            KeyError: If there is no such branch.
            TypeError: If ``name`` is not ``str``.
            ValueError: For tags.
        """
        self._require_branches("Tags have no current one")
        if not isinstance(name, str):
            raise TypeError(f"expected the name of a branch, got {type(name).__name__}")
        await run_exclusive(lambda: branches.set_current(self._repository, name))

    async def reflog(self, name: str) -> list[ReflogEntry]:
        """Return where a branch has been, oldest first.

        Args:
            name: Short name.

        Raises:
            KeyError: If there is no such branch.
            FileNotFoundError: If the branch has no log, because it never moved.
            ValueError: For tags.
        """
        self._require_branches("Tags do not have reflog")
        return await run(branches.reflog, self._repository, name)

    def _commit_id(self, known: FS | str | None) -> Oid | None:
        if known is None or isinstance(known, (str, bytes)):
            return None if known is None else hash_argument(known)
        require_same_store(self._store, known)
        return known._oid

    def _snapshot(self, name: str, commit: Commit) -> FS:
        return make_snapshot(self._store, commit, name, writable=not self._tags)

    def _commit(self, name: str) -> Commit:
        find = branches.tag_commit if self._tags else branches.branch_commit
        return find(self._repository, name)

    def _all(self) -> list[tuple[str, Commit]]:
        names = branches.names(self._repository, self._prefix)
        # Not `_commit`, which also remembers: all refs at once are seldom asked for twice.
        return [(name, branches.tip(self._repository, self._prefix + name)[1]) for name in names]

    def _current(self) -> tuple[str, Commit] | None:
        name = branches.current_name(self._repository)
        return None if name is None else (name, self._commit(name))

    def _require_branches(self, message: str) -> None:
        if self._tags:
            raise ValueError(message)
