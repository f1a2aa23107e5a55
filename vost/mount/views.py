"""Which snapshot a mount shows at this moment."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from vost_sync import GitStore, HistoryError, VostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from vost_sync import FS

__all__ = ("Choice", "FixedView", "FollowingView", "Shown", "View")

LOOK_EVERY = 0.05
"""Seconds between two looks at a branch that is followed: nobody sees older than that."""


class View(Protocol):
    """Says which snapshot is shown."""

    @property
    def moves(self) -> bool:
        """Whether the snapshot can be another one later."""

    def snapshot(self) -> FS:
        """Return the snapshot that is shown now. Called by several threads."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which commit of a branch's history is shown; nothing given: its tip.

    Attributes:
        path: The newest commit that changed this path.
        match: The newest commit whose whole message matches this shell pattern.
        before: The newest commit of this moment or earlier.
        back: How many commits before the one that was found.
    """

    path: str | None = None
    match: str | None = None
    before: datetime | None = None
    back: int = 0

    def of(self, tip: FS) -> FS | None:
        """Return the snapshot that is chosen from the history of ``tip``; ``None``: none is."""
        found: FS | None = tip
        if not (self.path is None and self.match is None and self.before is None):
            log = tip.log(self.path, match=self.match, before=self.before, limit=1)
            found = next(iter(log), None)
        try:
            return found.back(self.back) if found is not None and self.back else found
        except HistoryError:
            return None


class FixedView:
    """Shows one snapshot for ever.

    Args:
        fs: The snapshot.
    """

    moves = False

    def __init__(self, fs: FS) -> None:
        self._fs = fs

    def snapshot(self) -> FS:
        """Return the snapshot."""
        return self._fs


class FollowingView:
    """Shows a branch as it moves.

    The branch is looked at when something is looked up, at most every 50 ms: a mount that nobody
    uses costs nothing, and there is no thread that would have to be stopped. What cannot be shown
    (the branch was deleted, no commit passes the filters) leaves what was shown last.

    Args:
        store: The store.
        branch: Name of the branch.
        fs: What is shown first.
        choice: Which commit of its history is shown.
    """

    moves = True

    def __init__(self, store: GitStore, branch: str, fs: FS, choice: Choice | None = None) -> None:
        self._store = store
        self._branch = branch
        self._choice = choice or Choice()
        self._tip: str | None = None
        self._shown = fs
        self._looked = 0.0
        self._lock = threading.Lock()

    def snapshot(self) -> FS:
        """Return what the branch shows now, or showed a moment ago."""
        if time.monotonic() - self._looked < LOOK_EVERY:
            return self._shown
        # One thread looks; the others need not wait for it.
        if self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looked = time.monotonic()
                self._lock.release()
        return self._shown

    def _look(self) -> None:
        try:
            tip = self._store.branches[self._branch]
            if tip.commit_hash != self._tip:
                self._shown = self._choice.of(tip) or self._shown
                self._tip = tip.commit_hash
        except (VostError, KeyError, ValueError, OSError):
            return


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be mounted, said with nothing open, so that another process can open it.

    Attributes:
        repository: The repository, as an absolute path.
        commit: Id of the commit that is shown, or shown first.
        follow: The branch to follow; ``None``: the snapshot stays.
        choice: Which commit of its history is shown then.
    """

    repository: str
    commit: str
    follow: str | None = None
    choice: Choice = field(default_factory=Choice)

    @contextmanager
    def open(self) -> Iterator[View]:
        """Open the repository for the block.

        Raises:
            VostError: If it is not there, or the commit is not.
        """
        with GitStore.open(self.repository, create=False) as store:
            fs = store.fs(self.commit)
            if self.follow is None:
                yield FixedView(fs)
            else:
                yield FollowingView(store, self.follow, fs, self.choice)
