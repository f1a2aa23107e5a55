"""The last change of a file or folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import vost
    from vost.serve.page.frame import Look

_COMMITS = 20_000
"""So many commits are searched."""


async def last_change(look: Look) -> vost.FS | None:
    """Return the snapshot that changed what is looked at last; ``None``: it was long ago."""
    fs, path = look.place.fs, look.place.path
    if not path:
        found = [changed async for changed in fs.log(limit=1)]
        return found[0] if found else None
    directory, _, name = path.rpartition("/")
    return (await fs.last_changes(directory, names=[name], limit=_COMMITS)).get(name)
