"""How far a long operation is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a long operation.

    Attributes:
        phase: What is being done, such as ``"packing"``.
        done: How many items are done.
        total: How many there are; ``None``: not known yet.
        bytes: How many bytes were handled so far.
        path: What is being worked on; ``None``: nothing that has a path.
    """

    phase: str
    done: int
    total: int | None = None
    bytes: int = 0
    path: str | None = None


class ProgressReport(Protocol):
    """What long blocking work is given to report with: drops most, passes some on."""

    def __call__(self, value: Progress, *, final: bool = False) -> None:
        """Report how far the work is; ``final`` reports always go out."""

    def is_due(self) -> bool:
        """Tell whether a report would go out now: who reports often need not make it else."""
