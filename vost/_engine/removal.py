"""Planning a removal: which entries go, and what the report says of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.comparing import changed_entry
from vost._engine.lookup import find_entry, walk_files
from vost._model.changes import ChangeReport
from vost._model.errors import PathIsDirectoryError, PathNotDirectoryError, PathNotFoundError
from vost._model.paths import decode_name, normalize_given
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vost._engine.repository import Reader
    from vost._model.changes import FileEntry
    from vost._model.objects import Oid


class RemovalPlan(NamedTuple):
    """What a removal does: the entries to take away and the files that this removes."""

    paths: tuple[str, ...]
    report: ChangeReport


def plan_removal(
    reader: Reader, root: Oid, sources: Sequence[str | os.PathLike[str]], *, recursive: bool
) -> RemovalPlan:
    """Find what ``sources`` name. All of them are looked at before anything is removed.

    Raises:
        PathNotFoundError: If one of them does not exist, or there are none.
        PathIsDirectoryError: If one is a directory and ``recursive`` is false.
        PathNotDirectoryError: If one ends in a slash and is a file.
    """
    if not sources:
        raise PathNotFoundError("Nothing to remove: the list of paths is empty")
    paths: dict[str, None] = {}
    removed: dict[str, FileEntry] = {}
    for source in sources:
        path = normalize_given(source)
        entry = find_entry(reader, root, path)
        if entry is None:
            raise PathNotFoundError(f"No such file or directory in the snapshot: {path!r}")
        if entry.mode != MODE_TREE:
            if os.fspath(source).endswith("/"):
                raise PathNotDirectoryError(f"Not a directory: {os.fspath(source)!r}")
            removed[path] = changed_entry(path, entry.mode, src=path)
            paths[path] = None
            continue
        if not recursive:
            raise PathIsDirectoryError(
                f"Is a directory: {path or '/'!r} (pass recursive=True to remove it)"
            )
        for below, child in walk_files(reader, entry.oid, path, submodules=True):
            removed[below] = changed_entry(below, child.mode, src=below)
        names = [path] if path else [decode_name(name) for name, _ in reader.tree(root).entries()]
        paths.update(dict.fromkeys(names))
    report = ChangeReport(delete=[removed[path] for path in sorted(removed)])
    return RemovalPlan(tuple(paths), report)
