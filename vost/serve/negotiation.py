"""What a client would rather have: the headers Accept and Accept-Encoding (RFC 9110 section 12)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 4096
"""Of a longer header only so many characters are looked at."""


class Form(Enum):
    """How something is represented."""

    PLAIN = "plain"
    """The bytes of a file; a plain list of a directory."""
    JSON = "json"
    PAGE = "page"


def form_of(accept: str | None, *, page: bool) -> Form:
    """Return the form that a client asks for: JSON and the page must be named to be had.

    Args:
        accept: The Accept header; ``None``: there is none.
        page: Whether there is a page.
    """
    if not accept or accept == "*/*":
        return Form.PLAIN
    named = {kind for kind, quality in _weighed(accept) if quality > 0}
    if "application/json" in named:
        return Form.JSON
    if page and "text/html" in named:
        return Form.PAGE
    return Form.PLAIN


def accepts_gzip(header: str | None) -> bool:
    """Tell whether a client takes an answer that is compressed with gzip.

    Args:
        header: The Accept-Encoding header; ``None``: there is none.
    """
    if not header:
        return False
    qualities = dict(_weighed(header))
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _weighed(header: str) -> Iterator[tuple[str, float]]:
    """Yield each item in lower case, and its quality."""
    for item in header[:_LONGEST].lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                quality = _quality(value.strip())
        yield name, quality


def _quality(text: str) -> float:
    digits = text.replace(".", "", 1)
    return min(float(text), 1.0) if digits.isascii() and digits.isdigit() else 1.0
