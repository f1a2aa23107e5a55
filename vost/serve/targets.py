"""What a request's URL means, and the links that lead back: one reading of both.

A URL path is decoded once, as bytes, and then only split: what is a name in the repository stays
one, whatever it looks like. The rules are those of RFC 3986.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vost.serve.asgi import Scope

_MOST_FIELDS = 20
_LONGEST_REMEMBERED = 400
"""Bytes of a target up to which it is remembered what it means."""


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """What a request asks for.

    Attributes:
        path: Path below the base, decoded, without empty and ``.`` segments; ``""``: the root.
            Bytes that are not UTF-8 are surrogates, as in all paths of vost.
        base: What links begin with: where the application is mounted, and the base path.
        query: The fields of the query; of several with one name the last.
    """

    path: str
    base: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    def link(self, path: str, ref: str | None = None, query: str = "") -> str:
        """Return the absolute link to a path.

        Args:
            path: Path in the repository; ``""``: the root.
            ref: The branch or tag that stands before it; ``None``: none does.
            query: What follows ``?``, encoded already; ``""``: nothing.
        """
        parts = [part for part in (ref, path) if part]
        return f"{self.base}/{encode('/'.join(parts))}{f'?{query}' if query else ''}"


def encode(path: str) -> str:
    """Return a path as it stands in a link: percent-encoded, slashes kept."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/")


def target_of(scope: Scope, base_path: str) -> RequestTarget | None:
    """Return what a request asks for; ``None`` if that is not below the base path.

    Args:
        scope: The ASGI scope of the request.
        base_path: Decoded, without slashes at the ends; ``""``: none.
    """
    path = scope.get("raw_path")
    # Optional in ASGI; some servers have it, against the rules, with the query.
    given = str(scope["path"]) if path is None else bytes(path).partition(b"?")[0]
    parts = (given, str(scope.get("root_path", "")), bytes(scope.get("query_string", b"")))
    if len(parts[0]) + len(parts[2]) <= _LONGEST_REMEMBERED:
        return _remembered(*parts, base_path)
    return _target(*parts, base_path)


def _target(
    path: bytes | str, root_path: str, query: bytes, base_path: str
) -> RequestTarget | None:
    segments = _segments(path if isinstance(path, str) else _decoded(path))
    mount = _segments(root_path)
    # A server may hand over the whole path or, behind a proxy that cuts it, what is below.
    if segments[: len(mount)] == mount:
        segments = segments[len(mount) :]
    base = _segments(base_path)
    if segments[: len(base)] != base:
        return None
    prefix = [*mount, *base]
    return RequestTarget(
        path="/".join(segments[len(base) :]),
        base=f"/{encode('/'.join(prefix))}" if prefix else "",
        query=_query(query),
    )


_remembered = lru_cache(4096)(_target)


def headers_of(scope: Scope) -> Mapping[str, str]:
    """Return the headers of a request by their names in lower case.

    Those that came in several lines are one list each. Source: RFC 9110 section 5.3.
    """
    joined: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _decoded(path: bytes) -> str:
    if not path.startswith(b"/"):  # the absolute form (RFC 9112 section 3.2.2)
        scheme, colon, rest = path.partition(b"://")
        if colon and scheme.lower() in (b"http", b"https"):
            path = b"/" + rest.partition(b"/")[2]
    if b"%" in path:
        path = unquote_to_bytes(path)
    return path.decode("utf-8", "surrogateescape")


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment not in ("", ".")]


def _query(raw: bytes) -> Mapping[str, str]:
    if not raw:
        return {}
    try:
        text = raw.decode("latin-1")
        fields = parse_qsl(
            text, keep_blank_values=True, errors="surrogateescape", max_num_fields=_MOST_FIELDS
        )
        return dict(fields)
    except ValueError:  # more fields than anybody needs
        return {}
