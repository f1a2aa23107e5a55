"""The one positional of ``log``, ``diff`` and ``hash``: a point in history, and perhaps a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost.cli.arguments import Target, parse_ref
from vost.cli.errors import Failure

if TYPE_CHECKING:
    from vost.cli.resolving import Filters, Resolver

NOWHERE = Target("", 0, "", "")
"""What the positional says if it is not given."""


async def read_point(resolver: Resolver, text: str | None) -> Target:
    """Read ``[REF][~N]:PATH``, or a word without colon, which is ``REF[~N]``.

    Args:
        resolver: Knows branches and tags with a slash in their names.
        text: The argument; ``None``: not given.

    Raises:
        Failure: If what follows ``~`` is no positive number.
    """
    if text is None:
        return NOWHERE
    target = await resolver.target(text)
    if target.is_local:
        ref, back = parse_ref(text)
        return Target(ref, back, "", text)
    return target


def check_point(
    target: Target,
    branch: str | None,
    filters: Filters,
    *,
    noun: str,
    explicit: str = "explicit ref:",
    path_filters: bool = True,
) -> None:
    """Refuse options that say again what the positional says.

    Args:
        target: The positional.
        branch: ``-b``.
        filters: The other options.
        noun: What the positional is called in messages.
        explicit: What a ref is called in messages.
        path_filters: Whether the path of the positional means the same as ``--path``.

    Raises:
        Failure: If one thing is said twice.
    """
    if target.ref and filters.ref is not None:
        raise Failure("Cannot specify both positional ref and --ref")
    if target.ref and branch is not None:
        raise Failure(f"Cannot use -b/--branch with {explicit} in {noun}")
    if target.back and filters.back:
        raise Failure("Cannot specify both positional ~N and --back")
    if path_filters and target.path.strip("/") and filters.path is not None:
        raise Failure("Cannot specify both positional path and --path")
