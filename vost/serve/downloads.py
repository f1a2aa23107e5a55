"""Directories and files as archives, made while they are sent."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from vost.serve.conditions import entity_tag
from vost.serve.fields import Fields, attachment, text_field
from vost.serve.filebodies import StreamAnswer

if TYPE_CHECKING:
    from starlette.responses import Response

    from vost.serve.entities import Entity
    from vost.serve.fileanswers import Asked, FileAnswers
    from vost.serve.filebodies import Pieces
    from vost.serve.shown import Place

MEDIA_TYPES = {
    "zip": "application/zip",
    "tar": "application/x-tar",
    "tar.gz": "application/gzip",
}
"""By format of archive; bzip2 and xz would cost a server too much."""


async def archive_answer(
    files: FileAnswers, asked: Asked, place: Place, entity: Entity, format: str
) -> Response:
    """Return the answer with an archive of what is at a place.

    Args:
        files: Decides about conditions.
        asked: What the request wants.
        place: The directory or file.
        entity: What is there.
        format: One of ``MEDIA_TYPES``.

    Raises:
        ValueError: If the format is unknown, or a name in it would be dangerous to extract.
    """
    if format not in MEDIA_TYPES:
        known = ", ".join(MEDIA_TYPES)
        raise ValueError(f"Unknown archive format: {format} (there are {known})")
    # All times in an archive are the commit's: the same tree of another one gives other bytes.
    tag = entity_tag(entity.hash, place.fs.commit_hash, format)
    unchanged = files.unchanged(asked.headers, tag)
    if unchanged is not None:
        return unchanged
    fields: Fields = [
        (b"etag", tag.encode("ascii")),
        files.cache_control,
        text_field(b"content-type", MEDIA_TYPES[format]),
        attachment(f"{_name(place)}.{format}"),
    ]
    if asked.method == "HEAD":
        return StreamAnswer(lambda: _rest(b"", None), fields)
    pieces = place.fs.archive(format, path=place.path)
    first = await anext(pieces, b"")  # whatever is wrong shows here
    return StreamAnswer(lambda: _rest(first, pieces), fields)


def _name(place: Place) -> str:
    last = place.path.rpartition("/")[2]
    return last or place.ref.replace("/", "-")


async def _rest(first: bytes, pieces: Pieces | None) -> Pieces:
    if pieces is None:
        return
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece
