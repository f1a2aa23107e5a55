"""Glob patterns in path arguments of the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vost
from vost.cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_pattern(path: str) -> bool:
    """Tell whether a path is a glob pattern: whether it has a ``*`` or a ``?``."""
    return "*" in path or "?" in path


async def expand(
    fs: vost.FS, paths: Iterable[str], *, no_glob: bool, submodules: bool = False
) -> list[str]:
    """Return what the paths name, patterns replaced by what they match, in order.

    Args:
        fs: The snapshot to look in.
        paths: Paths in the repository; those without wildcards stay as they are.
        no_glob: Take everything literally.
        submodules: Whether patterns match submodules too.

    Raises:
        Failure: If a pattern matches nothing.
    """
    found: list[str] = []
    for path in paths:
        if no_glob or not is_pattern(path):
            found.append(path)
            continue
        found += await matches(fs, path, submodules=submodules)
    return found


async def matches(fs: vost.FS, pattern: str, *, submodules: bool = False) -> list[str]:
    """Return what a pattern matches.

    Args:
        fs: The snapshot to look in.
        pattern: The pattern.
        submodules: Whether it matches submodules too.

    Raises:
        Failure: If it matches nothing.
    """
    # "./a" is "a" for users; for glob() a dot at the start is a name that nothing has.
    found = await fs.glob(pattern.removeprefix("./"), submodules=submodules)
    if not found:
        raise Failure(f"No matches for pattern in repo: {pattern}")
    return found


async def absent(fs: vost.FS, path: str, noun: str) -> Failure:
    """Return the error for a path that cannot be read; a submodule is there, but not its content.

    Args:
        fs: The snapshot.
        path: The path, in its normal form.
        noun: What it was to be: ``File not found``.
    """
    if await is_submodule(fs, path):
        return Failure(f"Is a submodule: {path}")
    return Failure(f"{noun}: {path}")


async def is_submodule(fs: vost.FS, path: str) -> bool:
    """Tell whether a submodule is at a path in its normal form."""
    try:
        listing = await fs.entries(path, details=False)
    except (vost.PathNotFoundError, vost.PathNotDirectoryError):
        return False
    return any(entry.path == path and entry.kind == "commit" for entry in listing.entries)
