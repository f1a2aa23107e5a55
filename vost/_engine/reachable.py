"""Which objects one side has that the other lacks: Git's question before every transfer.

Nothing is asked object by object: what a commit leads to that the other side names is complete
there, by Git's own rule, and everything else is new. History is walked from its newest end until
only known commits are left; each new tree is compared with those of its commit's parents, so that
an unchanged directory is never entered.

The same walk checks what was received: it reads every object that is new, and fails where one is
missing.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vost._engine.commits import tag_target
from vost._model.errors import CorruptObjectError, MissingObjectError, ObjectNotFoundError
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid, oid_to_hex
from vost._model.types import MODE_GITLINK, MODE_TREE

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from vost._engine.commits import Commit
    from vost._engine.repository import Repository

_TAG_DEPTH = 50
_Row: TypeAlias = tuple[bytes, bytes, Oid]
_REFUSED_NAMES = frozenset({b".", b".."})


class Reached(NamedTuple):
    """An object that the walk came upon."""

    oid: Oid
    type: ObjectType


def missing_objects(
    repository: Repository,
    wanted: Iterable[Oid],
    known: Iterable[Oid],
    check: Callable[[], None],
) -> Iterator[Reached]:
    """Yield each object once that leads from ``wanted`` and is not known to the other side.

    A few that the other side has may be among them: a file that was moved, for example.

    Args:
        repository: Where the objects are.
        wanted: Objects of any type that the other side is to have.
        known: Objects that it has, with all that they lead to; ids that are not in the repository
            are passed over.
        check: Called between objects: raises when the caller was cancelled.

    Raises:
        MissingObjectError: If an object is not in the repository.
        CorruptObjectError: If one is damaged, or a tree has a name that Git refuses.
    """
    walk = _Walk(repository, check)
    commits: list[Oid] = []
    for oid in dict.fromkeys(wanted):
        target, object_type = yield from walk.tags(oid)
        if object_type is ObjectType.COMMIT:
            commits.append(target)
        elif object_type is ObjectType.TREE:
            yield from walk.tree(target, [])
        elif object_type is ObjectType.BLOB:
            yield from walk.blob(target)
    new = new_commits(repository, commits, _commits_among(repository, known), check)
    commits_by_oid = {commit.oid: commit for commit in reversed(new)}
    for oid in _parents_first({oid: commit.parents for oid, commit in commits_by_oid.items()}):
        check()
        commit = commits_by_oid[oid]
        yield Reached(oid, ObjectType.COMMIT)
        bases = [repository.commit_link(parent).tree for parent in commit.parents]
        yield from walk.tree(commit.tree, bases)


def objects_of(
    repository: Repository,
    wanted: Iterable[Oid],
    new: Collection[Oid],
    known: Collection[Oid],
    check: Callable[[], None],
) -> Iterator[Reached]:
    """Yield what belongs to given commits, each object once, less what known commits have.

    For shallow clones, whose history ends where they say, not where it does.

    Args:
        repository: Where the objects are.
        wanted: Objects of any type; what is no commit is yielded, with all that it leads to.
        new: The commits to yield, each with its tree.
        known: Commits whose trees the other side has.
        check: Called between objects: raises when the caller was cancelled.

    Raises:
        MissingObjectError: If an object is not in the repository.
        CorruptObjectError: If one is damaged, or a tree has a name that Git refuses.
    """
    walk = _Walk(repository, check)
    for oid in dict.fromkeys(wanted):
        target, object_type = yield from walk.tags(oid)
        if object_type is ObjectType.TREE:
            yield from walk.tree(target, [])
        elif object_type is ObjectType.BLOB:
            yield from walk.blob(target)
    nodes = {oid: repository.commit_node(oid) for oid in new}
    for oid in _parents_first({oid: node.parents for oid, node in nodes.items()}):
        check()
        node = nodes[oid]
        yield Reached(oid, ObjectType.COMMIT)
        parents = [parent for parent in node.parents if parent in known or parent in nodes]
        bases = [repository.commit_link(parent).tree for parent in parents]
        yield from walk.tree(node.tree, bases)


def check_connected(
    repository: Repository,
    wanted: Iterable[Oid],
    known: Iterable[Oid],
    rely_on: Callable[[Oid], bool],
    check: Callable[[], None],
) -> None:
    """Check that everything is there that leads from objects that refs are about to name.

    Args:
        repository: Where the objects are.
        wanted: What the refs are about to name.
        known: What refs name already: all that these lead to is taken for granted.
        rely_on: Keeps an object that exists from being pruned; ``False``: it does not exist.
        check: Raises when the caller was cancelled.

    Raises:
        MissingObjectError: If an object is missing.
        CorruptObjectError: If one is damaged or of the wrong type.
    """
    for oid, object_type in missing_objects(repository, wanted, known, check):
        check()
        if object_type is ObjectType.BLOB and header_type(repository, oid) is not object_type:
            raise CorruptObjectError(
                f"object {oid_to_hex(oid)} is no blob, but a tree has it as one"
            )
        # Git knows the empty tree without storing it.
        if not rely_on(oid) and oid != EMPTY_TREE_OID:
            raise MissingObjectError(oid_to_hex(oid), f"there is no object {oid_to_hex(oid)}")


def header_type(repository: Repository, oid: Oid) -> ObjectType:
    """Return the type of an object.

    Raises:
        MissingObjectError: If there is no such object.
    """
    try:
        return repository.objects.header(oid).type
    except ObjectNotFoundError as error:
        raise MissingObjectError(
            oid_to_hex(oid), f"{repository.location}: an object is missing: {error}"
        ) from error


def new_commits(
    repository: Repository, wanted: Iterable[Oid], known: Iterable[Oid], check: Callable[[], None]
) -> list[Commit]:
    """Return the commits that lead from ``wanted`` and not from ``known``, newest first.

    Raises:
        MissingObjectError: If a commit is not in the repository.
    """
    found: dict[Oid, Commit] = {}
    is_known: set[Oid] = set(known)
    queue: list[tuple[int, Oid]] = []
    queued: set[Oid] = set()
    undecided = 0

    def push(oid: Oid) -> None:
        nonlocal undecided
        if oid in queued:
            return
        queued.add(oid)
        try:
            seconds = repository.commit(oid).time_seconds
        except MissingObjectError:
            if oid in is_known:
                return  # complete on the other side is enough: nothing of it is sent
            raise
        undecided += oid not in is_known
        heapq.heappush(queue, (-seconds, oid))

    for oid in (*is_known, *wanted):
        push(oid)
    while undecided:
        check()
        _, oid = heapq.heappop(queue)
        commit = repository.commit(oid)
        if oid in is_known:
            # Skewed clocks: a parent may have been taken for new before.
            undecided -= _spread(commit, found, is_known, queued)
        else:
            undecided -= 1
            found[oid] = commit
        for parent in commit.parents:
            push(parent)
    return [commit for oid, commit in found.items() if oid not in is_known]


def _spread(
    commit: Commit,
    found: dict[Oid, Commit],
    is_known: set[Oid],
    queued: set[Oid],
) -> int:
    """Mark what leads from a known commit as known; return how many were undecided until now."""
    decided = 0
    pending = list(commit.parents)
    while pending:
        oid = pending.pop()
        if oid in is_known:
            continue
        is_known.add(oid)
        if oid in found:
            pending.extend(found[oid].parents)
        elif oid in queued:
            decided += 1
    return decided


def common_commits(target: Repository, source: Repository, check: Callable[[], None]) -> list[Oid]:
    """Return the newest commits of what refs of ``target`` lead to that ``source`` has too.

    None for a shallow clone: what it has is not complete.
    """
    if target.shallow:
        return []
    tips = map(target.peel, dict.fromkeys(target.refs.list("refs/").values()))
    pending = {oid for oid in tips if oid is not None}
    seen = set(pending)
    found: list[Oid] = []
    while pending:
        check()
        shared = source.objects.has_many(pending)
        found += shared
        parents = {parent for oid in pending - shared for parent in target.commit(oid).parents}
        pending = parents - seen
        seen |= parents
    return found


def _parents_first(parents: Mapping[Oid, Sequence[Oid]]) -> Iterator[Oid]:
    """Yield commits so that their parents, as far as they are among them, come before them.

    The walk of trees relies on it; the times of commits may be wrong.
    """
    done: set[Oid] = set()
    for start in parents:
        pending = [start]
        while pending:
            oid = pending[-1]
            before = [each for each in parents[oid] if each in parents and each not in done]
            if before and oid not in done:
                pending += before
                continue
            pending.pop()
            if oid not in done:
                done.add(oid)
                yield oid


def _commits_among(repository: Repository, oids: Iterable[Oid]) -> list[Oid]:
    present = repository.objects.has_many(list(oids))
    peeled = (repository.peel(oid) for oid in present)
    return [oid for oid in peeled if oid is not None]


class _Walk:
    """Reads trees and tags; yields what it has not yielded before."""

    def __init__(self, repository: Repository, check: Callable[[], None]) -> None:
        self._repository = repository
        self._check = check
        self._seen: set[Oid] = set()

    def tags(self, oid: Oid) -> Generator[Reached, None, tuple[Oid, ObjectType]]:
        """Yield annotated tags on the way from ``oid``; return what they lead to."""
        for _ in range(_TAG_DEPTH + 1):  # the last one is no tag
            object_type = header_type(self._repository, oid)
            if object_type is not ObjectType.TAG:
                return oid, object_type
            if oid not in self._seen:
                self._seen.add(oid)
                yield Reached(oid, object_type)
            oid, _ = tag_target(oid, self._repository.objects.get(oid)[1])
        raise CorruptObjectError(f"tag {oid_to_hex(oid)}: more than {_TAG_DEPTH} tags in a row")

    def blob(self, oid: Oid) -> Iterator[Reached]:
        if oid not in self._seen:
            self._seen.add(oid)
            yield Reached(oid, ObjectType.BLOB)

    def tree(self, oid: Oid, bases: list[Oid]) -> Iterator[Reached]:
        """Yield a tree and what is below it, less what ``bases`` have at the same place."""
        pending = [(oid, bases)]
        while pending:
            self._check()
            oid, bases = pending.pop()
            if oid in self._seen or oid in bases:
                continue
            rows, known = self._rows(oid, list(dict.fromkeys(bases)))
            self._seen.add(oid)
            yield Reached(oid, ObjectType.TREE)
            for mode, name, entry in rows:
                if entry in self._seen:
                    continue
                others = [found for base in known if (found := base.get(name)) is not None]
                if any(other == entry for _, other in others):
                    continue
                kind = int(mode, 8)
                if kind == MODE_TREE:
                    below = [other for mode, other in others if int(mode, 8) == MODE_TREE]
                    pending.append((entry, below))
                elif kind != MODE_GITLINK:
                    yield from self.blob(entry)

    def _rows(
        self, oid: Oid, bases: list[Oid]
    ) -> tuple[list[_Row], list[dict[bytes, tuple[bytes, Oid]]]]:
        """Return the entries of a tree that no base has, and by name what bases have.

        Of the first base only what is unlike is returned: names that are there as well are known.

        Raises:
            CorruptObjectError: If it is damaged, or has a name that Git refuses.
        """
        tree = self._repository.tree(oid)
        if not bases:
            rows, known = tree.rows(), []
        else:
            rows, base = tree.rows_unlike(self._repository.tree(bases[0]))
            same = set(base).intersection(rows)
            rows = [row for row in rows if row not in same]
            known = [base, *(self._repository.tree(other).rows() for other in bases[1:])]
        names = [name for _, name, _ in rows]
        if not _REFUSED_NAMES.isdisjoint(names) or b"/" in b"".join(names):
            wrong = next(name for name in names if name in _REFUSED_NAMES or b"/" in name)
            raise CorruptObjectError(
                f"tree {oid_to_hex(oid)} has an entry called {wrong!r}, which no file can be "
                "called (git fsck says more)"
            )
        return rows, [{name: (mode, entry) for mode, name, entry in each} for each in known]
