"""What the repository has and no source has: planned to be removed, but for what is excluded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vost._engine.lookup import canonical_mode, entries, walk_files
from vost._model.paths import decode_name
from vost._model.types import MODE_TREE

from .plan import PlannedRemoval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vost._engine.repository import Repository
    from vost._engine.trees import Entry
    from vost._transfer.exclude import WalkRules

    from .plan import ImportPlan


class Judge(NamedTuple):
    """Rules that may exclude entries of a directory.

    Attributes:
        rules: The rules.
        below: The path of the directory, as the rules see it.
    """

    rules: WalkRules
    below: str

    def excludes(self, path: str, name: str, *, is_dir: bool) -> bool:
        """Tell whether an entry at ``path`` below the directory is excluded."""
        whole = f"{self.below}/{path}" if self.below else path
        return self.rules.excludes(whole, name, is_dir=is_dir)


class LeftoverWalk:
    """Plans removals.

    Args:
        repository: What the snapshot is in.
        plan: Gets the removals.
        check: Raises when the caller was cancelled.
    """

    def __init__(self, repository: Repository, plan: ImportPlan, check: Callable[[], None]) -> None:
        self._repository = repository
        self._plan = plan
        self._check = check

    def remove(self, path: str, name: str, entry: Entry, judges: Sequence[Judge]) -> None:
        """Plan the removal of an entry, or of what is in it. Excluded files stay.

        Args:
            path: Its path from the root of the repository.
            name: Its name in the directory that the judges know.
            entry: What it is.
            judges: What excludes entries there.
        """
        if any(judge.excludes(name, name, is_dir=entry.mode == MODE_TREE) for judge in judges):
            return
        if entry.mode != MODE_TREE:
            self._plan.removals.append(PlannedRemoval(path, entry.mode, is_swallowed=False))
            return
        if judges:
            self._judged(path, name, entry, judges)
            return
        for below, child in walk_files(self._repository, entry.oid, path):
            self._check()
            self._plan.removals.append(PlannedRemoval(below, child.mode, is_swallowed=False))

    def _judged(self, path: str, name: str, entry: Entry, judges: Sequence[Judge]) -> None:
        pending = [(path, name, entry.oid)]
        while pending:
            self._check()
            directory, below, oid = pending.pop()
            for raw, child in entries(self._repository, oid, directory):
                mode = canonical_mode(child.mode)
                if mode is None:
                    continue
                part = decode_name(raw)
                is_dir = mode == MODE_TREE
                if any(judge.excludes(f"{below}/{part}", part, is_dir=is_dir) for judge in judges):
                    continue
                if is_dir:
                    pending.append((f"{directory}/{part}", f"{below}/{part}", child.oid))
                else:
                    gone = PlannedRemoval(f"{directory}/{part}", mode, is_swallowed=False)
                    self._plan.removals.append(gone)
