"""History operations of a snapshot."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from vost._engine import history
from vost._model.paths import normalize_path, normalize_root
from vost._offload import check, run, run_exclusive, stream
from vost._snapshot import Snapshot, make_snapshot, require_same_store

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Collection

    from vost.fs import FS


class HistoryOperations(Snapshot):
    """Where a snapshot comes from, and moving its branch along its history."""

    @property
    async def parent(self) -> FS | None:
        """The snapshot of the first parent; ``None`` for a first commit."""
        commit = await self._loaded()
        if not commit.parents:
            return None
        return self._with_commit(await run(self._repository.commit, commit.parents[0]))

    async def back(self, n: int = 1) -> FS:
        """Return the snapshot ``n`` commits back along first parents.

        Args:
            n: How many commits; 0 is this snapshot itself.

        Raises:
            ValueError: If ``n`` is negative, or history is too short.
        """
        if n < 0:
            raise ValueError(f"back() requires n >= 0, got {n}")
        if n == 0:
            return self._same()
        commit = await self._loaded()
        return self._with_commit(await run(history.back, self._repository, commit, n))

    async def log(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        match: str | None = None,
        before: datetime | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[FS, None]:
        """Yield this snapshot and its first-parent ancestors, newest first.

        The filters are combined: a snapshot must pass all of them.

        Args:
            path: Only snapshots whose commit changed what is at this path: a file or directory
                that was added, changed or removed.
            match: Only snapshots whose whole message matches this shell pattern.
            before: Only snapshots of this time or earlier; without a time zone it is in UTC.
            limit: At most this many snapshots.

        Raises:
            ValueError: On the first step, if the path is invalid or ``limit`` is negative.

        Example:
            >>> async for snapshot in fs.log("config.json", limit=10):
            ...     print(snapshot.commit_hash, snapshot.message)
        """
        if limit is not None and limit < 0:
            raise ValueError(f"limit must be >= 0 or None, got {limit}")
        wanted = history.LogFilter(
            path=None if path is None else normalize_path(path),
            match=match,
            before=None if before is None else _seconds(before),
            limit=limit,
        )
        start = await self._loaded()
        async with aclosing(
            stream(lambda: history.log(self._repository, start, wanted, check))
        ) as items:
            async for commit in items:
                yield self._with_commit(commit)

    async def last_changes(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        names: Collection[str] | None = None,
        limit: int = 10_000,
    ) -> dict[str, FS]:
        """Return for each entry of a directory the newest snapshot whose commit changed it.

        That is what ``log`` finds first for the entry's path, for all entries in one go. History is
        read along first parents until all are found, and of it only the trees on the path.

        Args:
            path: The directory; ``None`` or ``""``: the root.
            names: The entries to look for; one that does not exist is found where it was removed.
                ``None``: all that ``ls`` shows.
            limit: How many commits are looked at; entries that only older ones changed are left
                out.

        Returns:
            The snapshots by the names of the entries, in the order of ``names`` or ``ls``.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
            NotADirectoryError: If it is a file.
            ValueError: If a name is none of an entry, or ``limit`` is negative.
            TypeError: If ``names`` is one text, or holds something else than texts.

        Example:
            >>> for name, snapshot in (await fs.last_changes("docs")).items():
            ...     print(name, snapshot.time, snapshot.message)
        """
        if limit < 0:
            raise ValueError(f"limit must be >= 0, got {limit}")
        directory = normalize_root(path)
        wanted = None if names is None else _entry_names(names)
        start = await self._loaded()
        found = await run(
            history.last_changes, self._repository, start, directory, wanted, limit, check
        )
        made = {commit.oid: self._with_commit(commit) for commit in found.values()}
        return {name: made[commit.oid] for name, commit in found.items()}

    async def undo(self, steps: int = 1) -> FS:
        """Move the branch back and return the snapshot that it is at then.

        Nothing is lost: ``redo`` and the branch's reflog know where it was.

        Args:
            steps: How many commits.

        Raises:
            ValueError: If ``steps`` is below 1, or history is too short.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.
        """
        ref = self._movable("undo on", steps)
        commit = await self._loaded()
        target = await run_exclusive(lambda: history.undo(self._repository, commit, ref, steps))
        return self._with_commit(target)

    async def redo(self, steps: int = 1) -> FS:
        """Move the branch to where its reflog says that it was before.

        Args:
            steps: How many steps back in the reflog.

        Raises:
            ValueError: If ``steps`` is below 1, or the reflog does not reach that far.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.
        """
        ref = self._movable("redo on", steps)
        commit = await self._loaded()
        target = await run_exclusive(lambda: history.redo(self._repository, commit, ref, steps))
        return self._with_commit(target)

    async def squash(self, *, parent: FS | None = None, message: str | None = None) -> FS:
        """Return a new snapshot with this tree and no history. No branch moves.

        Args:
            parent: A snapshot to be the only parent; ``None``: none.
            message: Commit message, taken as it is; ``None``: ``squash``.

        Returns:
            A detached, read-only snapshot: assign it to a branch to keep it.

        Raises:
            ValueError: If ``parent`` is of another store, or the message contains NUL.
        """
        if parent is not None:
            require_same_store(self._store, parent)
        text = message or "squash"
        if "\0" in text:
            raise ValueError("a commit message must not contain NUL")
        parents = () if parent is None else (parent._oid,)
        tree = (await self._loaded()).tree
        commit = await run(history.squash, self._repository, tree, parents, text)
        return make_snapshot(self._store, commit, None, writable=False)

    def _movable(self, verb: str, steps: int) -> str:
        if steps < 1:
            raise ValueError(f"steps must be >= 1, got {steps}")
        return self._require_writable(verb)


def _entry_names(names: Collection[str]) -> list[str]:
    if isinstance(names, (str, bytes)):
        raise TypeError("names must be a collection of names, not one")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"names must be str, not {type(name).__name__}")
        if normalize_path(name) != name or "/" in name:
            raise ValueError(f"not the name of an entry of a directory: {name!r}")
    return list(names)


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
