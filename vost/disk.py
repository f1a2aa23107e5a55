"""Finding files on the local disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.diskglob import find_local_paths
from vost._offload import check, run

if TYPE_CHECKING:
    import os

__all__ = ("disk_glob",)


async def disk_glob(pattern: str | os.PathLike[str]) -> list[str]:
    """Return the local paths that match a pattern, sorted, by the rules of ``FS.glob``.

    ``*`` and ``?`` match within a name, ``**`` any number of directories but never through a
    symbolic link. Names that begin with a dot are matched only by patterns that say so.
    Directories that cannot be read have no matches.

    Args:
        pattern: For example ``"./data/**/*.csv"``. Results keep its shape: relative, absolute,
            with ``./``.

    Raises:
        TypeError: If the pattern is ``bytes`` or no path at all.

    Example:
        >>> files = await disk_glob("./data/**/*.csv")
    """
    return await run(find_local_paths, pattern, check)
