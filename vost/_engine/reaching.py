"""Whether an object is part of snapshots or of their history: what a server may show.

History is walked from its newest end, only as far as a question needs it, and each tree is entered
once. The walk is kept with all that it came upon, for the next question about the same snapshots;
when branches have moved forward it is taken along.
"""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vost._engine.idset import IdSet
from vost._engine.treenews import News, TreeNews
from vost._model.errors import GitError, ObjectNotFoundError
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vost._engine.repository import Repository
    from vost._storage.protocols import CommitNode

Tips: TypeAlias = "frozenset[Oid]"
_Queued: TypeAlias = "tuple[int, Oid, CommitNode]"

_MOST_REMEMBERED = 1_000_000
"""Trees and blobs that a walk remembers: some 22 bytes each. What is beyond is searched anew."""

_WALKS = 4
_MOST_NEW_COMMITS = 1000
"""If no walk of before is met within so many commits, a new one begins."""

_STEPS = 64
"""Objects that a thread reads before it lets another one have the walk."""

_PATIENCE = 0.05
_OID_SIZE = 20


def is_reachable(repository: Repository, oid: Oid, tips: Tips, check: Callable[[], None]) -> bool:
    """Tell whether a commit, tree or blob exists and leads from some commits.

    Args:
        repository: Where the objects are.
        oid: What is looked for.
        tips: The commits.
        check: Called for each object that is read: raises when the caller was cancelled.

    Raises:
        GitError: If it was not found, and history could not be searched in full because an
            object is missing or damaged.
    """
    object_type = _type_of(repository, oid)
    if not tips or object_type in (None, ObjectType.TAG):
        return False
    # If two threads come first at once, one of them works for itself.
    walks = repository.walks
    if walks is None:
        walks = repository.walks = Walks()
    while True:
        walk, turn = walks.get(repository, tips, check)
        try:
            return walk.reaches(_Question(repository, oid, object_type, turn, check))
        except _TakenAlong:
            continue
        except GitError:
            # What is damaged now may be repaired at the next question.
            walks.forget(walk)
            raise


def _type_of(repository: Repository, oid: Oid) -> ObjectType | None:
    try:
        return repository.objects.header(oid).type
    except ObjectNotFoundError:
        # Git knows the empty tree without storing it.
        return ObjectType.TREE if oid == EMPTY_TREE_OID else None


class _TakenAlong(Exception):  # noqa: N818 - control flow inside the module, not an error
    """The walk belongs to other commits now."""


class _Question(NamedTuple):
    """What is looked for, and by whom.

    Attributes:
        repository: Where the objects are.
        oid: The object.
        type: What it is.
        turn: The walk's number when it was the right one.
        check: Raises when the caller was cancelled.
    """

    repository: Repository
    oid: Oid
    type: ObjectType
    turn: int
    check: Callable[[], None]


class Walks:
    """The walks that were made last, by their tips. Safe to share between threads."""

    def __init__(self) -> None:
        self._walks: OrderedDict[Tips, _Walk] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, repository: Repository, tips: Tips, check: Callable[[], None]
    ) -> tuple[_Walk, int]:
        """Return the walk that begins at some commits, which may have got far, and its turn."""
        with _held(self._lock, check):
            walk = self._walks.get(tips)
            if walk is None:
                walk = self._taken_along(repository, tips, check) or _Walk(tips)
                self._walks[tips] = walk
                while len(self._walks) > _WALKS:
                    self._walks.popitem(last=False)
            self._walks.move_to_end(tips)
            return walk, walk.turn

    def forget(self, walk: _Walk) -> None:
        """Begin anew at the next question."""
        with self._lock:
            for tips in [tips for tips, known in self._walks.items() if known is walk]:
                del self._walks[tips]

    def _taken_along(
        self, repository: Repository, tips: Tips, check: Callable[[], None]
    ) -> _Walk | None:
        for known, walk in reversed(self._walks.items()):
            with _held(walk.lock, check):
                way = walk.way_from(repository, tips, check)
                if way is not None:
                    del self._walks[known]
                    walk.take_along(tips, way)
                    return walk
        return None


class _Way(NamedTuple):
    """The commits between new tips and those of a walk, and those beside that may be older."""

    new: list[_Queued]
    beside: list[_Queued]


