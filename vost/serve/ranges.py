"""Byte ranges of a file (RFC 9110 section 14)."""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_PARTS = 16
"""Ranges that one answer has at most, after those that touch have been merged."""

_MOST_SPECS = 1000
_SPEC = re.compile(r"([0-9]{0,30})-([0-9]{0,30})", re.ASCII)


class Span(NamedTuple):
    """Bytes from ``start`` up to, and without, ``stop``."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return self.stop - self.start

    def content_range(self, size: int) -> str:
        """Return the value of Content-Range for a file of ``size`` bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class UnsatisfiableRangeError(ValueError):
    """No byte of what a Range asks for exists."""


def parse_ranges(header: str | None, size: int) -> list[Span] | None:
    """Return the spans of a file that a Range header asks for, ascending, none touching another.

    Args:
        header: The header; ``None``: there is none.
        size: Of the file, in bytes.

    Returns:
        ``None``: the whole file is to be sent, since nothing else was asked for, the header is
        malformed, the file is empty, or there are too many ranges.

    Raises:
        UnsatisfiableRangeError: If all of them lie behind the end.
    """
    if header is None or size == 0:
        return None
    unit, equals, specs = header.partition("=")
    if not equals or unit.strip().lower() != "bytes" or specs.count(",") >= _MOST_SPECS:
        return None
    spans: list[Span] = []
    for spec in specs.split(","):
        text = spec.strip()
        if not text:
            continue  # lists may have empty elements
        match = _SPEC.fullmatch(text)
        if match is None or text == "-":
            return None
        first, last = match.groups()
        if first and last and int(last) < int(first):
            return None
        span = _span(first, last, size)
        if span is not None:
            spans.append(span)
    if not spans:
        if not specs.strip(" \t,"):
            return None
        raise UnsatisfiableRangeError(header)
    merged = _merged(spans)
    return merged if len(merged) <= MOST_PARTS else None


def _span(first: str, last: str, size: int) -> Span | None:
    if not first:
        length = min(int(last), size)
        return Span(size - length, size) if length else None
    start = int(first)
    if start >= size:
        return None
    return Span(start, min(int(last) + 1, size) if last else size)


def _merged(spans: list[Span]) -> list[Span]:
    spans.sort()
    merged = spans[:1]
    for span in spans[1:]:
        before = merged[-1]
        if span.start <= before.stop:
            merged[-1] = Span(before.start, max(before.stop, span.stop))
        else:
            merged.append(span)
    return merged
