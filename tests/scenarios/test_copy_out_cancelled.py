"""A cancelled copy to disk leaves whole files only, and another run completes it."""

from __future__ import annotations

import os

import pytest

from tests.scenarios.test_cancellation import cancelled
from tests.support.disktrees import disk
from tests.support.faces import ASYNC_FACES, face_id

pytestmark = [
    pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id),
    pytest.mark.slow,
]

FILES = {f"d{number % 10}/{number:04}": b"%d" % number * 300 for number in range(5000)}


@pytest.mark.parametrize("call", ["copy_out", "sync_out"])
@pytest.mark.parametrize("there", [False, True])
async def test_many_files(store, tmp_path, call, there):
    out = tmp_path / "out"
    fs = await (await store.branches["main"]).apply(FILES)
    if there:
        old = await fs.apply(dict.fromkeys(FILES, b"old"))
        await old.copy_out("", out)
    wanted = lambda: getattr(fs, call)("", out)  # noqa: E731
    assert await cancelled(wanted, lambda: begun(out))
    found = disk(out)
    allowed = {b"old"} if there else set()
    assert all(found[path] in allowed | {FILES[path]} for path in found)
    assert {b"old"} & set(found.values()) or len(found) < len(FILES)
    await getattr(fs, call)("", out)
    assert disk(out) == FILES


def begun(out):
    """Tell whether something is written of one of the middle directories."""
    path = out / "d3" / "0003"
    return path.exists() and path.stat().st_size > 3


async def test_a_huge_file_is_cancelled_in_the_middle(disk_store, tmp_path):
    huge, out = tmp_path / "huge", tmp_path / "out"
    with huge.open("wb") as file:
        file.truncate(1 << 28)
    fs = await (await disk_store.branches["main"]).write_from_file("huge", huge)
    out.mkdir()
    assert await cancelled(lambda: fs.copy_out("", out), lambda: os.listdir(out))
    assert disk(out) == {}


async def test_comparing_a_huge_file_is_cancelled_in_the_middle(disk_store, tmp_path):
    huge, out = tmp_path / "huge", tmp_path / "out"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    fs = await (await disk_store.branches["main"]).write_from_file("huge", huge)
    out.mkdir()
    huge.rename(out / "huge")
    seen = []
    assert await cancelled(lambda: fs.copy_out("", out, progress=seen.append), lambda: seen)
    assert (out / "huge").stat().st_size == 1 << 30
