"""What plain clients get: JSON, and HTML lists of links that a program can read."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from vost.serve.answers import utf8

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import vost
    from vost.serve.shown import Place
    from vost.serve.targets import RequestTarget

MANY = 500
"""More entries than these are not dealt with on the event loop."""


class Item(NamedTuple):
    """An entry of a directory.

    Attributes:
        name: Its name; what is not UTF-8 as surrogates.
        kind: ``"file"``, ``"directory"``, ``"link"`` or ``"submodule"``.
        size: Bytes; ``None`` for what has none.
        hash: Object id: 40 hexadecimal characters.
        mode: Git's mode, in octal digits.
    """

    name: str
    kind: str
    size: int | None
    hash: str
    mode: str


async def items_of(fs: vost.FS, path: str) -> list[Item]:
    """Return the entries of a directory, sorted by name."""
    entries = (await fs.entries(path or None, details=True)).entries
    if len(entries) > MANY:
        return await run_in_threadpool(_items, entries)
    return _items(entries)


def _items(entries: Iterable[vost.PathInfo]) -> list[Item]:
    return sorted(map(item_of, entries))


def item_of(info: vost.PathInfo) -> Item:
    """Return an entry of a listing as it is represented."""
    return Item(
        name=info.path.rpartition("/")[2],
        kind=_KINDS.get(info.mode, "file"),
        size=info.size,
        hash=info.hash,
        mode=f"{info.mode:06o}",
    )


def json_bytes(value: object) -> bytes:
    """Return a value as JSON in UTF-8; text that is not Unicode in escapes."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def directory_json(place: Place, items: Sequence[Item]) -> bytes:
    """Return the JSON of a directory."""
    head = json_bytes({"path": place.path, "ref": place.ref})[:-1]
    names = _json_array([item.name for item in items])
    described = _json_array(
        [
            {
                "name": item.name,
                "type": item.kind,
                "size": item.size,
                "hash": item.hash,
                "mode": item.mode,
            }
            for item in items
        ]
    )
    return b'%s, "entries": %s, "type": "directory", "items": %s}' % (head, names, described)


def _json_array(values: Sequence[object]) -> bytes:
    """Return values as JSON, made bit by bit: the encoder lets no other thread run meanwhile."""
    parts = [json_bytes(values[at : at + MANY])[1:-1] for at in range(0, len(values), MANY)]
    return b"[%s]" % b", ".join(parts)


def directory_html(target: RequestTarget, place: Place, items: Iterable[Item]) -> bytes:
    """Return a directory as a list of links."""
    prefix = f"{place.path}/" if place.path else ""
    links = [(place.link(target, prefix + item.name), item.name) for item in items]
    heading = place.path or "/"
    return _document(heading, f"<h1>{_text(heading)}</h1>\n{_list(links)}")


def refs_html(target: RequestTarget, branches: Iterable[str], tags: Iterable[str]) -> bytes:
    """Return all branches and tags as lists of links."""
    parts = []
    for heading, names in (("Branches", branches), ("Tags", tags)):
        links = [(f"{target.link(name)}/", name) for name in names]
        parts.append(f"<h2>{heading}</h2>\n{_list(links)}")
    return _document("Branches and tags", "\n".join(parts))


def _list(links: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f'<li><a href="{_text(url)}">{_text(name)}</a></li>\n' for url, name in links)
    return f"<ul>\n{rows}</ul>"


def _document(title: str, body: str) -> bytes:
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{_text(title)}</title></head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    return utf8(text.encode("utf-8", "surrogateescape"))


def _text(text: str) -> str:
    return escape(text, quote=True)


_KINDS = {0o040000: "directory", 0o160000: "submodule", 0o120000: "link"}
