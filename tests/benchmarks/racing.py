"""Timing: contenders take turns, so that a slow minute of the machine hits all of them."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Work = Callable[[], object]


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: Who does it, for the table.
        prepare: Not timed; returns the work, which is.
    """

    name: str
    prepare: Callable[[], Work]


@dataclass(frozen=True)
class Timing:
    """How long one contender took, in seconds, each time."""

    name: str
    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The shortest time: what the work costs when nothing disturbs it."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The time in the middle: what to expect on this machine."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: The work.
        vost: What vost needs for it.
        peers: What the others need.
        ratio: How the two compare.
        target: What the ratio or the figure should be; empty: no target.
        met: Whether it is; ``None``: no target.
    """

    what: str
    vost: str
    peers: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


@dataclass
class Bench:
    """What a benchmark gets: a place on disk, and how much patience to have.

    Attributes:
        directory: An empty directory on a real disk.
        quick: Whether to do with less work and fewer repeats: the figures mean little then.
        clock: What is measured, in seconds: time as it goes by, or processor time.
    """

    directory: Path
    quick: bool
    clock: Callable[[], float] = time.perf_counter
    _numbers: int = field(default=0)
    _scratch: list[Path] = field(default_factory=list)

    def scaled(self, full: int, quick: int) -> int:
        """Return the amount of work for this run."""
        return quick if self.quick else full

    def path(self, name: str) -> Path:
        """Return a path that does not exist and that stays to the end of the run.

        Nothing is removed before that: for five minutes, ext4 without a journal does not use the
        inodes of removed files again, and looks at each of them whenever a file is made. After
        some thousand removals that takes a millisecond a file, from everybody.
        """
        self._numbers += 1
        return self.directory / f"{self._numbers:05}-{name}"

    def scratch(self, name: str) -> Path:
        """Return a path for a few large files, which are removed after the next timing."""
        path = self.path(name)
        self._scratch.append(path)
        return path

    def race(self, repeats: int, *contenders: Contender) -> dict[str, Timing]:
        """Let every contender do its work ``repeats`` times, in turns.

        Returns:
            The timings by the names of the contenders.
        """
        repeats = min(repeats, 2) if self.quick else repeats
        seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for _ in range(repeats):
            for contender in contenders:
                seconds[contender.name].append(self._time(contender))
        return {name: Timing(name, tuple(found)) for name, found in seconds.items()}

    def per_call(self, function: Callable[[], object], calls: int) -> float:
        """Return the seconds that one call takes: the best of several rounds of ``calls`` calls."""
        return self.per_item(lambda _: function(), [""] * calls)

    def per_item(
        self, function: Callable[[str], object], items: list[str], rounds: int = 7
    ) -> float:
        """Return the seconds that one call takes, with each of ``items`` in turn; best round."""
        best = float("inf")
        for _ in range(rounds):
            start = self.clock()
            for item in items:
                function(item)
            best = min(best, self.clock() - start)
        return best / len(items)

    def _time(self, contender: Contender) -> float:
        work = contender.prepare()
        gc.collect()
        # What others wrote must not be written to the disk on this one's account.
        os.sync()
        start = self.clock()
        result = work()
        taken = self.clock() - start
        del result, work
        for path in self._scratch:
            remove(path)
        self._scratch.clear()
        return taken


def ready(function: Callable[..., object], *args: object) -> Callable[[], Work]:
    """Return a preparation for work that needs none: calling ``function`` with ``args``."""
    return partial(partial, function, *args)


def processor_time() -> float:
    """Return the seconds of processor time of this process and of its children so far."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def remove(path: Path) -> None:
    """Remove a file or directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def note(text: str) -> None:
    """Tell whoever waits what is going on, on stderr."""
    print(text, file=sys.stderr, flush=True)
