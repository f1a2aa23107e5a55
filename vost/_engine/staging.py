"""Edits on top of a snapshot, before they are a commit: the later one wins.

An edit puts a file at a path or takes a path (a file or a whole directory) away. Two edits never
contradict each other: putting a file at ``d`` forgets what was staged below ``d``, and putting one
at ``d/x`` turns a file staged at ``d`` into "take ``d`` away first".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vost._engine.lookup import find, walk_files
from vost._engine.trees import EMPTY_TREE, Entry, Tree
from vost._model.changes import ChangeReport, FileEntry
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid
from vost._model.paths import encode_path, parents_of
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.repository import Repository


class Staging:
    """The edits of one commit to be. Not safe to share between threads."""

    def __init__(self) -> None:
        self.edits: dict[str, Entry | None] = {}
        self._below: dict[str, int] = {}  # directory -> number of edits below it

    def put(self, path: str, entry: Entry) -> None:
        """Put a file at ``path``, in place of whatever is there."""
        self._forget_below(path)
        for parent in parents_of(path):
            if self.edits.get(parent) is not None:
                self.edits[parent] = None
        self._set(path, entry)

    def take_away(self, path: str) -> None:
        """Take away the file or the whole directory at ``path``."""
        self._forget_below(path)
        if not any(parent in self.edits for parent in parents_of(path)):
            self._set(path, None)
        elif path in self.edits:
            self._unset(path)

    def state(self, path: str) -> Entry | type[KeyError] | None:
        """Return what is staged at ``path``: an entry, ``None`` (taken away) or ``KeyError``."""
        return self.edits.get(path, KeyError)

    def is_directory(self, path: str) -> bool:
        """Tell whether a file is staged somewhere below ``path``."""
        return bool(self._below.get(path)) and any(
            entry is not None and edited.startswith(path + "/")
            for edited, entry in self.edits.items()
        )

    def has_below(self, path: str) -> bool:
        """Tell whether any edit is staged below ``path``."""
        return bool(self._below.get(path))

    def _set(self, path: str, entry: Entry | None) -> None:
        if path in self.edits:
            del self.edits[path]  # so that the order of edits is the order of the last ones
        else:
            for parent in parents_of(path):
                self._below[parent] = self._below.get(parent, 0) + 1
        self.edits[path] = entry

    def _unset(self, path: str) -> None:
        del self.edits[path]
        for parent in parents_of(path):
            self._below[parent] -= 1

    def _forget_below(self, path: str) -> None:
        if self._below.get(path):
            prefix = path + "/"
            for staged in [edited for edited in self.edits if edited.startswith(prefix)]:
                self._unset(staged)


def report_changes(repository: Repository, root: Oid, staging: Staging) -> ChangeReport:
    """Return what the edits change in the snapshot ``root``, in the order of staging.

    A whole directory that goes away is one entry; files that another edit replaces on the way
    (a directory under a new file, a file where a directory must be) are entries of their own.
    """
    report = ChangeReport()
    replaced_files: set[str] = set()
    for path, entry in staging.edits.items():
        if entry is None:
            _report_removal(repository, root, staging, path, report)
            continue
        parent = _file_on_the_way(repository, root, path, staging)
        if parent is not None and parent[0] not in replaced_files:
            replaced_files.add(parent[0])
            report.delete.append(FileEntry.from_mode(parent[0], parent[1].mode))
        old = find(repository, root, path)
        if old is None:
            report.add.append(FileEntry.from_mode(path, entry.mode))
        elif old.mode == MODE_TREE:
            report.add.append(FileEntry.from_mode(path, entry.mode))
            for swallowed, swallowed_entry in walk_files(repository, old.oid, path):
                report.delete.append(FileEntry.from_mode(swallowed, swallowed_entry.mode))
        elif old != entry:
            report.update.append(FileEntry.from_mode(path, entry.mode))
    return report


def _report_removal(
    repository: Repository, root: Oid, staging: Staging, path: str, report: ChangeReport
) -> None:
    old = find(repository, root, path)
    if old is None:
        return
    if old.mode == MODE_TREE and staging.has_below(path):
        for below, entry in walk_files(repository, old.oid, path):
            if staging.edits.get(below) is None and not _is_replaced(staging, below, path):
                report.delete.append(FileEntry.from_mode(below, entry.mode))
        return
    report.delete.append(FileEntry.from_mode(path, old.mode))


def _is_replaced(staging: Staging, path: str, top: str) -> bool:
    """Tell whether an edit between ``top`` and ``path`` reports the end of ``path`` itself."""
    return staging.has_below(path) or any(
        staging.edits.get(parent) is not None
        for parent in parents_of(path)
        if len(parent) > len(top)
    )


def _file_on_the_way(
    repository: Repository, root: Oid, path: str, staging: Staging
) -> tuple[str, Entry] | None:
    """Return the file of the snapshot that must give way for a directory above ``path``."""
    for parent in parents_of(path):
        entry = find(repository, root, parent)
        if entry is None:
            return None
        if entry.mode != MODE_TREE:
            return None if parent in staging.edits else (parent, entry)
    return None


class TreeStore(Protocol):
    """Where the trees are that edits start from, and what is told of those they lead to."""

    def tree(self, oid: Oid) -> Tree:
        """Return a tree by id."""

    def remember_tree(self, oid: Oid, tree: Tree) -> None:
        """Take note of a tree that was just written."""


class TreeWriter(Protocol):
    """What new trees are given to."""

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Take an object in and return its id."""


