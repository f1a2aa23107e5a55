"""The file server: snapshots over HTTP, as an ASGI application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from vost.serve import representations
from vost.serve.blobs import PREFIX as BLOBS
from vost.serve.blobs import Blobs
from vost.serve.conditions import entity_tag
from vost.serve.downloads import archive_answer
from vost.serve.entities import Entities
from vost.serve.fields import METHODS, common_fields
from vost.serve.fileanswers import Asked, FileAnswers
from vost.serve.filebodies import BytesAnswer, in_utf8, text_answer
from vost.serve.lifespan import answer_other
from vost.serve.negotiation import Form, form_of
from vost.serve.presence import require_repository
from vost.serve.shown import AllRefs, NothingShownError, OneRef, earlier
from vost.serve.targets import headers_of, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    import vost
    from vost.serve.asgi import Receive, Scope, Send
    from vost.serve.entities import Entity
    from vost.serve.options import FileOptions
    from vost.serve.page.pages import Page
    from vost.serve.representations import Item
    from vost.serve.shown import Place
    from vost.serve.targets import RequestTarget

_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_LARGEST_REMEMBERED = 256 * 1024


class FileServer:
    """Serves files, directories, and what is known of them. Read-only.

    Args:
        store: The repository.
        options: What is served, and how.
    """

    def __init__(self, store: vost.GitStore, options: FileOptions) -> None:
        self._store = store
        self._options = options
        self._base_path = options.base_path.strip("/")
        self._all = AllRefs(store) if options.all_refs else None
        self._shown = self._all or OneRef(store, options)
        self._entities = Entities()
        self._files = FileAnswers(store, options, self._entities)
        self._blobs = Blobs(store, options, self._shown, self._files)
        self._common = common_fields(options)
        self._page: Page | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await answer_other(scope, receive, send)
            return
        answer = await self._answer(scope)
        if self._options.no_cache:  # said once, of whatever it is
            kept = [field for field in answer.raw_headers if field[0] != b"cache-control"]
            answer.raw_headers = kept
        answer.raw_headers.extend(self._common)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        method = scope["method"]
        if method == "OPTIONS":
            allowed = (b"allow", METHODS.encode())
            return BytesAnswer(b"", [] if self._options.cors else [allowed], 204)
        if method not in ("GET", "HEAD"):
            return text_answer(405, "Method not allowed", [(b"allow", METHODS.encode())])
        target = target_of(scope, self._base_path)
        if target is None:
            return self._missing("Not found")
        asked = Asked(method, headers_of(scope), target.path, "download" in target.query)
        form = form_of(asked.headers.get("accept"), page=self._options.page)
        if "raw" in target.query:  # what a page embeds, whatever the browser says of it
            form = Form.PLAIN
        try:
            answer = await self._found(target, asked, form)
        except NothingShownError as error:
            await require_repository(self._store)
            answer = self._missing(str(error))
        if answer.status_code not in (400, 404, 413):
            return answer
        if form is Form.PAGE:
            return await (await self._pages()).error(target, asked, answer)
        return in_utf8(answer)

    async def _found(self, target: RequestTarget, asked: Asked, form: Form) -> Response:
        if target.path.startswith(BLOBS):
            oid = target.path.removeprefix(BLOBS)
            return await self._blobs.answer(oid, asked, as_json=form is Form.JSON)
        if self._options.page and target.path.startswith(("_/page/", "_/events")):
            beside = await (await self._pages()).beside(target, asked)
            if beside is not None:
                return beside
        place = tip = await self._shown.place(target.path)
        if place is None or tip is None:
            return await self._refs(target, asked, form)
        if target.query.get("at"):  # an empty one, of a form, is the newest
            place = await earlier(self._store, place, target.query["at"])
        if form is Form.PAGE and not ({"archive", "download"} & target.query.keys()):
            return await (await self._pages()).answer(target, asked, tip, place)
        entity = await self._entity(place)
        if "archive" in target.query:
            return await self._archive(target, asked, place, entity)
        if entity.is_directory:
            return await self._directory(target, asked, form, place, entity)
        if self._files.is_too_large(entity):
            return self._files.too_large(place.path, entity)
        if form is Form.JSON:
            return self._file_json(asked, place, entity)
        return await self._files.content(asked, entity)

    async def _entity(self, place: Place) -> Entity:
        try:
            return await self._entities.find(place.fs, place.path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise NothingShownError(f"Not found: {place.path}") from None

    async def _archive(
        self, target: RequestTarget, asked: Asked, place: Place, entity: Entity
    ) -> Response:
        try:
            wanted = target.query["archive"]
            return await archive_answer(self._files, asked, place, entity, wanted)
        except ValueError as error:
            return text_answer(400, str(error))

    async def _directory(
        self, target: RequestTarget, asked: Asked, form: Form, place: Place, entity: Entity
    ) -> Response:
        tag = entity_tag(entity.hash, form.value, place.ref)
        unchanged = self._files.unchanged(asked.headers, tag, compressible=True)
        if unchanged is not None:
            return unchanged
        key = (tag, target.base, place.path, place.segment, place.at)
        body = self._entities.derived(key)
        if body is None:
            items = await representations.items_of(place.fs, place.path)
            make = partial(_listing, form, target, place, items)
            # Long ones take longer than other clients are to wait.
            is_long = len(items) > representations.MANY
            body = await run_in_threadpool(make) if is_long else make()
            if len(body) <= _LARGEST_REMEMBERED:
                self._entities.remember_derived(key, body)
        kind = _JSON if form is Form.JSON else _HTML
        return await self._files.listing(asked.headers, body, kind, tag)

    def _file_json(self, asked: Asked, place: Place, entity: Entity) -> Response:
        body = representations.json_bytes(
            {
                "path": place.path,
                "ref": place.ref,
                "size": entity.size,
                "hash": entity.hash,
                "type": "file",
            }
        )
        tag = entity_tag(entity.hash, "json", place.ref)
        return self._files.described(asked.headers, body, tag, _JSON)

    async def _refs(self, target: RequestTarget, asked: Asked, form: Form) -> Response:
        assert self._all is not None
        branches, tags = await self._all.names()
        if not branches and not tags:
            await require_repository(self._store)
        if form is Form.PAGE:
            return await (await self._pages()).refs(target, asked)
        if form is Form.JSON:
            body = representations.json_bytes({"branches": branches, "tags": tags})
        else:
            body = representations.refs_html(target, branches, tags)
        kind = _JSON if form is Form.JSON else _HTML
        return await self._files.listing(asked.headers, body, kind)

    async def _pages(self) -> Page:
        """Return what makes pages; programs never need it, so that it is made late."""
        if self._page is None:
            self._page = await run_in_threadpool(self._new_page)
        return self._page

    def _new_page(self) -> Page:
        from vost.serve.page.pages import Page  # late, as said

        return Page(self._store, self._options, self._shown, self._entities, self._files)

    @staticmethod
    def _missing(text: str) -> Response:
        return text_answer(404, text, [(b"vary", b"Accept")])


def _listing(form: Form, target: RequestTarget, place: Place, items: Sequence[Item]) -> bytes:
    if form is Form.JSON:
        return representations.directory_json(place, items)
    return representations.directory_html(target, place, items)
