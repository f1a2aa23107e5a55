"""Writing without minding who else writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._model.errors import StaleSnapshotError
from vost._offload import sleep

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from vost._model.types import FileType
    from vost.fs import FS
    from vost.store import GitStore

__all__ = ("retry_write",)

_FIRST_DELAY = 0.01
_LONGEST_DELAY = 0.2


async def retry_write(
    store: GitStore,
    branch: str,
    path: str | os.PathLike[str],
    data: Buffer,
    *,
    message: str | None = None,
    mode: FileType | int | None = None,
    parents: Sequence[FS] | None = None,
    retries: int = 5,
) -> FS:
    """Write a file to a branch, fetching the branch anew if somebody else was faster.

    Between attempts it waits for a random time that grows: up to 0.01 s, 0.02 s ... 0.2 s.

    Args:
        store: The store.
        branch: Name of the branch.
        path: Where to, as for ``FS.write``.
        data: The content: bytes-like.
        message: Commit message, as for ``FS.write``.
        mode: File mode, as for ``FS.write``.
        parents: Further parents, as for ``FS.write``.
        retries: Attempts in all, at least 1.

    Returns:
        The new snapshot.

    Raises:
        KeyError: If there is no such branch.
        StaleSnapshotError: If the last attempt was too late as well.
        ValueError: If ``retries`` is below 1, or an argument of the write is invalid.

    Example:
        >>> fs = await retry_write(store, "main", "file.txt", data)
    """
    if retries < 1:
        raise ValueError(f"retries must be >= 1, got {retries}")
    attempt = 0
    while True:
        fs = await store.branches[branch]
        try:
            if parents is None:
                return await fs.write(path, data, message=message, mode=mode)
            return await fs.write(path, data, message=message, mode=mode, parents=parents)
        except StaleSnapshotError:
            attempt += 1
            if attempt == retries:
                raise
        from random import uniform  # late: few writers meet others

        await sleep(uniform(0, min(_FIRST_DELAY * 2 ** (attempt - 1), _LONGEST_DELAY)))
