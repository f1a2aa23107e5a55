"""The page of all branches and tags, of a server that shows all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import vost
    from vost.serve.targets import RequestTarget

MOST = 1000
"""So many branches, and so many tags, are shown with their last commit."""


class Ref(NamedTuple):
    """A branch or tag.

    Attributes:
        name: Its name.
        url: The link to it.
        fs: Its snapshot; ``None``: it leads to no commit.
        changes_url: The link to what its last commit changed.
    """

    name: str
    url: str
    fs: vost.FS | None
    changes_url: str


async def refs(store: vost.GitStore, target: RequestTarget) -> dict[str, object]:
    """Return what the template of all refs asks for."""
    branches = await _refs(store.branches, target)
    tags = await _refs(store.tags, target)
    current = await store.branches.current_name
    return {
        "branches": branches[:MOST],
        "tags": tags[:MOST],
        "more_branches": max(0, len(branches) - MOST),
        "more_tags": max(0, len(tags) - MOST),
        "current": current,
        "base": target.base,
        "home": target.link(""),
        "title": "Branches and tags",
        "is_all": True,
    }


async def _refs(refs: vost.RefDict, target: RequestTarget) -> list[Ref]:
    known = dict(await refs.items())
    return [
        Ref(
            name,
            f"{target.link(name)}/",
            known.get(name),
            target.link(name, query="view=changes"),
        )
        for name in sorted(await refs.keys())
    ]
