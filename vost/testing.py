"""For tests of programs that use vost, and of storages that vost can use.

* ``ObjectsContract``, ``RefsContract``: pytest classes that every storage passes. Derive a class,
  override the fixture, and pytest does the rest.
* ``store_on``: a store on storages of your own, with a clock of your own.
* ``Faults``, ``FaultyObjects``, ``FaultyRefs``: storage whose n-th call fails.
* ``FixedClock``: time that stands still until it is told to go on.

The contract classes need pytest; nothing else here does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.branches import create_branch
from vost._engine.repository import Repository
from vost._model.refnames import check_branch_name
from vost._model.types import Signature
from vost._storage.memoryobjects import MemoryObjects
from vost._storage.memoryrefs import MemoryRefs
from vost._testing.faults import Faults, FaultyObjects, FaultyRefs
from vost._testing.objects import ObjectsContract
from vost._testing.refs import RefsContract
from vost.store import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._storage.protocols import Objects, Refs

__all__ = (
    "Faults",
    "FaultyObjects",
    "FaultyRefs",
    "FixedClock",
    "MemoryObjects",
    "MemoryRefs",
    "ObjectsContract",
    "RefsContract",
    "store_on",
)


class FixedClock:
    """A clock that stands still: what it shows can be compared.

    Args:
        seconds: Seconds since the epoch.
    """

    def __init__(self, seconds: float = 1_700_000_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """Return the time that the clock shows, in seconds since the epoch."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: How much; negative ones turn the clock back.
        """
        self.seconds += seconds


def store_on(
    objects: Objects,
    refs: Refs,
    *,
    branch: str | None = "main",
    author: str = "vost",
    email: str = "vost@localhost",
    clock: Callable[[], float] | None = None,
) -> GitStore:
    """Return a store on empty storages.

    Args:
        objects: Where objects go.
        refs: Where refs go.
        branch: First branch; ``None``: none.
        author: Name of author and committer.
        email: Email address of author and committer.
        clock: Seconds since the epoch; ``None``: a ``FixedClock``.

    Raises:
        ValueError: If the branch, author or email is invalid.
    """
    repository = Repository(
        objects=objects,
        refs=refs,
        signature=Signature(author, email),
        location=":testing:",
        identity=object(),
        clock=clock or FixedClock(),
    )
    if branch is not None:
        check_branch_name(branch)
        create_branch(repository, branch)
    return GitStore(repository)
