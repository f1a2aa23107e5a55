"""Submodules where something is to be put: nothing brings back what they say once it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.lookup import walk_files
from vost._model.types import MODE_GITLINK, MODE_TREE

if TYPE_CHECKING:
    from vost._engine.repository import Reader
    from vost._engine.trees import Entry

KEPT = "A submodule stays: what was to take its place is left out"
"""The warning of a copy that deletes."""


def submodule_in(reader: Reader, entry: Entry, path: str) -> str | None:
    """Return the path of the first submodule that an entry is or holds; ``None``: none.

    Args:
        reader: Finds trees.
        entry: What is there.
        path: Where it is.
    """
    if entry.mode == MODE_GITLINK:
        return path
    if entry.mode != MODE_TREE:
        return None
    files = walk_files(reader, entry.oid, path, submodules=True)
    return next((below for below, child in files if child.mode == MODE_GITLINK), None)
