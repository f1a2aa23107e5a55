"""Whole subtrees moved within a repository: their ids are put somewhere else, nothing is read.

A root tree is changed step by step, each step a set of edits that do not touch each other. In a
dry run the trees on the way are hashed and not stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.lookup import canonical_mode
from vost._engine.staging import Staging, build_tree
from vost._engine.trees import Entry, Tree
from vost._model.changes import ChangeError
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid, hash_object
from vost._model.paths import decode_name
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vost._engine.repository import Repository
    from vost._storage.protocols import ObjectWriter

_SUBMODULE = 0o160000
_SUBMODULE_START = b"160000 "


class Grafting:
    """A root tree into which subtrees are put and from which they are taken.

    Args:
        repository: Where the trees are.
        root: The root tree to begin with.
        writer: Takes the new trees; ``None``: they are only hashed.
        check: Called between directories; raises when the caller was cancelled.

    Attributes:
        root: The root tree as it is by now.
        warnings: What was left out on the way.
    """

    def __init__(
        self,
        repository: Repository,
        root: Oid,
        writer: ObjectWriter | None,
        check: Callable[[], None],
    ) -> None:
        self.root = root
        self.warnings: list[ChangeError] = []
        self._repository = repository
        self._writer = writer
        self._check = check
        self._made: dict[Oid, Tree] = {}

    def tree(self, oid: Oid) -> Tree:
        """Return a tree, one that was made here too."""
        return self._made.get(oid) or self._repository.tree(oid)

    def blob_size(self, oid: Oid) -> int:
        """Return the size of a blob in bytes."""
        return self._repository.blob_size(oid)

    def remember_tree(self, oid: Oid, tree: Tree) -> None:
        """Keep a tree that was made here."""
        self._made[oid] = tree
        if self._writer is not None:
            self._repository.remember_tree(oid, tree)

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Store a tree, or only hash it."""
        if self._writer is None:
            return hash_object(object_type, data)
        return self._writer.add(object_type, data)

    def take_away(self, paths: Iterable[str]) -> None:
        """Take away files and whole directories; ``""`` is everything."""
        staging = Staging()
        for path in paths:
            if not path:
                self.root = EMPTY_TREE_OID
                return
            staging.take_away(path)
        self._build(staging)

    def put(self, path: str, entry: Entry) -> None:
        """Put a file at ``path``, in place of whatever is there, or lay a directory over it."""
        if entry.mode == MODE_TREE:
            self.overlay(path, entry.oid)
            return
        staging = Staging()
        staging.put(path, entry)
        self._build(staging)

    def exchange(self, gone: Iterable[str], put: Iterable[tuple[str, Entry]]) -> None:
        """Take away some files, then put others in place of whatever is there."""
        self.take_away(gone)
        staging = Staging()
        for path, entry in put:
            staging.put(path, entry)
        self._build(staging)

    def overlay(self, path: str, oid: Oid, *, keep_submodules: bool = True) -> None:
        """Put what is in the directory ``oid`` into the directory at ``path``.

        Directories that are on one side only are put in or left as a whole.

        Args:
            path: Where to; a file in its place gives way.
            oid: What to put there.
            keep_submodules: Take submodules along; else they are left out with a warning.
        """
        staging = Staging()
        for place, entry in self._differences(path, oid):
            if entry.mode == _SUBMODULE and not keep_submodules:
                self._warn(place)
                continue
            if entry.mode == MODE_TREE and not keep_submodules:
                entry = self._without_submodules(place, entry)
            staging.put(place, entry)
        self._build(staging)

    def _differences(self, path: str, oid: Oid) -> Iterator[tuple[str, Entry]]:
        """Yield the entries that must be put somewhere, the topmost ones."""
        pending = [(path, self._directory(path), oid)]
        while pending:
            self._check()
            place, ours, theirs = pending.pop()
            if ours == theirs or theirs == EMPTY_TREE_OID:
                continue
            if ours is None and place:
                yield place, Entry(MODE_TREE, theirs)
                continue
            here = {} if ours is None else dict(self.tree(ours).entries())
            for raw_name, entry in self.tree(theirs).entries():
                old = here.get(raw_name)
                if old == entry:
                    continue
                name = decode_name(raw_name)
                inner = f"{place}/{name}" if place else name
                if old is not None and old.mode == entry.mode == MODE_TREE:
                    pending.append((inner, old.oid, entry.oid))
                elif entry.mode == _SUBMODULE:
                    yield inner, entry
                elif (mode := canonical_mode(entry.mode)) is not None:
                    yield inner, Entry(mode, entry.oid)

    def _directory(self, path: str) -> Oid | None:
        """Return the id of the directory at ``path``; ``None`` if there is none."""
        oid = self.root
        for name in path.encode("utf-8", "surrogateescape").split(b"/") if path else ():
            entry = self.tree(oid).find(name)
            if entry is None or entry.mode != MODE_TREE:
                return None
            oid = entry.oid
        return oid

    def _without_submodules(self, path: str, entry: Entry) -> Entry:
        staging = Staging()
        pending = [("", entry.oid)]
        while pending:
            self._check()
            place, oid = pending.pop()
            tree = self.tree(oid)
            if _SUBMODULE_START not in tree.data and not tree.count_trees():
                continue
            for raw_name, inner in tree.entries():
                name = decode_name(raw_name)
                below = f"{place}/{name}" if place else name
                if inner.mode == MODE_TREE:
                    pending.append((below, inner.oid))
                elif inner.mode == _SUBMODULE:
                    self._warn(f"{path}/{below}")
                    staging.take_away(below)
        if not staging.edits:
            return entry
        return Entry(MODE_TREE, build_tree(self, self, entry.oid, staging, self._check))

    def _warn(self, path: str) -> None:
        self.warnings.append(ChangeError(path, "a submodule is not copied: it has no content here"))

    def _build(self, staging: Staging) -> None:
        if self._writer is not None:
            for entry in filter(None, staging.edits.values()):
                # A snapshot in a program's hands does not keep its objects from being pruned.
                is_elsewhere = entry.mode == _SUBMODULE or entry.oid in self._made
                if not is_elsewhere and not self._writer.rely_on(entry.oid):
                    self._repository.require(entry.oid)
        if staging.edits:
            self.root = build_tree(self, self, self.root, staging, self._check)
