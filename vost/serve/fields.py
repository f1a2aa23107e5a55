"""Header fields of answers."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    from vost.serve.options import FileOptions

Fields: TypeAlias = list[tuple[bytes, bytes]]
"""Names in lower case, and values, as ASGI has them."""

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
BY_ACCEPT = (b"vary", b"Accept")
BY_ENCODING = (b"vary", b"Accept, Accept-Encoding")

METHODS = "GET, HEAD, OPTIONS"

# What a browser runs of a repository has no origin, no scripts and no way out, but may have its
# own style sheets and images beside it.
SANDBOX = (
    b"content-security-policy",
    (
        b"sandbox; default-src 'none'; img-src 'self' data:; media-src 'self' data:;"
        b" style-src 'self' 'unsafe-inline'; font-src 'self' data:; base-uri 'none';"
        b" form-action 'none'"
    ),
)

_CORS: Fields = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", METHODS.encode()),
    (b"access-control-allow-headers", b"Accept, If-None-Match"),
    (b"access-control-expose-headers", b"ETag, Content-Length"),
]
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._ ()+,=@-]")


def common_fields(options: FileOptions) -> Fields:
    """Return the fields that every answer has, whatever its status."""
    fields = [NO_SNIFFING]
    if options.no_cache:
        fields.append((b"cache-control", options.cache_control.encode("ascii")))
    return [*fields, *(_CORS if options.cors else ())]


@lru_cache(1024)
def text_field(name: bytes, value: str) -> tuple[bytes, bytes]:
    """Return a field of plain ASCII text."""
    return name, value.encode("ascii")


def attachment(name: str) -> tuple[bytes, bytes]:
    """Return the field by which a browser saves an answer under a name (RFC 6266, RFC 8187).

    Args:
        name: Any name; what is not UTF-8 as surrogates.
    """
    plain = _NOT_PLAIN.sub("_", name)
    encoded = quote(name.encode("utf-8", "surrogateescape"), safe="!#$&+-.^_`|~")
    return (
        b"content-disposition",
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}".encode("ascii"),
    )
