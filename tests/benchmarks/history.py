"""The history of one file among thousands of commits."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import peers
from tests.benchmarks.bulk import write_blocking_at
from tests.benchmarks.racing import Bench, Contender, Row, ready
from tests.benchmarks.report import at_most
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORIES = 10
_FILES = 20
_WANTED = "directory-03/file-07.txt"


def log(bench: Bench) -> Iterator[Row]:
    """List the commits that changed one path."""
    count = bench.scaled(5000, 500)
    written = bench.path("as-written.git")
    _write_history(written, count)
    states = {"as vost leaves it (loose objects)": written}
    states["after vost's pack()"] = _copy(bench, written)
    with GitStore.open(states["after vost's pack()"]) as store:
        store.pack()
    states["after git gc"] = _copy(bench, written)
    peers.git(states["after git gc"], "gc", "--quiet")
    for state, path in states.items():
        assert _vost_log(path) == _git_log(path)
        times = bench.race(
            5,
            Contender("vost_sync", ready(_vost_log, path)),
            Contender("git log -- path", ready(_git_log, path)),
        )
        what = f"log(path) over {count} commits, {state}"
        yield at_most(what, times["vost_sync"], times["git log -- path"], 5)


def _write_history(path: Path, count: int) -> None:
    """Make commits of one file each, in 200 files, by single writes."""
    names = [
        f"directory-{directory:02}/file-{file:02}.txt"
        for directory in range(_DIRECTORIES)
        for file in range(_FILES)
    ]
    write_blocking_at(path, dict.fromkeys(names, b"first\n"))
    source = random.Random(count)
    with GitStore.open(path) as store:
        fs = store.branches["main"]
        for number in range(count):
            fs = fs.write(source.choice(names), b"version %d\n" % number)


def _copy(bench: Bench, source: Path) -> Path:
    return Path(shutil.copytree(source, bench.path("history.git")))


def _vost_log(path: Path) -> list[str]:
    with GitStore.open(path) as store:
        return [fs.commit_hash for fs in store.branches["main"].log(_WANTED)]


def _git_log(path: Path) -> list[str]:
    return peers.git(path, "log", "--format=%H", "main", "--", _WANTED).decode().split()
