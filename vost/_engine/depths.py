"""Shallow clones: where history ends for a client, and which commits it lacks.

Source of the rules: https://git-scm.com/docs/gitprotocol-pack ("shallow", "deepen ..."), and what
git's own server does.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from vost._engine.repository import Repository
    from vost._model.objects import Oid

INFINITE = 0x7FFF_FFFF
_SKEW = 24 * 60 * 60
"""Seconds by which a parent may be younger than its child: clocks are wrong now and then."""


class Deepening(NamedTuple):
    """What a client asks for.

    Attributes:
        depth: So many commits of each line of history; 0: not limited so.
        relative: Whether ``depth`` counts from where the client's history ends now.
        since: Commits of this time or younger; seconds since the epoch.
        excluded: Commits that are not wanted, with all that they lead to.
    """

    depth: int = 0
    relative: bool = False
    since: int | None = None
    excluded: tuple[Oid, ...] = ()

    @property
    def is_asked(self) -> bool:
        """Whether the client asks for any limit."""
        return bool(self.depth or self.since is not None or self.excluded)


class Cut(NamedTuple):
    """Where history ends for a client.

    Attributes:
        shallow: Commits that lose their parents and had them until now.
        unshallow: Commits that get their parents back.
        ends: All commits without parents from now on.
    """

    shallow: list[Oid]
    unshallow: list[Oid]
    ends: frozenset[Oid]


def find_cut(
    repository: Repository,
    wanted: Collection[Oid],
    client: frozenset[Oid],
    asked: Deepening,
    check: Callable[[], None],
) -> Cut:
    """Find where history is to end for a client.

    Args:
        repository: The repository.
        wanted: Commits that the client wants.
        client: Where its history ends now.
        asked: What it asks for.
        check: Raises when the caller was cancelled.

    Raises:
        ValueError: If nothing would be left.
    """
    inside: Collection[Oid]
    if not asked.is_asked:
        ends: set[Oid] = set()
        inside = reached(repository, wanted, client, check) if repository.shallow else ()
        unshallow: list[Oid] = []
    elif asked.depth:
        starts = client if asked.relative else wanted
        depth = asked.depth + 1 if asked.relative else asked.depth
        inside, ends = _by_depth(repository, starts, depth, check)
        unshallow = [oid for oid in sorted(client) if oid in inside and oid not in ends]
    else:
        inside, ends = _by_selection(repository, wanted, asked, check)
        unshallow = [oid for oid in sorted(client) if oid in inside and oid not in ends]
    ends |= repository.shallow.intersection(inside)
    unshallow = [oid for oid in unshallow if oid not in ends]
    stays = client.difference(unshallow)
    return Cut(sorted(ends - client), unshallow, frozenset(ends | stays))


def reached(
    repository: Repository,
    starts: Iterable[Oid],
    ends: Collection[Oid],
    check: Callable[[], None],
) -> set[Oid]:
    """Return all commits that starts lead to; what is in ``ends`` has no parents."""
    seen = set(starts)
    pending = list(seen)
    while pending:
        check()
        oid = pending.pop()
        if oid in ends:
            continue
        for parent in repository.commit_node(oid).parents:
            if parent not in seen:
                seen.add(parent)
                pending.append(parent)
    return seen


def leads_to_all(
    repository: Repository,
    starts: Iterable[Oid],
    targets: Collection[Oid],
    check: Callable[[], None],
) -> bool:
    """Tell whether starts lead to all targets, all of them commits."""
    missing = set(targets)
    queue = [(-repository.commit_node(oid).seconds, oid) for oid in dict.fromkeys(starts)]
    seen = {oid for _, oid in queue}
    missing -= seen
    if not missing:
        return True
    oldest = min(repository.commit_node(oid).seconds for oid in missing) - _SKEW
    heapq.heapify(queue)
    while queue:
        check()
        seconds, oid = heapq.heappop(queue)
        if -seconds < oldest:
            return False  # all that follow are older still
        for parent in repository.commit_node(oid).parents:
            if parent not in seen:
                seen.add(parent)
                missing.discard(parent)
                if not missing:
                    return True
                heapq.heappush(queue, (-repository.commit_node(parent).seconds, parent))
    return False


def each_leads_to_one(
    repository: Repository,
    starts: Collection[Oid],
    targets: Collection[Oid],
    check: Callable[[], None],
) -> bool:
    """Tell whether each start leads to one target at least, all of them commits."""
    undecided = set(starts).difference(targets)
    if not targets or not undecided:
        return not undecided
    oldest = min(repository.commit_node(oid).seconds for oid in targets) - _SKEW
    queue = [(-repository.commit_node(oid).seconds, oid) for oid in undecided]
    heapq.heapify(queue)
    seen = set(undecided)
    children: dict[Oid, list[Oid]] = {}
    good = set(targets)
    while queue and undecided:
        check()
        seconds, oid = heapq.heappop(queue)
        if -seconds < oldest:
            break
        for parent in repository.commit_node(oid).parents:
            if parent in good:
                _spread(oid, children, good, undecided)
                continue
            children.setdefault(parent, []).append(oid)
            if parent not in seen:
                seen.add(parent)
                heapq.heappush(queue, (-repository.commit_node(parent).seconds, parent))
    return not undecided


def _spread(oid: Oid, children: dict[Oid, list[Oid]], good: set[Oid], undecided: set[Oid]) -> None:
    """Mark a commit, and all that lead to it, as leading to a target."""
    pending = [oid]
    while pending:
        oid = pending.pop()
        if oid not in good:
            good.add(oid)
            undecided.discard(oid)
            pending.extend(children.pop(oid, ()))


def _by_depth(
    repository: Repository, starts: Collection[Oid], depth: int, check: Callable[[], None]
) -> tuple[set[Oid], set[Oid]]:
    """Return the commits within a depth, and those among them at which it ends."""
    inside = set(starts)
    level = list(inside)
    for _ in range(min(depth, INFINITE) - 1):
        following: list[Oid] = []
        for oid in level:
            check()
            for parent in repository.commit_node(oid).parents:
                if parent not in inside:
                    inside.add(parent)
                    following.append(parent)
        level = following
        if not level:
            break
    if depth >= INFINITE:
        return inside, set()
    return inside, {oid for oid in level if repository.commit_node(oid).parents}


def _by_selection(
    repository: Repository, wanted: Collection[Oid], asked: Deepening, check: Callable[[], None]
) -> tuple[set[Oid], set[Oid]]:
    """Return the commits that are young enough and not excluded, and where they end."""
    excluded = reached(repository, asked.excluded, (), check)
    oldest = -1 if asked.since is None else asked.since

    def is_selected(oid: Oid) -> bool:
        return oid not in excluded and repository.commit_node(oid).seconds >= oldest

    inside = {oid for oid in wanted if is_selected(oid)}
    if not inside:
        raise ValueError("no commits selected for shallow requests")
    pending = list(inside)
    ends: set[Oid] = set()
    while pending:
        check()
        oid = pending.pop()
        for parent in repository.commit_node(oid).parents:
            if not is_selected(parent):
                ends.add(oid)
            elif parent not in inside:
                inside.add(parent)
                pending.append(parent)
    return inside, ends
