"""What dead writers leave behind: temporary files, and packs that are marked as in flight."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from .packwrite import is_in_flight, is_our_keep
from .temporary import INDEX_PREFIX, LOOSE_PREFIX, OUR_MARK, PACK_PREFIX, is_held, remove_quietly

if TYPE_CHECKING:
    from collections.abc import Iterator


def find_leftovers(objects: str, *, min_age: float) -> Iterator[str]:
    """Yield the paths of files that no live process needs.

    Args:
        objects: The ``objects`` directory.
        min_age: Seconds that a file must be old where nothing proves that its process is dead.
    """
    limit = time.time() - min_age
    for path in _temporaries(objects):
        if _is_dead(path, limit):
            yield path
    yield from _dead_keeps(objects + "/pack", limit)


def _temporaries(objects: str) -> Iterator[str]:
    prefixes = (LOOSE_PREFIX, PACK_PREFIX, INDEX_PREFIX)
    for directory, _, names in os.walk(objects):
        for name in names:
            if name.startswith(prefixes):
                yield f"{directory}/{name}"


def _is_dead(path: str, limit: float) -> bool:
    """Tell whether a temporary file is litter: ours and not locked, or simply old."""
    name = os.path.basename(path)
    if name.startswith(PACK_PREFIX + OUR_MARK):
        return not is_held(path)
    try:
        return os.lstat(path).st_mtime <= limit
    except FileNotFoundError:
        return False


def _dead_keeps(packs: str, limit: float) -> Iterator[str]:
    """Yield the ``.keep`` files of dead writers, and their packs if they never got an index."""
    try:
        names = set(os.listdir(packs))
    except FileNotFoundError:
        return
    for name in sorted(names):
        path = f"{packs}/{name}"
        if not name.endswith(".keep"):
            continue
        stem = name[: -len(".keep")]
        if f"{stem}.pack" not in names and _is_old_and_empty(path, limit):
            yield path  # its writer died before it could say whose it is
            continue
        if not is_our_keep(path) or is_in_flight(path):
            continue
        if f"{stem}.pack" in names and not os.path.exists(f"{packs}/{stem}.idx"):
            yield f"{packs}/{stem}.pack"
        yield path


def _is_old_and_empty(path: str, limit: float) -> bool:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return status.st_size == 0 and status.st_mtime <= limit


def remove_leftovers(objects: str, *, min_age: float) -> list[str]:
    """Remove what dead writers left behind and return the paths of it.

    Args:
        objects: The ``objects`` directory.
        min_age: Seconds that a file must be old where nothing proves that its process is dead.
    """
    found = list(find_leftovers(objects, min_age=min_age))
    remove_quietly(found)
    return found
