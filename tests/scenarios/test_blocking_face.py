"""Where the blocking face must work: inside running loops, beside the async face, after a fork."""

from __future__ import annotations

import multiprocessing
import os
import threading

import anyio
import anyio.to_thread
import pytest

import vost
import vost_sync
from tests.support.faces import ASYNC_FACES, collect, face_id
from tests.support.snapshots import contents
from vost._offload import is_inline, observe_hops
from vost_sync._drive import run

# Threads of earlier tests may still be idle when this process forks; the children use none.
may_fork = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
on_event_loops = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)


@on_event_loops
@pytest.mark.blocking_ok("the blocking face blocks the loop that it is used in")
async def test_both_faces_share_a_repository_inside_a_running_loop(repo, disk_store):
    with vost_sync.GitStore.open(repo) as blocking:
        fs = blocking.branches["main"].write("a", b"blocking")
        seen = await disk_store.branches["main"]
        assert seen.commit_hash == fs.commit_hash
        newer = await seen.write("b", b"async")
        with pytest.raises(vost.StaleSnapshotError):
            fs.write("c", b"too late")
        fs = blocking.branches["main"]
        assert fs.commit_hash == newer.commit_hash
        with fs.batch() as batch, batch.writer("d", "w") as f:
            f.write("both")
        assert [entry.message for entry in batch.fs.log()] == [
            "+ d",
            "+ b",
            "+ a",
            "Initialize main",
        ]
    assert await contents(await disk_store.branches["main"]) == {
        "a": b"blocking",
        "b": b"async",
        "d": b"both",
    }


@on_event_loops
async def test_the_blocking_face_works_in_the_worker_threads_of_a_loop(repo, disk_store):
    def work(name: str) -> str:
        with vost_sync.GitStore.open(repo) as store:
            return vost_sync.retry_write(store, "main", name, b"1", retries=50).commit_hash

    made = []

    async def one(name: str) -> None:
        made.append(await anyio.to_thread.run_sync(work, name))

    async with anyio.create_task_group() as tasks:
        for index in range(6):
            tasks.start_soon(one, f"f{index}")
    fs = await disk_store.branches["main"]
    assert await fs.ls() == [f"f{index}" for index in range(6)]
    assert {entry.commit_hash for entry in await collect(fs.log())} >= set(made)


@on_event_loops
async def test_the_async_face_stays_async_after_blocking_calls(store):
    """Inline mode ends with the call: it must not leak into the task that made it."""
    fs = vost_sync.GitStore.memory().branches["main"].write("f", b"1")
    assert fs.read("f") == b"1"
    list(fs.log())
    hops = []
    with observe_hops(lambda: hops.append(None)):
        await (await store.branches["main"]).write("g", b"1")
    assert len(hops) == 2


def _child(sender, store, fs) -> None:
    """Use, in a forked child, what the parent opened and used."""
    try:
        read = fs.read("f")
        newer = store.branches["main"].write("child", b"2")
        sender.send((read, newer.commit_hash, newer.ls()))
    except BaseException as error:
        sender.send(repr(error))
        raise


@may_fork
@pytest.mark.parametrize("layout", ["loose", "packed"])
def test_a_store_of_the_parent_works_in_a_forked_child(repo, layout):
    with vost_sync.GitStore.open(repo) as store:
        fs = store.branches["main"].write("f", os.urandom(10) * 1000)
        if layout == "packed":
            store.pack()
        assert fs.size("f") == 10_000
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(sender, store, fs))
        process.start()
        assert receiver.poll(30)
        answer = receiver.recv()
        process.join(30)
        assert process.exitcode == 0
        read, commit, names = answer
        assert read == fs.read("f")
        assert names == ["child", "f"]
        assert store.branches["main"].commit_hash == commit
        with pytest.raises(vost.StaleSnapshotError):
            fs.write("f", b"")
        assert store.branches["main"].write("parent", b"3").ls() == ["child", "f", "parent"]


@may_fork
def test_an_open_batch_of_the_parent_is_no_business_of_a_forked_child(repo):
    """A child that exits must not discard or commit what its parent stages."""
    with vost_sync.GitStore.open(repo) as store:
        batch = store.branches["main"].batch()
        for index in range(600):
            batch.write(f"f{index}", b"%d" % index)
        batch.write("big", os.urandom(2 << 20))
        pid = os.fork()
        if pid == 0:
            del batch
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert len(batch.commit().ls()) == 601


def test_blocking_calls_stay_on_the_thread_that_makes_them():
    here, seen = threading.get_ident(), []
    store = vost_sync.GitStore.memory()
    fs = store.branches["main"].apply({f"d{index}/f": b"" for index in range(200)})
    before = set(threading.enumerate())
    store.gc(progress=lambda value: seen.append(threading.get_ident()))
    assert len(list(fs.walk())) == 201
    assert set(threading.enumerate()) <= before
    assert set(seen) <= {here}


def test_a_blocking_call_that_would_suspend_is_an_error():
    """A coroutine that awaits anything but the seam is a bug of ours, and says so."""

    class OnlyALoopUnderstandsThis:
        def __await__(self):
            yield

    async def suspends() -> None:
        await OnlyALoopUnderstandsThis()

    with pytest.raises(RuntimeError, match="suspended"):
        run(suspends())
    assert not is_inline()
