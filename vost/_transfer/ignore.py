r"""Patterns of gitignore, matched in time that no pattern can blow up.

Source of the syntax: https://git-scm.com/docs/gitignore and ``wildmatch.c`` of Git.

Each pattern becomes one regular expression that never has a choice to regret: what stands between
two ``*`` of a name, or between two ``**`` of a path, is looked for at the first place where it
fits, and a look-ahead with a back-reference keeps the engine from trying another one. (``fnmatch``
of the standard library does the same for ``*``.) Existing libraries, pathspec and dulwich among
them, try all combinations: 40 times ``*a`` takes them hours. See docs/adr/0009.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NEVER = "(?!)"
_ANY = "[^/]"
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class _Rule(NamedTuple):
    """One pattern.

    Attributes:
        expression: Matches the name, or if it is anchored the path.
        anchored: Whether it has a slash other than at its end.
        directory: Whether it is for directories only.
        negated: Whether it takes back what an earlier one excluded.
    """

    expression: str
    anchored: bool
    directory: bool
    negated: bool


class IgnoreRules:
    """The patterns of one list, in order: the last one that matches decides.

    Args:
        patterns: The patterns, one each.
        base: Path of the directory that they are for, from the root of the walk.
    """

    def __init__(self, patterns: Iterable[str], base: str = "") -> None:
        self._start = len(base) + 1 if base else 0
        found = [rule for pattern in patterns if (rule := _parse(pattern)) is not None]
        # The last one first, each with the number that its groups need.
        self._rules = [(rule, re.compile(rule.expression, re.DOTALL)) for rule in reversed(found)]
        self._names = _any_of(rule for rule in found if not rule.anchored)
        self._paths = _any_of(rule for rule in found if rule.anchored)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def decide(self, path: str, name: str, *, is_dir: bool) -> bool | None:
        """Tell whether an entry is excluded; ``None``: no pattern is about it.

        Args:
            path: Its path from the root of the walk.
            name: The last segment of ``path``.
            is_dir: Whether it is a directory.
        """
        by_name = self._names is not None and self._names.match(name)
        below = path[self._start :]
        if not by_name and not (self._paths is not None and self._paths.match(below)):
            return None
        for rule, expression in self._rules:
            if rule.directory and not is_dir:
                continue
            if expression.match(below if rule.anchored else name):
                return not rule.negated
        return None


def ignore_lines(text: str) -> Iterator[str]:
    """Yield the patterns in the text of a ``.gitignore``."""
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = _strip_trailing_spaces(line.removesuffix("\r"))
        if pattern and not pattern.startswith("#"):
            yield pattern


def _strip_trailing_spaces(line: str) -> str:
    stripped = line.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    # An escaped space stays.
    return line[: len(stripped) + 1] if backslashes % 2 else stripped


def _any_of(rules: Iterator[_Rule]) -> re.Pattern[str] | None:
    """Return one expression for the question that is asked most: whether any rule matches."""
    expressions = [rule.expression for rule in rules]
    if not expressions:
        return None
    renamed = (
        expression.replace("(?P<g", f"(?P<r{number}g").replace("(?P=g", f"(?P=r{number}g")
        for number, expression in enumerate(expressions)
    )
    return re.compile("|".join(f"(?:{expression})" for expression in renamed), re.DOTALL)


def _parse(pattern: str) -> _Rule | None:
    negated = pattern.startswith("!")
    body = pattern[1:] if negated else pattern
    directory = body.endswith("/")
    body = body.removesuffix("/")
    anchored = "/" in body
    body = body.removeprefix("/")
    if not body:
        return None
    groups = _Groups()
    expression = _path(_segments(body), groups) if anchored else _name(body, groups)
    return _Rule(expression + r"\Z", anchored, directory, negated)


def _segments(body: str) -> list[str]:
    """Split a pattern at its slashes; those inside brackets do not count, escaped ones do."""
    segments = [""]
    at = 0
    while at < len(body):
        end = at + 1
        if body[at] == "[":
            end = _bracket(body, end)[1]
        elif body[at] == "\\" and body[end : end + 1] != "/":
            end += 1
        elif body[at] == "\\":
            at, end = end, end + 1
        if body[at] == "/":
            segments.append("")
        else:
            segments[-1] += body[at:end]
        at = end
    return segments


class _Groups:
    """Numbers the groups of one expression."""

    def __init__(self) -> None:
        self._count = 0

    def first_fit(self, expression: str) -> str:
        """Return an expression that is tried at one place only: the first where it fits."""
        self._count += 1
        return f"(?=(?P<g{self._count}_>{expression}))(?P=g{self._count}_)"


def _path(segments: list[str], groups: _Groups) -> str:
    """Return the expression for a whole path. No path has an empty name."""
    if "" in segments:
        return _NEVER
    runs: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append(segment)
    head, *rest = ["/".join(_name(segment, groups) for segment in run) for run in runs]
    if not rest:
        return head
    *middle, last = rest
    found = [head + "/"] if head else []
    found += [groups.first_fit(f"(?:[^/]+/)*?{run}/") for run in middle if run]
    # At the end, ``**`` is everything below; in front of something, any number of directories.
    found.append(f"(?:[^/]+/)*{last}" if last else ".+")
    return "".join(found)


def _name(segment: str, groups: _Groups) -> str:
    """Return the expression for one name."""
    pieces = [""]
    for token in _tokens(segment):
        if token == "*":
            pieces.append("")
        else:
            pieces[-1] += token
    head, *rest = pieces
    if not rest:
        return head
    *middle, last = rest
    middle = [groups.first_fit(f"{_ANY}*?{piece}") for piece in middle if piece]
    return f"{head}{''.join(middle)}{_ANY}*{last}"


def _tokens(segment: str) -> Iterator[str]:
    """Yield what a name consists of, as expressions for one character, and ``*``."""
    at = 0
    while at < len(segment):
        character = segment[at]
        at += 1
        if character == "*":
            yield "*"
        elif character == "?":
            yield _ANY
        elif character == "[":
            expression, at = _bracket(segment, at)
            yield expression
        elif character == "\\":
            yield re.escape(segment[at]) if at < len(segment) else _NEVER
            at += 1
        else:
            yield re.escape(character)


def _bracket(text: str, at: int) -> tuple[str, int]:
    """Return the expression for ``[...]`` and where it ends; one without an end never matches."""
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    start = at
    members: list[str] = []
    while at < len(text):
        if text[at] == "]" and at > start:
            return _one_of(members, negated=negated), at + 1
        if text.startswith("[:", at):
            end = text.find("]", at + 2)
            if end > at + 2 and text[end - 1] == ":":
                known = _CLASSES.get(text[at + 2 : end - 1])
                if known is None:
                    return _NEVER, len(text)
                members.append(known)
                at = end + 1
                continue
        low, at = _member(text, at)
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("]", ""):
            high, at = _member(text, at + 1)
            if low and high and low <= high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
            elif low and high:
                members.append(re.escape(low))
        else:
            members.append(re.escape(low))
    return _NEVER, len(text)


def _member(text: str, at: int) -> tuple[str, int]:
    """Return one character inside brackets, and where the next one begins."""
    if text[at] == "\\" and at + 1 < len(text):
        at += 1
    return text[at], at + 1


def _one_of(members: list[str], *, negated: bool) -> str:
    if not members:
        return _ANY if negated else _NEVER
    joined = "".join(members)
    return f"(?!/)[{'^' if negated else ''}{joined}]"
