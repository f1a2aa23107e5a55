"""Blobs by their id, below ``/_/blobs/``: what is fetched once need never be fetched again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vost.serve.conditions import entity_tag
from vost.serve.entities import Entity
from vost.serve.filebodies import BytesAnswer
from vost.serve.mediatypes import UNKNOWN
from vost.serve.representations import json_bytes
from vost.serve.shown import NothingShownError

if TYPE_CHECKING:
    from starlette.responses import Response

    import vost
    from vost.serve.fileanswers import Asked, FileAnswers
    from vost.serve.options import FileOptions
    from vost.serve.shown import Shown

PREFIX = "_/blobs/"

_ID = re.compile("[0-9a-f]{40}")
_BLOB = 0o100644


class Blobs:
    """Answers requests for blobs. Only those are served that what is shown leads to.

    Args:
        store: The repository.
        options: How files are served.
        shown: What is shown.
        files: Makes the answers.
    """

    def __init__(
        self, store: vost.GitStore, options: FileOptions, shown: Shown, files: FileAnswers
    ) -> None:
        self._store = store
        self._upstream = (options.upstream or "").rstrip("/")
        self._shown = shown
        self._files = files

    async def answer(self, hash: str, asked: Asked, *, as_json: bool) -> Response:
        """Return the answer to a request for a blob.

        Args:
            hash: What the URL has as its id.
            asked: What the request wants.
            as_json: Whether it is to be described instead.

        Raises:
            NothingShownError: If there is no such blob.
        """
        if not _ID.fullmatch(hash):
            raise NothingShownError(f"Invalid blob hash: {hash}")
        entity = await self._find(hash)
        if entity is None:
            if not self._upstream:
                raise NothingShownError(f"Blob not found: {hash}")
            place = f"{self._upstream}/{PREFIX}{hash}".encode("ascii")
            return BytesAnswer(b"", [(b"location", place)], 302)
        if self._files.is_too_large(entity):
            return self._files.too_large(hash, entity)
        if as_json:
            body = json_bytes({"hash": hash, "size": entity.size, "type": "blob"})
            tag = entity_tag(hash, "json")
            return self._files.described(asked.headers, body, tag, "application/json")
        return await self._files.content(asked, entity, UNKNOWN)

    async def _find(self, hash: str) -> Entity | None:
        if not await self._store.has_hash(hash):
            return None
        if not await self._store.is_reachable(hash, await self._shown.snapshots()):
            return None
        return Entity(hash, await self._store.size_by_hash(hash), _BLOB, is_directory=False)
