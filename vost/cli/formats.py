"""Archive formats by the names of files."""

from __future__ import annotations

from vost.cli.errors import Failure

ZIP = "zip"
TAR = "tar"

_FAMILIES = {
    ".zip": ZIP,
    ".tar": TAR,
    ".tar.gz": TAR,
    ".tgz": TAR,
    ".tar.bz2": TAR,
    ".tbz2": TAR,
    ".tar.xz": TAR,
    ".txz": TAR,
}
_COMPRESSIONS = {
    ".gz": "tar.gz",
    ".tgz": "tar.gz",
    ".bz2": "tar.bz2",
    ".tbz2": "tar.bz2",
    ".tbz": "tar.bz2",
    ".xz": "tar.xz",
    ".txz": "tar.xz",
}
# A plain tar of such a name would be a surprise to whoever reads it.
_UNSUPPORTED = (".zst", ".tzst", ".lz", ".lz4", ".lzma", ".tlz", ".lzo", ".br", ".z", ".taz")


def family_of_name(file: str) -> str:
    """Return ``"zip"`` or ``"tar"``, as the extension of a file says.

    Raises:
        Failure: If it says nothing.
    """
    for extension, family in _FAMILIES.items():
        if file.lower().endswith(extension):
            return family
    raise Failure(
        f"Cannot detect archive format from extension: {file}",
        advice="Use --format zip or --format tar",
    )


def archive_format(family: str, file: str) -> str:
    """Return the format to write: a tar is compressed as the extension of its name says.

    Raises:
        Failure: If the extension stands for a compression that there is not.
    """
    if family == ZIP:
        return ZIP
    name = file.lower()
    for extension in _UNSUPPORTED:
        if name.endswith(extension):
            raise Failure(f"Cannot compress with {extension}: {file} (use .gz, .bz2 or .xz)")
    for extension, found in _COMPRESSIONS.items():
        if name.endswith(extension):
            return found
    return TAR
