"""Glob patterns over the local disk, by the rules of those over a snapshot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vost._model.glob import has_wildcards, iter_glob, parse_pattern

if TYPE_CHECKING:
    from collections.abc import Callable


def find_local_paths(pattern: str | os.PathLike[str], check: Callable[[], None]) -> list[str]:
    r"""Return the local paths that match, sorted, in the shape that the pattern has.

    Args:
        pattern: The pattern; ``\`` counts as ``/``.
        check: Called for each directory; raises when the caller was cancelled.
    """
    from pathlib import Path  # late: a snapshot has no need of it

    text = os.fspath(pattern).replace("\\", "/")
    top = "/" if text.startswith("/") else ""
    parsed = parse_pattern(text, literal_dots=True)

    def list_directory(path: str) -> list[tuple[str, bool]]:
        check()
        try:
            with os.scandir(top + path or ".") as entries:
                return [(entry.name, entry.is_dir()) for entry in entries]
        except OSError:
            return []  # unreadable or gone meanwhile: nothing to find there

    def look_up(path: str) -> bool | None:
        local = Path(top + path)
        return local.is_dir() if local.exists() else None

    def descend(path: str) -> bool:
        # A link may lead back up: "**" would go round in circles.
        return not Path(top + path).is_symlink()

    matches = iter_glob(parsed, list_directory, look_up, descend=descend)
    found = sorted(top + path for path in matches)
    if parsed.segments and not has_wildcards(parsed.segments[-1]):
        # After "**" a plain name was found in a listing, which shows dangling links too.
        found = [path for path in found if Path(path).exists()]
    return found
