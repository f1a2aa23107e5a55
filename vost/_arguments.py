"""Checks of arguments that several public classes take."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from vost._engine.contents import BytesContent, LocalFile, StoredBlob
from vost._model.objects import oid_from_hex
from vost._model.paths import encode_path
from vost._model.types import MODE_BLOB, MODE_LINK, BlobOid, WriteEntry, resolve_mode

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from vost._engine.contents import Content
    from vost._model.objects import Oid
    from vost._model.types import FileType

ApplyValue: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | WriteEntry"
"""What ``apply()`` can write: content, the path of a local file, or a ``WriteEntry``."""


class Missing(Enum):
    """Stands for an argument that was not given where ``None`` would mean something."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


def check_range(offset: int, size: int | None) -> None:
    """Check the part of a file that is asked for, in bytes.

    Raises:
        ValueError: If a number is negative.
        TypeError: If it is no whole number.
    """
    if operator.index(offset) < 0:
        raise ValueError(f"offset must be >= 0, got {offset}")
    if size is not None and operator.index(size) < 0:
        raise ValueError(f"size must be >= 0 or None, got {size}")


def hash_argument(value: str | bytes) -> Oid:
    """Return the raw id that a ``hash`` argument means.

    Raises:
        ValueError: If it is no full object id.
        TypeError: If it is neither ``str`` nor ``bytes``.
    """
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"hash must be str or bytes, not {type(value).__name__}")
    return oid_from_hex(value)


def data_content(data: Buffer, mode: FileType | int | None) -> Content:
    """Return what is to be stored for the ``data`` of a write.

    Raises:
        TypeError: If ``data`` is not bytes-like.
        ValueError: If ``mode`` is no mode of a file, or a blob id is malformed.
    """
    git_mode = resolve_mode(mode) or MODE_BLOB
    if isinstance(data, BlobOid):
        return StoredBlob(oid_from_hex(data), git_mode)
    if isinstance(data, str):
        raise TypeError("data must be bytes-like, not str (write_text() takes text)")
    try:
        raw = data if type(data) is bytes else bytes(memoryview(data))
    except TypeError:
        raise TypeError(f"data must be bytes-like, not {type(data).__name__}") from None
    if git_mode == MODE_LINK:
        check_link_target(raw)
    return BytesContent(raw, git_mode)


def text_content(text: str, encoding: str, mode: FileType | int | None) -> Content:
    """Return what is to be stored for text.

    Raises:
        TypeError: If ``text`` is not ``str``.
        UnicodeEncodeError: If the text cannot be encoded so.
        ValueError: If ``mode`` is no mode of a file.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__} (write() takes bytes)")
    return data_content(text.encode(encoding), mode)


def link_content(target: str | os.PathLike[str]) -> Content:
    """Return what is to be stored for a symbolic link.

    Raises:
        TypeError: If ``target`` is neither ``str`` nor a path.
        ValueError: If it contains NUL.
    """
    text = os.fspath(target)
    if not isinstance(text, str):
        raise TypeError(f"target must be str, not {type(target).__name__}")
    raw = encode_path(text)
    check_link_target(raw)
    return BytesContent(raw, MODE_LINK)


def check_link_target(target: bytes) -> None:
    """Check the target of a symbolic link.

    Raises:
        ValueError: If it contains NUL, which no system can follow.
    """
    if b"\0" in target:
        raise ValueError("the target of a symbolic link must not contain NUL")


def local_content(local_path: str | os.PathLike[str], mode: FileType | int | None) -> Content:
    """Return what is to be stored for a file on disk; without ``mode`` its own one.

    Raises:
        TypeError: If ``local_path`` is no path.
        ValueError: If ``mode`` is no mode of a file.
    """
    return LocalFile(os.fsdecode(local_path), resolve_mode(mode))


def apply_content(value: object) -> Content:
    """Return what is to be stored for a value of ``apply(writes=...)``.

    Raises:
        TypeError: If it is none of the kinds that ``apply`` takes.
        ValueError: If its mode or target is invalid.
    """
    if isinstance(value, WriteEntry):
        if value.target is not None:
            return link_content(value.target)
        return _plain_content(value.data, value.mode)
    return _plain_content(value, None)


def _plain_content(value: object, mode: FileType | int | None) -> Content:
    if isinstance(value, str):
        return text_content(value, "utf-8", mode)
    if isinstance(value, os.PathLike):
        return local_content(value, mode)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return data_content(value, mode)
    raise TypeError(f"Expected WriteEntry, bytes, str or Path, got {type(value).__name__}")


def path_list(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> list[str | os.PathLike[str]]:
    """Return the paths of an argument that takes one path or several.

    Raises:
        TypeError: If it is neither.
    """
    if isinstance(paths, (str, os.PathLike)):
        return [paths]
    given: object = paths
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, Iterable):
        raise TypeError(f"expected a path or an iterable of paths, not {type(given).__name__}")
    return list(paths)


def check_protocol(protocol: int) -> None:
    """Check a version of Git's protocol.

    Raises:
        ValueError: If there is no such version.
    """
    if protocol not in {0, 1, 2}:
        raise ValueError(f"protocol must be 0, 1 or 2, got {protocol!r}")
