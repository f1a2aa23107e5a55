"""What every storage of refs checks in the same way: names, updates and clashes.

The engine has validated names already. They are looked at again here because a wrong one
would be a path outside the repository.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from vost._model.errors import InvalidRefNameError
from vost._model.objects import ZERO_OID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .protocols import RefUpdate

SYMBOLIC_DEPTH = 5
"""How many symbolic refs are followed in a row; Git's own limit."""

REF_PATIENCE = 1.0
"""Seconds to wait for a lock that a Git program holds; what Git allows itself."""

# Source: https://git-scm.com/docs/git-check-ref-format
_REFUSED = re.compile(
    # Of surrogates only those that stand for a byte: the others have no spelling on disk.
    r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udc7f\udd00-\udfff]"
    r"|\.\.|@\{|//|/\.|/$"
    r"|\.$|\.lock(?:/|$)"
)


def is_ref_name(name: str) -> bool:
    """Tell whether ``name`` is ``HEAD`` or a well-formed full name below ``refs/``."""
    if name.startswith("refs/"):
        return _REFUSED.search(name) is None
    return name == "HEAD"


def check_ref_name(name: str) -> None:
    """Refuse what is no full ref name.

    Raises:
        InvalidRefNameError: If ``name`` is neither ``HEAD`` nor well-formed below ``refs/``.
    """
    if not is_ref_name(name):
        raise InvalidRefNameError(
            f"Invalid ref name: {name!r} (expected HEAD or a full name below refs/)"
        )


def check_symbolic(name: str, target: str) -> None:
    """Refuse a symbolic ref that Git would not accept.

    Raises:
        InvalidRefNameError: If a name is malformed, or the target is not below ``refs/``.
    """
    check_ref_name(name)
    check_ref_name(target)
    if target == "HEAD":
        raise InvalidRefNameError(f"{name} cannot point at HEAD: expected a name below refs/")


def check_updates(updates: Sequence[RefUpdate]) -> list[RefUpdate]:
    """Return the updates of one transaction in the order in which locks are taken.

    Raises:
        InvalidRefNameError: If a name is malformed or two new names clash.
        ValueError: If a ref is named twice, or an id is none.
    """
    ordered = sorted(updates, key=lambda update: update.name)
    kept: set[str] = set()
    names: set[str] = set()
    for update in ordered:
        check_ref_name(update.name)
        if update.name in names:
            refuse_twice(update.name)
        names.add(update.name)
        if update.new is None:
            if update.name == "HEAD":
                raise InvalidRefNameError("HEAD cannot be deleted")
        elif len(update.new) != 20 or update.new == ZERO_OID:
            raise ValueError(f"not an object id to point {update.name} at: {update.new!r}")
        else:
            kept.add(update.name)
    if len(kept) > 1:
        for name in kept:
            for above in names_above(name):
                if above in kept:
                    refuse_clash(name, above)
    return ordered


def names_above(name: str) -> Iterator[str]:
    """Yield the names that could be refs in place of a directory of ``name``."""
    end = name.find("/", len("refs/"))
    while end >= 0:
        yield name[:end]
        end = name.find("/", end + 1)


def first_below(name: str, names: Iterable[str]) -> str | None:
    """Return one of ``names`` that needs ``name`` to be a directory."""
    prefix = name + "/"
    return next((other for other in names if other.startswith(prefix)), None)


def refuse_clash(name: str, existing: str) -> NoReturn:
    """Refuse a new name of which another one would be a directory, or the reverse.

    Raises:
        InvalidRefNameError: Always; the message names both.
    """
    raise InvalidRefNameError(
        f"{name} cannot be created beside {existing}: one would be a directory of the other "
        f"(choose another name, or delete {existing} first)"
    ) from None


def refuse_twice(name: str) -> NoReturn:
    """Refuse two updates of one ref in one transaction: there is no order between them.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{name} is updated twice in one transaction")


def too_deep(name: str) -> str:
    """Return the message for symbolic refs that go in circles."""
    return f"more than {SYMBOLIC_DEPTH} symbolic refs in a row, starting at {name}"
