"""Which commits changed files and folders last.

Found once for a folder, it is brought up to date for a newer commit by looking at the commits
since: a branch that moves while people look at it makes nobody wait.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from vost.serve.entities import Remembered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import vost
    from vost.serve.page.frame import Look

_COMMITS = 2000
"""So many commits are searched: some microseconds each where nothing changed, or a millisecond."""
_SINCE = 100
_REMEMBERED_ENTRIES = 50_000


class _Known(NamedTuple):
    """What was found for a folder.

    Attributes:
        commit: Where the search began.
        changes: The snapshots by the names that were looked for; ``None``: it was too long ago.
    """

    commit: str
    changes: dict[str, vost.FS | None]


class LastChanges:
    """Finds last changes, and remembers them."""

    def __init__(self) -> None:
        self._known: Remembered[_Known] = Remembered(_REMEMBERED_ENTRIES)

    async def of_entries(self, look: Look, names: Sequence[str]) -> Mapping[str, vost.FS | None]:
        """Return the snapshots that changed entries of a folder last.

        Args:
            look: The folder.
            names: The entries; they exist.

        Raises:
            ValueError: If a name is none that an entry can have.
        """
        fs, path = look.place.fs, look.place.path
        key = (look.place.ref, path)
        known = self._known.get(key)
        changes: dict[str, vost.FS | None] = {}
        if known is not None:
            steps = await _steps(fs, known.commit)
            if steps is not None:
                since = await fs.last_changes(path, names=names, limit=steps) if steps else {}
                changes = {**known.changes, **since}
        missing = [name for name in names if name not in changes]
        if missing:
            found = await fs.last_changes(path, names=missing, limit=_COMMITS)
            changes |= {name: found.get(name) for name in missing}
        changes = {name: changes[name] for name in names}
        if look.place.at is None:  # what is looked at again and again is the newest state
            self._known.put(key, _Known(fs.commit_hash, changes), len(changes) + 1)
        return changes

    @staticmethod
    async def of_itself(look: Look) -> vost.FS | None:
        """Return the snapshot that changed a file or folder last; ``None``: it was long ago."""
        fs, path = look.place.fs, look.place.path
        if not path:
            found = [changed async for changed in fs.log(limit=1)]
            return found[0] if found else None
        directory, _, name = path.rpartition("/")
        return (await fs.last_changes(directory, names=[name], limit=_COMMITS)).get(name)


async def _steps(fs: vost.FS, commit: str) -> int | None:
    """Return how many commits a snapshot is ahead of another; ``None``: too many to look."""
    if fs.commit_hash == commit:
        return 0
    steps = 0
    async with aclosing(fs.log(limit=_SINCE)) as log:
        async for before in log:
            if before.commit_hash == commit:
                return steps
            steps += 1
    return None
