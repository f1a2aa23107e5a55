"""What copies remember of local files, so as not to read again those that did not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import os

    from vost._model.objects import Oid


class DirectoryRecord(Protocol):
    """What is remembered of the files of one local directory."""

    def get(self, name: str, status: os.stat_result) -> tuple[Oid, int] | None:
        """Return blob id and Git mode of a file; ``None``: read it."""

    def put(self, name: str, status: os.stat_result, oid: Oid, mode: int) -> None:
        """Remember a file that was read or written."""


class StatRecord(Protocol):
    """What is remembered of the files of all directories."""

    def directory(self, local_dir: str) -> DirectoryRecord:
        """Return what is remembered of one directory."""

    def save(self, now_ns: int) -> None:
        """Keep it for the next time."""


class NoStatRecord:
    """Remembers nothing: for repositories that are not on disk."""

    def directory(self, local_dir: str) -> NoStatRecord:  # noqa: ARG002
        """Return itself."""
        return self

    def get(self, name: str, status: os.stat_result) -> tuple[Oid, int] | None:  # noqa: ARG002
        """Return ``None``: nothing is known."""
        return None

    def put(self, name: str, status: os.stat_result, oid: Oid, mode: int) -> None:
        """Forget it."""

    def save(self, now_ns: int) -> None:
        """Keep nothing."""
