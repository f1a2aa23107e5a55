"""What changed between two texts, line by line, in bounded time.

The algorithm is the greedy one of E. W. Myers ("An O(ND) Difference Algorithm and Its Variations",
1986), as in Git: its time grows with the number of changes, so that a limit on these is a limit on
it. (difflib of the standard library has none: lines that repeat make it slow.)
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONTEXT = 3
"""So many equal lines are shown around what changed."""

_MOST_CHANGES = 700


class Line(NamedTuple):
    """A line of a difference.

    Attributes:
        kind: ``" "``, ``"-"`` or ``"+"``.
        old: Its number before, from 1; ``None``: it was not there.
        new: Its number after; ``None``: it is not there.
        text: What it says.
    """

    kind: str
    old: int | None
    new: int | None
    text: str


def difference(old: Sequence[str], new: Sequence[str]) -> list[Line]:
    """Return all lines of two texts as lines of their difference.

    Where more than some hundred lines changed, everything between the first and the last of them
    counts as changed.
    """
    start = 0
    shortest = min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    before = old[start : len(old) - end]
    after = new[start : len(new) - end]
    lines = [Line(" ", n + 1, n + 1, old[n]) for n in range(start)]
    lines += _numbered(before, after, start)
    at, to = len(old) - end, len(new) - end
    lines += [Line(" ", at + n + 1, to + n + 1, old[at + n]) for n in range(end)]
    return lines


def hunks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield the parts of a difference in which something changed, with some lines around."""
    changed = [number for number, line in enumerate(lines) if line.kind != " "]
    begin = 0
    for place, number in enumerate(changed):
        following = changed[place + 1] if place + 1 < len(changed) else None
        if following is None or following - number > 2 * CONTEXT + 1:
            first = max(0, changed[begin] - CONTEXT)
            yield list(lines[first : number + CONTEXT + 1])
            begin = place + 1


def _numbered(before: Sequence[str], after: Sequence[str], start: int) -> Iterator[Line]:
    x = y = 0
    for same_x, same_y in [*_common(before, after), (len(before), len(after))]:
        for n in range(x, same_x):
            yield Line("-", start + n + 1, None, before[n])
        for n in range(y, same_y):
            yield Line("+", None, start + n + 1, after[n])
        if same_x < len(before):
            yield Line(" ", start + same_x + 1, start + same_y + 1, before[same_x])
        x, y = same_x + 1, same_y + 1


def _common(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of a longest sequence of common lines, or none if that takes too long."""
    if not before or not after:
        return []
    ids: dict[str, int] = {}
    ours = [ids.setdefault(line, len(ids)) for line in before]
    theirs = [ids.setdefault(line, len(ids)) for line in after]
    most = min(len(ours) + len(theirs), _MOST_CHANGES)
    # How far along the old lines each diagonal was reached; where k is a diagonal's number (place
    # in the old lines less that in the new ones), it stands at middle + k.
    furthest = [0] * (2 * most + 3)
    middle = most + 1
    rounds: list[array[int]] = []
    for count in range(most + 1):
        rounds.append(array("l", furthest[middle - count - 1 : middle + count + 2]))
        for k in range(-count, count + 1, 2):
            left, right = furthest[middle + k - 1], furthest[middle + k + 1]
            x = right if k == -count or (k != count and left < right) else left + 1
            y = x - k
            while x < len(ours) and y < len(theirs) and ours[x] == theirs[y]:
                x, y = x + 1, y + 1
            furthest[middle + k] = x
            if x >= len(ours) and y >= len(theirs):
                return _traced(rounds, x, y)
    return []


def _traced(rounds: Sequence[array[int]], x: int, y: int) -> list[tuple[int, int]]:
    """Walk back along the furthest places, round by round: each made one step and a diagonal."""
    common = []
    for count in range(len(rounds) - 1, 0, -1):
        k = x - y
        row = rounds[count]
        left, right = row[k + count], row[k + count + 2]
        if k == -count or (k != count and left < right):
            step, from_x, from_y = right, right, right - k - 1
        else:
            step, from_x, from_y = left + 1, left, left - k + 1
        while x > step:
            x, y = x - 1, y - 1
            common.append((x, y))
        x, y = from_x, from_y
    while x > 0 and y > 0:
        x, y = x - 1, y - 1
        common.append((x, y))
    common.reverse()
    return common
