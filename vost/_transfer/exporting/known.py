"""What is known of local files, and what a copy to disk adds to it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from vost._storage.statcache import STAT_CACHE_NAME, StatCache

if TYPE_CHECKING:
    from pathlib import Path

    from vost._model.objects import Oid
    from vost._storage.statcache import DirectoryRecord

_SECOND = 1_000_000_000
# No file system has a clock that ticks more seldom.
_COARSEST_TICK = 2 * _SECOND


class KnownFiles:
    """The stat cache during one copy below one directory.

    Files that were read are judged by the cache's racy rule, as of the moment when this began;
    files that were written by the rule of ``put_written``.

    Args:
        git_dir: Where the cache lies; ``None``: there is none.
        dest: The directory.
        remembers_writes: Whether what is written is remembered, besides what is read. It takes a
            sixth of the time of writing it: right for what is compared again and again.
    """

    def __init__(self, git_dir: Path | None, dest: str, *, remembers_writes: bool) -> None:
        self._cache = StatCache.load(git_dir and git_dir / STAT_CACHE_NAME)
        self._top = os.path.abspath(dest)
        self._started = time.time_ns()
        self.remembers_writes = remembers_writes and git_dir is not None

    def directory(self, path: str) -> DirectoryRecord:
        """Return what is known of the directory at ``path`` below the top."""
        return self._cache.directory(f"{self._top.rstrip('/')}/{path}" if path else self._top)

    def put_written(
        self, record: DirectoryRecord, name: str, status: os.stat_result, oid: Oid, mode: int
    ) -> None:
        """Remember what was written to a file whose time was set to that of the commit.

        Who writes to it afterwards sets its time to the present: that shows, but for a clock that
        ticks too seldom to tell the present from the commit's time.
        """
        ctime = status.st_ctime_ns
        if ctime % _SECOND or abs(ctime - status.st_mtime_ns) > _COARSEST_TICK:
            record.put_settled(name, status, oid, mode)

    def forget(self, path: str, names: list[str]) -> None:
        """Drop what is known of files that are gone from the directory at ``path``."""
        record = self.directory(path)
        if names and record.rows:
            record.retain(record.rows.keys() - names)

    def save(self) -> None:
        """Keep what was found out for the next time."""
        self._cache.save(self._started)

    def close(self) -> None:
        """Release the cache. Idempotent."""
        self._cache.close()
