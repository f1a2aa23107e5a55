"""Reading a large file through ``vost mount``, against the plain file.

A fresh mount has nothing in the kernel's cache. What is below it, the file of the pack and the
plain file, is put out of the cache too, or read before, as the row says.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.contents import write_large
from tests.benchmarks.racing import Bench, Contender, Row, Work, note, remove
from tests.benchmarks.report import faster
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MEBIBYTE = 1 << 20
_NAME = "large.bin"
_REQUEST = 1 << 17
_A_THIRD = 1 / 3


def mount(bench: Bench) -> Iterator[Row]:
    """Read a file through a mount: for the first time, and again."""
    size = bench.scaled(100, 32) * _MEBIBYTE
    for kind in ("compressible", "incompressible"):
        source = bench.path(kind)
        write_large(source, size, compressible=kind == "compressible")
        repository = bench.path("mounted.git")
        with GitStore.open(repository) as store:
            store.branches["main"].write_from_file(_NAME, source)
        place = bench.path("mnt")
        place.mkdir()
        with _Mount(place) as mounted:
            yield from _race(bench, f"{size // _MEBIBYTE} MiB, {kind}", source, repository, mounted)
        remove(repository)
        remove(source)


class _Mount:
    """One place where this and that is mounted; nothing is left there in the end."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __enter__(self) -> _Mount:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def fresh(self, repository: Path, *args: str) -> Path:
        """Mount a repository anew and return where the file is."""
        self.leave()
        command = [sys.executable, "-m", "vost.cli", "-r", str(repository), "mount", *args]
        subprocess.run([*command, str(self.place)], check=True, capture_output=True)
        return self.place / _NAME

    def bare(self, size: int) -> Path:
        """Mount a file of zeros out of the memory of mfusepy: what FUSE takes at least."""
        self.leave()
        command = [sys.executable, "-m", "tests.benchmarks.mounting_child", str(self.place)]
        subprocess.Popen([*command, _NAME, str(size)])
        while not os.path.ismount(self.place):
            time.sleep(0.01)
        return self.place / _NAME

    def leave(self) -> None:
        """Unmount what is there."""
        if os.path.ismount(self.place):
            subprocess.run(["fusermount", "-u", str(self.place)], check=True)


def _race(
    bench: Bench, what: str, source: Path, repository: Path, mounted: _Mount
) -> Iterator[Row]:
    note(f"  {what}")
    size = source.stat().st_size

    def plain(ready: Callable[[Path], None]) -> Work:
        ready(source)
        return partial(_read, source)

    def first(ready: Callable[[Path], None], *args: str) -> Work:
        path = mounted.fresh(repository, *args)
        ready(repository / "objects")
        return partial(_read, path)

    def again() -> Work:
        path = mounted.fresh(repository)
        _read(path)
        return partial(_read, path)

    times = bench.race(
        7,
        Contender("the plain file, cached", partial(plain, _put_in)),
        Contender("again", again),
        Contender("first", partial(first, _put_in)),
        Contender("first, --nothreads", partial(first, _put_in, "--nothreads")),
        Contender("zeros through mfusepy", lambda: partial(_read, mounted.bare(size))),
        Contender("the plain file, from the disk", partial(plain, _put_out)),
        Contender("first, from the disk", partial(first, _put_out)),
    )
    cached, disk = times["the plain file, cached"], times["the plain file, from the disk"]
    floor = times["zeros through mfusepy"]
    yield faster(f"{what}: mounted, read again", times["again"], cached, target=_A_THIRD)
    name = f"{what}: mounted, read for the first time"
    yield faster(f"{name}, all from the disk", times["first, from the disk"], disk, target=_A_THIRD)
    yield faster(f"{name}, all cached below", times["first"], cached, target=_A_THIRD)
    yield faster(f"{name}, all cached below", times["first"], floor)
    yield faster(f"{name}, all cached below, --nothreads", times["first, --nothreads"], floor)


def _read(path: Path) -> None:
    """Read a file from front to back as ``cat`` does, and do nothing with it."""
    buffer = bytearray(_REQUEST)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _put_in(path: Path) -> None:
    """Read what is there, so that the kernel has it."""
    for file in _files(path):
        _read(file)


def _put_out(path: Path) -> None:
    """Let the kernel forget the contents of what is there."""
    for file in _files(path):
        with _descriptor(file) as descriptor:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
