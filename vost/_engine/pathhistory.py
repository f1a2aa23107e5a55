"""Whether commits changed what is at a path, found with as little reading as possible.

A log asks this of one commit after the other, mostly about trees that nobody asks about again. So
trees are searched as they are stored, each once, and not kept; and what was found for a commit's
parent is used again when it is the parent's own turn.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vost._engine.lookup import canonical_mode
from vost._engine.trees import Entry, mode_of
from vost._model.paths import encode_path
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from vost._engine.repository import Repository
    from vost._model.objects import Oid


class PathHistory:
    """Compares what is at one path in one snapshot after the other.

    Args:
        repository: Where the trees are.
        path: The path.
    """

    def __init__(self, repository: Repository, path: str) -> None:
        self._repository = repository
        self._names = [(name, _first_entry(name)) for name in encode_path(path).split(b"/")]
        # What is on the way to the path in the tree that was looked at last: the root, then an
        # entry for each name as far as that was needed.
        self._found: list[Entry | None] = []

    def differs(self, ours: Oid, theirs: Oid | None) -> bool:
        """Tell whether what is at the path differs between two root trees.

        Args:
            ours: A root tree; best the ``theirs`` of the last call.
            theirs: Another one; ``None``: nothing at all.
        """
        root: list[Entry | None] = [Entry(MODE_TREE, ours)]
        old = self._found if self._found[:1] == root else root
        new: list[Entry | None] = [None if theirs is None else Entry(MODE_TREE, theirs)]
        self._found = new
        for depth, name in enumerate(self._names):
            if old[depth] == new[depth]:
                new += old[depth + 1 :]
                return False
            if len(old) == depth + 1:
                old.append(self._child(old[depth], *name))
            new.append(self._child(new[depth], *name))
        return old[-1] != new[-1]

    def _child(self, entry: Entry | None, name: bytes, pattern: re.Pattern[bytes]) -> Entry | None:
        if entry is None or entry.mode != MODE_TREE:
            return None
        match = pattern.match(self._repository.tree_data(entry.oid))
        if match is None:
            # Absent, or the tree is damaged: the slower look-up tells.
            child = self._repository.tree(entry.oid).find(name)
        else:
            child = Entry(mode_of(match[1]), match[2])
        return None if child is None or canonical_mode(child.mode) is None else child


def _first_entry(name: bytes) -> re.Pattern[bytes]:
    """Return a pattern for a tree up to its entry ``name``, entry by entry from the start."""
    before = rb"(?:[0-7]{1,7} [^\0]+\0[\s\S]{20})*?"
    return re.compile(before + rb"([0-7]{1,7}) " + re.escape(name) + rb"\0([\s\S]{20})")
