"""The history of a file or folder: the commits that changed it, newest first."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from vost.serve.page.wording import day_text
from vost.serve.shown import NothingShownError, earlier

if TYPE_CHECKING:
    import vost
    from vost.serve.page.frame import Look

PER_PAGE = 50


class Entry(NamedTuple):
    """A commit of the history.

    Attributes:
        fs: Its snapshot.
        url: The link to the path as it was then; ``""``: nothing was there.
        changes_url: The link to what it changed there.
    """

    fs: vost.FS
    url: str
    changes_url: str


async def history(store: vost.GitStore, look: Look) -> dict[str, object]:
    """Return what the template of a history asks for.

    Args:
        store: The repository.
        look: What is looked at; there need be nothing at present.

    Raises:
        NothingShownError: If there never was anything.
    """
    start = look.place
    if "start" in look.query:
        start = await earlier(store, look.tip, look.query["start"])
    path = look.place.path
    log = start.fs.log(path or None, limit=PER_PAGE + 1)
    found = [fs async for fs in log]
    if not found and look.entity is None:
        raise NothingShownError(f"Not found: {path}")
    entries = [
        Entry(
            fs,
            look.link_at(fs.commit_hash) if await fs.exists(path) else "",
            look.link_at(fs.commit_hash, "view=changes"),
        )
        for fs in found[:PER_PAGE]
    ]
    older = found[PER_PAGE].commit_hash if len(found) > PER_PAGE else None
    return {
        "days": [
            (day, list(group)) for day, group in groupby(entries, lambda e: day_text(e.fs.time))
        ],
        "is_first": "start" not in look.query,
        "first_url": look.link(query="view=history"),
        "older_url": look.link(query=f"view=history&start={older}") if older else None,
        "is_there": look.entity is not None,
    }
