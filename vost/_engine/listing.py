"""Listings for people: everything that is in a tree, submodules included, with sizes and targets.

Unlike look-ups, they show what vost has no content for, and leave out with a warning what must
not be shown as if it were a path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.globbing import iter_paths
from vost._engine.lookup import (
    DAMAGE,
    canonical_mode,
    find_entry,
    is_forged,
    raise_damaged,
)
from vost._engine.trees import Entry
from vost._model.changes import ChangeError
from vost._model.errors import PathNotFoundError
from vost._model.objects import oid_to_hex
from vost._model.paths import decode_name, normalize_given
from vost._model.types import MODE_GITLINK, MODE_LINK, MODE_TREE, Listing, PathInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost._engine.repository import Reader, Repository
    from vost._model.objects import Oid

    Warn = Callable[[ChangeError], None]

_CHECK_EVERY = 256
FORGED = "a forged name, which no file can have: left out"


def list_entries(
    repository: Repository,
    root: Oid,
    path: str,
    check: Callable[[], None],
    *,
    recursive: bool,
    glob: bool,
    details: bool,
) -> Listing:
    """Return what is in a directory, or what a file is.

    Args:
        repository: The repository.
        root: The snapshot's root tree.
        path: A directory, a file, or a pattern.
        check: Raises the caller's cancellation.
        recursive: Go into directories, and leave them out themselves.
        glob: Take ``path`` for a pattern, and return what matches.
        details: Look up sizes and targets.

    Raises:
        PathNotFoundError: If nothing is at ``path``.
        GitError: If something is missing or damaged.
    """
    warnings: list[ChangeError] = []
    if glob:
        found_paths = iter_paths(repository, root, path, submodules=True)
        names = map(normalize_given, found_paths)  # without the dot of a pivot
        starts = [(name, _require(repository, root, name)) for name in names]
    else:
        starts = [(path, _require(repository, root, path))]
    found: dict[str, Entry] = {}
    for name, entry in starts:
        if entry.mode != MODE_TREE or (glob and not recursive):
            found[name] = entry
        elif recursive:
            for number, (below, inner) in enumerate(
                leaves(repository, entry.oid, name, warnings.append)
            ):
                if number % _CHECK_EVERY == 0:
                    check()
                found[below] = inner
        else:
            found.update(children(repository, entry.oid, name, warnings.append))
    entries = _described(repository, found, check) if details else _named(found)
    return Listing(entries, warnings)


def children(reader: Reader, oid: Oid, path: str, warn: Warn) -> Iterator[tuple[str, Entry]]:
    """Yield path and entry of everything in a directory that can be shown, in tree order.

    Args:
        reader: Finds trees.
        oid: The directory.
        path: Where it is.
        warn: Told what is left out.
    """
    prefix = f"{path}/" if path else ""
    try:
        found = reader.tree(oid).entries()
    except DAMAGE as error:
        raise_damaged(repr(path) if path else "the root directory", error)
    for name, entry in found:
        shown = prefix + decode_name(name)
        if is_forged(name):
            warn(ChangeError(shown, FORGED))
            continue
        mode = MODE_GITLINK if entry.mode == MODE_GITLINK else canonical_mode(entry.mode)
        if mode is None:
            warn(ChangeError(shown, f"an entry of mode {entry.mode:o}: left out"))
            continue
        yield shown, Entry(mode, entry.oid)


def leaves(reader: Reader, oid: Oid, path: str, warn: Warn) -> Iterator[tuple[str, Entry]]:
    """Yield path and entry of everything below a directory but directories, depth first."""
    pending = [(path, oid)]
    while pending:
        directory, tree = pending.pop()
        below: list[tuple[str, Oid]] = []
        for name, entry in children(reader, tree, directory, warn):
            if entry.mode == MODE_TREE:
                below.append((name, entry.oid))
            else:
                yield name, entry
        pending.extend(reversed(below))


def _require(reader: Reader, root: Oid, path: str) -> Entry:
    """Return the entry at ``path``, a submodule too."""
    entry = find_entry(reader, root, path)
    if entry is None:
        raise PathNotFoundError(f"No such file or directory in the snapshot: {path!r}")
    return entry


def _named(found: dict[str, Entry]) -> list[PathInfo]:
    return [PathInfo(path, entry.mode, oid_to_hex(entry.oid)) for path, entry in found.items()]


def _described(
    repository: Repository, found: dict[str, Entry], check: Callable[[], None]
) -> list[PathInfo]:
    links = {entry.oid for entry in found.values() if entry.mode == MODE_LINK}
    small = repository.objects.get_small(links) if links else {}
    described = []
    for number, (path, entry) in enumerate(found.items()):
        if number % _CHECK_EVERY == 0:
            check()
        size = target = None
        try:
            if entry.mode == MODE_LINK:
                known = small.get(entry.oid) or repository.objects.get(entry.oid)
                size, target = len(known[1]), decode_name(known[1])
            elif entry.mode not in (MODE_TREE, MODE_GITLINK):
                size = repository.blob_size(entry.oid)
        except DAMAGE as error:
            raise_damaged(repr(path), error)
        described.append(PathInfo(path, entry.mode, oid_to_hex(entry.oid), size, target))
    return described
