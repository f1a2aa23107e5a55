"""When the files of a snapshot got what they contain, found with as little reading as possible."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vost._engine.comparing import compare_trees
from vost._model.objects import EMPTY_TREE_OID

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.commits import Commit
    from vost._engine.repository import Repository

_MOST_COMMITS = 1000
"""Further back, to read a file is cheaper than to find out how old it is."""


class LastChanges:
    """The times of the commits that last changed each file, along first parents.

    History is walked as far as a question needs it, each commit once for all questions.

    Args:
        repository: Where the commits are.
        commit: The snapshot's commit.
        check: Called for each commit; raises when the caller was cancelled.
    """

    def __init__(self, repository: Repository, commit: Commit, check: Callable[[], None]) -> None:
        self._repository = repository
        self._check = check
        self._next: Commit | None = commit
        self._left = _MOST_COMMITS
        self._seconds: dict[str, int] = {}
        self._now = time.time()

    def changed_after(self, path: str, seconds: int) -> bool:
        """Tell whether a file was certainly changed by a commit later than a moment.

        A commit that claims to be of the future says nothing about that.

        Args:
            path: The file's path in the snapshot.
            seconds: The moment, in seconds since the epoch. A commit of the same second is not
                later.
        """
        while path not in self._seconds:
            commit = self._next
            if commit is None or commit.time_seconds <= seconds or not self._left:
                return False
            self._look_at(commit)
        return seconds < self._seconds[path] <= self._now

    def _look_at(self, commit: Commit) -> None:
        self._check()
        self._left -= 1
        parent = self._repository.commit(commit.parents[0]) if commit.parents else None
        before = EMPTY_TREE_OID if parent is None else parent.tree
        seconds = commit.time_seconds
        for change in compare_trees(self._repository, before, commit.tree):
            self._seconds.setdefault(change.path, seconds)
        self._next = parent
