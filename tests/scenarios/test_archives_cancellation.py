"""Archives that are cancelled on asyncio and trio leave nothing: no commit, no file, no handle."""

from __future__ import annotations

import io
import os
import tarfile
from contextlib import aclosing

import anyio
import pytest

from tests.scenarios.conftest import leftovers
from tests.scenarios.test_cancellation import cancelled, objects
from tests.support.archives import FORMATS, Pipe, file, tar, zipped
from tests.support.faces import ASYNC_FACES, face_id
from tests.support.snapshots import contents, tip
from vost import BlobOid

pytestmark = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)

HUGE = 1 << 33  # bytes: seconds of work, of which the tests see the beginning


async def large(store):
    """Return a snapshot of gigabytes, of which there is one megabyte."""
    fs = await (await store.branches["main"]).write("f", os.urandom(1 << 20))
    oid = BlobOid((await fs.object_hash("f")).encode())
    return await fs.apply({f"d{index}": oid for index in range(4000)})


def huge_tar():
    info = tarfile.TarInfo("huge")
    info.size = HUGE
    yield info.tobuf(tarfile.GNU_FORMAT)
    while True:
        yield os.urandom(1 << 16)


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("source", ["one huge member", "many members", "zip"])
async def test_an_import_is_cancelled_without_a_trace(disk_store, repo, git, source):
    fs = await disk_store.branches["main"]
    before = objects(repo, git)
    if source == "one huge member":
        archive = Pipe(huge_tar())
    elif source == "many members":
        files = [file(f"d{index % 50}/f{index}", b"%d" % index * 300) for index in range(20_000)]
        archive = io.BytesIO(tar(*files))
    else:
        files = [(f"d{index % 50}/f{index}", b"%d" % index * 300) for index in range(5_000)]
        archive = io.BytesIO(zipped(*files))
    assert await cancelled(lambda: fs.archive_in(archive), lambda: leftovers(repo))
    assert leftovers(repo) == []
    assert objects(repo, git) == before
    assert await tip(disk_store) == fs.commit_hash
    assert (await fs.write("next", b"1")).message == "+ next"


async def test_a_zip_from_a_pipe_is_cancelled_while_it_is_spooled(disk_store, repo):
    fs = await disk_store.branches["main"]

    def endless():
        while True:
            yield os.urandom(1 << 16)

    pipe = Pipe(endless())
    assert await cancelled(lambda: fs.archive_in(pipe, format="zip"), lambda: pipe.taken > 1 << 20)
    assert leftovers(repo) == []
    assert await contents(fs) == {}


@pytest.mark.parametrize("format", FORMATS)
async def test_a_cancelled_export_leaves_the_old_file_and_nothing_else(
    disk_store, tmp_path, format
):
    fs = await large(disk_store)
    place = tmp_path / "place"
    place.mkdir()
    old = place / "old"
    old.write_bytes(b"the old one")

    def has_begun():
        sizes = [path.stat().st_size for path in place.iterdir() if path != old]
        return any(sizes)

    assert await cancelled(lambda: fs.archive_out(old, format=format), has_begun)
    assert old.read_bytes() == b"the old one"
    assert os.listdir(place) == ["old"]


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
async def test_pieces_that_nobody_wants_any_more_are_not_made(disk_store, format):
    fs = await large(disk_store)
    async with aclosing(fs.archive(format)) as pieces:
        async for _ in pieces:
            break
    before = open_descriptors()
    with anyio.CancelScope() as scope:
        async with aclosing(fs.archive(format)) as pieces:
            async for _ in pieces:
                scope.cancel()
    assert scope.cancelled_caught
    assert open_descriptors() <= before + 2  # worker threads may hold some
    assert len(await fs.ls()) == 4001
