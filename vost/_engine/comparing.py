"""What differs between two root trees, file by file; what is equal is never looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vost._engine.listing import FORGED, leaves
from vost._engine.lookup import canonical_mode, is_forged
from vost._engine.trees import Entry, sort_key
from vost._model.changes import ChangeError, ChangeReport, FileEntry
from vost._model.paths import decode_name
from vost._model.types import MODE_GITLINK, MODE_TREE, FileType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vost._engine.listing import Warn
    from vost._engine.repository import Reader
    from vost._model.objects import Oid

_CHECK_EVERY = 256
_SUBMODULE = "a submodule differs: its content is not in the repository"


class FileChange(NamedTuple):
    """A file, link or submodule that is another one, new or gone: its entries before and after."""

    path: str
    old: Entry | None
    new: Entry | None


def _no_warning(_: ChangeError) -> None:
    """Leave out without a word."""


def compare_trees(
    trees: Reader,
    old: Oid,
    new: Oid,
    warn: Warn = _no_warning,
    *,
    submodules: bool = False,
) -> Iterator[FileChange]:
    """Yield the files and links that differ, depth first, in the order of the trees.

    The cost is that of the directories that differ.

    Args:
        trees: Finds trees.
        old: Root tree before.
        new: Root tree after.
        warn: Told what is left out: submodules that differ, and forged names.
        submodules: Yield submodules too.
    """
    pending: list[tuple[str, Oid | None, Oid | None]] = [("", old, new)]
    while pending:
        path, before_oid, after_oid = pending.pop()
        if before_oid == after_oid:
            continue
        if before_oid is None or after_oid is None:
            yield from _one_sided(trees, path, before_oid, after_oid, warn, submodules=submodules)
            continue
        before = dict(trees.tree(before_oid).entries())
        after = dict(trees.tree(after_oid).entries())
        below = []
        for name in _names(before, after):
            ours, theirs = before.get(name), after.get(name)
            if ours == theirs:
                continue
            inner = f"{path}/{decode_name(name)}" if path else decode_name(name)
            if is_forged(name):
                warn(ChangeError(inner, FORGED))
                continue
            if not submodules and (_is_submodule(ours) or _is_submodule(theirs)):
                warn(ChangeError(inner, _SUBMODULE))
            old_tree, old_file = _kinds(ours, submodules=submodules)
            new_tree, new_file = _kinds(theirs, submodules=submodules)
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
            entries.append(changed_entry(path, new.mode, src))
        elif old is not None:
            report.delete.append(changed_entry(path, old.mode, src))
    return report


def changed_entry(path: str, mode: int, src: str | None) -> FileEntry:
    """Return the entry of a report; a submodule counts as a directory, as it is one on disk."""
    if mode == MODE_GITLINK:
        return FileEntry(path, FileType.TREE, src)
    return FileEntry.from_mode(path, mode, src)


def report_difference(trees: Reader, old: Oid, new: Oid, check: Callable[[], None]) -> ChangeReport:
    """Return the report of what differs between two root trees.

    Args:
        trees: Finds trees.
        old: Root tree before.
        new: Root tree after.
        check: Raises the caller's cancellation.
    """
    warnings: list[ChangeError] = []

    def changes() -> Iterator[FileChange]:
        for number, change in enumerate(compare_trees(trees, old, new, warnings.append)):
            if number % _CHECK_EVERY == 0:
                check()
            yield change

    report = report_of(changes(), with_sources=False)
    report.warnings = warnings
    return report


def _one_sided(
    trees: Reader,
    path: str,
    before: Oid | None,
    after: Oid | None,
    warn: Warn,
    *,
    submodules: bool,
) -> Iterator[FileChange]:
    """Yield the files of a directory that is new or gone as a whole."""
    oid = before if after is None else after
    if oid is None:
        return
    for below, entry in leaves(trees, oid, path, warn):
        if entry.mode == MODE_GITLINK and not submodules:
            warn(ChangeError(below, _SUBMODULE))
        elif after is None:
            yield FileChange(below, entry, None)
        else:
            yield FileChange(below, None, entry)


def _is_submodule(entry: Entry | None) -> bool:
    return entry is not None and entry.mode == MODE_GITLINK


def _names(before: dict[bytes, Entry], after: dict[bytes, Entry]) -> list[bytes]:
    """Return the names of two directories in the order of a tree; new ones decide."""
    if not before:
        return list(after)
    named = list(({**before, **after}).items())
    named.sort(key=sort_key)
    return [name for name, _ in named]


def _kinds(entry: Entry | None, *, submodules: bool) -> tuple[Oid | None, Entry | None]:
    """Return the id of a directory, or the entry of a file in its canonical mode."""
    if entry is None:
        return None, None
    if entry.mode == MODE_TREE:
        return entry.oid, None
    if submodules and _is_submodule(entry):
        return None, entry
    mode = canonical_mode(entry.mode)
    return None, None if mode is None else Entry(mode, entry.oid)
