"""Whether commits changed what is at a path, found with as little reading as possible.

A log asks this of one commit after the other, mostly about trees that nobody asks about again. So
trees are searched as they are stored, each once, and not kept; and what was found for a commit's
parent is used again when it is the parent's own turn.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from vost._engine.lookup import canonical_mode
from vost._engine.treenews import chunks_of
from vost._engine.trees import Tree, mode_of
from vost._model.paths import decode_names, encode_path
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vost._engine.repository import Repository
    from vost._model.objects import Oid


_Found: TypeAlias = "tuple[int, Oid] | None"
_Stored: TypeAlias = "tuple[bytes, Oid]"


class PathHistory:
    """Compares what is at one path in one snapshot after the other.

    Args:
        repository: Where the trees are.
        path: The path; ``""``: the root.
    """

    def __init__(self, repository: Repository, path: str) -> None:
        self._repository = repository
        names = encode_path(path).split(b"/") if path else []
        self._names = [(name, _first_entry(name)) for name in names]
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

    @property
    def directory(self) -> Oid | None:
        """The directory at the path in the ``theirs`` of a call that found a difference.

        ``None``: there is none.
        """
        at: _Found = None if self._root is None else (MODE_TREE, self._root)
        if self._names:
            at = self._found[-1]
        return None if at is None or at[0] != MODE_TREE else at[1]

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


class EntryHistory:
    """Finds out since when the entries of a directory are what they are, going back in time.

    Args:
        repository: Where the trees are.
        directory: The directory as it is now.
        names: The names of the entries that are asked about; ``None``: all that are shown.

    Attributes:
        names: These names.
        left: What is at those of them whose last change was not found yet, by name.
    """

    def __init__(
        self, repository: Repository, directory: Oid, names: Collection[str] | None
    ) -> None:
        self._repository = repository
        # The directory where history was followed to, in pieces: to compare these is quicker.
        self._chunks = self._chunks_of(directory)
        now = _entries(self._chunks)
        if names is None:
            self.names = decode_names([name for name in now if _shown(now[name]) is not None])
        else:
            self.names = list(dict.fromkeys(names))
        self.left = {name: now.get(name) for name in map(encode_path, self.names)}

    def changed_since(self, directory: Oid | None) -> list[str]:
        """Return the names of entries that were something else before, each only once.

        Args:
            directory: The directory in the commit before; ``None``: there was none.
        """
        chunks = {} if directory is None else self._chunks_of(directory)
        before = _entries(chunks.keys() - self._chunks.keys())
        after = _entries(self._chunks.keys() - chunks.keys())
        self._chunks = chunks
        changed = [
            name
            for name in before.keys() | after.keys()
            if name in self.left and _shown(before.get(name)) != _shown(self.left[name])
        ]
        for name in changed:
            del self.left[name]
        return decode_names(changed)

    def _chunks_of(self, directory: Oid) -> dict[bytes, None]:
        return dict.fromkeys(chunks_of(self._repository.tree_data(directory)))


def _entries(chunks: Iterable[bytes]) -> dict[bytes, _Stored]:
    """Return what stands in pieces of a directory, by name."""
    return {name: (mode, oid) for mode, name, oid in Tree(b"".join(chunks)).rows()}


def _shown(entry: _Stored | None) -> _Found:
    """Return mode and id of an entry as it was stored; ``None`` for what vost cannot show."""
    if entry is None:
        return None
    mode = mode_of(entry[0])
    return None if canonical_mode(mode) is None else (mode, entry[1])


def _first_entry(name: bytes) -> re.Pattern[bytes]:
    """Return a pattern for a tree up to its entry ``name``, entry by entry from the start."""
    before = rb"(?:[0-7]{1,7} [^\0]+\0.{20})*?"
    return re.compile(before + rb"([0-7]{1,7}) " + re.escape(name) + rb"\0(.{20})", re.DOTALL)
