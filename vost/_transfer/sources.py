r"""What the sources of a copy mean: rsync's rules, for local paths and repository paths alike.

========================  ============================  ==============
source                    what is taken                 where it lands
========================  ============================  ==============
``path/file``             the file                      ``file``
``path/dir``              the directory                 ``dir/...``
``path/dir/``, ``dir/.``  what is in the directory      ``...``
``base/./rest/dir``       the directory                 ``rest/dir/...``
``base/./rest/dir/``      what is in the directory      ``rest/...``
``base/./rest/file``      the file                      ``rest/file``
========================  ============================  ==============

The first ``/./`` behind something is the pivot: what follows it is kept. Nothing here looks at a
disk or a repository, so whether a source is a file or a directory shows later.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import InvalidPathError
from vost._model.paths import check_writable_segments, normalize_given

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIVOT = "/./"
_CURRENT = frozenset((".", ".."))


class Source(NamedTuple):
    """One source of a copy.

    Attributes:
        text: As it was given, for messages.
        path: The file or directory, without a slash at the end. For a repository: normalized,
            ``""`` for the root.
        contents: Whether what is in the directory is meant, not the directory with its name.
        landing: Where it lands, relative to the destination; ``""``: in the destination itself.
        needs_directory: Whether it must be a directory: it was given with a slash at the end.
    """

    text: str
    path: str
    contents: bool
    landing: str
    needs_directory: bool


def local_source(source: str | os.PathLike[str]) -> Source:
    """Return what a source on the local disk means.

    Args:
        source: The local path; a ``PathLike`` has no slash at its end.

    Raises:
        InvalidPathError: If it is empty, has NUL, has ``..`` behind its pivot, or its own name
            is one that no repository can hold.
        TypeError: If it is no path.
    """
    text = _text(source)
    if not text:
        raise InvalidPathError("A local source must not be empty: name a file or a directory")
    plain = text.replace("\\", "/") if os.sep == "\\" else text
    stripped = plain.rstrip("/")
    base, rest = _pivot(plain)
    name = stripped.rpartition("/")[2]
    contents = plain.endswith("/") or name in _CURRENT
    if rest is not None:
        try:
            landing = normalize_given(rest)
        except InvalidPathError as error:
            raise InvalidPathError(f"{error} (in {text!r}, behind its pivot)") from None
        path = f"{base}/{rest.strip('/')}".rstrip("/") or "/"
        contents = contents or not landing
        if contents:
            landing = landing.rpartition("/")[0]
    else:
        landing = "" if contents else name
        path = stripped or "/"
    check_writable_segments(landing)
    return Source(text, path, contents, landing, plain.endswith("/"))


def repository_source(source: str | os.PathLike[str]) -> Source:
    r"""Return what a source in a repository means.

    Args:
        source: The path; ``""`` and ``"/"`` are the contents of the root. ``\.\`` counts as a
            pivot too, and the backslashes before it as slashes.

    Raises:
        InvalidPathError: If a segment is empty or ``..``, or has NUL.
        TypeError: If it is no path.
    """
    text = _text(source)
    plain = text
    if "\\.\\" in text and _PIVOT not in text:
        before, _, after = text.partition("\\.\\")
        plain = before.replace("\\", "/") + _PIVOT + after
    base, rest = _pivot(plain)
    if rest is not None:
        start, landing = normalize_given(base), normalize_given(rest)
        path = "/".join(part for part in (start, landing) if part)
        contents = plain.endswith("/") or not landing
        if contents:
            landing = landing.rpartition("/")[0]
        return Source(text, path, contents, landing, plain.endswith("/"))
    path = normalize_given(plain)
    last = plain.rstrip("/").rpartition("/")[2]
    contents = plain.endswith("/") or not path or last == "."
    landing = "" if contents else path.rpartition("/")[2]
    return Source(text, path, contents, landing, plain.endswith("/") and bool(path))


def renamed(sources: Sequence[Source], dest: str) -> tuple[tuple[Source], str]:
    """Return a source that lands as ``dest`` itself, and the directory that it lands in then.

    Args:
        sources: The source, alone.
        dest: Where it lands: a path in a repository or on disk.

    Raises:
        InvalidPathError: If there is not one source that has a name, or ``dest`` is none.
    """
    parent, _, name = dest.rpartition("/")
    if len(sources) != 1 or sources[0].contents or name in ("", *_CURRENT):
        raise InvalidPathError(
            "An exact destination is the name of one file or directory, for one source"
        )
    return (sources[0]._replace(landing=name),), parent or ("/" if dest.startswith("/") else "")


def below(directory: str, path: str) -> str:
    """Return ``path`` below ``directory``, either of which may be empty."""
    return f"{directory}/{path}" if directory and path else directory or path


def _text(source: str | os.PathLike[str]) -> str:
    text = os.fspath(source) if isinstance(source, os.PathLike) else source
    if not isinstance(text, str):
        raise TypeError(f"a source must be str or os.PathLike[str], not {type(source).__name__}")
    if "\0" in text:
        raise InvalidPathError(f"Path must not contain NUL: {text!r}")
    return text


def _pivot(text: str) -> tuple[str, str | None]:
    """Return what is before the pivot and what is behind it; ``None``: there is no pivot."""
    at = text.find(_PIVOT, 1)
    return (text, None) if at < 0 else (text[:at], text[at + len(_PIVOT) :])
