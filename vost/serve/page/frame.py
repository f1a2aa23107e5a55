"""What a request wants to look at, and what stands around everything on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from vost.serve.page.wording import day_text, plain, subject
from vost.serve.shown import AllRefs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import vost
    from vost.serve.entities import Entity
    from vost.serve.shown import Place, Shown
    from vost.serve.targets import RequestTarget

EVENTS = "_/events"

_TITLES = {"history": "History of ", "changes": "Changes in "}
_RECENT = 30
_MOST_OPTIONS = 300
_LONGEST_OPTION = 60


class Look(NamedTuple):
    """What somebody looks at.

    Attributes:
        target: The URL.
        tip: The place in the newest snapshot that is shown.
        place: The place itself; another one than ``tip`` where an earlier commit was asked for.
        entity: What is there; ``None``: nothing.
    """

    target: RequestTarget
    tip: Place
    place: Place
    entity: Entity | None = None

    @property
    def query(self) -> Mapping[str, str]:
        """The fields of the URL's query."""
        return self.target.query

    @property
    def view(self) -> str:
        """Which side of it: ``""`` is itself."""
        return self.query.get("view", "")

    @property
    def name(self) -> str:
        """Its name."""
        return self.place.path.rpartition("/")[2]

    def link(self, path: str | None = None, query: str = "") -> str:
        """Return the link to a path of the same snapshot; ``None``: this one."""
        return self.place.link(self.target, self.place.path if path is None else path, query)

    def link_at(self, commit: str, query: str = "") -> str:
        """Return the link to this path as it was at a commit."""
        parts = [f"at={commit}" if commit != self.tip.fs.commit_hash else "", query]
        text = "&".join(filter(None, parts))
        return self.target.link(self.place.path, self.place.segment, text)


class Option(NamedTuple):
    """A choice in a list.

    Attributes:
        value: What is sent.
        text: What is read.
        is_chosen: Whether it is the present one.
    """

    value: str
    text: str
    is_chosen: bool


class Crumb(NamedTuple):
    """A directory above the one that is shown.

    Attributes:
        name: Its name.
        url: The link to it.
    """

    name: str
    url: str


class Frames:
    """Makes what stands around.

    Args:
        store: The repository.
        shown: What is shown of it.
    """

    def __init__(self, store: vost.GitStore, shown: Shown) -> None:
        self._store = store
        self._all = shown if isinstance(shown, AllRefs) else None

    async def refs_of(self, place: Place) -> tuple[list[str], list[str]]:
        """Return the branches and tags that there are besides the one of a place."""
        if self._all is None:
            return [], []
        branches, tags = await self._all.names()
        return _some(branches, place.ref), _some(tags, place.ref)

    async def around(self, look: Look, refs: tuple[list[str], list[str]]) -> dict[str, object]:
        """Return what the template of every page about a place asks for."""
        place, target = look.place, look.target
        branches, tags = refs
        is_branch = place.ref in branches
        return {
            "base": target.base,
            "home": target.link(""),
            "ref": place.ref,
            "ref_home": look.link(""),
            "is_all": self._all is not None,
            "look": look,
            "fs": place.fs,
            "at": place.at,
            "is_old": place.fs.commit_hash != look.tip.fs.commit_hash,
            "newest": look.tip.link(target, place.path),
            "crumbs": crumbs(look),
            "heading": place.path or "/",
            "title": f"{_TITLES.get(look.view, '')}{place.path or '/'} \u00b7 {place.ref}",
            "branches": [Option(name, plain(name), name == place.ref) for name in branches],
            "tags": [
                Option(name, plain(name), name == place.ref and not is_branch) for name in tags
            ],
            "commits": await self._commits(look),
            "action": target.link(place.path, place.segment),
            "events": await self._events(look),
            "state": look.entity.hash if look.entity else "",
        }

    async def _commits(self, look: Look) -> list[Option]:
        """Return the newest commits to choose from, and the present one."""
        present = look.place.fs
        newest = look.tip.fs
        found = [fs async for fs in newest.log(limit=_RECENT)]
        if all(fs.commit_hash != present.commit_hash for fs in found):
            found.append(present)
        return [
            Option(
                fs.commit_hash,
                _commit_text(fs),
                fs.commit_hash == present.commit_hash,
            )
            for fs in found
        ]

    async def _events(self, look: Look) -> str:
        """Return where it is told when the place changes; ``""``: it never does."""
        if look.place.at is not None or not await is_moving(self._store, look.place.ref):
            return ""
        ref = quote(look.place.ref.encode("utf-8", "surrogateescape"), safe="")
        path = quote(look.place.path.encode("utf-8", "surrogateescape"), safe="")
        return f"{look.target.link(EVENTS)}?ref={ref}&path={path}"


async def is_moving(store: vost.GitStore, ref: str) -> bool:
    """Tell whether a ref is a branch or tag, so that it can move."""
    for refs in (store.branches, store.tags):
        try:
            if await refs.get(ref) is not None:
                return True
        except ValueError:
            continue
    return False


def crumbs(look: Look) -> list[Crumb]:
    """Return the directories above a path, the root first."""
    names = look.place.path.split("/")[:-1]
    above = [
        Crumb(name, look.link("/".join(names[: depth + 1]))) for depth, name in enumerate(names)
    ]
    return [Crumb(look.place.ref, look.link("")), *above] if look.place.path else []


def _commit_text(fs: vost.FS) -> str:
    message = plain(subject(fs.message))
    if len(message) > _LONGEST_OPTION:
        message = message[:_LONGEST_OPTION] + "\u2026"
    return f"{day_text(fs.time)} {fs.commit_hash[:7]} {message}"


def _some(names: list[str], chosen: str) -> list[str]:
    """Return not more names than somebody would scroll through; the chosen one among them."""
    if len(names) <= _MOST_OPTIONS:
        return names
    some = names[:_MOST_OPTIONS]
    return some if chosen in some or chosen not in names else [chosen, *some]
