"""Copies to disk: memory, and one hop for the whole of it (issue 3, design 2)."""

from __future__ import annotations

import os

import pytest

from tests.scenarios.test_memory_bounds import PIECES, SIZE, peak_below
from tests.support.faces import ASYNC_FACES, face_id
from vost._offload import observe_hops

COUNT = 8000
FIXED = 10 << 20
"""Bytes: a group of contents, trees, and what the stat cache takes to save itself."""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["", "new/"])
async def test_memory_does_not_grow_with_the_size_of_a_file(disk_store, tmp_path, where):
    local, out = tmp_path / "big", tmp_path / "out"
    local.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
    fs = await (await disk_store.branches["main"]).write_from_file(f"{where}big", local)
    with peak_below(PIECES):
        await fs.copy_out("", out)
        assert (await fs.copy_out("", out)).changes is None
    assert (out / where / "big").stat().st_size == SIZE


@pytest.mark.slow
@pytest.mark.parametrize("call", ["copy_out", "sync_out"])
async def test_a_planned_file_takes_a_kibibyte_at_most(disk_store, tmp_path, call):
    files = {f"directory-{n // 100:04}/file-{n % 100:03}.txt": b"%d" % n for n in range(COUNT)}
    fs = await (await disk_store.branches["main"]).apply(files)
    with peak_below(FIXED + COUNT * 1024):
        await getattr(fs, call)("", tmp_path / "out", dry_run=True)
    with peak_below(FIXED + COUNT * 1024):
        await getattr(fs, call)("", tmp_path / "out")


@pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
@pytest.mark.parametrize("call", ["copy_out", "sync_out"])
async def test_a_copy_is_one_hop(store, tmp_path, call):
    fs = await (await store.branches["main"]).apply({f"d{n}/f": b"%d" % n for n in range(50)})
    for options in ({}, {"dry_run": True}, {}):
        hops = []
        with observe_hops(lambda: hops.append(1)):  # noqa: B023 - called in this turn
            await getattr(fs, call)("", tmp_path / "out", **options)
        assert hops == [1]
