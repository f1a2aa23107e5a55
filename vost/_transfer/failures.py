"""What a copy that ignores errors says when nothing of it succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vost._model.changes import ChangeError


def all_failed(errors: Sequence[ChangeError]) -> str:
    """Return the message for a copy of which everything failed; it names the first failure."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"All files failed to copy: {first.path!r}: {first.error}{more}"