class _Walk:
    """One walk through history and its trees, and what it came upon.

    A step that is interrupted is made again: nothing is taken off a list before what it leads to
    is in another one.

    Args:
        tips: The commits where it begins.

    Attributes:
        lock: Held by the thread that takes steps.
        turn: Counts how often the walk was taken along to other tips.
    """

    def __init__(self, tips: Tips) -> None:
        self.lock = threading.Lock()
        self.turn = 0
        self._tips = tips
        self._begun = False
        self._commits = IdSet()
        self._trees = IdSet()
        self._blobs = IdSet()
        # Commits whose parents are to be looked at, newest first.
        self._queue: list[_Queued] = []
        self._current: CommitNode | None = None
        # Root trees to be entered, one id after the other; those before `_taken` were.
        self._roots = bytearray()
        self._taken = 0
        # Trees to be entered before the next root.
        self._pending: list[Oid] = []
        self._news = TreeNews()
        self._damage: GitError | None = None

    def reaches(self, question: _Question) -> bool:
        """Tell whether the walk comes upon an object; go on until it does.

        Raises:
            GitError: If something is damaged, and the object was not found elsewhere.
            _TakenAlong: If the walk has begun another turn.
        """
        oid = question.oid
        if question.type is ObjectType.COMMIT:
            known, step = self._commits, self._next_commit
        else:
            known = self._trees if question.type is ObjectType.TREE else self._blobs
            step = self._next_tree
        more = True
        while more:
            with self._held_by(question):
                for _ in range(_STEPS):
                    if oid in known:
                        return True
                    question.check()
                    more = step(question.repository)
                    if not more:
                        break
        if known is not self._commits and self._is_full() and self._is_beyond(question):
            return True
        if self._damage is not None:
            raise type(self._damage)(*self._damage.args) from self._damage
        return False

    def way_from(
        self, repository: Repository, tips: Tips, check: Callable[[], None]
    ) -> _Way | None:
        """Find the way from other tips to all that the walk began at; ``None``: none, or too long.

        Call it with the lock held.
        """
        left = set(self._tips)
        seen: set[Oid] = set()
        queue: list[_Queued] = []
        new: list[_Queued] = []
        following: Iterable[Oid] = tips
        while True:
            for oid in following:
                if oid not in seen:
                    seen.add(oid)
                    try:
                        heapq.heappush(queue, _queued(repository, oid))
                    except GitError:
                        return None
            if not left or not queue or len(new) >= _MOST_NEW_COMMITS:
                return None if left else _Way(new, queue)
            check()
            found = heapq.heappop(queue)
            following = ()
            if found[1] in left:
                left.discard(found[1])
            elif found[1] not in self._commits:
                new.append(found)
                following = found[2].parents

    def take_along(self, tips: Tips, way: _Way) -> None:
        """Let the walk be one from other tips. Call it with the lock held."""
        roots = bytearray().join([node.tree for _, _, node in way.new])
        roots += self._roots[self._taken :]
        self._roots, self._taken = roots, 0
        self._commits.update(oid for _, oid, _ in way.new)
        for queued in way.beside:
            if self._commits.add(queued[1]):
                heapq.heappush(self._queue, queued)
        self._tips = tips
        self.turn += 1

    @contextmanager
    def _held_by(self, question: _Question) -> Iterator[None]:
        with _held(self.lock, question.check):
            if self.turn != question.turn:
                raise _TakenAlong
            yield

    def _next_commit(self, repository: Repository) -> bool:
        """Go on to the parents of the next commit; ``False``: there is none."""
        if not self._begun:
            for oid in self._tips:
                self._put(repository, oid)
            self._begun = True
        if self._current is None:
            if not self._queue:
                return False
            self._current = self._queue[0][2]
            heapq.heappop(self._queue)
        for parent in self._current.parents:
            self._put(repository, parent)
        self._roots += self._current.tree
        self._current = None
        return True

    def _put(self, repository: Repository, oid: Oid) -> None:
        if oid in self._commits:
            return
        try:
            heapq.heappush(self._queue, _queued(repository, oid))
        except GitError as error:
            self._damage = self._damage or error
        self._commits.add(oid)

    def _next_tree(self, repository: Repository) -> bool:
        """Enter the next tree; ``False``: there is none, or nothing more can be remembered."""
        if self._is_full():
            return False
        if not self._pending:
            if self._taken == len(self._roots):
                return self._next_commit(repository)
            self._pending.append(bytes(self._roots[self._taken : self._taken + _OID_SIZE]))
            self._taken += _OID_SIZE
        oid = self._pending[-1]
        if oid in self._trees:
            self._pending.pop()
            return True
        found = self._read(repository, oid, self._news)
        self._blobs.update(found.blobs)
        self._pending[-1:] = [subtree for subtree in found.subtrees if subtree not in self._trees]
        self._trees.add(oid)
        self._news.know(found)
        return True

    def _read(self, repository: Repository, oid: Oid, news: TreeNews) -> News:
        try:
            return news.of(repository.tree_data(oid))
        except GitError as error:
            self._damage = self._damage or error
            return News([], [], [])

    def _is_full(self) -> bool:
        return len(self._trees) + len(self._blobs) >= _MOST_REMEMBERED

    def _is_beyond(self, question: _Question) -> bool:
        """Tell whether a tree or blob is in what lies beyond all that could be remembered."""
        with self._held_by(question):
            pending, taken = list(self._pending), self._taken
        entered, news = IdSet(), TreeNews()
        while True:
            while pending:
                question.check()
                oid = pending.pop()
                if oid in self._trees or not entered.add(oid):
                    continue
                found = self._read(question.repository, oid, news)
                if question.oid in (found.blobs if question.type is ObjectType.BLOB else (oid,)):
                    return True
                pending += found.subtrees
                news.know(found)
                if len(entered) >= _MOST_REMEMBERED:
                    entered = IdSet()  # some trees are entered again: that takes only time
            with self._held_by(question):
                while taken == len(self._roots):
                    question.check()
                    if not self._next_commit(question.repository):
                        return False
                pending.append(bytes(self._roots[taken : taken + _OID_SIZE]))
                taken += _OID_SIZE


def _queued(repository: Repository, oid: Oid) -> _Queued:
    node = repository.commit_node(oid)
    return -node.seconds, oid, node


@contextmanager
def _held(lock: threading.Lock, check: Callable[[], None]) -> Iterator[None]:
    """Hold a lock; whoever waits for it can be cancelled."""
    while not lock.acquire(timeout=_PATIENCE):
        check()
    try:
        yield
    finally:
        lock.release()
