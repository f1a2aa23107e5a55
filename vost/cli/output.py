"""What commands print: data on stdout, everything else on stderr.

The streams are looked up when something is printed, so that tests and programs that call the
commands can replace them. Names are bytes to Git: what is not UTF-8 is printed as the bytes that
it is, and as lone surrogates in JSON.
"""

from __future__ import annotations

import re
import sys
from textwrap import indent
from typing import TYPE_CHECKING, TextIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence

    import vost

T = TypeVar("T")

# C0 and C1 control characters, DEL: a terminal would act on them. Separators of lines, and what
# turns the direction of text around: "exe.gpj" would be shown as another name.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SHORT = {"\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r"}


def printable(text: str) -> str:
    r"""Return text with control characters written as C has them: ``\n``, ``\x1b``."""
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def line(text: str = "") -> None:
    """Print one line of text on stdout; control characters are escaped."""
    _write(sys.stdout, printable(text) + "\n")


def lines(texts: Iterable[str]) -> None:
    """Print lines of text on stdout; control characters are escaped."""
    _write(sys.stdout, "".join(f"{printable(text)}\n" for text in texts))


def raw(text: str) -> None:
    """Print text on stdout as it is, without a line end."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Print one line of text on stderr; control characters are escaped."""
    _write(sys.stderr, printable(text) + "\n")


def as_json(value: object, *, indent: int | None = None) -> None:
    """Print a value as JSON on stdout: ASCII only.

    Args:
        value: What ``json`` can write.
        indent: Blanks for each level; ``None``: all on one line.
    """
    _write(sys.stdout, _json(value, indent) + "\n")


def as_jsonl(values: Iterable[object]) -> None:
    """Print values as JSON on stdout, one per line."""
    _write(sys.stdout, "".join(f"{_json(value)}\n" for value in values))


async def stream(
    items: AsyncIterable[T],
    output_format: str,
    *,
    text: Callable[[T], str],
    value: Callable[[T], object],
) -> None:
    """Print items on stdout as they come, in one of the three formats.

    Args:
        items: The items.
        output_format: ``text``, ``json`` (one array, indented by two) or ``jsonl``.
        text: Makes a line of an item.
        value: Makes what ``json`` can write of one.
    """
    interactive = sys.stdout.isatty()
    number = 0
    async for item in items:
        if output_format == "text":
            line(text(item))
        elif output_format == "jsonl":
            as_jsonl([value(item)])
        else:
            raw(",\n" if number else "[\n")
            raw(indent(_json(value(item), 2), "  "))
        if interactive:
            flush()
        number += 1
    if output_format == "json":
        raw("\n]\n" if number else "[]\n")


def warn(warnings: Iterable[vost.ChangeError]) -> None:
    """Print on stderr what an operation warns of."""
    for warning in warnings:
        note(f"WARNING: {warning.path}: {warning.error}")


def summary(message: str) -> str:
    """Return the first line of a commit message."""
    return message.lstrip("\n").partition("\n")[0]


def size(number: float) -> str:
    """Return a number of bytes as people read it: ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def names(found: Sequence[str], output_format: str) -> None:
    """Print names: one per line, as one JSON array, or as JSON strings one per line."""
    if output_format == "json":
        as_json(found)
    elif output_format == "jsonl":
        as_jsonl(found)
    else:
        lines(found)


def record(values: Mapping[str, str], key: str, output_format: str) -> None:
    """Print one value of ``values`` as text, or all of them as one JSON object."""
    if output_format == "text":
        line(values[key])
    else:
        as_json(values)


def flush() -> None:
    """Let what was printed on stdout be seen: for commands that go on for long."""
    sys.stdout.flush()


def _json(value: object, indent: int | None = None) -> str:
    import json  # late: most commands print text

    return json.dumps(value, indent=indent)


def _write(stream: TextIO, text: str) -> None:
    try:
        binary = stream.buffer
    except AttributeError:  # replaced by something that takes text only
        stream.write(text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
        return
    stream.flush()
    binary.write(text.encode("utf-8", "surrogateescape"))
    if stream is sys.stderr:
        binary.flush()
