"""Cancellation on asyncio and trio (design 2): long work stops at the next item and leaves nothing.

The branch is where it was, no temporary file is left (the fixtures look), and the store goes on.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import aclosing, contextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.scenarios.conftest import leftovers
from tests.support.faces import ASYNC_FACES, collect, face_id
from tests.support.snapshots import contents, tip
from vost._offload import observe_hops

pytestmark = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)

HUGE = 1 << 34  # bytes: many seconds of work, of which the tests see the beginning


async def cancelled(operation, when):
    """Start `operation`, cancel it once `when()` is true, and wait for its end.

    Returns:
        Whether it was cancelled before it came to its own end.
    """
    finished = False

    async def run():
        nonlocal finished
        await operation()
        finished = True
        scope.cancel()

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            while not when() and not finished:
                await checkpoint()
            scope.cancel()
    return not finished


@contextmanager
def locked(repo):
    """Hold the writers' lock of a repository, as another process would."""
    with (repo / "vost.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def objects(repo, git):
    return git(repo, "count-objects", "-v")


@pytest.mark.slow
async def test_a_long_apply_is_cancelled_without_a_trace(disk_store, repo, git):
    fs = await disk_store.branches["main"]
    before = objects(repo, git)
    writes = {f"d{index % 100}/f{index}": b"%d" % index * 300 for index in range(40_000)}
    assert await cancelled(lambda: fs.apply(writes), lambda: leftovers(repo))
    assert leftovers(repo) == []
    assert objects(repo, git) == before
    assert await tip(disk_store) == fs.commit_hash
    assert (await fs.write("next", b"1")).message == "+ next"


async def test_a_long_batch_is_cancelled_without_a_trace(disk_store, repo, git):
    fs = await disk_store.branches["main"]
    before = objects(repo, git)

    async def import_all():
        async with fs.batch() as batch:
            for index in range(1_000_000):
                await batch.write(f"d{index % 100}/f{index}", b"%d" % index * 50)

    assert await cancelled(import_all, lambda: leftovers(repo))
    assert leftovers(repo) == []
    assert objects(repo, git) == before
    assert await tip(disk_store) == fs.commit_hash


async def test_a_batch_whose_block_is_cancelled_is_closed(store):
    fs = await store.branches["main"]
    with anyio.CancelScope() as scope:
        async with fs.batch() as batch:
            await batch.write("f", b"1")
            scope.cancel()
            await checkpoint()
    assert scope.cancelled_caught
    assert (batch.closed, batch.fs) == (True, None)
    with pytest.raises(RuntimeError, match="Batch is closed"):
        await batch.commit()
    assert await tip(store) == fs.commit_hash


@pytest.mark.parametrize("way", ["write_from_file", "apply", "batch"])
async def test_a_huge_file_is_cancelled_in_the_middle(disk_store, repo, git, tmp_path, way):
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(HUGE)
    fs = await disk_store.branches["main"]
    before = objects(repo, git)

    async def write():
        if way == "write_from_file":
            await fs.write_from_file("huge", huge)
        elif way == "apply":
            await fs.apply({"huge": huge})
        else:
            async with fs.batch() as batch:
                await batch.write_from_file("huge", huge)

    assert await cancelled(write, lambda: leftovers(repo))
    assert leftovers(repo) == []
    assert objects(repo, git) == before
    assert await tip(disk_store) == fs.commit_hash


@pytest.mark.slow
async def test_a_large_writer_is_cancelled_when_it_is_closed(disk_store, repo):
    fs = await disk_store.branches["main"]
    writer = fs.writer("huge")
    for _ in range(64):
        await writer.write(bytes(4 << 20))
    assert leftovers(repo) == []  # what was written lies in a file without a name
    assert await cancelled(writer.close, lambda: leftovers(repo))
    assert leftovers(repo) == []
    assert (writer.closed, writer.fs) == (False, None)
    assert await tip(disk_store) == fs.commit_hash
    await writer.discard()


async def test_waiting_for_the_lock_is_cancelled(disk_store, repo):
    fs = await (await disk_store.branches["main"]).write("f", b"1")
    made = []
    with locked(repo):
        for operation in (
            lambda: fs.write("f", b"unheard-of"),
            lambda: fs.remove("f"),
            lambda: fs.undo(),
            lambda: disk_store.branches.set("other", fs),
            lambda: disk_store.notes.commits.set(fs.commit_hash, "text"),
            lambda: disk_store.branches.delete("main"),
        ):
            made.clear()
            with observe_hops(lambda: made.append(None)):
                assert await cancelled(operation, lambda: len(made) >= 3)
    assert leftovers(repo) == []
    assert await tip(disk_store) == fs.commit_hash
    assert await disk_store.branches.keys() == ["main"]
    assert await disk_store.notes.commits.count() == 0


async def test_a_batch_whose_commit_is_cancelled_can_be_committed_later(disk_store, repo):
    fs = await disk_store.branches["main"]
    batch = fs.batch()
    for index in range(300):
        await batch.write(f"f{index}", b"%d" % index)
    made = []
    with locked(repo), observe_hops(lambda: made.append(None)):
        assert await cancelled(batch.commit, lambda: len(made) >= 4)
    assert (batch.closed, batch.fs) == (False, None)
    assert await tip(disk_store) == fs.commit_hash
    done = await batch.commit()
    assert await contents(done) == {f"f{index}": b"%d" % index for index in range(300)}


async def test_a_short_write_is_done_or_not_done_whenever_it_is_cancelled(disk_store, repo):
    """The move of the ref is never cut: afterwards the branch is old or new, and in order."""
    fs = await disk_store.branches["main"]
    outcomes = []
    for patience in (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 150, 300, 10**9):
        steps = iter(range(patience))
        path = f"f{patience}"
        await cancelled(
            lambda fs=fs, path=path: fs.write(path, b"1"),
            lambda steps=steps: next(steps, None) is None,
        )
        now = await disk_store.branches["main"]
        outcomes.append(now.commit_hash == fs.commit_hash)
        if now.commit_hash == fs.commit_hash:
            assert not await now.exists(path)
        else:
            assert (await now.parent).commit_hash == fs.commit_hash
            assert await now.read(path) == b"1"
        assert leftovers(repo) == []
        fs = await now.write("next", path.encode())
    assert outcomes[0]  # cancelled before it began
    assert not outcomes[-1]  # never cancelled


async def test_cancelled_readers_leave_nothing_open(disk_store, repo):
    data = os.urandom(8 << 20)
    fs = await (await disk_store.branches["main"]).write("big", data)
    descriptors = set(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with anyio.CancelScope() as scope:
            async with fs.open("big") as reader:
                await reader.read(100)
                scope.cancel()
                await reader.read()
        assert scope.cancelled_caught
        assert reader.closed
    await disk_store.close()
    assert len(set(os.listdir("/proc/self/fd")) - descriptors) <= 4  # worker threads may hold some
    assert await fs.read("big", offset=len(data) - 3) == data[-3:]


async def test_walks_and_globs_that_are_cancelled_or_left_early_do_no_harm(store):
    fs = await (await store.branches["main"]).apply({f"d{i:03}/f": b"" for i in range(300)})
    for make in (lambda: fs.walk(), lambda: fs.iglob("**"), lambda: fs.log()):
        async with aclosing(make()) as steps:
            async for _ in steps:
                break
        with anyio.CancelScope() as scope:
            async with aclosing(make()) as steps:
                async for _ in steps:
                    scope.cancel()
                    await checkpoint()
        assert scope.cancelled_caught
    assert len(await collect(fs.walk())) == 301


@pytest.mark.slow
@pytest.mark.parametrize("way", ["pack", "gc"])
async def test_maintenance_is_cancelled_without_a_trace(disk_store, repo, git, way):
    fs = await disk_store.branches["main"]
    for start in range(0, 960, 80):  # fewer than a hundred at once stay loose
        blobs = {f"f{index}": os.urandom(100_000) for index in range(start, start + 80)}
        fs = await fs.apply(blobs)
    made = []

    def packing():
        made.append(any(name.startswith("objects/pack/tmp_") for name in leftovers(repo)))
        return made[-1]

    assert await cancelled(getattr(disk_store, way), packing)
    assert any(made)
    assert leftovers(repo) == []
    assert len(await fs.ls()) == 960
    assert len(await (await disk_store.branches["main"]).read("f959")) == 100_000


@pytest.mark.slow
async def test_other_tasks_go_on_while_one_is_cancelled(disk_store, repo):
    fs = await disk_store.branches["main"]
    other = await disk_store.branches.set("other", fs)
    results = []

    async def write_elsewhere():
        snapshot = other
        for index in range(20):
            snapshot = await snapshot.write(f"f{index}", b"%d" % index)
            results.append(snapshot)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_elsewhere)
        writes = {f"f{index}": b"%d" % index * 300 for index in range(40_000)}
        assert await cancelled(lambda: fs.apply(writes), lambda: leftovers(repo))
    assert len(await contents(results[-1])) == 20
    assert await tip(disk_store, "other") == results[-1].commit_hash
    assert await tip(disk_store) == fs.commit_hash


async def test_the_loop_goes_on_during_long_work(disk_store):
    """Blocking work is in a thread: the loop turns meanwhile."""
    fs = await disk_store.branches["main"]
    turns = 0
    done = False

    async def turn():
        nonlocal turns
        while not done:
            turns += 1
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turn)
        await fs.apply({f"f{index}": b"%d" % index for index in range(2000)})
        done = True
    assert turns > 20


