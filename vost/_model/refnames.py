"""Names of branches, tags and notes namespaces.

The rules are those of ``git check-ref-format`` for ``refs/heads/<name>``, and the ones that Git's
commands add: no ``@``, no ``HEAD``, no leading ``-``. A colon is named on its own, because it is
easy to type one by mistake (``ref:path``).

Source: https://git-scm.com/docs/git-check-ref-format
"""

from __future__ import annotations

import re
from typing import TypeGuard

from .errors import InvalidRefNameError

# The lock file of a loose ref is "<component>.lock", and file systems end at 255 bytes.
_LONGEST_COMPONENT = 255 - len(".lock")

_FORBIDDEN = re.compile(
    r"""
    [\0-\x20\x7f~^:?*\[\\\ud800-\udfff]  # no such character anywhere; a surrogate has no UTF-8
    | \.\. | @\{ | //                    # no such sequence
    | \A(?:/|-|@\Z|HEAD\Z|\Z)            # nothing that looks like an option, HEAD or nothing
    | (?:\A|/)\.                         # no component starts with a dot
    | \.lock(?:/|\Z)                     # or looks like the lock of another ref
    | [./]\Z
    """,
    re.VERBOSE,
)


def check_branch_name(name: str) -> None:
    """Check a name that a branch or a tag is to have.

    Letters of any script are fine, and so is ``/`` inside.

    Args:
        name: Name without ``refs/heads/`` or ``refs/tags/``.

    Raises:
        InvalidRefNameError: If no branch or tag may have this name.
        TypeError: If ``name`` is not ``str``.

    Example:
        >>> check_branch_name("feature/my-thing.v2")
    """
    if not isinstance(name, str):
        raise TypeError(f"a ref name must be str, not {type(name).__name__}")
    if ":" in name:
        raise InvalidRefNameError(f"Invalid ref name {name!r}: contains colon")
    if _FORBIDDEN.search(name) or _has_long_component(name):
        raise InvalidRefNameError(f"Invalid ref name: {name!r}")


def check_notes_namespace(name: str) -> None:
    """Check the name of a notes namespace: the rules are those of branches.

    Args:
        name: Name without ``refs/notes/``.

    Raises:
        InvalidRefNameError: If no namespace may have this name.
        TypeError: If ``name`` is not ``str``.
    """
    check_branch_name(name)


def is_branch_name(name: object) -> TypeGuard[str]:
    """Tell whether ``name`` is a name that a branch or a tag may have; never raises."""
    return (
        isinstance(name, str) and _FORBIDDEN.search(name) is None and not _has_long_component(name)
    )


def _has_long_component(name: str) -> bool:
    if len(name) * 4 <= _LONGEST_COMPONENT:
        return False
    return any(len(part.encode()) > _LONGEST_COMPONENT for part in name.split("/"))
