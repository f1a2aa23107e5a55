"""A repository: objects and refs together, with what is remembered of them.

One ``Repository`` is shared by all snapshots of a store and by all threads. Look-ups go through a
``Reader``: the repository itself loads what it does not know, its ``cached`` view raises
``NotCached`` instead, so that the same function can be tried on the event loop first and be
given to a worker thread only when it needs the disk.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from vost._engine.commits import Commit, parse_commit, parse_link, tag_target
from vost._engine.trees import EMPTY_TREE, Tree
from vost._model.errors import CorruptObjectError, MissingObjectError, ObjectNotFoundError
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid, oid_to_hex
from vost._storage.protocols import CommitLink, CommitNode, LinkedCommits, RememberingRefs

if TYPE_CHECKING:
    from pathlib import Path

    from vost._engine.reaching import Walks
    from vost._model.types import Signature
    from vost._storage.protocols import Objects, Refs
    from vost._storage.refwatch import RefWatcher

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_TREE_CACHE_BYTES = 64 << 20
_COMMIT_CACHE_ITEMS = 4096
_SIZE_CACHE_ITEMS = 1 << 16
_TAG_DEPTH = 50


class NotCached(Exception):  # noqa: N818 - control flow inside the package, not an error
    """The answer is not in memory: ask the repository itself, in a worker thread."""


class Reader(Protocol):
    """What path look-ups need: trees and the sizes of blobs."""

    def tree(self, oid: Oid) -> Tree:
        """Return a tree by id."""

    def blob_size(self, oid: Oid) -> int:
        """Return the size of a blob in bytes."""


class BoundedCache(Generic[K, V]):
    """A map that forgets what was used least recently. Safe to share between threads.

    Args:
        limit: The total cost of what it keeps.
        cost: What one value costs; each costs 1 by default.
    """

    def __init__(self, limit: int, cost: Callable[[V], int] | None = None) -> None:
        self._limit = limit
        self._cost = cost
        self._total = 0
        self._items: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return the value kept for ``key``, or ``None``."""
        # Without the lock: each of the two calls is atomic, and a lock would be a third of the
        # time of a look-up.
        value = self._items.get(key)
        if value is not None:
            try:  # noqa: SIM105 - suppress() would cost more than the two calls
                self._items.move_to_end(key)
            except KeyError:
                pass  # another thread has just made room
        return value

    def put(self, key: K, value: V) -> None:
        """Keep ``value``; make room by forgetting others."""
        cost = self._cost(value) if self._cost else 1
        if cost > self._limit:
            return
        with self._lock:
            if key in self._items:
                return
            self._items[key] = value
            self._total += cost
            while self._total > self._limit:
                _, forgotten = self._items.popitem(last=False)
                self._total -= self._cost(forgotten) if self._cost else 1

    def reset_after_fork(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()


class CachedView:
    """The part of a repository that is in memory: never touches the disk."""

    def __init__(
        self,
        trees: BoundedCache[Oid, Tree],
        sizes: BoundedCache[Oid, int],
        commits: BoundedCache[Oid, Commit],
    ) -> None:
        self._trees = trees
        self._sizes = sizes
        self._commits = commits

    def tree(self, oid: Oid) -> Tree:
        """Return a tree by id, or raise ``NotCached``."""
        tree = self._trees.get(oid)
        if tree is None:
            if oid == EMPTY_TREE_OID:
                return EMPTY_TREE
            raise NotCached
        return tree

    def blob_size(self, oid: Oid) -> int:
        """Return the size of a blob, or raise ``NotCached``."""
        size = self._sizes.get(oid)
        if size is None:
            raise NotCached
        return size

    def commit(self, oid: Oid) -> Commit:
        """Return a commit by id, or raise ``NotCached``."""
        commit = self._commits.get(oid)
        if commit is None:
            raise NotCached
        return commit


@dataclass(eq=False)
class Repository:
    """Objects, refs, and what is remembered of them.

    Attributes:
        objects: The object storage.
        refs: The ref storage.
        signature: Author and committer of what this handle writes.
        location: How people know the repository: its path, for messages and ``repr``.
        identity: Equal for two handles on the same repository.
        git_dir: The Git directory; ``None``: the repository is not on disk.
        is_bare: Whether there is no work tree.
        shallow: Commits whose parents were left out by a shallow clone.
        clock: Seconds since the epoch.
        watcher: Waits for refs to move.
        walks: How far history was searched for objects (see ``reaching``), once it was.
    """

    objects: Objects
    refs: Refs
    signature: Signature
    location: str
    identity: Hashable
    git_dir: Path | None = None
    is_bare: bool = True
    shallow: frozenset[Oid] = frozenset()
    clock: Callable[[], float] = time.time
    _trees: BoundedCache[Oid, Tree] = field(init=False, repr=False)
    _sizes: BoundedCache[Oid, int] = field(init=False, repr=False)
    _commits: BoundedCache[Oid, Commit] = field(init=False, repr=False)
    _links: LinkedCommits | None = field(init=False, repr=False)
    _remembering: RememberingRefs | None = field(init=False, repr=False)
    cached: CachedView = field(init=False, repr=False)
    _watchers: dict[str, RefWatcher] = field(default_factory=dict, init=False, repr=False)
    walks: Walks | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._trees = BoundedCache(_TREE_CACHE_BYTES, Tree.cost)
        self._sizes = BoundedCache(_SIZE_CACHE_ITEMS)
        self._commits = BoundedCache(_COMMIT_CACHE_ITEMS)
        self._links = self.objects if isinstance(self.objects, LinkedCommits) else None
        self._remembering = self.refs if isinstance(self.refs, RememberingRefs) else None
        self.cached = CachedView(self._trees, self._sizes, self._commits)

    @property
    def watcher(self) -> RefWatcher:
        """What knows when refs move."""
        if not self._watchers:
            from vost._storage.refwatch import RefWatcher  # late: few programs watch

            # Of two threads that come at once, both get the same.
            self._watchers.setdefault("refs", RefWatcher(self.refs))
        return self._watchers["refs"]

    def look_at_ref(self, name: str) -> Oid | None:
        """Return what a full ref name points at, and remember it for ``unmoved_ref``."""
        return self.refs.get(name) if self._remembering is None else self._remembering.look(name)

    def unmoved_ref(self, name: str) -> Oid | None:
        """Return what a ref pointed at when it was looked at, if it certainly does still.

        Reads nothing, and never waits for a disk.

        Raises:
            NotCached: If nobody knows.
        """
        found = None if self._remembering is None else self._remembering.unmoved(name)
        if found is None:
            raise NotCached
        return found[0]

    @property
    def ident(self) -> str:
        """``name <email>`` of this handle, as reflogs want it."""
        return f"{self.signature.name} <{self.signature.email}>"

    @property
    def spool_dir(self) -> Path | None:
        """Where streams of unknown length may lie meanwhile; ``None``: the system's place.

        On the repository's own disk, for the system's place may be memory.
        """
        return None if self.git_dir is None else self.git_dir / "objects"

    def now(self) -> int:
        """Return the time in whole seconds since the epoch."""
        return int(self.clock())

    def tree(self, oid: Oid) -> Tree:
        """Return a tree by id, from memory or from storage.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is no tree.
        """
        tree = self._trees.get(oid)
        if tree is None:
            if oid == EMPTY_TREE_OID:
                return EMPTY_TREE
            tree = Tree(self._typed(oid, ObjectType.TREE))
            try:
                tree.check()
            except CorruptObjectError as error:
                raise CorruptObjectError(
                    f"{self.location}: tree {oid_to_hex(oid)} is damaged: {error}"
                ) from None
            self._trees.put(oid, tree)
        return tree

    def tree_data(self, oid: Oid) -> bytes:
        """Return the content of a tree that is asked about once: it is not kept.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is no tree.
        """
        tree = self._trees.get(oid)
        if tree is not None:
            return tree.data
        return b"" if oid == EMPTY_TREE_OID else self._typed(oid, ObjectType.TREE)

    def remember_tree(self, oid: Oid, tree: Tree) -> None:
        """Keep a tree that was just written, to save reading it again."""
        self._trees.put(oid, tree)

    def blob_size(self, oid: Oid) -> int:
        """Return the size of a blob in bytes, from memory or from its header.

        Raises:
            ObjectNotFoundError: If there is no such object.
        """
        size = self._sizes.get(oid)
        if size is None:
            size = self.objects.header(oid).size
            self._sizes.put(oid, size)
        return size

    def commit(self, oid: Oid) -> Commit:
        """Return a commit by id.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is no commit, or a damaged one.
        """
        commit = self._commits.get(oid)
        if commit is None:
            commit = parse_commit(oid, self._typed(oid, ObjectType.COMMIT))
            if oid in self.shallow:
                commit = commit._replace(parents=())
            self._commits.put(oid, commit)
        return commit

    def commit_link(self, oid: Oid) -> CommitLink:
        """Return root tree and first parent of a commit; what had to be read is not kept.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is no commit, or a damaged one.
        """
        commit = self._commits.get(oid)
        if commit is not None:
            return CommitLink(commit.tree, commit.parents[0] if commit.parents else None)
        # Like git: the graph does not know where a shallow clone ends.
        link = None if self.shallow or self._links is None else self._links.commit_link(oid)
        if link is None:
            link = parse_link(oid, self._typed(oid, ObjectType.COMMIT))
        return link._replace(parent=None) if oid in self.shallow else link

    def commit_node(self, oid: Oid) -> CommitNode:
        """Return root tree, parents and time of a commit; what had to be read is not kept.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is no commit, or a damaged one.
        """
        commit = self._commits.get(oid)
        if commit is None:
            # Like git: the graph does not know where a shallow clone ends.
            node = None if self.shallow or self._links is None else self._links.commit_node(oid)
            if node is not None:
                return node
            commit = parse_commit(oid, self._typed(oid, ObjectType.COMMIT))
        parents = () if oid in self.shallow else commit.parents
        return CommitNode(commit.tree, parents, commit.time_seconds)

    def peel(self, oid: Oid) -> Oid | None:
        """Follow annotated tags to the commit they lead to; ``None`` if they lead elsewhere.

        Raises:
            ObjectNotFoundError: If an object on the way is missing.
        """
        for _ in range(_TAG_DEPTH + 1):  # the last one is the commit
            object_type = self.objects.header(oid).type
            if object_type is ObjectType.COMMIT:
                return oid
            if object_type is not ObjectType.TAG:
                return None
            oid, _ = tag_target(oid, self._typed(oid, ObjectType.TAG))
        return None

    def require(self, *oids: Oid) -> None:
        """Check that objects exist that something new is about to name.

        A snapshot in a program's hands does not keep its objects from being pruned.

        Raises:
            MissingObjectError: If one of them does not exist any more.
        """
        for oid in set(oids) - self.objects.has_many(oids) - {EMPTY_TREE_OID}:
            raise MissingObjectError(
                f"{self.location}: object {oid_to_hex(oid)} is not in the repository any more: "
                "it was pruned while no branch or tag led to it"
            )

    def close(self) -> None:
        """Release cached handles. Idempotent; the repository stays usable."""
        self.walks = None
        self.objects.close()
        self.refs.close()

    def end(self) -> None:
        """Close, and end all watches. Idempotent; the repository stays usable."""
        for watcher in self._watchers.values():
            watcher.close()
        self.close()

    def reset_after_fork(self) -> None:
        """Make the caches usable in a forked child, where no watch goes on by itself."""
        for watcher in self._watchers.values():
            watcher.reset_after_fork()
        for cache in (self._trees, self._sizes, self._commits):
            cache.reset_after_fork()
        self.walks = None

    def _typed(self, oid: Oid, expected: ObjectType) -> bytes:
        try:
            object_type, data = self.objects.get(oid)
        except ObjectNotFoundError as error:
            raise MissingObjectError(
                f"{self.location}: {expected.name.lower()} is missing: {error}"
            ) from error
        if object_type is not expected:
            raise CorruptObjectError(
                f"{self.location}: object {oid_to_hex(oid)} is a {object_type.name.lower()}, "
                f"not a {expected.name.lower()}"
            )
        return data
