"""Path arguments: ``[REF[~N]]:PATH`` in the repository, anything else on the local disk.

Pure text: nothing here touches the disk or a repository.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import vost
from vost._model.paths import normalize_given, normalize_writable_path
from vost.cli.errors import Failure

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_DIGITS = re.compile(r"[0-9]+")
_LONGEST_NUMBER = 18
"""Digits: no history is longer, and Python refuses to read thousands of them."""


class Target(NamedTuple):
    """What a path argument names.

    ``ref`` is the name before the colon, ``""`` if there is none (the default ref of the
    command), ``None`` for a local path. ``back`` is the number after ``~``, 0 if there is none.
    ``path`` is as it was typed; ``text`` is the whole argument.
    """

    ref: str | None
    back: int
    path: str
    text: str

    @property
    def is_local(self) -> bool:
        """Whether it is a path on the local disk."""
        return self.ref is None


def parse_target(text: str) -> Target:
    """Read a path argument. Only its first colon counts.

    Raises:
        Failure: If what follows ``~`` is no positive number.
    """
    before, colon, path = text.partition(":")
    if not colon or _DRIVE.match(text) or "/" in before or "\\" in before:
        return Target(None, 0, text, text)
    ref, back = parse_ref(before, f"{before.rpartition('~')[0]}:{path}")
    return Target(ref, back, path, text)


def parse_ref(text: str, without_back: str | None = None) -> tuple[str, int]:
    """Split ``REF[~N]`` at its last ``~``; without one the number is 0.

    Args:
        text: What stands before the colon, or a word that is a ref.
        without_back: What to write instead of ``~0``; ``None``: the ref alone.

    Raises:
        Failure: If what follows ``~`` is no positive number.
    """
    ref, tilde, steps = text.rpartition("~")
    if not tilde:
        return text, 0
    if not _DIGITS.fullmatch(steps):
        raise Failure(f"Invalid ancestor suffix '~{steps}' — must be a positive integer")
    significant = steps.lstrip("0")
    if not significant:
        instead = (ref or ":") if without_back is None else without_back
        raise Failure(f"Invalid ancestor '~{steps}' — use '{instead}' instead")
    if len(significant) > _LONGEST_NUMBER:
        raise Failure(f"Cannot go back {significant} commits — history too short")
    return ref, int(significant)


def repository_target(text: str) -> Target:
    """Read an argument of a command that knows only paths in the repository.

    Raises:
        Failure: As for ``parse_target``.
    """
    target = parse_target(text)
    return target._replace(ref="") if target.is_local else target


def normal_path(text: str) -> str:
    """Return a path in the repository in its one normal form; ``""``: the root.

    Slashes at both ends and ``.`` segments count for nothing.

    Raises:
        Failure: If a segment is empty or ``..``, or nothing but dots is left.
    """
    try:
        path = normalize_given(text)
    except vost.InvalidPathError as error:
        raise Failure(f"Invalid repo path: {error}") from None
    if not path and text.strip("/"):
        raise Failure("Invalid repo path: Invalid path segment: '.'")
    return path


def file_path(text: str) -> str:
    """Return the normal form of a path that must not be the root.

    Raises:
        Failure: If it is the root, and as for ``normal_path``.
    """
    path = normal_path(text)
    if not path:
        raise Failure("Repo path must not be empty")
    return path


def writable_path(text: str) -> str:
    """Return the normal form of a path that a file can be written to.

    Raises:
        Failure: If Git refuses such a name (``.git``), and as for ``file_path``.
    """
    path = file_path(text)
    try:
        return normalize_writable_path(path)
    except vost.InvalidPathError as error:
        raise Failure(f"Invalid repo path: {error}") from None
