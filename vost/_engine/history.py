"""Walking along first parents, and the reflog as undo and redo read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.commits import Commit, serialize_commit
from vost._engine.draft import move_ref, require_current
from vost._engine.lookup import require_directory
from vost._engine.pathhistory import EntryHistory, PathHistory
from vost._model.errors import HistoryError, ObjectNotFoundError
from vost._model.objects import ObjectType, Oid, oid_from_hex, oid_to_hex
from vost._storage.protocols import CommitLink, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from vost._engine.repository import Repository
    from vost._model.types import ReflogEntry

_ZEROS = "0" * 40


class LogFilter(NamedTuple):
    """Which commits a log shows; ``None`` lets everything through.

    Attributes:
        path: Only commits that changed what is at this path.
        match: Only commits whose whole message matches this shell pattern.
        before: Only commits of at most this time, in seconds since the epoch.
        limit: At most so many commits.
    """

    path: str | None = None
    match: str | None = None
    before: float | None = None
    limit: int | None = None


def back(repository: Repository, commit: Commit, steps: int) -> Commit:
    """Return the first-parent ancestor ``steps`` commits back.

    Raises:
        HistoryError: If there are not that many.
    """
    for done in range(steps):
        if not commit.parents:
            raise HistoryError(
                f"Cannot go back {steps} commits: history too short ({done} before this one)"
            )
        commit = repository.commit(commit.parents[0])
    return commit


def log(
    repository: Repository, commit: Commit, wanted: LogFilter, check: Callable[[], None]
) -> Iterator[Commit]:
    """Yield first-parent ancestors that pass the filter, newest first, ``commit`` included."""
    from fnmatch import translate  # late: few logs are asked for by message

    path = None if wanted.path is None else PathHistory(repository, wanted.path)
    matches = None if wanted.match is None else re.compile(translate(wanted.match)).match
    old_enough = wanted.before is None
    left = wanted.limit
    oid: Oid | None = commit.oid
    link = CommitLink(commit.tree, commit.parents[0] if commit.parents else None)
    while oid is not None and (left is None or left > 0):
        check()
        below = None if link.parent is None else repository.commit_link(link.parent)
        if not old_enough and wanted.before is not None:
            old_enough = repository.commit(oid).time_seconds <= wanted.before
        if old_enough and (
            path is None or path.differs(link.tree, None if below is None else below.tree)
        ):
            found = repository.commit(oid)
            if matches is None or matches(found.message):
                left = None if left is None else left - 1
                yield found
        oid = link.parent
        link = below or link


def last_changes(
    repository: Repository,
    commit: Commit,
    path: str,
    names: Collection[str] | None,
    limit: int,
    check: Callable[[], None],
) -> dict[str, Commit]:
    """Return the newest first-parent ancestor that changed each entry of a directory.

    Args:
        repository: Where the commits are.
        commit: Where to begin; it may be the answer itself.
        path: The directory; ``""``: the root.
        names: The entries; ``None``: all that are there now.
        limit: How many commits are looked at.
        check: Called for each commit: raises when the caller was cancelled.

    Raises:
        PathNotFoundError: If nothing is at ``path``.
        PathNotDirectoryError: If it is a file.
    """
    directory = require_directory(repository, commit.tree, path)
    entries = EntryHistory(repository, directory.oid, names)
    place = PathHistory(repository, path)
    found: dict[str, Oid] = {}
    oid: Oid | None = commit.oid
    link = CommitLink(commit.tree, commit.parents[0] if commit.parents else None)
    while oid is not None and limit > 0 and entries.left:
        check()
        limit -= 1
        below = None if link.parent is None else repository.commit_link(link.parent)
        if place.differs(link.tree, None if below is None else below.tree):
            found.update(dict.fromkeys(entries.changed_since(place.directory), oid))
        oid = link.parent
        link = below or link
    return {name: repository.commit(found[name]) for name in entries.names if name in found}


def undo(repository: Repository, commit: Commit, ref: str, steps: int) -> Commit:
    """Move a branch back along first parents and return where it is now.

    Raises:
        HistoryError: If history is too short.
        StaleSnapshotError: If the branch is not at ``commit``.
        Busy: If the writers' lock is taken; nothing was done.
    """
    target = commit
    for done in range(steps):
        if not target.parents:
            raise HistoryError(f"Cannot undo {steps} steps - only {done} commit(s) in history")
        target = repository.commit(target.parents[0])
    move_ref(repository, RefUpdate(ref, commit.oid, target.oid, "undo: move back"))
    return target


def redo(repository: Repository, commit: Commit, ref: str, steps: int) -> Commit:
    """Move a branch to where its reflog says that it was before, and return that commit.

    Reflog lines are hints: what they name must still exist and be a commit.

    Raises:
        HistoryError: If the reflog does not reach that far.
        StaleSnapshotError: If the branch is not at ``commit``.
        Busy: If the writers' lock is taken; nothing was done.
    """
    require_current(repository, ref, commit)
    entries = repository.refs.reflog(ref)
    if not entries:
        raise HistoryError(f"No reflog found for branch {ref.removeprefix('refs/heads/')!r}")
    target_hex = _redo_target(entries, oid_to_hex(commit.oid), steps)
    try:
        target = repository.commit(oid_from_hex(target_hex))
    except ObjectNotFoundError:
        raise HistoryError(
            f"Cannot redo: commit {target_hex} of the reflog is not in the repository any more"
        ) from None
    move_ref(repository, RefUpdate(ref, commit.oid, target.oid, "redo: move forward"))
    return target


def _redo_target(entries: list[ReflogEntry], current: str, steps: int) -> str:
    latest = len(entries) - 1
    while latest >= 0 and entries[latest].new_sha != current:
        latest -= 1
    if latest < 0:
        raise HistoryError(f"Cannot redo: the reflog does not mention commit {current}")
    if steps > latest + 1:
        raise HistoryError(f"Cannot redo {steps} steps - only {latest + 1} step(s) available")
    target = entries[latest - steps + 1].old_sha
    if target == _ZEROS:
        raise HistoryError(
            f"Cannot redo {steps} step(s) — reaches branch creation point (no prior commit)"
        )
    return target


def squash(repository: Repository, tree: Oid, parents: tuple[Oid, ...], message: str) -> Commit:
    """Store a commit of its own for ``tree``; no ref moves.

    Raises:
        MissingObjectError: If the tree or a parent was pruned meanwhile.
    """
    repository.require(tree, *parents)
    writer = repository.objects.writer()
    data = serialize_commit(tree, parents, repository.signature, repository.now(), message)
    oid = writer.add(ObjectType.COMMIT, data)
    writer.flush()
    writer.release()
    return repository.commit(oid)
