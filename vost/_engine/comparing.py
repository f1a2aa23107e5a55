"""What differs between two root trees, file by file; what is equal is never looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vost._engine.lookup import canonical_mode, walk_files
from vost._engine.trees import Entry, sort_key
from vost._model.changes import ChangeReport, FileEntry
from vost._model.paths import decode_name
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vost._engine.repository import Reader
    from vost._model.objects import Oid


class FileChange(NamedTuple):
    """A file or link that is another one, new or gone: its entries before and after."""

    path: str
    old: Entry | None
    new: Entry | None


def compare_trees(trees: Reader, old: Oid, new: Oid) -> Iterator[FileChange]:
    """Yield the files and links that differ, depth first, in the order of the trees.

    Submodules are passed over. The cost is that of the directories that differ.
    """
    pending: list[tuple[str, Oid | None, Oid | None]] = [("", old, new)]
    while pending:
        path, before_oid, after_oid = pending.pop()
        if before_oid == after_oid:
            continue
        if before_oid is None or after_oid is None:
            yield from _one_sided(trees, path, before_oid, after_oid)
            continue
        before = dict(trees.tree(before_oid).entries())
        after = dict(trees.tree(after_oid).entries())
        below = []
        for name in _names(before, after):
            ours, theirs = before.get(name), after.get(name)
            if ours == theirs:
                continue
            inner = f"{path}/{decode_name(name)}" if path else decode_name(name)
            old_tree, old_file = _kinds(ours)
            new_tree, new_file = _kinds(theirs)
            if old_file != new_file:
                yield FileChange(inner, old_file, new_file)
            if old_tree is not None or new_tree is not None:
                below.append((inner, old_tree, new_tree))
        pending.extend(reversed(below))


def report_of(changes: Iterable[FileChange], *, with_sources: bool) -> ChangeReport:
    """Return the report of changes.

    Args:
        changes: What changed.
        with_sources: Name each path as its own source too, as removals and moves do.
    """
    report = ChangeReport()
    for path, old, new in changes:
        src = path if with_sources else None
        if new is not None:
            entries = report.add if old is None else report.update
            entries.append(FileEntry.from_mode(path, new.mode, src))
        elif old is not None:
            report.delete.append(FileEntry.from_mode(path, old.mode, src))
    return report


def _one_sided(
    trees: Reader, path: str, before: Oid | None, after: Oid | None
) -> Iterator[FileChange]:
    """Yield the files of a directory that is new or gone as a whole."""
    if after is not None:
        for below, entry in walk_files(trees, after, path):
            yield FileChange(below, None, entry)
    elif before is not None:
        for below, entry in walk_files(trees, before, path):
            yield FileChange(below, entry, None)


def _names(before: dict[bytes, Entry], after: dict[bytes, Entry]) -> list[bytes]:
    """Return the names of two directories in the order of a tree; new ones decide."""
    if not before:
        return list(after)
    named = list(({**before, **after}).items())
    named.sort(key=sort_key)
    return [name for name, _ in named]


def _kinds(entry: Entry | None) -> tuple[Oid | None, Entry | None]:
    """Return the id of a directory, or the entry of a file in its canonical mode."""
    if entry is None:
        return None, None
    if entry.mode == MODE_TREE:
        return entry.oid, None
    mode = canonical_mode(entry.mode)
    return None, None if mode is None else Entry(mode, entry.oid)
