"""Clones over HTTP, against ``git http-backend`` behind the same server."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks import peers
from tests.benchmarks.bulk import write_blocking_at
from tests.benchmarks.racing import Bench, Contender, Row, ready
from tests.benchmarks.report import at_most
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KINDS = {"vost": "vost", "--backend=git": "git", "git http-backend": "http-backend"}


def clone(bench: Bench) -> Iterator[Row]:
    """Clone 10,000 files and 1000 commits: everything, and only the last commit."""
    files, commits = bench.scaled(10_000, 500), bench.scaled(1000, 50)
    written = bench.path("as-written.git")
    write_history(written, files, commits)
    collected = bench.path("collected.git")
    peers.git(bench.directory, "clone", "--quiet", "--mirror", str(written), str(collected))
    peers.git(collected, "gc", "--quiet")
    for state, path in {"as vost leaves it": written, "after git gc": collected}.items():
        for what, options in {"clone": (), "clone --depth 1": ("--depth", "1")}.items():
            with contextlib.ExitStack() as stack:
                urls = {
                    name: stack.enter_context(served(kind, path)).url
                    for name, kind in _KINDS.items()
                }
                times = bench.race(
                    5,
                    *(
                        Contender(name, ready(_clone, bench, url, options))
                        for name, url in urls.items()
                    ),
                )
            for name in ("vost", "--backend=git"):
                title = f"{what} of {files} files, {commits} commits, {state}: {name}"
                yield at_most(title, times[name], times["git http-backend"], 3)


def write_history(path: Path, files: int, commits: int) -> None:
    """Make a commit of all files in 100 directories, and then commits that change ten each."""
    source = random.Random(files)
    names = [f"directory-{number % 100:02}/file-{number:05}.txt" for number in range(files)]
    write_blocking_at(path, {name: _text(source, name) for name in names})
    with GitStore.open(path) as store:
        fs = store.branches["main"]
        for _ in range(commits - 1):
            with fs.batch() as batch:
                for name in source.sample(names, 10):
                    batch.write(name, _text(source, name))
            fs = store.branches["main"]


@dataclass
class Server:
    """A server in a process of its own.

    Attributes:
        url: What to clone.
        peak: The most memory that it had, in bytes, once it has ended.
    """

    url: str
    peak: int = 0


@contextlib.contextmanager
def served(kind: str, path: Path) -> Iterator[Server]:
    """Run a server in a process of its own."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.cloning_child", kind, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    server = Server(child.stdout.readline().decode().strip())
    try:
        yield server
    finally:
        child.stdin.close()
        server.peak = int(child.stdout.read() or 0)
        child.stdout.close()
        child.wait(60)


def _text(source: random.Random, name: str) -> bytes:
    return "".join(f"{name} {source.random()}\n" for _ in range(20)).encode()


def _clone(bench: Bench, url: str, options: tuple[str, ...]) -> None:
    copy = bench.scratch("copy.git")
    peers.git(bench.directory, "clone", "--quiet", "--bare", *options, url, str(copy))
