"""Which archive formats there are, and how one is told from another."""

from __future__ import annotations

from typing import NamedTuple

ZIP = "zip"
TAR = "tar"
GZIP = "gz"
BZIP2 = "bz2"
XZ = "xz"

FORMATS = (ZIP, TAR, "tar.gz", "tar.bz2", "tar.xz")
"""The values that a ``format`` argument may have."""

_EXTENSIONS = {
    ".zip": ZIP,
    ".tar": TAR,
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".tar.bz2": "tar.bz2",
    ".tbz2": "tar.bz2",
    ".tar.xz": "tar.xz",
    ".txz": "tar.xz",
}

HEAD_SIZE = 512
"""Bytes from the start of an archive by which its format can be told."""

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
COMPRESSED_STARTS = {GZIP: b"\x1f\x8b", BZIP2: b"BZh", XZ: b"\xfd7zXZ\0"}
"""How compressed files begin, by compression."""

_UNSUPPORTED_STARTS = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"LZIP", "lzip"),
    (b"\x1f\x9d", "compress (.Z)"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x5d\x00\x00", "lzma"),
)
_TAR_MAGIC = slice(257, 262)
_TAR_CHECKSUM = slice(148, 156)


class Seen(NamedTuple):
    """What the first bytes of an archive say.

    Attributes:
        family: ``"zip"`` or ``"tar"``; ``None`` if nothing is recognised.
        compression: How a tar is compressed; ``None``: not at all.
    """

    family: str | None
    compression: str | None = None


def check_format(value: str) -> str:
    """Return the format that an argument names.

    Raises:
        ValueError: If it names none.
    """
    if value not in FORMATS:
        raise ValueError(f"unknown archive format {value!r}: expected one of {_listed()}")
    return value


def format_of_name(name: str) -> str | None:
    """Return the format that the extension of a file name stands for, in any case of letters."""
    lowered = name.lower()
    for extension, found in _EXTENSIONS.items():
        if lowered.endswith(extension):
            return found
    return None


def require_format_of_name(name: str) -> str:
    """Return the format that a file name stands for, or raise ``ValueError``."""
    found = format_of_name(name)
    if found is None:
        raise cannot_detect(name)
    return found


def cannot_detect(name: str) -> ValueError:
    """Return the error for a name whose extension says nothing."""
    return ValueError(
        f"Cannot detect archive format from extension: {name}\nPass format=, one of {_listed()}"
    )


def family_of(format: str) -> str:
    """Return ``"zip"`` or ``"tar"``."""
    return ZIP if format == ZIP else TAR


def compression_of(format: str) -> str | None:
    """Return how a format compresses a tar; ``None``: not at all."""
    return format.partition(".")[2] or None


def recognise(head: bytes) -> Seen:
    """Tell the format by the first bytes of an archive.

    Args:
        head: The first ``HEAD_SIZE`` bytes, or all there are.
    """
    if _is_tar_header(head):
        return Seen(TAR)  # first: the name of its first member may look like anything
    if head.startswith(_ZIP_STARTS):
        return Seen(ZIP)
    for compression, start in COMPRESSED_STARTS.items():
        if head.startswith(start):
            return Seen(TAR, compression)
    is_empty_tar = len(head) == HEAD_SIZE and not head.strip(b"\0")
    if head[_TAR_MAGIC] == b"ustar" or is_empty_tar:
        return Seen(TAR)
    return Seen(None)


def _is_tar_header(head: bytes) -> bool:
    """Tell whether the checksum of a tar header is right."""
    stated = head[_TAR_CHECKSUM].strip(b"\0 ")
    if len(head) < HEAD_SIZE or not stated.isdigit():
        return False
    blanked = head[: _TAR_CHECKSUM.start] + b" " * 8 + head[_TAR_CHECKSUM.stop :]
    return stated.lstrip(b"0") == b"%o" % sum(blanked)


def unsupported_compression(head: bytes) -> str | None:
    """Return the name of a compression that is recognised but cannot be read."""
    for start, name in _UNSUPPORTED_STARTS:
        if head.startswith(start):
            return name
    return None


def _listed() -> str:
    return ", ".join(repr(known) for known in FORMATS)
