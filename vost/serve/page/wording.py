"""How things are written on the page: names, sizes, times, and what must not be taken literally."""

from __future__ import annotations

import re
from datetime import timezone
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from datetime import datetime

# Control characters; what turns the direction of text around or breaks lines; invisible blanks;
# bytes that are no UTF-8. A joiner (U+200C, U+200D) stays: languages and emoji need it.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff]"
)
_UNSEEN_IN_LINES = re.compile(_UNSEEN.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_LONGEST_SUBJECT = 200


def plain(text: str) -> str:
    r"""Return text in which everything can be seen: what cannot, as an escape such as ``\x1b``."""
    return _UNSEEN.sub(_escape, text)


def plain_lines(text: str) -> str:
    """Return text in which everything can be seen but tabs and the ends of lines."""
    return _UNSEEN_IN_LINES.sub(_escape, text)


def seen(text: str) -> Markup:
    """Return text as HTML in which everything can be seen; escapes stand out."""
    return _marked(_UNSEEN, text)


def seen_line(text: str) -> Markup:
    """Return a line of a file, or several, as HTML: as ``seen``, but tabs stay what they are."""
    return _marked(_UNSEEN_IN_LINES, text)


def size_text(size: int) -> str:
    """Return a size for people.

    Args:
        size: Bytes.

    Example:
        >>> size_text(1536)
        '1.5 KiB'
    """
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in _UNITS:
        value /= 1024
        if value < 1023.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def count_text(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    Args:
        count: How many.
        one: The noun for one.
        many: The noun for others; ``None``: with an ``s``.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def day_text(moment: datetime) -> str:
    """Return the day of a moment, in UTC."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d")


def minute_text(moment: datetime) -> str:
    """Return day and time of a moment, in UTC."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def iso_text(moment: datetime) -> str:
    """Return a moment for programs, in UTC (RFC 3339)."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def subject(message: str) -> str:
    """Return the first line of a commit message; something in place of none."""
    line = message.lstrip("\n").partition("\n")[0].strip()
    if len(line) > _LONGEST_SUBJECT:
        return line[:_LONGEST_SUBJECT] + "\u2026"
    return line or "(no message)"


def rest_of(message: str) -> str:
    """Return a commit message without its first line."""
    return message.lstrip("\n").partition("\n")[2].strip("\n")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as a surrogate
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _marked(pattern: re.Pattern[str], text: str) -> Markup:
    if pattern.search(text) is None:
        return escape(text)
    parts = []
    position = 0
    for match in pattern.finditer(text):
        parts += [
            escape(text[position : match.start()]),
            Markup('<span class="unseen">'),
            escape(_escape(match)),
            Markup("</span>"),
        ]
        position = match.end()
    return Markup("").join([*parts, escape(text[position:])])
