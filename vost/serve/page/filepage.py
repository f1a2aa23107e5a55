"""The page of a file: what is known of it, and its content in place."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from vost.serve.mediatypes import UNKNOWN, media_type
from vost.serve.page import markup
from vost.serve.page.lastchange import LastChanges
from vost.serve.page.texts import text_of

if TYPE_CHECKING:
    import vost
    from vost.serve.entities import Entities, Entity
    from vost.serve.page.frame import Look
    from vost.serve.page.texts import Text

LARGEST_TEXT = 1024 * 1024
"""Bytes of a text that is shown in place."""
MOST_LINES = 20_000

_IMAGES = frozenset(
    f"image/{kind}"
    for kind in ("apng", "avif", "bmp", "gif", "jpeg", "png", "svg+xml", "vnd.microsoft.icon")
) | {"image/webp", "image/x-icon"}
_LINK = 0o120000
_EXECUTABLE = 0o100755


class Shown(NamedTuple):
    """How a content is shown.

    Attributes:
        way: ``"text"``, ``"markdown"``, ``"image"``, ``"video"``, ``"audio"``, ``"pdf"``,
            ``"link"`` or ``"none"``.
        text: Of a text what it says.
        around: Of Markdown where it stands.
        reason: Why there is nothing to see.
        other: The other way to show it: ``"source"``, ``"rendered"`` or ``""``.
    """

    way: str
    text: Text | None = None
    around: markup.Surroundings | None = None
    reason: str = ""
    other: str = ""


async def file(store: vost.GitStore, entities: Entities, look: Look) -> dict[str, object]:
    """Return what the template of a file asks for.

    Args:
        store: The repository.
        entities: Remembers small files.
        look: What is looked at.
    """
    entity = look.entity
    assert entity is not None
    kind = media_type(look.name)
    shown = await _shown(store, entities, look, entity, kind)
    change = await LastChanges.of_itself(look)
    return {
        "entity": entity,
        "kind": _kind_text(entity, kind, shown),
        "is_executable": entity.mode == _EXECUTABLE,
        "shown": shown,
        "lines": shown.text.lines[:MOST_LINES] if shown.text else [],
        "most_lines": MOST_LINES,
        "media_type": kind,
        "is_web_page": kind.startswith(("text/html", "application/xhtml")),
        "raw": look.link(query="raw"),
        "change": change,
        "change_url": look.link_at(change.commit_hash, "view=changes") if change else "",
        "leads_to": await _leads_to(look, entity, shown),
    }


async def _shown(
    store: vost.GitStore, entities: Entities, look: Look, entity: Entity, kind: str
) -> Shown:
    essence = kind.partition(";")[0]
    wants_source = look.view == "source"
    if entity.mode == _LINK:
        return Shown("link", text_of(await _content(store, entities, entity)))
    if essence in _IMAGES and not (wants_source and essence == "image/svg+xml"):
        return Shown("image", other="source" if essence == "image/svg+xml" else "")
    if essence.startswith(("video/", "audio/")):
        return Shown(essence.partition("/")[0])
    if essence == "application/pdf":
        return Shown("pdf")
    if entity.size == 0:
        return Shown("none", reason="This file is empty.")
    if entity.size > LARGEST_TEXT:
        return Shown("none", reason="This file is too large to be shown here.")
    text = text_of(await _content(store, entities, entity))
    if text is None:
        return Shown("none", reason="This file is not text.")
    if markup.is_markdown(look.name) and markup.is_renderable("\n".join(text.lines)):
        if wants_source:
            return Shown("text", text, other="rendered")
        directory = look.place.path.rpartition("/")[0]
        around = markup.Surroundings(look.target, look.place, directory, level=1)
        return Shown("markdown", text, around, other="source")
    return Shown("text", text, other="rendered" if essence == "image/svg+xml" else "")


async def _content(store: vost.GitStore, entities: Entities, entity: Entity) -> bytes:
    small = await entities.content(store, entity)
    return await store.read_by_hash(entity.hash, size=LARGEST_TEXT) if small is None else small


async def _leads_to(look: Look, entity: Entity, shown: Shown) -> str | None:
    """Return the link to what a symbolic link leads to, if that is in the snapshot."""
    if entity.mode != _LINK or shown.text is None:
        return None
    name = "\n".join(shown.text.lines)
    if name.startswith("/") or not name:
        return None
    directory = look.place.path.rpartition("/")[0]
    path = posixpath.normpath(posixpath.join(directory, name))
    if path == ".":
        path = ""
    if path == ".." or path.startswith("../"):
        return None
    try:
        there = await look.place.fs.exists(path)
    except ValueError:
        return None
    return look.link(path) if there else None


def _kind_text(entity: Entity, kind: str, shown: Shown) -> str:
    """Return what kind of file it is, for people."""
    essence = kind.partition(";")[0]
    if entity.mode == _LINK:
        return "Symbolic link"
    if shown.way == "markdown" or (shown.way == "text" and essence == "text/markdown"):
        return "Markdown"
    if shown.way == "text" and essence in ("text/plain", UNKNOWN):
        return "Text"
    if essence == UNKNOWN:
        return "Unknown" if entity.size else "Empty"
    return essence
