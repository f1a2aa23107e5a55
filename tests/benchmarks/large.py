"""One large file: written, read back, and read at its end."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks import peers
from tests.benchmarks.contents import write_large
from tests.benchmarks.racing import Bench, Contender, Row, Work, note, ready, remove
from tests.benchmarks.report import below, duration, faster
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MEBIBYTE = 1 << 20
_MEMORY_LIMIT = 100
_NAME = "large.bin"


def large(bench: Bench) -> Iterator[Row]:
    """Write a large file, read it back, and watch the memory of the process that does it."""
    size = bench.scaled(1024, 64) * _MEBIBYTE
    for kind in ("compressible", "incompressible"):
        source = bench.path(kind)
        write_large(source, size, compressible=kind == "compressible")
        yield from _large(bench, source, f"{size // _MEBIBYTE} MiB, {kind}")
        remove(source)


def _large(bench: Bench, source: Path, what: str) -> Iterator[Row]:
    note(f"  {what}")
    peaks: dict[str, float] = {}
    times = bench.race(
        2,
        Contender("vost", partial(_child_work, bench, source, "write", peaks)),
        Contender("git hash-object -w", partial(_git_work, bench, source)),
        Contender("vost writer()", partial(_child_work, bench, source, "stream", peaks)),
    )
    theirs = times["git hash-object -w"]
    yield faster(f"{what}: write_from_file()", times["vost"], theirs, target=3)
    yield faster(f"{what}: writer(), 1 MiB at a time", times["vost writer()"], theirs)
    path = _stored(bench, source)
    reading = bench.race(
        2,
        Contender("vost", ready(_run_child, "read", path, path, peaks)),
        Contender("git cat-file", ready(_git_read, path)),
    )
    yield faster(f"{what}: read through open()", reading["vost"], reading["git cat-file"])
    for step, peak in peaks.items():
        yield Row(
            f"{what}: peak memory of {step}",
            f"{peak:.0f} MiB",
            target=f"< {_MEMORY_LIMIT} MiB",
            met=peak < _MEMORY_LIMIT,
        )
    remove(path)


def tail(bench: Bench) -> Iterator[Row]:
    """Read the last bytes of a large file."""
    size = bench.scaled(1024, 64) * _MEBIBYTE
    for kind, limit in (("incompressible", 20e-3), ("compressible", None)):
        source = bench.path(kind)
        write_large(source, size, compressible=kind == "compressible")
        path = _stored(bench, source)
        with source.open("rb") as file:
            file.seek(size - 100)
            expected = file.read()

        def work(path: Path = path, expected: bytes = expected) -> None:
            with GitStore.open(path) as store:
                fs = store.branches["main"]
                assert fs.read(_NAME, offset=size - 100, size=100) == expected

        times = bench.race(3, Contender("vost", ready(work)))
        what = f"100 bytes from the end of {size // _MEBIBYTE} MiB, {kind}, with open()"
        yield below(what, times["vost"].best, limit, f"median {duration(times['vost'].median)}")
        remove(path)
        remove(source)


def _stored(bench: Bench, source: Path) -> Path:
    path = bench.path("large.git")
    with GitStore.open(path) as store:
        store.branches["main"].write_from_file(_NAME, source)
    return path


def _child_work(bench: Bench, source: Path, step: str, peaks: dict[str, float]) -> Work:
    path = bench.scratch("large.git")
    GitStore.open(path).close()
    return partial(_run_child, step, path, source, peaks)


def _run_child(step: str, path: Path, source: Path, peaks: dict[str, float]) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.large_child",
        step,
        str(path),
        str(source),
        _NAME,
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    peaks[step] = max(peaks.get(step, 0.0), json.loads(done.stdout)["peak"] / _MEBIBYTE)


def _git_work(bench: Bench, source: Path) -> Work:
    path = peers.git_init(bench.scratch("hashed.git"))
    return partial(peers.git, path, "hash-object", "-w", str(source))


def _git_read(path: Path) -> None:
    command = ["git", "-C", str(path), "cat-file", "blob", f"main:{_NAME}"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