def build_tree(
    repository: TreeStore,
    writer: TreeWriter,
    root: Oid,
    staging: Staging,
    check: Callable[[], None],
) -> Oid:
    """Write the trees that the edits lead to and return the id of the new root.

    Each directory is edited once, deepest first, whatever the number of edits in it.
    """
    levels = _by_directory(staging)
    bases = _Bases(repository, root, staging)
    for depth in range(len(levels) - 1, 0, -1):
        for directory, changes in levels[depth].items():
            check()
            parent, _, name = directory.rpartition("/")
            base = bases.of(directory)
            oid = _edit_directory(repository, writer, base, changes)
            if oid is None and base is None:
                continue  # no directory before or after: a file of that name stays as it is
            above = levels[depth - 1].setdefault(parent, {})
            above[encode_path(name)] = None if oid is None else Entry(MODE_TREE, oid)
    new_root = _edit_directory(repository, writer, bases.of(""), levels[0].get("", {}))
    return new_root if new_root is not None else writer.add(ObjectType.TREE, b"")


def _by_directory(staging: Staging) -> list[dict[str, dict[bytes, Entry | None]]]:
    """Group edits by the depth of their directory, then by directory, then by name."""
    levels: list[dict[str, dict[bytes, Entry | None]]] = [{}]
    for path, entry in staging.edits.items():
        directory, _, name = path.rpartition("/")
        depth = directory.count("/") + 1 if directory else 0
        while len(levels) <= depth:
            levels.append({})
        levels[depth].setdefault(directory, {})[encode_path(name)] = entry
    return levels


class _Bases:
    """Which tree of the snapshot each edited directory starts from; ``None``: an empty one."""

    def __init__(self, repository: TreeStore, root: Oid, staging: Staging) -> None:
        self._repository = repository
        self._staging = staging
        self._known: dict[str, Oid | None] = {"": None if root == EMPTY_TREE_OID else root}

    def of(self, directory: str) -> Oid | None:
        missing = [directory] if directory not in self._known else []
        while missing and missing[-1].rpartition("/")[0] not in self._known:
            missing.append(missing[-1].rpartition("/")[0])
        for path in reversed(missing):
            self._known[path] = self._find(path)
        return self._known[directory]

    def _find(self, directory: str) -> Oid | None:
        parent, _, name = directory.rpartition("/")
        above = self._known[parent]
        if above is None or directory in self._staging.edits:
            return None
        entry = self._repository.tree(above).find(encode_path(name))
        return entry.oid if entry is not None and entry.mode == MODE_TREE else None


def _edit_directory(
    repository: TreeStore,
    writer: TreeWriter,
    base: Oid | None,
    changes: dict[bytes, Entry | None],
) -> Oid | None:
    """Return the id of the edited directory, or ``None`` when nothing is left in it."""
    old = EMPTY_TREE if base is None else repository.tree(base)
    new = old.edited(changes)
    if not new.data:
        return None
    if base is not None and new.data == old.data:
        return base
    oid = writer.add(ObjectType.TREE, new.data)
    repository.remember_tree(oid, new)
    return oid
