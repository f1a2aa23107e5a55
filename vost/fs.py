"""The snapshot class, put together from what it can do."""

from __future__ import annotations

from vost._archiving import ArchiveOperations
from vost._exporting import ExportOperations
from vost._history import HistoryOperations
from vost._importing import ImportOperations
from vost._reading import ReadOperations
from vost._rearranging import RearrangeOperations
from vost._writing import WriteOperations

__all__ = ("FS",)


class FS(
    ReadOperations,
    WriteOperations,
    ImportOperations,
    ExportOperations,
    RearrangeOperations,
    ArchiveOperations,
    HistoryOperations,
):
    """An immutable snapshot of a directory tree: one commit.

    Reading never changes anything. Writing returns a *new* snapshot of the new commit, and leaves
    this one as it is. Snapshots come from ``store.branches``, ``store.tags``, ``store.fs()`` and
    from writes; those of branches are writable.

    Paths are relative to the root, with ``/`` between names; ``/`` at either end does not matter.
    Symbolic links are never followed.
    """
