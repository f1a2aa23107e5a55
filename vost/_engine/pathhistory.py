"""Whether commits changed what is at a path, found with as little reading as possible.

A log asks this of one commit after the other, mostly about trees that nobody asks about again. So
trees are searched as they are stored, each once, and not kept; and what was found for a commit's
parent is used again when it is the parent's own turn.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from vost._engine.lookup import canonical_mode
from vost._engine.trees import mode_of
from vost._model.paths import encode_path
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from vost._engine.repository import Repository
    from vost._model.objects import Oid


_Found: TypeAlias = "tuple[int, Oid] | None"


class PathHistory:
    """Compares what is at one path in one snapshot after the other.

    Args:
        repository: Where the trees are.
        path: The path.
    """

    def __init__(self, repository: Repository, path: str) -> None:
        self._repository = repository
        self._names = [(name, _first_entry(name)) for name in encode_path(path).split(b"/")]
        # What is on the way to the path below the root tree that was looked at last: mode and id
        # for each name, as far as that was needed. (Plain tuples: an ``Entry`` takes longer.)
        self._root: Oid | None = None
        self._found: list[_Found] = []

    def differs(self, ours: Oid, theirs: Oid | None) -> bool:
        """Tell whether what is at the path differs between two root trees.

        Args:
            ours: A root tree; best the ``theirs`` of the last call.
            theirs: Another one; ``None``: nothing at all.
        """
        old = self._found if self._root == ours else []
        if ours == theirs:
            self._root, self._found = theirs, old
            return False
        new: list[_Found] = []
        self._root, self._found = theirs, new
        above: _Found = MODE_TREE, ours
        above_new: _Found = None if theirs is None else (MODE_TREE, theirs)
        for depth, (name, pattern) in enumerate(self._names):
            if depth == len(old):
                old.append(self._child(above, name, pattern))
            above, above_new = old[depth], self._child(above_new, name, pattern)
            new.append(above_new)
            if above == above_new:
                new += old[depth + 1 :]
                return False
        return True

    def _child(self, above: _Found, name: bytes, pattern: re.Pattern[bytes]) -> _Found:
        if above is None or above[0] != MODE_TREE:
            return None
        match = pattern.match(self._repository.tree_data(above[1]))
        if match is not None:
            text, oid = match.groups()
            mode = mode_of(text)
        else:
            # Absent, or the tree is damaged: the slower look-up tells.
            entry = self._repository.tree(above[1]).find(name)
            if entry is None:
                return None
            mode, oid = entry
        if mode != MODE_TREE and canonical_mode(mode) is None:
            return None
        return mode, oid


def _first_entry(name: bytes) -> re.Pattern[bytes]:
    """Return a pattern for a tree up to its entry ``name``, entry by entry from the start."""
    before = rb"(?:[0-7]{1,7} [^\0]+\0.{20})*?"
    return re.compile(before + rb"([0-7]{1,7}) " + re.escape(name) + rb"\0(.{20})", re.DOTALL)
