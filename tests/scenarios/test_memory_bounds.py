"""Memory does not grow with the size of a file (D34, D40): peaks of what Python allocates."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import contextmanager

import pytest

from vost import BlobOid

SIZE = 24 << 20
SMALL = 2 << 20  # bytes: a twelfth of the file
PIECES = 8 << 20  # bytes: some pieces in flight, still a third of it


@pytest.fixture(params=["compressible", "incompressible"])
def local(request, tmp_path):
    """Give the test a file of SIZE bytes: its end is never at hand without its beginning."""
    path = tmp_path / "big"
    block = b"0123456789abcdef" * 65536 if request.param == "compressible" else os.urandom(1 << 20)
    with path.open("wb") as file:
        for index in range(SIZE >> 20):
            file.write(index.to_bytes(4, "big") + block[4:])
    return path


@contextmanager
def peak_below(limit):
    """Fail if the block holds more than `limit` bytes more than there were, at any moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"peak of {peak / (1 << 20):.1f} MiB"


@pytest.mark.slow
async def test_files_are_written_and_read_in_bounded_memory(disk_store, local):
    fs = await disk_store.branches["main"]
    with peak_below(PIECES):
        fs = await fs.write_from_file("big", local)
    with peak_below(SMALL):
        assert await fs.size("big") == (await fs.stat("big")).size == SIZE
    with peak_below(PIECES):
        assert len(await fs.read("big", offset=5, size=4)) == 4
        assert (await fs.read("big", offset=SIZE - (1 << 20), size=4)) == (23).to_bytes(4, "big")
    with peak_below(PIECES):
        total = 0
        async with fs.open("big") as reader:
            while piece := await reader.read(100_000):
                total += len(piece)
        assert total == SIZE
    with peak_below(PIECES):
        async with fs.writer("copy") as writer, fs.open("big") as reader:
            while piece := await reader.read(1 << 20):
                await writer.write(piece)
    assert await writer.fs.object_hash("copy") == await fs.object_hash("big")


@pytest.mark.slow
async def test_packed_files_are_read_in_bounded_memory(disk_store, local, repo, git):
    fs = await (await disk_store.branches["main"]).write_from_file("big", local)
    git(repo, "-c", "core.bigFileThreshold=1m", "repack", "-adq")
    with peak_below(PIECES):
        assert (await fs.read("big", offset=SIZE - (1 << 20), size=4)) == (23).to_bytes(4, "big")
        assert await fs.size("big") == SIZE
        async with fs.open("big") as reader:
            await reader.seek(-10, os.SEEK_END)
            assert len(await reader.read()) == 10


@pytest.mark.slow
async def test_a_batch_holds_little_of_what_is_staged(disk_store):
    """60 MiB in all: what is staged goes to the object storage meanwhile."""
    with peak_below(2 * PIECES):
        async with (await disk_store.branches["main"]).batch() as batch:
            for index in range(240):
                await batch.write(f"f{index}", os.urandom(1 << 18))
    assert len(await batch.fs.ls()) == 240


@pytest.mark.slow
async def test_links_and_copies_by_id_read_nothing(disk_store, local):
    fs = await (await disk_store.branches["main"]).write_from_file("big", local)
    oid = BlobOid((await fs.object_hash("big")).encode())
    with peak_below(SMALL):
        fs = await fs.write("again", oid)
    assert await fs.object_hash("again") == oid.decode()
