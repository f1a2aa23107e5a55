"""Answers requests of browsers with pages."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from markupsafe import Markup

from vost.serve.conditions import entity_tag
from vost.serve.fields import BY_ENCODING, text_field
from vost.serve.fileanswers import SMALLEST_COMPRESSED
from vost.serve.filebodies import BytesAnswer, gzip_bytes
from vost.serve.negotiation import accepts_gzip
from vost.serve.page import changes, filepage, historypage, listing, markup, refspage
from vost.serve.page.assets import PREFIX, assets
from vost.serve.page.events import Events
from vost.serve.page.frame import EVENTS, Frames, Look
from vost.serve.page.lastchange import LastChanges
from vost.serve.page.wording import plain
from vost.serve.shown import NothingShownError, earlier

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from starlette.responses import Response

    import vost
    from vost.serve.entities import Entities, Entity
    from vost.serve.fields import Fields
    from vost.serve.fileanswers import Asked, FileAnswers
    from vost.serve.options import FileOptions
    from vost.serve.shown import Place, Shown
    from vost.serve.targets import RequestTarget

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self';"
    b" frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    b" frame-ancestors 'none'"
)
_SAFETY: Fields = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"same-origin"),
]
_FOREVER = (b"cache-control", b"public, immutable, max-age=31536000")
_LARGEST_REMEMBERED = 1024 * 1024
_REMEMBERED_FIELDS = frozenset({"at", "from", "page", "start", "view"})
_AT_A_TIME = 2
"""So many pages are rendered at a time, in threads: other requests find a free one."""
_TITLES = {400: "This cannot be answered", 404: "Nothing is here", 413: "This file is too large"}
_VIEWS = ("history", "changes")
_ID = re.compile("[0-9a-f]{4,40}")


class Page:
    """Makes pages. Blocks for some milliseconds when it is made: templates are read.

    Args:
        store: The repository.
        options: What is served, and how.
        shown: What is shown.
        entities: Finds what is at a path, and remembers what was made.
        files: Decides about conditions.
    """

    def __init__(
        self,
        store: vost.GitStore,
        options: FileOptions,
        shown: Shown,
        entities: Entities,
        files: FileAnswers,
    ) -> None:
        self._store = store
        self._options = options
        self._shown = shown
        self._entities = entities
        self._files = files
        self._frames = Frames(store, shown)
        self._changes = LastChanges()
        self._assets = assets()
        self._events = Events(store, shown, entities)
        self._threads = CapacityLimiter(_AT_A_TIME)
        self._slow = CapacityLimiter(1)  # of what takes long, so that other pages need not wait

    async def beside(self, target: RequestTarget, asked: Asked) -> Response | None:
        """Return what pages load beside themselves; ``None``: the path means something else."""
        if target.path == EVENTS and "text/event-stream" in asked.headers.get("accept", ""):
            return await self._events.answer(target.query)
        if not target.path.startswith(PREFIX):
            return None
        found = self._assets.static.get(target.path)
        if found is None:
            return None
        fields = [(b"content-type", found.kind.encode()), _FOREVER]
        tag = f'"{found.digest}"'
        return await self._sent(asked, found.content, tag, fields, keep=True)

    async def refs(self, target: RequestTarget, asked: Asked) -> Response:
        """Return the page of all branches and tags."""
        values = await refspage.refs(self._store, target)
        body = await self._rendered("refs.html", target, values)
        return await self._sent(asked, body, None, [*_SAFETY, self._files.cache_control])

    async def answer(
        self, target: RequestTarget, asked: Asked, tip: Place, place: Place
    ) -> Response:
        """Return the page of a place.

        Args:
            target: The URL.
            asked: What else the request says.
            tip: The place in the newest snapshot that is shown.
            place: The place.

        Raises:
            NothingShownError: If nothing is there.
        """
        look = Look(target, tip, place)
        if "to" in target.query:
            return await self._elsewhere(look, target.query["to"].strip())
        look = look._replace(entity=await self._entity(look))
        entity = look.entity
        if entity is not None and not entity.is_directory and self._files.is_too_large(entity):
            return self._files.too_large(place.path, entity)  # its page is made as for all errors
        refs = await self._frames.refs_of(place)
        tag = self._tag(look, refs)
        if entity is not None and self._files.has_it(asked.headers, _own_tag(asked, tag)):
            return await self._sent(asked, b"", tag, [*_SAFETY, self._files.cache_control])
        # What anybody can make up, such as a filter, drives nothing else out of memory.
        keep = target.query.keys() <= _REMEMBERED_FIELDS
        key = ("page", tag)
        body = self._entities.derived(key)
        if body is None:
            body = await self._made(look, refs)
            if keep:
                self._remember(key, body)
        fields = [*_SAFETY, self._files.cache_control]
        return await self._sent(asked, body, tag, fields, keep=keep)

    async def error(self, target: RequestTarget, asked: Asked, error: Response) -> Response:
        """Return the page that says what a plain answer says.

        Args:
            target: The URL.
            asked: What else the request says.
            error: The plain answer.
        """
        text = plain(bytes(error.body).decode("utf-8", "surrogateescape"))
        above = target.path.rpartition("/")[0]
        is_gone = text.startswith("Not found: ") and "view" not in target.query
        values = {
            "base": target.base,
            "home": target.link(""),
            "above": target.link(above) if above and error.status_code == 404 else None,
            "history": target.link(target.path, query="view=history") if is_gone else None,
            "title": _TITLES.get(error.status_code, "Error"),
            "message": text,
            "is_all": self._options.all_refs,
            "status": error.status_code,
        }
        body = await self._rendered("error.html", target, values)
        kept = [pair for pair in error.raw_headers if pair[0] in (b"cache-control",)]
        answer = await self._sent(asked, body, None, [*_SAFETY, *kept])
        answer.status_code = error.status_code
        return answer

    async def _entity(self, look: Look) -> Entity | None:
        try:
            return await self._entities.find_any(look.place.fs, look.place.path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            if look.view not in _VIEWS:
                raise NothingShownError(f"Not found: {look.place.path}") from None
            return None  # there is a history of something that was there once

    def _tag(self, look: Look, refs: tuple[list[str], list[str]]) -> str:
        """Return the tag of everything that a page depends on."""
        place = look.place
        fields = [f"{name}={value}" for name, value in sorted(look.query.items())]
        return entity_tag(
            place.fs.commit_hash,
            "page",
            self._assets.version,
            "\n".join(
                [
                    look.tip.fs.commit_hash,
                    look.target.base,
                    place.ref,
                    str(place.segment),
                    place.path,
                    *fields,
                    "",
                    *refs[0],
                    "",
                    *refs[1],
                ]
            ),
        )

    async def _made(self, look: Look, refs: tuple[list[str], list[str]]) -> bytes:
        template, values = await self._values(look)
        around = await self._frames.around(look, refs)
        return await self._rendered(template, look.target, {**around, **values})

    async def _values(self, look: Look) -> tuple[str, dict[str, object]]:
        """Return the template of a page, and what it asks for."""
        entity = look.entity
        if look.view == "history":
            return "history.html", await historypage.history(self._store, look)
        if look.view == "changes":
            found, contents = await changes.changes(self._store, self._shown, look)
            lines = await to_thread.run_sync(changes.compared, contents, limiter=self._slow)
            if entity is None and not found["files"]:
                raise NothingShownError(f"Not found: {look.place.path}")
            return "changes.html", {**found, "compared": lines}
        assert entity is not None
        if entity.mode == _GITLINK:
            return "submodule.html", {"commit": entity.hash}
        if entity.is_directory:
            values = await listing.directory(self._store, self._changes, look)
            readme = values["readme"]
            html = None
            if isinstance(readme, listing.Readme) and readme.around is not None:
                html = await self._markdown(readme.text, readme.around)
            return "directory.html", {**values, "readme_html": html}
        values = await filepage.file(self._store, self._entities, look)
        shown = values["shown"]
        html = None
        if isinstance(shown, filepage.Shown) and shown.around is not None and shown.text:
            html = await self._markdown("\n".join(shown.text.lines), shown.around)
        return "file.html", {**values, "html": html}

    async def _markdown(self, text: str, around: markup.Surroundings) -> Markup:
        """Return a text in Markdown as HTML, made only once wherever the same text stands."""
        place = around.place
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        key: Hashable = (
            *("markdown", digest, around.directory, around.level, around.target.base),
            *(place.segment, place.at),
        )
        known = self._entities.derived(key)
        if known is None:
            html = await to_thread.run_sync(markup.rendered, text, around, limiter=self._slow)
            known = html.encode()
            self._entities.remember_derived(key, known)
        return Markup(known.decode())  # as it was made above

    async def _elsewhere(self, look: Look, wanted: str) -> Response:
        """Return the answer that leads to another branch, tag or commit."""
        path = look.place.path
        place = await self._there(look, wanted)
        if place is None:
            raise NothingShownError(f"No branch, tag or commit that is shown: {wanted}")
        try:
            if look.view not in _VIEWS:
                await self._entities.find(place.fs, path)
        except (FileNotFoundError, NotADirectoryError):
            path = ""  # it was not there then
        query = f"view={look.view}" if look.view in _VIEWS else ""
        url = place.link(look.target, path, query)
        return BytesAnswer(
            b"", [(b"location", url.encode("ascii")), (b"cache-control", b"no-store")], 302
        )

    async def _there(self, look: Look, wanted: str) -> Place | None:
        if self._options.all_refs:
            try:
                found = await self._shown.place(wanted)
            except NothingShownError:
                found = None
            if found is not None and not found.path:
                return found
        elif wanted == look.tip.ref:
            return look.tip
        if not _ID.fullmatch(wanted):
            return None
        try:
            commit = (await self._store.fs(wanted)).commit_hash
            if commit == look.tip.fs.commit_hash:
                return look.tip
            return await earlier(self._store, look.tip, commit)
        except (KeyError, ValueError, NothingShownError):
            return None

    async def _rendered(
        self, template: str, target: RequestTarget, values: Mapping[str, object]
    ) -> bytes:
        urls = {
            "css": self._assets.url(target.base, "page.css"),
            "icon": self._assets.url(target.base, "icon.svg"),
            "js": self._assets.url(target.base, "page.js"),
        }
        return await to_thread.run_sync(
            self._assets.render, template, {**urls, **values}, limiter=self._threads
        )

    async def _sent(
        self, asked: Asked, body: bytes, tag: str | None, fields: Fields, *, keep: bool = False
    ) -> Response:
        """Return an answer that is in memory, compressed where the client takes that."""
        fields = [*fields, BY_ENCODING]
        compressed = accepts_gzip(asked.headers.get("accept-encoding"))
        if tag is not None:
            own = _own_tag(asked, tag)
            fields.append(text_field(b"etag", own))
            if self._files.has_it(asked.headers, own):
                return BytesAnswer(b"", fields, 304)
        if compressed and len(body) >= SMALLEST_COMPRESSED:
            fields.append((b"content-encoding", b"gzip"))
            body = await self._compressed(body, tag, keep=keep)
        return BytesAnswer(body, fields)

    async def _compressed(self, body: bytes, tag: str | None, *, keep: bool) -> bytes:
        key = ("page", "gzip", tag)
        known = self._entities.derived(key) if keep else None
        if known is None:
            known = await gzip_bytes(body)
            if keep:
                self._remember(key, known)
        return known

    def _remember(self, key: Hashable, body: bytes) -> None:
        if len(body) <= _LARGEST_REMEMBERED:
            self._entities.remember_derived(key, body)


def _own_tag(asked: Asked, tag: str) -> str:
    """Return the tag of a page in the encoding that a client takes: each has its own."""
    compressed = accepts_gzip(asked.headers.get("accept-encoding"))
    return f'{tag[:-1]}-gzip"' if compressed else tag


_GITLINK = 0o160000
