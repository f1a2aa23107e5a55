"""How figures are shown: units, rows that compare, the Markdown table, facts of the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import pygit2

from tests.benchmarks.racing import Row, Timing

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGES = ("vost", "dulwich", "pygit2", "anyio", "trio", "filelock", "isal")
_HEADINGS = ("what", "vost", "peers", "ratio", "target", "met?")


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def timing(result: Timing) -> str:
    """Return the best and the median of a timing."""
    if len(result.seconds) == 1:
        return duration(result.best)
    return f"{duration(result.best)} (median {duration(result.median)})"


def per_second(result: Timing, items: int) -> str:
    """Return a timing as items per second, best and median."""
    return f"{items / result.best:,.0f}/s (median {items / result.median:,.0f}/s)"


def faster(
    what: str, ours: Timing, theirs: Timing, *, target: float | None = None, items: int = 0
) -> Row:
    """Return the row for "vost is so many times as fast as the other".

    Args:
        what: The work.
        ours: What vost took.
        theirs: What the other took.
        target: How many times as fast vost should be at least; ``None``: no target.
        items: Show rates of so many items instead of times.
    """
    ratio = theirs.best / ours.best
    show = (lambda result: per_second(result, items)) if items else timing
    return Row(
        what,
        show(ours),
        f"{theirs.name}: {show(theirs)}",
        f"{ratio:.2f}x as fast (median {theirs.median / ours.median:.2f}x)",
        "" if target is None else f">= {target:g}x",
        None if target is None else ratio >= target,
    )


def at_most(what: str, ours: Timing, theirs: Timing, target: float | None) -> Row:
    """Return the row for "vost takes at most so many times as long as the other"."""
    ratio = ours.best / theirs.best
    return Row(
        what,
        timing(ours),
        f"{theirs.name}: {timing(theirs)}",
        f"{ratio:.2f}x as long (median {ours.median / theirs.median:.2f}x)",
        "" if target is None else f"<= {target:g}x",
        None if target is None else ratio <= target,
    )


def below(what: str, seconds: float, limit: float | None, peers: str = "") -> Row:
    """Return the row for "vost takes less than this"."""
    return Row(
        what,
        duration(seconds),
        peers,
        "",
        "" if limit is None else f"< {duration(limit)}",
        None if limit is None else seconds < limit,
    )


def heading() -> str:
    """Return the head of the Markdown table."""
    return f"| {' | '.join(_HEADINGS)} |\n|{'---|' * len(_HEADINGS)}"


def line(row: Row) -> str:
    """Return one line of the Markdown table."""
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    return f"| {row.what} | {row.vost} | {row.peers} | {row.ratio} | {row.target} | {met} |"


def machine_facts() -> Iterable[str]:
    """Yield what the figures depend on. No names and no paths of the machine."""
    yield f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    yield f"{platform.python_implementation()} {platform.python_version()}"
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    yield git.stdout.strip()
    yield ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    yield f"libgit2 {pygit2.LIBGIT2_VERSION}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed: run from the source tree)" if package == "vost" else "none"
