"""Archives take little memory, whatever the size of their members: the peak of a whole process."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.sources import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc"),
]

LIMIT = 100 << 10  # KiB
BLOCK = 1 << 20
SIZE = 200 * BLOCK  # bytes

CHILD = """
import sys
from pathlib import Path
from vost_sync import GitStore

repository, source, target, format = sys.argv[1:]
with GitStore.open(repository) as store:
    fs = store.branches["main"].archive_in(source)
    assert fs.size("big") > 20 << 20
    fs.archive_out(target, format=format)
    total = sum(len(piece) for piece in fs.archive("tar")) if format == "tar" else None
# Not getrusage(): its peak is that of the process before exec() too, which is the test runner.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0], total or Path(target).stat().st_size)
"""


class Blocks:
    """A file object of many blocks, each of them another one."""

    def __init__(self, size, block):
        self._left = size
        self._block = block
        self._number = 0

    def read(self, size):
        assert size <= len(self._block)
        self._number += 1
        size = min(size, self._left)
        self._left -= size
        return (self._number.to_bytes(8, "big") + self._block)[:size]


def tar_of(path, size, block, mode="w"):
    info = tarfile.TarInfo("big")
    info.size = size
    with tarfile.open(path, mode) as archive:
        archive.addfile(info, Blocks(size, block))


def zip_of(path, size, block):
    blocks = Blocks(size, block)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("big", "w") as member,
    ):
        while piece := blocks.read(len(block)):
            member.write(piece)


@pytest.mark.parametrize("format", ["tar", "zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_large_member_goes_in_and_out_in_little_memory(tmp_path, format):
    source, target = tmp_path / "source", tmp_path / "target"
    if format == "tar":
        tar_of(source, SIZE, os.urandom(BLOCK))
    elif format == "zip":
        zip_of(source, SIZE, bytes(BLOCK))
    else:  # slow to compress: what takes memory there is the dictionary, not the member
        tar_of(source, 24 * BLOCK, bytes(BLOCK), f"w:{format.partition('.')[2]}")
    result = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "repo.git", source, target, format],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert result.stderr == ""
    peak, total = map(int, result.stdout.split())
    assert total == target.stat().st_size  # what archive() yields is as large
    assert peak < LIMIT, f"{peak / 1024:.0f} MiB"
