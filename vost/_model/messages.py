"""Commit messages: the automatic ones, and custom ones with placeholders.

A custom message may name ``{default}``, ``{add_count}``, ``{update_count}``,
``{delete_count}``, ``{total_count}`` and ``{op}``; ``{{`` and ``}}`` stand for braces. Only these
names are replaced. ``str.format`` is not used, because it would let a message reach into
attributes (``{add_count.real}``) and allocate without bound (``{op:>999999999}``).

Messages can always be stored as UTF-8: a lone surrogate, as names that are not UTF-8 have them,
becomes U+FFFD. A path that holds control characters or line separators is written in an automatic
message as Git shows such paths, quoted and escaped, so that it can neither break the subject
line nor steer a terminal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .types import FileType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .changes import ChangeReport

PLACEHOLDERS = ("default", "add_count", "update_count", "delete_count", "total_count", "op")
"""The names that a custom message may hold in braces."""

_DUMMY_VALUES = dict.fromkeys(PLACEHOLDERS, "")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_NEEDS_ESCAPE = re.compile('[\0-\x1f\x7f-\x9f\u2028\u2029"\\\\]')
_SHORT_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\t": r"\t",
    "\n": r"\n",
    "\v": r"\v",
    "\f": r"\f",
    "\r": r"\r",
    '"': r"\"",
    "\\": r"\\",
}
_TYPE_SUFFIX = {
    FileType.EXECUTABLE: " (executable)",
    FileType.LINK: " (link)",
    FileType.TREE: " (tree)",
}


def validate_message(message: str | None, operation: str | None = None) -> None:
    """Check what the caller wants to see in the message, before anything is stored.

    After it, :func:`commit_message` cannot fail for the same arguments.

    Args:
        message: Custom message; ``None`` or empty asks for the automatic one.
        operation: Name of the operation, or ``None``.

    Raises:
        TypeError: If either is neither ``str`` nor ``None``.
        ValueError: If either holds NUL (Git calls such a commit corrupt), or for a brace without
            its counterpart.
        KeyError: For a placeholder that does not exist.
    """
    for what, text in (("message", message), ("operation", operation)):
        if text is None:
            continue
        if not isinstance(text, str):
            raise TypeError(f"{what} must be str or None, not {type(text).__name__}")
        if "\0" in text:
            raise ValueError(f"{what} must not contain NUL: {text!r}")
    if message and "{" in message:
        _substitute(message, _DUMMY_VALUES)


def commit_message(report: ChangeReport, *, message: str | None, operation: str | None) -> str:
    """Return the message of the commit that makes the changes of ``report``.

    Args:
        report: Changes of the commit, with paths from the root of the repository.
        message: Custom message; ``None`` or empty asks for the automatic one. Without a ``{``
            it is taken as it is.
        operation: Name of the operation, such as ``"cp"``, or ``None``.

    Raises:
        TypeError: See :func:`validate_message`.
        ValueError: See :func:`validate_message`.
        KeyError: See :func:`validate_message`.

    Example:
        >>> from vost._model.changes import ChangeReport, FileEntry
        >>> report = ChangeReport(add=[FileEntry("run", FileType.EXECUTABLE)])
        >>> commit_message(report, message=None, operation=None)
        '+ run (executable)'
        >>> commit_message(report, message="Import of {add_count} file", operation=None)
        'Import of 1 file'
    """
    validate_message(message, operation)
    if not message:
        text = _automatic_message(report, operation)
    elif "{" in message:
        text = _substitute(message, _values(report, operation))
    else:
        text = message
    return _SURROGATE.sub("\ufffd", text)


def _values(report: ChangeReport, operation: str | None) -> dict[str, str]:
    return {
        "default": _automatic_message(report, operation),
        "add_count": str(len(report.add)),
        "update_count": str(len(report.update)),
        "delete_count": str(len(report.delete)),
        "total_count": str(report.total),
        "op": operation or "",
    }


def _automatic_message(report: ChangeReport, operation: str | None) -> str:
    marked = (("+", report.add), ("~", report.update), ("-", report.delete))
    if report.total > 1:
        counts = " ".join(f"{mark}{len(entries)}" for mark, entries in marked if entries)
        return f"Batch {operation}: {counts}" if operation else f"Batch: {counts}"
    for mark, entries in marked:
        for entry in entries:
            suffix = "" if mark == "-" else _TYPE_SUFFIX.get(entry.type, "")
            return f"{mark} {_show_path(entry.path)}{suffix}"
    return "No changes"


def _show_path(path: str) -> str:
    if _CONTROL.search(path) is None:
        return path
    return f'"{_NEEDS_ESCAPE.sub(_escape, path)}"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    short = _SHORT_ESCAPES.get(character)
    return short or "".join(f"\\{byte:03o}" for byte in character.encode())


def _substitute(template: str, values: Mapping[str, str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        token, name = match.group(), match.group(1)
        if name is not None:
            if name in values:
                return values[name]
            raise KeyError(f"Unknown placeholder {token} in commit message")
        if len(token) == 2:
            return token[0]
        raise ValueError(
            f"Unbalanced {token!r} at position {match.start()} of the message:"
            " write '{{' and '}}' for braces"
        )

    return _BRACES.sub(replacement, template)
