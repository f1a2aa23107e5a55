"""Answers about files: their bytes, whole, by range or compressed, or what is known of them."""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from vost.serve import filebodies
from vost.serve.conditions import is_unchanged, range_applies
from vost.serve.entities import SMALL_FILE
from vost.serve.fields import BY_ACCEPT, BY_ENCODING, SANDBOX, Fields, attachment, text_field
from vost.serve.filebodies import BytesAnswer, StreamAnswer, parts_answer, text_answer
from vost.serve.mediatypes import is_compressible, media_type, runs_in_browsers
from vost.serve.negotiation import accepts_gzip
from vost.serve.ranges import Span, UnsatisfiableRangeError, parse_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    import vost
    from vost.serve.entities import Entities, Entity
    from vost.serve.options import FileOptions

SMALLEST_COMPRESSED = 1024
"""Bytes from which compressing is worth its while."""


class Asked(NamedTuple):
    """What a request wants of a file.

    Attributes:
        method: ``"GET"`` or ``"HEAD"``.
        headers: The headers of the request.
        name: Name of the file; decides its media type.
        download: Whether a browser is to save it.
    """

    method: str
    headers: Mapping[str, str]
    name: str
    download: bool = False


class FileAnswers:
    """Makes the answers.

    Args:
        store: The repository.
        options: How files are served.
        entities: Remembers small files.

    Attributes:
        cache_control: The field that says what caches may do with what was found.
    """

    def __init__(self, store: vost.GitStore, options: FileOptions, entities: Entities) -> None:
        self._store = store
        self._entities = entities
        self.cache_control = text_field(b"cache-control", options.cache_control)
        self._limit = options.max_file_size

    def is_too_large(self, entity: Entity) -> bool:
        """Tell whether a file is larger than the options allow."""
        return self._limit is not None and entity.size > self._limit

    def too_large(self, name: str, entity: Entity) -> Response:
        """Return the answer that a file is larger than the options allow.

        Args:
            name: The file's path, or id.
            entity: The file.
        """
        text = f"File too large: {name} ({entity.size} bytes, limit {self._limit} bytes)"
        return text_answer(413, text)

    async def content(self, asked: Asked, entity: Entity, kind: str | None = None) -> Response:
        """Return the answer with a file's bytes.

        Args:
            asked: What the request wants.
            entity: The file.
            kind: Its media type; ``None``: by its name.
        """
        kind = kind or media_type(asked.name)
        compressible = entity.size >= SMALLEST_COMPRESSED and is_compressible(kind)
        ranges = asked.headers.get("range") if asked.method == "GET" else None
        compressed = (
            compressible and not ranges and accepts_gzip(asked.headers.get("accept-encoding"))
        )
        tag = f'"{entity.hash}"'
        if compressed:
            tag = _gzip_tag(tag)
        fields = self._fields(tag, compressible=compressible)
        if self.has_it(asked.headers, tag):
            return BytesAnswer(b"", fields, 304)
        small = await self._entities.content(self._store, entity)
        fields += _content_fields(asked, kind, small)
        if compressed:
            return await self._compressed(entity, small, fields)
        fields.append((b"accept-ranges", b"bytes"))
        if ranges and range_applies(asked.headers.get("if-range"), tag):
            try:
                spans = parse_ranges(ranges, entity.size)
            except UnsatisfiableRangeError:
                unsatisfied = (b"content-range", b"bytes */%d" % entity.size)
                return BytesAnswer(
                    b"", [*self._fields(tag, compressible=compressible), unsatisfied], 416
                )
            if spans:
                return parts_answer(
                    lambda span: self._read(entity, span), spans, entity.size, fields
                )
        if small is not None:
            return BytesAnswer(small, fields)
        whole = Span(0, entity.size)
        return StreamAnswer(lambda: self._read(entity, whole), fields, entity.size)

    def described(self, headers: Mapping[str, str], body: bytes, tag: str, kind: str) -> Response:
        """Return an answer about something, that is in memory.

        Args:
            headers: Those of the request.
            body: What is said.
            tag: Its entity tag.
            kind: Its media type.
        """
        fields = self._fields(tag)
        if self.has_it(headers, tag):
            return BytesAnswer(b"", fields, 304)
        return BytesAnswer(body, [*fields, text_field(b"content-type", kind)])

    async def listing(
        self, headers: Mapping[str, str], body: bytes, kind: str, tag: str | None = None
    ) -> Response:
        """Return an answer that lists something, compressed where the client takes that.

        Args:
            headers: Those of the request.
            body: The list.
            kind: Its media type.
            tag: Its entity tag, not compressed; ``None``: it has none.
        """
        is_compressed = len(body) >= SMALLEST_COMPRESSED and accepts_gzip(
            headers.get("accept-encoding")
        )
        if tag is None:
            fields = [self.cache_control, BY_ENCODING]
        else:
            fields = self._fields(_gzip_tag(tag) if is_compressed else tag, compressible=True)
        fields.append(text_field(b"content-type", kind))
        if is_compressed:
            fields.append((b"content-encoding", b"gzip"))
            body = await self._compressed_listing(body, tag)
        return BytesAnswer(body, fields)

    def unchanged(
        self, headers: Mapping[str, str], tag: str, *, compressible: bool = False
    ) -> Response | None:
        """Return the answer to a client that has what it asks for; ``None``: it has not.

        Args:
            headers: Those of the request.
            tag: The entity tag, of what is not compressed.
            compressible: Whether the client may have it compressed instead.
        """
        tags = [tag]
        if compressible and accepts_gzip(headers.get("accept-encoding")):
            tags.append(_gzip_tag(tag))
        for own in tags:
            if self.has_it(headers, own):
                return BytesAnswer(b"", self._fields(own, compressible=compressible), 304)
        return None

    @staticmethod
    def has_it(headers: Mapping[str, str], tag: str) -> bool:
        """Tell whether a client says that it has what a tag stands for."""
        known = headers.get("if-none-match")
        return known is not None and is_unchanged(known, tag)

    def _fields(self, tag: str, *, compressible: bool = False) -> Fields:
        return [
            (b"etag", tag.encode("ascii")),
            self.cache_control,
            BY_ENCODING if compressible else BY_ACCEPT,
        ]

    async def _compressed_listing(self, body: bytes, tag: str | None) -> bytes:
        if tag is None or len(body) > SMALL_FILE:
            return await filebodies.gzip_bytes(body)
        # The same tree may be listed with other links elsewhere: its text decides.
        key = ("gzip", hashlib.sha256(body).digest())
        known = self._entities.derived(key)
        if known is None:
            known = await filebodies.gzip_bytes(body)
            self._entities.remember_derived(key, known)
        return known

    async def _compressed(self, entity: Entity, small: bytes | None, fields: Fields) -> Response:
        fields.append((b"content-encoding", b"gzip"))
        if small is None:
            whole = Span(0, entity.size)
            return StreamAnswer(lambda: filebodies.gzipped(self._read(entity, whole)), fields)
        key = (entity.hash, "gzip")
        body = self._entities.derived(key)
        if body is None:
            body = await filebodies.gzip_bytes(small)
            self._entities.remember_derived(key, body)
        return BytesAnswer(body, fields)

    async def _read(self, entity: Entity, span: Span) -> filebodies.Pieces:
        small = await self._entities.content(self._store, entity)
        if small is not None:
            yield small[span.start : span.stop]
            return
        pieces = self._store.stream_by_hash(entity.hash, offset=span.start, size=span.length)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece


def _content_fields(asked: Asked, kind: str, content: bytes | None) -> Fields:
    if kind.startswith("text/") and "charset" not in kind and _is_unicode(content):
        # Where nothing is said, browsers guess, and seldom UTF-8.
        kind = f"{kind}; charset=utf-8"
    fields = [text_field(b"content-type", kind)]
    if runs_in_browsers(kind):
        fields.append(SANDBOX)
    if asked.download:
        fields.append(attachment(asked.name.rpartition("/")[2]))
    return fields


def _gzip_tag(tag: str) -> str:
    """Return the tag of the compressed form of something."""
    return f'{tag[:-1]}-gzip"'


def _is_unicode(content: bytes | None) -> bool:
    """Tell whether a text has to be called UTF-8: one that nobody has looked at has."""
    if content is None:
        return True
    if content.isascii():
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
