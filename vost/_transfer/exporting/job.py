"""What is asked of a copy to disk, and what all its parts need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.repository import Repository
    from vost._model.progress import ProgressReport


@dataclass(frozen=True)
class Options:
    """How a copy to disk is done.

    Attributes:
        ignore_existing: Leave alone what is there.
        delete: Remove what no source maps to.
        ignore_errors: Go on after a file that fails.
        checksum: Compare contents; if not, files that are older than the commit count as unchanged.
        strict: See ``copy_out``.
        mode: Git mode of all regular files; ``None``: each its own.
        by_existence: What exists counts as an update, whatever it contains.
    """

    ignore_existing: bool = False
    delete: bool = False
    ignore_errors: bool = False
    checksum: bool = True
    strict: bool = False
    mode: int | None = None
    by_existence: bool = False

    @property
    def first_wins(self) -> bool:
        """Whether the first of two sources counts that meet at one path, or the last."""
        return self.delete or self.strict


@dataclass(frozen=True)
class Job:
    """What planning and carrying out both need.

    Attributes:
        repository: Where contents come from.
        options: How it is done.
        seconds: Time of the commit, in seconds since the epoch.
        report: Told how far the work is.
        check: Raises when the caller was cancelled.
    """

    repository: Repository
    options: Options
    seconds: int
    report: ProgressReport
    check: Callable[[], None]