@pytest.mark.slow
@pytest.mark.parametrize("way", ["copy_in", "sync_in"])
async def test_a_long_import_is_cancelled_without_a_trace(disk_store, repo, git, tmp_path, way):
    for index in range(3000):
        path = tmp_path / "L" / f"d{index % 30}" / f"f{index}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % index * 300)
    fs = await (await disk_store.branches["main"]).write("in/d0/old", b"1")
    before = objects(repo, git)
    operation = getattr(fs, way)
    assert await cancelled(lambda: operation(tmp_path / "L", "in"), lambda: leftovers(repo))
    assert leftovers(repo) == []
    assert objects(repo, git) == before
    assert await tip(disk_store) == fs.commit_hash
    done = await operation(tmp_path / "L", "in")
    assert len(done.changes.add) == 3000


async def test_an_import_of_a_huge_file_is_cancelled_in_the_middle(disk_store, repo, git, tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(HUGE)
    fs = await disk_store.branches["main"]
    before = objects(repo, git)
    for options in ({}, {"dry_run": True}):
        turns = iter(range(300))
        assert await cancelled(
            lambda options=options: fs.copy_in(tmp_path / "huge", "", **options),
            lambda turns=turns: leftovers(repo) or next(turns, None) is None,
        )
        assert leftovers(repo) == []
        assert objects(repo, git) == before
    assert await tip(disk_store) == fs.commit_hash


@pytest.mark.slow
async def test_the_loop_goes_on_during_an_import(disk_store, tmp_path):
    (tmp_path / "L").mkdir()
    for index in range(2000):
        (tmp_path / "L" / f"f{index}").write_bytes(b"%d" % index)
    fs = await disk_store.branches["main"]
    turns = 0
    done = False

    async def turn():
        nonlocal turns
        while not done:
            turns += 1
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turn)
        await fs.copy_in(tmp_path / "L", "")
        done = True
    assert turns > 20
