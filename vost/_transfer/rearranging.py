"""Copies and moves within a repository: what they mean, carried out on a root tree in the making.

Nothing here reads a file: entries are taken by id. The same steps, on trees that are only hashed,
are the dry run.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.comparing import compare_trees, report_of
from vost._engine.lookup import find, find_entry
from vost._model.errors import (
    InvalidPathError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
)
from vost._model.paths import decode_name, normalize_given, normalize_writable_path, parents_of
from vost._model.types import MODE_GITLINK, MODE_TREE
from vost._transfer.sources import below, repository_source

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from vost._engine.grafting import Grafting
    from vost._engine.repository import Reader
    from vost._engine.trees import Entry
    from vost._model.changes import ChangeReport
    from vost._model.objects import Oid
    from vost._transfer.sources import Source


class Found(NamedTuple):
    """A source, and what is there."""

    source: Source
    entry: Entry

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self.entry.mode == MODE_TREE


class Move(NamedTuple):
    """One entry of a move: from where, to where."""

    source: str
    target: str
    entry: Entry


def find_sources(
    reader: Reader,
    root: Oid,
    texts: Sequence[str | os.PathLike[str]],
    *,
    submodules: bool = False,
) -> list[Found]:
    """Find what the sources of a copy or move name; all of them must exist.

    Args:
        reader: Where the trees are.
        root: The snapshot's root tree.
        texts: The sources.
        submodules: Find submodules too.

    Raises:
        PathNotFoundError: If one does not exist.
        PathNotDirectoryError: If one ends in a slash and is no directory, or does not exist.
        InvalidPathError: If one is no path.
    """
    found = []
    for source in map(repository_source, texts):
        entry = (find_entry if submodules else find)(reader, root, source.path)
        if source.needs_directory and (entry is None or entry.mode != MODE_TREE):
            raise PathNotDirectoryError(
                f"Not a directory: {source.text!r} (without the slash at its end it may be a file)"
            )
        if entry is None:
            raise PathNotFoundError(f"No such file or directory in the snapshot: {source.text!r}")
        found.append(Found(source, entry))
    return found


def copy_into(grafting: Grafting, sources: Sequence[Found], dest: str, *, delete: bool) -> None:
    """Copy entries of any snapshot of the repository below ``dest``.

    Args:
        grafting: The tree that is changed.
        sources: What to copy; where two of them give the same path, the later one counts.
        dest: The directory to copy to; ``""``: the root.
        delete: Take away first what the places have that the sources fill: for a directory with
            its name that place alone, else all of ``dest``.
    """
    if delete:
        named = [s.is_directory and not s.source.contents for s in sources]
        scopes = [
            below(dest, found.source.landing) if has_name else dest
            for found, has_name in zip(sources, named)  # noqa: B905 - same length
        ]
        grafting.take_away(scopes)
    for found in sources:
        target = below(dest, found.source.landing)
        if found.is_directory:
            grafting.overlay(target, found.entry.oid, keep_submodules=False)
        else:
            grafting.put(target, found.entry)


def plan_moves(
    reader: Reader,
    root: Oid,
    texts: Sequence[str | os.PathLike[str]],
    dest: str,
    *,
    recursive: bool,
    strict: bool = False,
) -> list[Move]:
    """Find out what goes where. Submodules are moved as files are.

    Args:
        reader: Where the trees are.
        root: The snapshot's root tree.
        texts: The sources.
        dest: A new name, or a directory to move into: one that exists, ends in a slash, is the
            root, or is given several sources.
        recursive: Allow directories.
        strict: Refuse to replace a directory, or a file by a directory.

    Raises:
        PathNotFoundError: If a source does not exist, or there are none.
        PathIsDirectoryError: If one is a directory and ``recursive`` is false; if ``strict``,
            also if a target is one.
        PathNotDirectoryError: If one ends in a slash and is no directory; if ``strict``, also if
            a file is where a directory is to be.
        InvalidPathError: If a path is invalid, two sources have one target, a source has itself
            as target, or a directory would be moved into itself.
    """
    sources = find_sources(reader, root, texts, submodules=True)
    if not sources:
        raise PathNotFoundError("Nothing to move: the list of paths is empty")
    for found in sources:
        if found.is_directory and not recursive:
            raise PathIsDirectoryError(
                f"Is a directory: {found.source.text or '/'!r} (pass recursive=True to move it)"
            )
    directory = normalize_given(dest)
    there = find(reader, root, directory)
    into = (
        len(sources) > 1
        or not directory
        or dest.endswith("/")
        or (there is not None and there.mode == MODE_TREE)
    )
    moves: list[Move] = []
    for found in sources:
        source = found.source
        if found.is_directory and source.contents:
            target = below(directory, source.landing)
            moves += _moves_of_contents(reader, found, target)
        else:
            moves.append(
                Move(source.path, below(directory, source.landing if into else ""), found.entry)
            )
    _check_moves(moves, directory)
    if strict:
        _check_places(reader, root, moves)
    return moves


def _moves_of_contents(reader: Reader, found: Found, target: str) -> list[Move]:
    return [
        Move(below(found.source.path, name), below(target, name), entry)
        for name, entry in (
            (decode_name(raw), entry) for raw, entry in reader.tree(found.entry.oid).entries()
        )
    ]


def _check_moves(moves: Sequence[Move], dest: str) -> None:
    """Refuse moves in which anything would be lost.

    Args:
        moves: The moves.
        dest: The destination as given: a directory that is to be moved there is there already.

    Raises:
        InvalidPathError: If it would; it names what.
    """
    sources: set[str] = set()
    targets: dict[str, str] = {}
    for source, target, entry in moves:
        if not target:
            raise InvalidPathError(f"Cannot move {source!r} to the root itself: give it a name")
        normalize_writable_path(target)
        if source == target or (source == dest and entry.mode == MODE_TREE):
            raise InvalidPathError(f"Source and destination are the same: {source}")
        if target.startswith(source + "/"):
            raise InvalidPathError(f"Cannot move {source!r} to {target!r}, which is inside of it")
        if source in sources:
            raise InvalidPathError(f"Cannot move {source!r} twice")
        if target in targets:
            raise InvalidPathError(
                f"Cannot move both {targets[target]!r} and {source!r} to {target!r}: "
                "one would be lost"
            )
        sources.add(source)
        targets[target] = source
    for kind, paths in (("move", sources), ("move to", targets)):
        for path in paths:
            for outer in parents_of(path):
                if outer in paths:
                    raise InvalidPathError(
                        f"Cannot {kind} both {outer!r} and {path!r}, which is inside of it"
                    )


def _check_places(reader: Reader, root: Oid, moves: Sequence[Move]) -> None:
    """Refuse moves that would replace a directory, or a file by a directory.

    Raises:
        PathIsDirectoryError: If a target is a directory.
        PathNotDirectoryError: If a file is in the way of one.
    """
    for _, target, entry in moves:
        for outer in parents_of(target):
            above = find_entry(reader, root, outer)
            if above is not None and above.mode != MODE_TREE:
                raise PathNotDirectoryError(errno.ENOTDIR, "Not a directory", outer)
        there = find_entry(reader, root, target)
        if there is None:
            continue
        if there.mode == MODE_TREE:
            raise PathIsDirectoryError(errno.EISDIR, "Is a directory", target)
        if there.mode == MODE_GITLINK:
            raise PathIsDirectoryError(errno.EISDIR, "Is a submodule", target)
        if entry.mode == MODE_TREE:
            raise PathNotDirectoryError(errno.ENOTDIR, "Not a directory", target)


def move(grafting: Grafting, moves: Sequence[Move]) -> None:
    """Carry out planned moves."""
    grafting.take_away([each.source for each in moves])
    for each in moves:
        grafting.put(each.target, each.entry)


def report_on(grafting: Grafting, base: Oid, *, with_sources: bool) -> ChangeReport:
    """Return what is different from the root tree ``base`` by now.

    Args:
        grafting: The tree that was changed.
        base: What it was at first.
        with_sources: Name each path as its own source too.

    Raises:
        InvalidPathError: If something new has a name that Git refuses.
    """
    changes = compare_trees(grafting, base, grafting.root, submodules=True)
    report = report_of(changes, with_sources=with_sources)
    for added in report.add:
        if normalize_writable_path(added.path) != added.path:
            raise InvalidPathError(f"Invalid path segment in {added.path!r}")
    report.warnings.extend(grafting.warnings)
    return report
