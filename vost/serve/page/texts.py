"""Whether the content of a file is text, and which."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
# What text files do not have: NUL above all. Escapes of terminals and form feeds they do.
_NO_TEXT = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_TOLERATED = 0.02


class Text(NamedTuple):
    """The content of a text file.

    Attributes:
        lines: Its lines without their ends.
        encoding: What it is written in, for people.
        ends: What its lines end with, for people; ``""``: with what they usually do.
        is_complete: Whether the last line has an end.
    """

    lines: list[str]
    encoding: str
    ends: str
    is_complete: bool


def text_of(data: bytes) -> Text | None:
    """Return a content as text; ``None``: it is something else."""
    decoded = decoded_text(data)
    if decoded is None:
        return None
    text, encoding = decoded
    lines = text.split("\n")
    is_complete = lines[-1] == ""
    if is_complete:
        lines.pop()
    windows = sum(line.endswith("\r") for line in lines)
    if windows:
        lines = [line.removesuffix("\r") for line in lines]
    kinds = "" if not windows else "CRLF" if windows >= len(lines) - 1 else "CRLF and LF"
    return Text(lines, encoding, kinds, is_complete)


def decoded_text(data: bytes) -> tuple[str, str] | None:
    """Return a content as text, and what it is written in; ``None``: it is no text."""
    for mark, codec, name in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(codec), name
            except UnicodeDecodeError:
                break
    if b"\0" in data:
        return None
    if len(_NO_TEXT.findall(data)) > len(data) * _TOLERATED:
        return None
    try:
        return data.decode(), "ASCII" if data.isascii() else "UTF-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "not UTF-8: shown as ISO 8859-1"
