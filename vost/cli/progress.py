"""How far a long command is: a bar on stderr, if that is a terminal and nobody wants it quiet."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vost.cli.output import printable, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import vost
    from vost.cli.session import Session


@contextmanager
def progress_bar(session: Session) -> Iterator[Callable[[vost.Progress], None] | None]:
    """Show progress while the block runs.

    Yields:
        What to pass as ``progress=``; ``None``: there is nobody to show it to.
    """
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    # Late: rich takes longer to import than most commands take.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, count="", amount="")

        def show(report: vost.Progress) -> None:
            total = "" if report.total is None else f"/{report.total}"
            seconds = bar.tasks[0].elapsed or 0.0
            rate = f", {size(report.bytes / seconds)}/s" if report.bytes and seconds else ""
            bar.update(
                task,
                description=printable(report.phase),  # a server may have said it
                completed=report.done,
                total=report.total,
                count=f"{report.done}{total}",
                amount=f"{size(report.bytes)}{rate}" if report.bytes else "",
            )

        yield show
