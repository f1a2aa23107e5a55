"""Fills a small disk by one kind of write.

``python -m tests.stress.children.full_disk <kind> <directory> <another directory>`` runs in a
mount namespace of its own, where the first directory is a file system of a few megabytes.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.stress.judging import assert_tidy, assert_usable
from tests.support.gitcli import assert_fsck_clean
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost_sync import FS

SIZES = {"writer": (200_000, 20_000), "from_file": (200_000, 20_000)}
"""Sizes of files with which the disk is filled, where it is not 200 kB down to one byte."""

PADDING = b"." * 1_100_000
"""What makes a file so large that it is streamed; it compresses to nothing."""

SPARE = 7_000_000
"""Bytes that are set free when the disk is full: more than gc needs to copy all the rest."""


class Filler:
    """Writes until nothing fits any more, and knows what must be there.

    Args:
        top: The small disk.
        chance: Where contents come from: they do not compress.
    """

    def __init__(self, top: Path, chance: random.Random) -> None:
        self.top = top
        self.repository = top / "r.git"
        self.chance = chance
        self.spare = top / "spare"
        self.spare.write_bytes(bytes(SPARE))
        self.store = GitStore.open(self.repository)
        self.fs = self.store.branches["main"]
        self.expected: dict[str, bytes] = {}
        self.number = 0

    def add(self, change: Callable[[FS, dict[str, bytes]], FS | None], size: int) -> None:
        """Make one change; what it wrote is expected from now on."""
        self.number += 1
        files = self.files(size)
        fs = change(self.fs, files)
        assert fs is not None
        self.fs = fs
        self.expected |= files

    def files(self, size: int) -> dict[str, bytes]:
        """Return new files of ``size`` bytes in all: many for a batch, or else one."""
        count = 120 if KIND == "batch" else 1
        each = max(size // count, 1)
        return {f"{self.number}/{n}": self.chance.randbytes(each) for n in range(count)}

    def fill(self, change: Callable[[FS, dict[str, bytes]], FS | None]) -> int:
        """Write large things, then ever smaller ones, until not even those fit."""
        failures = 0
        for size in SIZES.get(KIND, (200_000, 20_000, 1000, 1)):
            while True:
                try:
                    self.add(change, size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    failures += 1
                    break
            gc.collect()  # a batch that could not be committed stays open as long as it lives
            self.check()
        return failures

    def check(self) -> None:
        """Fail unless everything acknowledged is there and nothing else."""
        fs = self.store.branches["main"]
        assert fs.commit_hash == self.fs.commit_hash
        assert set(fs.ls(recursive=True)) == set(self.expected)
        for path, data in self.expected.items():
            assert fs.read(path) == data
        assert_tidy(self.repository)
        assert_fsck_clean(self.repository)


def write(fs: FS, files: dict[str, bytes]) -> FS:
    ((path, data),) = files.items()
    return fs.write(path, data)


def batch(fs: FS, files: dict[str, bytes]) -> FS | None:
    with fs.batch() as staged:
        for path, data in files.items():
            staged.write(path, data)
    return staged.fs


def writer(fs: FS, files: dict[str, bytes]) -> FS | None:
    ((path, data),) = files.items()
    data += PADDING  # does not stay in memory, but goes to the disk before it is complete
    with fs.writer(path) as file:
        for start in range(0, len(data), 1 << 16):
            file.write(data[start : start + (1 << 16)])
    files[path] = data
    return file.fs


def from_file(fs: FS, files: dict[str, bytes]) -> FS:
    ((path, data),) = files.items()
    source = ELSEWHERE / "source"
    source.write_bytes(data + PADDING)
    files[path] = source.read_bytes()
    return fs.write_from_file(path, source)


def notes(fs: FS, files: dict[str, bytes]) -> FS:
    store = GitStore.open(TOP / "r.git")
    with contextlib.closing(store), store.notes.commits.batch() as staged:
        for path, data in files.items():
            staged[f"{int(path.split('/')[0]):040x}"] = data.hex()
    files.clear()
    return fs


def main() -> None:
    filler = Filler(TOP, random.Random(7))
    failures = filler.fill(CHANGES[KIND])
    assert failures >= 2
    free = os.statvfs(TOP).f_bavail
    for _ in range(5):
        with contextlib.suppress(OSError):
            filler.add(CHANGES[KIND], 50_000)
        gc.collect()
    assert os.statvfs(TOP).f_bavail == free, "failed writes use up the disk"
    filler.check()

    # Even then it can be tidied, or it says that it cannot.
    try:
        filler.store.gc()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("gc did not fit")
    filler.check()

    filler.spare.unlink()
    filler.add(CHANGES[KIND], 1000)
    filler.check()
    filler.store.gc()
    filler.check()
    filler.fs.write("after", b"one").undo().write("after", b"undo")
    assert_usable(filler.repository)
    filler.store.close()
    print("done")


CHANGES = {"write": write, "batch": batch, "writer": writer, "from_file": from_file, "notes": notes}

if __name__ == "__main__":
    KIND = sys.argv[1]
    TOP = Path(sys.argv[2])
    ELSEWHERE = Path(sys.argv[3])
    main()
