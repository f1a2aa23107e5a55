"""Paths inside a repository: one spelling each, and the names that are never written.

A path is ``str`` with ``/`` between its segments and none at either end; ``""`` is the root.
Names that are not UTF-8 are carried by ``surrogateescape``, as :mod:`os` does it.

Nothing but :func:`normalize_path` stands between callers and every look-up, so that it is cheap
for a path that is in order already. It keeps no cache: its quick test costs little more than a
look-up in one, and a bulk write would only fill it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from .errors import InvalidPathError

if TYPE_CHECKING:
    from collections.abc import Iterator

_EMPTY = "Path must not be empty"

_BACKSLASH_SEPARATES = os.sep == "\\"

# The spellings of ".git" that Git refuses, as fsck knows them: on NTFS trailing dots and spaces
# are dropped, "git~1" is the short name, a colon starts the name of a stream, and a backslash
# separates, so that every part counts.
_NTFS_DOTGIT = re.compile(r"(?:\A|\\)(?:\.git|git~1)[. ]*(?:[\\:]|\Z)", re.IGNORECASE | re.ASCII)
# HFS+ ignores these characters. Git stops reading at what it takes for malformed UTF-8, the
# noncharacters U+FFFE and U+FFFF included, so that ".git" before it counts as the whole name.
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_HFS_DOTGIT = re.compile("\\A\\.git(?:[\udc80-\udcff\ufffe\uffff]|\\Z)", re.IGNORECASE | re.ASCII)


def normalize_path(path: str | os.PathLike[str]) -> str:
    r"""Return the one spelling of a path that names something below the root.

    Slashes at both ends and ``.`` segments are dropped; on Windows ``\`` counts as ``/``.

    Args:
        path: Path inside a repository.

    Raises:
        InvalidPathError: If nothing is left, or if the path has an empty or ``..`` segment, NUL,
            or a character that no name can hold.
        TypeError: If ``path`` is ``bytes`` or no path at all.

    Example:
        >>> normalize_path("/docs/./guide/")
        'docs/guide'
    """
    normal = _normalize(path)
    if not normal:
        raise InvalidPathError(_EMPTY)
    return normal


def normalize_given(path: str | os.PathLike[str]) -> str:
    """Return the one spelling of a path that must be given, or ``""`` for the root.

    Args:
        path: Path inside a repository; ``""``, ``"/"`` and ``"."`` are the root, ``None`` is not.

    Raises:
        InvalidPathError: As :func:`normalize_path`, but never for the root.
        TypeError: If ``path`` is ``None``, ``bytes`` or no path at all.
    """
    return _normalize(path)


def normalize_root(path: str | os.PathLike[str] | None) -> str:
    """Return the one spelling of a path, or ``""`` for the root.

    Args:
        path: Path inside a repository; ``None``, ``""``, ``"/"`` and ``"."`` are the root.

    Raises:
        InvalidPathError: As :func:`normalize_path`, but never for the root.
        TypeError: If ``path`` is ``bytes`` or no path at all.

    Example:
        >>> normalize_root(None), normalize_root("/"), normalize_root("docs/")
        ('', '', 'docs')
    """
    return "" if path is None else _normalize(path)


def normalize_writable_path(path: str | os.PathLike[str]) -> str:
    """Return the one spelling of a path that something is to be written at.

    Args:
        path: Path inside a repository.

    Raises:
        InvalidPathError: As :func:`normalize_path` and :func:`check_writable_segments`.
        TypeError: If ``path`` is ``bytes`` or no path at all.
    """
    normal = normalize_path(path)
    check_writable_segments(normal)
    return normal


def check_writable_segments(path: str) -> None:
    """Check that Git accepts every segment of a path that is written.

    Args:
        path: Path as :func:`normalize_path` returns it.

    Raises:
        InvalidPathError: If a segment is a spelling of ``.git``.
    """
    if not _may_hold_dotgit(path):
        return
    for segment in path.split("/"):
        if is_dotgit(segment):
            raise InvalidPathError(
                f"Invalid path segment: {segment!r} is a spelling of '.git', which Git refuses"
                f" (in {path!r})"
            )


def is_dotgit(name: str) -> bool:
    """Tell whether a name is a spelling of ``.git`` on some file system.

    These are the names for which ``git fsck`` reports ``hasDotgit``: any case, characters that
    HFS+ ignores, and what NTFS takes for the same name (``.git.``, ``git~1``, ``.git::$DATA``).

    Args:
        name: Name of one entry; not a path.

    Example:
        >>> is_dotgit(".GIT "), is_dotgit(".gitignore")
        (True, False)
    """
    if not _may_hold_dotgit(name):
        return False
    if _NTFS_DOTGIT.search(name) is not None:
        return True
    return _HFS_DOTGIT.match(_HFS_IGNORED.sub("", name)) is not None


def parents_of(path: str) -> Iterator[str]:
    """Yield the directories above a normalized path, outermost first, without the root.

    Args:
        path: Path as :func:`normalize_path` returns it.

    Example:
        >>> list(parents_of("docs/guide/intro.md"))
        ['docs', 'docs/guide']
    """
    slash = path.find("/")
    while slash >= 0:
        yield path[:slash]
        slash = path.find("/", slash + 1)


def encode_path(path: str) -> bytes:
    """Return a path or name as the bytes that Git stores.

    Raises:
        InvalidPathError: If it holds a surrogate that stands for no byte.
    """
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidPathError(f"Path cannot be encoded: {path!r}") from None


def decode_name(name: bytes) -> str:
    """Return a stored name as text; bytes that are not UTF-8 become surrogates."""
    return name.decode("utf-8", "surrogateescape")


def decode_names(names: list[bytes]) -> list[str]:
    """Return stored names as text, as ``decode_name`` does it one by one."""
    return decode_name(b"\0".join(names)).split("\0") if names else []


def _may_hold_dotgit(path: str) -> bool:
    # Only characters that HFS+ ignores can come between the three letters.
    if "git" in path.lower():
        return True
    return not path.isascii() and _HFS_IGNORED.search(path) is not None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _path_text(path: object) -> str:
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"a path must be str or os.PathLike[str], not {type(path).__name__}")
    return text


def _normalize(path: object) -> str:
    # Plain substring tests: they take a third of the time of one regular expression.
    if (
        type(path) is str
        and path[:1] not in "/."  # true of "" too
        and "/." not in path
        and "//" not in path
        and path[-1] != "/"
        and "\0" not in path
        and (path.isascii() or _is_utf8(path))
        and not (_BACKSLASH_SEPARATES and "\\" in path)
    ):
        return path
    return _rewrite(_path_text(path))


def _rewrite(path: str) -> str:
    text = path.replace("\\", "/") if _BACKSLASH_SEPARATES else path
    if not text.isascii():
        # Bytes may be escaped one by one although they are UTF-8 together: without this, one
        # name would have two spellings, and a character could hide from the checks.
        text = decode_name(encode_path(text))
    if "\0" in text:
        raise InvalidPathError(f"Path must not contain NUL: {path!r}")
    segments = text.strip("/").split("/")
    if segments == [""]:
        return ""
    if "" in segments:
        raise InvalidPathError(f"Empty segment in path: {path!r}")
    if ".." in segments:
        raise InvalidPathError("Invalid path segment: '..'")
    return "/".join(segment for segment in segments if segment != ".")
