"""Glob patterns over a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.lookup import canonical_mode, entries, find, find_entry, is_forged
from vost._model.glob import iter_glob, parse_pattern
from vost._model.paths import decode_name
from vost._model.types import MODE_GITLINK, MODE_TREE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from vost._engine.repository import Reader
    from vost._model.objects import Oid


def iter_paths(
    reader: Reader, root: Oid, pattern: str | os.PathLike[str], *, submodules: bool = False
) -> Iterator[str]:
    """Yield the paths of a snapshot that match ``pattern``, each once, in tree order.

    Args:
        reader: Finds trees.
        root: The snapshot's root tree.
        pattern: The pattern.
        submodules: Yield submodules too.
    """
    look = find_entry if submodules else find

    def is_shown(name: bytes, mode: int) -> bool:
        is_known = canonical_mode(mode) is not None or (submodules and mode == MODE_GITLINK)
        return is_known and not is_forged(name)

    def list_directory(path: str) -> list[tuple[str, bool]]:
        entry = find(reader, root, path)
        if entry is None:
            return []
        return [
            (decode_name(name), child.mode == MODE_TREE)
            for name, child in entries(reader, entry.oid, path)
            if is_shown(name, child.mode)
        ]

    def look_up(path: str) -> bool | None:
        entry = look(reader, root, path)
        return None if entry is None else entry.mode == MODE_TREE

    return iter_glob(parse_pattern(pattern), list_directory, look_up)
