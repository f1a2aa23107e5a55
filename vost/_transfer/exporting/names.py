"""Names that are never written to a disk, whatever tree they come from."""

from __future__ import annotations

import os
import re

from vost._model.errors import InvalidPathError
from vost._model.paths import is_dotgit

_LEADS_ELSEWHERE = frozenset((b".", b".."))
# What Windows takes for separators, streams, drives and devices.
_NOT_ON_WINDOWS = re.compile(
    r'.*[\\:*?"<>|\x00-\x1f].*|.*[. ]|(?:aux|con|nul|prn|com\d|lpt\d)(?:\..*)?',
    re.IGNORECASE | re.DOTALL,
)


def check_names(raw: list[bytes], names: list[str], directory: str) -> None:
    """Check the names of one directory of a snapshot before anything is written.

    Args:
        raw: The names as stored.
        names: The same names as text.
        directory: Path of the directory in the repository, for the message.

    Raises:
        InvalidPathError: If one is ``.`` or ``..``, has a slash, is a spelling of ``.git``, or is
            one that this system takes for something else.
    """
    joined = b"\0".join(raw)
    harmless = (
        b"/" not in joined
        and b"git" not in joined.lower()
        and joined.isascii()
        and _LEADS_ELSEWHERE.isdisjoint(raw)
        and os.name != "nt"
    )
    if not harmless:
        for name in names:
            check_name(name, directory)


def check_name(name: str, directory: str) -> None:
    """Check one name as ``check_names`` does.

    Raises:
        InvalidPathError: As there.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        reason = "it leads out of its directory"
    elif is_dotgit(name):
        reason = "it is a spelling of '.git', which Git would take for its own"
    elif os.name == "nt" and _NOT_ON_WINDOWS.fullmatch(name):
        reason = "Windows takes it for something else"
    else:
        return
    path = f"{directory}/{name}" if directory else name
    raise InvalidPathError(
        f"Cannot copy {path!r} to disk: {reason}. Nothing was written; copy the other entries by "
        "naming them"
    )
