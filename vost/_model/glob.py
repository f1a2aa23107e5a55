"""Glob patterns over any tree of directories, in a repository or on a disk.

* A segment with ``*`` or ``?`` matches one name as :mod:`fnmatch` does (``[..]`` classes count
  only here), always case-sensitive; a name that starts with a dot only if the segment does.
* ``**`` is zero or more directories, none of them a dot name. As the last segment it is every
  entry at every depth that is no dot name and in no dot directory.
* Anything else is the name itself, ``[ab].txt`` too.
* ``.`` and ``..`` match nothing; but the first ``/./`` behind something is a pivot: it is no
  segment, and the results keep it (``src/./*.c`` gives ``src/./main.c``).

All ways to read a pattern advance together, as the states of one automaton: each directory is
listed at most once and each path found at most once, whatever the number of ``**``.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

ListDirectory: TypeAlias = Callable[[str], Iterable[tuple[str, bool]]]
"""Maps the path of a directory (``""``: the root) to ``(name, is_directory)`` of its entries."""

Lookup: TypeAlias = Callable[[str], bool | None]
"""Maps a path to whether it is a directory; to ``None`` if there is nothing."""

_Matcher: TypeAlias = Callable[[str], object]

_ANY_DEPTH = "**"
_DOTS = frozenset((".", ".."))

# A state is the index of the segment that the entries of a directory are matched with, and how
# many characters of their paths lie before the pivot (0: none to be shown, or not reached yet).
_State: TypeAlias = tuple[int, int]


class GlobPattern(NamedTuple):
    """A pattern taken apart by :func:`parse_pattern`.

    Args:
        segments: The segments without the pivot. None at all match nothing.
        pivot: Number of segments before the pivot; 0 when there is none.
    """

    segments: tuple[str, ...]
    pivot: int = 0


def has_wildcards(text: str) -> bool:
    """Tell whether a pattern, or one segment of one, has any ``*`` or ``?``."""
    return "*" in text or "?" in text


def match_segment(segment: str, name: str) -> bool:
    """Tell whether one name matches one segment of a pattern.

    Takes time in proportion to the length of the name, whatever the number of ``*``. ``**``
    counts as an ordinary ``*`` here, because one name has no depth.

    Args:
        segment: Segment of a pattern.
        name: Name of one entry; not a path.

    Example:
        >>> match_segment("*.py", "setup.py"), match_segment("*", ".git")
        (True, False)
    """
    return bool(_matcher(segment)(name))


def parse_pattern(pattern: str | os.PathLike[str], *, literal_dots: bool = False) -> GlobPattern:
    """Take a pattern apart.

    Args:
        pattern: The pattern; slashes at its ends do not count.
        literal_dots: Take ``.`` and ``..`` for names that can be looked up, as on a disk. There
            is no pivot then: a ``.`` in the middle is in the results anyway. Empty segments are
            dropped.

    Returns:
        The pattern; one without segments if nothing can match.

    Raises:
        TypeError: If ``pattern`` is ``bytes`` or no pattern at all.
    """
    text = os.fspath(pattern) if isinstance(pattern, os.PathLike) else pattern
    if not isinstance(text, str):
        raise TypeError(f"a pattern must be str or os.PathLike[str], not {type(pattern).__name__}")
    text = text.strip("/")
    if literal_dots:
        return GlobPattern(_without_repeats(part for part in text.split("/") if part))
    base, mark, rest = text.partition("/./")
    before = _without_repeats(base.split("/"))
    after = _without_repeats(rest.split("/")) if mark else ()
    if any(part in ("", ".", "..") for part in before + after):
        return GlobPattern(())
    return GlobPattern(before + after, len(before) if mark else 0)


def iter_glob(
    pattern: GlobPattern,
    list_directory: ListDirectory,
    lookup: Lookup,
    *,
    descend: Callable[[str], bool] | None = None,
) -> Iterator[str]:
    """Yield the paths that match, each once, directories before what is in them.

    Directories are listed when the walk comes to them, and only where a wildcard needs it.

    Args:
        pattern: From :func:`parse_pattern`.
        list_directory: Called with paths that the walk has seen to be directories. Its order is
            the order of the results.
        lookup: Called instead where only one name can match. Behind ``**`` a plain name is
            compared with the listing.
        descend: Asked before ``**`` enters a directory; ``None`` lets it enter all. A disk says
            no to symbolic links here, because they may lead round in circles.

    Example:
        >>> tree = {"": [("a.txt", False), ("d", True)], "d": [("b.txt", False)]}
        >>> list(iter_glob(parse_pattern("**/*.txt"), lambda path: tree[path], lambda path: None))
        ['a.txt', 'd/b.txt']
    """
    if pattern.segments:
        walk = _Walk(pattern, list_directory, lookup, descend)
        yield from walk.results()


class _Walk:
    """One walk over a tree for one pattern."""

    def __init__(
        self,
        pattern: GlobPattern,
        list_directory: ListDirectory,
        lookup: Lookup,
        descend: Callable[[str], bool] | None,
    ) -> None:
        self._segments = pattern.segments
        self._pivot = pattern.pivot
        self._last = len(pattern.segments) - 1
        self._matchers = [_matcher(segment) for segment in pattern.segments]
        self._list_directory = list_directory
        self._lookup = lookup
        self._descend = descend

    def results(self) -> Iterator[str]:
        # A stack of its own: directories may be nested deeper than Python lets functions be.
        stack = [self._directory("", ((0, 0),))]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
                continue
            path, found, states = entry
            yield from found
            if states:
                stack.append(self._directory(path, states))

    def _directory(
        self, path: str, states: Iterable[_State]
    ) -> Iterator[tuple[str, list[str], tuple[_State, ...]]]:
        """Yield for each entry that counts: its path, its results, its states as a directory."""
        states = self._with_empty_any_depth(path, states)
        prefix = f"{path}/" if path else ""
        for entry in self._entries(path, prefix, states):
            entry_path = prefix + entry[0]
            found, below = self._match(states, entry_path, entry)
            if found or below:
                yield entry_path, found, below

    def _with_empty_any_depth(self, path: str, states: Iterable[_State]) -> tuple[_State, ...]:
        # ``**`` may stand for no directory at all, so what follows it applies here as well.
        closed: dict[_State, None] = {}
        pending = list(states)
        while pending:
            state = pending.pop()
            if state in closed:
                continue
            closed[state] = None
            index, _ = state
            if self._segments[index] == _ANY_DEPTH and index < self._last:
                pending.append(self._advance(state, path))
        return tuple(closed)

    def _advance(self, state: _State, path: str) -> _State:
        """Return the next state once the segment of ``state`` has matched up to ``path``."""
        index, before_pivot = state
        if index + 1 == self._pivot:
            before_pivot = len(path)
        return index + 1, before_pivot

    def _entries(
        self, path: str, prefix: str, states: tuple[_State, ...]
    ) -> Iterator[tuple[str, bool]]:
        names = {self._segments[index] for index, _ in states}
        wanted = names if len(names) == 1 else names & _DOTS  # no listing has dots
        for name in sorted(wanted):
            if not has_wildcards(name):
                names.remove(name)
                is_directory = self._lookup(prefix + name)
                if is_directory is not None:
                    yield name, is_directory
        if names:
            yield from self._list_directory(path)

    def _match(
        self, states: tuple[_State, ...], path: str, entry: tuple[str, bool]
    ) -> tuple[list[str], tuple[_State, ...]]:
        name, is_directory = entry
        found: dict[str, None] = {}
        below: dict[_State, None] = {}
        for state in states:
            index, before_pivot = state
            if not self._matchers[index](name):
                continue
            if index == self._last:
                found[_show_pivot(path, before_pivot)] = None
            if not is_directory:
                continue
            if self._segments[index] != _ANY_DEPTH:
                if index < self._last:
                    below[self._advance(state, path)] = None
            elif self._may_descend(path):
                below[state] = None
        return list(found), tuple(below)

    def _may_descend(self, path: str) -> bool:
        return self._descend is None or self._descend(path)


def _show_pivot(path: str, before_pivot: int) -> str:
    if not before_pivot:
        return path
    return f"{path[:before_pivot]}/.{path[before_pivot:]}"


def _without_repeats(parts: Iterable[str]) -> tuple[str, ...]:
    # ``**/**`` means ``**``.
    kept: list[str] = []
    for part in parts:
        if part != _ANY_DEPTH or kept[-1:] != [_ANY_DEPTH]:
            kept.append(part)
    return tuple(kept)


@lru_cache(maxsize=256)
def _matcher(segment: str) -> _Matcher:
    if not has_wildcards(segment):
        return segment.__eq__
    expression = fnmatch.translate(segment)
    if not segment.startswith("."):
        expression = rf"(?!\.){expression}"
    return re.compile(expression).match
