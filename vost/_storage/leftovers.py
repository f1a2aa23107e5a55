"""What dead writers leave behind: temporary files, and packs that are marked as in flight."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from .packwrite import is_our_keep
from .temporary import (
    INDEX_PREFIX,
    LOOSE_PREFIX,
    OUR_MARK,
    PACK_PREFIX,
    remove_if_dead,
    remove_quietly,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def remove_leftovers(objects: str, *, min_age: float) -> list[str]:
    """Remove what dead writers left behind and return the paths of it.

    Args:
        objects: The ``objects`` directory.
        min_age: Seconds that a temporary file must be old where no lock tells whether its
            process is alive.
    """
    limit = time.time() - min_age
    removed = [path for path in _temporaries(objects) if _remove_temporary(path, limit)]
    return removed + list(_remove_keeps(objects + "/pack", limit))


def _temporaries(objects: str) -> Iterator[str]:
    prefixes = (LOOSE_PREFIX, PACK_PREFIX, INDEX_PREFIX)
    for directory, _, names in os.walk(objects):
        for name in names:
            if name.startswith(prefixes):
                yield f"{directory}/{name}"


def _remove_temporary(path: str, limit: float) -> bool:
    """Remove a temporary file that is ours and not locked, or simply old."""
    if os.path.basename(path).startswith(PACK_PREFIX + OUR_MARK):
        return remove_if_dead(path)
    try:
        is_old = os.lstat(path).st_mtime <= limit
    except FileNotFoundError:
        return False
    if is_old:
        remove_quietly([path])
    return is_old


def _remove_keeps(packs: str, limit: float) -> Iterator[str]:
    """Remove the ``.keep`` files of dead writers, and their packs if they never got an index."""
    try:
        names = sorted(os.listdir(packs))
    except FileNotFoundError:
        return
    for name in names:
        keep = f"{packs}/{name}"
        if not name.endswith(".keep"):
            continue
        stem = keep[: -len(".keep")]
        if _is_nobodys(keep, stem, limit):
            remove_quietly([keep])
            yield keep
            continue
        if not is_our_keep(keep):
            continue
        if os.path.exists(stem + ".pack") and not os.path.exists(stem + ".idx"):
            if remove_if_dead(keep, stem + ".pack"):
                yield from (stem + ".pack", keep)
        elif remove_if_dead(keep):
            yield keep


def _is_nobodys(keep: str, stem: str, limit: float) -> bool:
    """Tell whether the writer of a ``.keep`` died before it could write into it."""
    try:
        status = os.lstat(keep)
    except FileNotFoundError:
        return False
    return not (status.st_size or status.st_mtime > limit or os.path.exists(stem + ".pack"))
