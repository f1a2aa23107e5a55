"""Entity tags and the conditions on them (RFC 9110 sections 8.8.3 and 13)."""

from __future__ import annotations

import hashlib
import re

_TAG = re.compile(r'\s*,*\s*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
_MOST_TAGS = 100


def entity_tag(*parts: str) -> str:
    """Return the strong tag of what the parts determine.

    The first part, an object id, is readable in it; what follows is added, texts that are no
    plain words as a digest.
    """
    first, *others = parts
    plain = [part for part in others if part.isascii() and part.isalnum()]
    rest = [part for part in others if not (part.isascii() and part.isalnum())]
    if rest:
        joined = "\0".join(rest).encode("utf-8", "surrogatepass")
        plain.append(hashlib.sha256(joined).hexdigest()[:12])
    return f'"{"-".join([first, *plain])}"'


def is_unchanged(if_none_match: str, tag: str) -> bool:
    """Tell whether a client has what it asks for (If-None-Match: any match, weakly compared).

    Args:
        if_none_match: The header: ``*``, or a list of tags.
        tag: The present one, with its quotes.
    """
    header = if_none_match.strip()
    if header == "*":
        return True
    position = 0
    for _ in range(_MOST_TAGS):
        match = _TAG.match(header, position)
        if match is None:
            # Clients exist that send the tag without its quotes.
            return header == tag.strip('"')
        if match[1] == tag:
            return True
        position = match.end()
    return False


def range_applies(if_range: str | None, tag: str) -> bool:
    """Tell whether a Range is to be honoured (If-Range: strong comparison).

    There are no dates to compare, so that a date never matches.

    Args:
        if_range: The header; ``None``: there is none.
        tag: The present tag.
    """
    return if_range is None or if_range.strip() == tag
