"""The page of a directory: its entries, what changed them last, and its README."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool

from vost import PathInfo
from vost.serve.page import markup
from vost.serve.page.texts import decoded_text
from vost.serve.page.wording import plain
from vost.serve.representations import Item, item_of, items_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import vost
    from vost import WalkEntry
    from vost.serve.page.frame import Look
    from vost.serve.page.lastchange import LastChanges

PER_PAGE = 500

_WHOLE = 2000
"""Of larger directories only the sizes on the page are looked up."""
_READMES = ("readme.md", "readme.markdown", "readme", "readme.txt", "readme.rst", "readme.text")
_LARGEST_README = 256 * 1024
_LONGEST_FILTER = 200


class Row(NamedTuple):
    """An entry as it is shown.

    Attributes:
        item: The entry.
        url: The link to it.
        change: The snapshot that changed it last; ``None``: longer ago than was searched.
        change_url: The link to what that commit changed.
    """

    item: Item
    url: str
    change: vost.FS | None
    change_url: str


class Readme(NamedTuple):
    """What a directory says of itself.

    Attributes:
        name: Name of the file.
        url: The link to it.
        text: Its text.
        around: Where it stands; ``None``: it is no Markdown.
    """

    name: str
    url: str
    text: str
    around: markup.Surroundings | None


async def directory(store: vost.GitStore, changes: LastChanges, look: Look) -> dict[str, object]:
    """Return what the template of a directory asks for.

    Args:
        store: The repository.
        changes: Finds last changes.
        look: What is looked at.
    """
    fs, path = look.place.fs, look.place.path
    wanted = look.query.get("filter", "")[:_LONGEST_FILTER]
    listed = await fs.listdir(path or None)
    small = await items_of(fs, path) if len(listed) <= _WHOLE else None
    names, found = await run_in_threadpool(_chosen, small or listed, wanted)
    page = _page_number(look.query.get("page", "1"), len(found))
    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    items = [each if isinstance(each, Item) else await _item(store, each) for each in shown]
    is_first = page == 1 and not wanted
    return {
        "change": await changes.of_itself(look),
        "rows": await _rows(changes, look, items),
        "total": len(names),
        "found": len(found),
        "filter": plain(wanted),
        "first": (page - 1) * PER_PAGE + 1,
        "page": page,
        "pages": _last_page(len(found)),
        "page_url": lambda number: look.link(query=_query(wanted, number)),
        "up": look.link(path.rpartition("/")[0]) if path else None,
        "readme": await _readme(look, names) if is_first else None,
    }


def _chosen(
    listed: Sequence[Item | WalkEntry], wanted: str
) -> tuple[list[str], list[Item | WalkEntry]]:
    """Return all names, sorted, and the entries with some text in them."""
    entries = sorted(listed, key=lambda entry: entry.name)
    lower = wanted.lower()
    found = [entry for entry in entries if lower in entry.name.lower()] if lower else entries
    return [entry.name for entry in entries], found


async def _item(store: vost.GitStore, entry: WalkEntry) -> Item:
    """Return an entry of a large directory with its size."""
    item = item_of(PathInfo("", entry.mode, entry.oid.decode("ascii")))
    size = await store.size_by_hash(item.hash) if item.kind in ("file", "link") else None
    return item._replace(name=entry.name, size=size)


async def _rows(changes: LastChanges, look: Look, items: Sequence[Item]) -> list[Row]:
    names = [item.name for item in items]
    try:
        found = await changes.of_entries(look, names)
    except ValueError:  # a forged name among them
        found = {}
    prefix = f"{look.place.path}/" if look.place.path else ""
    rows = []
    for item in items:
        change = found.get(item.name)
        url = look.link_at(change.commit_hash, "view=changes") if change else ""
        rows.append(Row(item, look.link(prefix + item.name), change, url))
    return rows


async def _readme(look: Look, names: Sequence[str]) -> Readme | None:
    known = {name.lower(): name for name in reversed(names)}
    fs, directory = look.place.fs, look.place.path
    for candidate in filter(None, map(known.get, _READMES)):
        path = f"{directory}/{candidate}" if directory else candidate
        stat = await fs.stat(path)
        if stat.mode not in (0o100644, 0o100755) or stat.size > _LARGEST_README:
            continue
        decoded = decoded_text(await fs.read(path))
        if decoded is None or not decoded[0].strip():
            continue
        around = None
        if markup.is_markdown(candidate) and markup.is_renderable(decoded[0]):
            around = markup.Surroundings(look.target, look.place, directory, level=2)
        return Readme(candidate, look.link(path), decoded[0], around)
    return None


def _page_number(text: str, count: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return min(max(number, 1), _last_page(count))


def _last_page(count: int) -> int:
    return max(1, -(-count // PER_PAGE))


def _query(wanted: str, number: int) -> str:
    fields = [("filter", wanted)] if wanted else []
    if number > 1:
        fields.append(("page", str(number)))
    return urlencode(fields, errors="surrogateescape")
