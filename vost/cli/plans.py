"""What ``-n`` prints: the changes that a command would make, one per line or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable

    import vost

_SIGNS = {"add": "+", "update": "~", "delete": "-"}


def print_plan(
    report: vost.ChangeReport | None,
    output_format: str,
    *,
    prefix: str = ":",
    place: Callable[[str], str] = str,
) -> None:
    """Print what would be added, updated and deleted, sorted by path.

    Args:
        report: The changes; ``None``: there are none.
        output_format: ``text``, ``json`` or ``jsonl``.
        prefix: What stands before each path in text: a colon for the repository.
        place: Makes the path that is shown of one in the report.
    """
    actions = [] if report is None else report.actions()
    planned = [(action.action.value, place(action.path)) for action in actions]
    if output_format == "text":
        output.lines(f"{_SIGNS[kind]} {prefix}{path}" for kind, path in planned)
        return
    items = [{"action": kind, "path": path} for kind, path in planned]
    if output_format == "json":
        output.as_json(items, indent=2)
    else:
        output.as_jsonl(items)
