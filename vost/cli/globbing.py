"""Glob patterns in path arguments of the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost.cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    import vost


def is_pattern(path: str) -> bool:
    """Tell whether a path is a glob pattern: whether it has a ``*`` or a ``?``."""
    return "*" in path or "?" in path


async def expand(fs: vost.FS, paths: Iterable[str], *, no_glob: bool) -> list[str]:
    """Return what the paths name, patterns replaced by what they match, in order.

    Args:
        fs: The snapshot to look in.
        paths: Paths in the repository; those without wildcards stay as they are.
        no_glob: Take everything literally.

    Raises:
        Failure: If a pattern matches nothing.
    """
    found: list[str] = []
    for path in paths:
        if no_glob or not is_pattern(path):
            found.append(path)
            continue
        # "./a" is "a" for users; for glob() a dot at the start is a name that nothing has.
        matches = await fs.glob(path.removeprefix("./"))
        if not matches:
            raise Failure(f"No matches for pattern in repo: {path}")
        found += matches
    return found
