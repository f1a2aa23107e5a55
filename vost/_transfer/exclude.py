"""What a copy from the local disk leaves out."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from .ignore import IgnoreRules, ignore_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_IGNORE_FILE = ".gitignore"
_NO_RULES = IgnoreRules(())


class WalkRules(NamedTuple):
    """What counts in one directory of a walk. Immutable: several walks may use one filter.

    Attributes:
        base: The filter's own patterns.
        gitignore: Whether ``.gitignore`` files count.
        files: The rules of the directories above and of this one, deepest first.
    """

    base: IgnoreRules
    gitignore: bool
    files: tuple[IgnoreRules, ...] = ()

    def below(self, local_dir: str, path: str) -> WalkRules:
        """Return what counts in a directory that the walk enters.

        Args:
            local_dir: The directory on disk.
            path: Its path from the root of the walk; ``""`` for the root.

        Raises:
            OSError: If its ``.gitignore`` cannot be read.
        """
        if not self.gitignore:
            return self
        rules = IgnoreRules(ignore_lines(_read_ignore_file(local_dir)), path)
        return self._replace(files=(rules, *self.files)) if rules else self

    def excludes(self, path: str, name: str, *, is_dir: bool) -> bool:
        """Tell whether an entry is left out, if no directory above it is.

        Args:
            path: Its path from the root of the walk.
            name: The last segment of ``path``.
            is_dir: Whether it is a directory.
        """
        if self.base.decide(path, name, is_dir=is_dir):
            return True
        if not self.gitignore:
            return False
        if name == _IGNORE_FILE and not is_dir:
            return True
        for rules in self.files:
            decision = rules.decide(path, name, is_dir=is_dir)
            if decision is not None:
                return decision
        return False


class ExcludeFilter:
    """Says which files a copy leaves out, in the syntax of gitignore.

    Paths are relative to the directory that is copied. What an excluded directory contains is
    excluded too, and cannot be taken back by a pattern that begins with ``!``.

    Args:
        patterns: Patterns, taken as they are: a ``#`` or a space is part of a pattern.
        exclude_from: A file of patterns, one a line; empty lines and lines with ``#`` do not
            count. It is read at once.
        gitignore: Whether the ``.gitignore`` files in the copied directories count as well; they
            themselves are left out then. They cannot take back what ``patterns`` exclude.

    Raises:
        FileNotFoundError: If ``exclude_from`` does not exist.
        OSError: If it cannot be read.
        TypeError: If a pattern is not ``str``.

    Example:
        >>> ExcludeFilter(patterns=["*.pyc", "build/"]).is_excluded("pkg/a.pyc")
        True
    """

    def __init__(
        self,
        *,
        patterns: Iterable[str] | None = None,
        exclude_from: str | os.PathLike[str] | None = None,
        gitignore: bool = False,
    ) -> None:
        lines = _pattern_list(patterns)
        if exclude_from is not None:
            lines += _lines_of(exclude_from)
        self._base = IgnoreRules(lines)
        self._has_patterns = bool(lines)
        self._gitignore = bool(gitignore)
        self._entered: dict[str, WalkRules] = {}

    @property
    def active(self) -> bool:
        """Whether it can leave anything out: it has patterns, or ``.gitignore`` files count."""
        return self._has_patterns or self._gitignore

    def is_excluded(self, rel_path: str, *, is_dir: bool = False) -> bool:
        """Tell whether the filter's own patterns exclude a path.

        Args:
            rel_path: The path, relative to the directory that is copied.
            is_dir: Whether it is a directory.
        """
        rules = WalkRules(self._base, gitignore=False)
        return _excluded(rel_path, is_dir=is_dir, rules_of=lambda _: rules)

    def enter_directory(self, abs_dir: str | os.PathLike[str], rel_dir: str) -> None:
        """Take the ``.gitignore`` of a directory into account, in a walk of your own.

        Args:
            abs_dir: The directory on disk.
            rel_dir: Its path relative to the top of the walk; ``""`` for the top, which begins a
                new walk.

        Raises:
            OSError: If its ``.gitignore`` cannot be read.
        """
        path = rel_dir.strip("/")
        if not path:
            self._entered.clear()
        above = self._rules_of(path.rpartition("/")[0]) if path else self.walk_rules()
        self._entered[path] = above.below(os.fspath(abs_dir), path)

    def is_excluded_in_walk(self, rel_path: str, *, is_dir: bool = False) -> bool:
        """Tell whether a path is excluded, the directories that were entered considered.

        Args:
            rel_path: The path, relative to the top of the walk.
            is_dir: Whether it is a directory.
        """
        return _excluded(rel_path, is_dir=is_dir, rules_of=self._rules_of)

    def walk_rules(self) -> WalkRules:
        """Return what counts at the beginning of a walk, before its first directory."""
        return WalkRules(self._base, self._gitignore)

    def _rules_of(self, directory: str) -> WalkRules:
        """Return what counts in a directory: the rules of the nearest one that was entered."""
        while directory not in self._entered and directory:
            directory = directory.rpartition("/")[0]
        return self._entered.get(directory) or self.walk_rules()


EVERYTHING = WalkRules(_NO_RULES, gitignore=False)
"""The rules of a copy that leaves nothing out."""


def _excluded(rel_path: str, *, is_dir: bool, rules_of: Callable[[str], WalkRules]) -> bool:
    path = rel_path.strip("/")
    slash = path.find("/")
    start = 0
    while slash >= 0:
        above = path[: max(start - 1, 0)]
        if rules_of(above).excludes(path[:slash], path[start:slash], is_dir=True):
            return True
        start = slash + 1
        slash = path.find("/", start)
    above = path[: max(start - 1, 0)]
    return rules_of(above).excludes(path, path[start:], is_dir=is_dir)


def _pattern_list(patterns: Iterable[str] | None) -> list[str]:
    given = [patterns] if isinstance(patterns, str) else list(patterns or ())
    for pattern in given:
        if not isinstance(pattern, str):
            raise TypeError(f"a pattern must be str, not {type(pattern).__name__}")
    return given


def _lines_of(path: str | os.PathLike[str]) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = [line.strip() for line in file]
    return [line for line in lines if line and not line.startswith("#")]


def _read_ignore_file(directory: str) -> str:
    # Like git, not through a symbolic link; and never waiting for a FIFO.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(f"{directory}/{_IGNORE_FILE}", flags)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            return ""
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read().decode("utf-8", "surrogateescape")
    finally:
        os.close(descriptor)
