"""Writing without minding who else writes: retry_write (contract section 18)."""

from __future__ import annotations

import inspect
import random
import threading
from pathlib import PurePosixPath

import pytest

import vost
import vost_sync
from tests.support.faces import ASYNC_FACES, collect, face_id
from tests.support.snapshots import contents, tip
from vost import FileType, StaleSnapshotError


async def test_it_writes_to_the_tip_of_a_branch(face, store):
    fs = await face.retry_write(store, "main", "a", b"1")
    assert await contents(fs) == {"a": b"1"}
    assert (fs.ref_name, fs.writable, fs.message) == ("main", True, "+ a")
    assert fs.changes is not None
    fs = await face.retry_write(store, "main", PurePosixPath("d/b"), bytearray(b"2"))
    assert await contents(fs) == {"a": b"1", "d/b": b"2"}
    assert fs.commit_hash == await tip(store)


async def test_message_and_mode_are_passed_on(face, store):
    fs = await face.retry_write(
        store, "main", "run", b"x", message="run: {default}", mode=FileType.EXECUTABLE
    )
    assert fs.message == "run: + run (executable)"
    assert await fs.file_type("run") == FileType.EXECUTABLE


async def test_a_no_op_makes_no_commit(face, store):
    first = await face.retry_write(store, "main", "a", b"1")
    second = await face.retry_write(store, "main", "a", b"1")
    assert second.commit_hash == first.commit_hash
    assert len(await collect(second.log())) == 2


@pytest.mark.parametrize("name", ["nope", "v1", "", "a b", "refs/heads/main"])
async def test_unknown_branch_is_a_key_error(face, store, name):
    await store.tags.set("v1", await store.branches["main"])
    with pytest.raises(KeyError):
        await face.retry_write(store, name, "a", b"1")


@pytest.mark.parametrize("retries", [0, -1])
async def test_fewer_than_one_attempt_is_a_value_error(face, store, retries):
    with pytest.raises(ValueError, match="retries"):
        await face.retry_write(store, "main", "a", b"1", retries=retries)
    with pytest.raises(ValueError, match="retries"):
        await face.retry_write(store, "nope", "a", b"1", retries=retries)


async def test_bad_arguments_fail_like_a_write(face, store):
    with pytest.raises(TypeError):
        await face.retry_write(store, "main", "a", "text")
    with pytest.raises(ValueError):
        await face.retry_write(store, "main", "../a", b"1")
    with pytest.raises(ValueError):
        await face.retry_write(store, "main", "a", b"1", mode=0o777)
    with pytest.raises(KeyError):
        await face.retry_write(store, "main", "a", b"1", message="{nope}")
    assert len(await collect((await store.branches["main"]).log())) == 1


@pytest.mark.parametrize("package", [vost, vost_sync], ids=["async", "blocking"])
def test_signature_is_that_of_the_contract(package):
    parameters = inspect.signature(package.retry_write).parameters
    assert [*parameters] == [
        "store",
        "branch",
        "path",
        "data",
        "message",
        "mode",
        "parents",
        "retries",
    ]
    assert parameters["retries"].default == 5
    for name in ("message", "mode", "parents", "retries"):
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY


# --- through FS.write


class Crowd:
    """Stands in for `FS.write`: the first `losses` calls find that somebody was faster."""

    def __init__(self, write, losses):
        self.write = write
        self.losses = losses
        self.calls = []

    def __call__(self, fs, path, data, **keywords):
        self.calls.append((fs, path, data, keywords))
        if len(self.calls) <= self.losses:
            raise StaleSnapshotError("somebody was faster")
        return self.write(fs, path, data, **keywords)


@pytest.fixture
def naps(monkeypatch):
    """Let no time pass, and note for how long each attempt would have waited at most."""
    most = []

    def longest(low, high):
        assert low == 0
        most.append(high)
        return 0.0

    monkeypatch.setattr(random, "uniform", longest)
    return most


def test_blocking_retry_write_goes_through_fs_write(monkeypatch, naps):
    store = vost_sync.GitStore.memory()
    crowd = Crowd(vost_sync.FS.write, losses=2)
    monkeypatch.setattr(
        vost_sync.FS, "write", lambda self, *args, **keywords: crowd(self, *args, **keywords)
    )
    fs = vost_sync.retry_write(store, "main", "a", b"1", message="m", mode=0o100755)
    assert fs.read("a") == b"1"
    assert fs.message == "m"
    assert len(crowd.calls) == 3
    for call in crowd.calls:
        assert call[1:] == ("a", b"1", {"message": "m", "mode": 0o100755})
        assert call[0].ref_name == "main"
    assert len({id(call[0]) for call in crowd.calls}) == 3


def test_blocking_retry_write_passes_exactly_two_keywords(monkeypatch):
    store = vost_sync.GitStore.memory()
    seen = []

    def write(self, path, data, *, message, mode):
        seen.append((path, data, message, mode))
        return self

    monkeypatch.setattr(vost_sync.FS, "write", write)
    vost_sync.retry_write(store, "main", "a", b"1")
    assert seen == [("a", b"1", None, None)]


def test_blocking_retry_write_gives_up_after_the_last_attempt(monkeypatch, naps):
    store = vost_sync.GitStore.memory()
    for retries in (1, 2, 5):
        crowd = Crowd(None, losses=100)
        monkeypatch.setattr(
            vost_sync.FS, "write", lambda self, *a, _c=crowd, **k: _c(self, *a, **k)
        )
        naps.clear()
        with pytest.raises(StaleSnapshotError, match="somebody was faster"):
            vost_sync.retry_write(store, "main", "a", b"1", retries=retries)
        assert len(crowd.calls) == retries
        assert len(naps) == retries - 1


def test_blocking_retry_write_waits_longer_each_time_but_never_long(monkeypatch, naps):
    store = vost_sync.GitStore.memory()
    crowd = Crowd(None, losses=100)
    monkeypatch.setattr(vost_sync.FS, "write", lambda self, *a, **k: crowd(self, *a, **k))
    with pytest.raises(StaleSnapshotError):
        vost_sync.retry_write(store, "main", "a", b"1", retries=8)
    assert naps == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16, 0.2, 0.2])


def test_blocking_retry_write_lets_other_errors_pass_at_once(monkeypatch):
    store = vost_sync.GitStore.memory()
    calls = []

    def write(self, *args, **keywords):
        calls.append(args)
        raise OSError("disk full")

    monkeypatch.setattr(vost_sync.FS, "write", write)
    with pytest.raises(OSError, match="disk full"):
        vost_sync.retry_write(store, "main", "a", b"1")
    assert len(calls) == 1


@pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
async def test_async_retry_write_goes_through_fs_write(anyio_backend, monkeypatch, naps):
    store = await vost.GitStore.memory()
    crowd = Crowd(vost.FS.write, losses=3)

    async def write(self, path, data, *, message, mode):
        return await crowd(self, path, data, message=message, mode=mode)

    monkeypatch.setattr(vost.FS, "write", write)
    fs = await vost.retry_write(store, "main", "a", b"1", message="m")
    assert fs.message == "m"
    assert len(crowd.calls) == 4
    assert naps == pytest.approx([0.01, 0.02, 0.04])


def test_branch_that_vanishes_between_attempts_is_a_key_error(monkeypatch, naps):
    store = vost_sync.GitStore.memory()
    store.branches["dev"] = store.branches["main"]

    def write(self, path, data, *, message, mode):
        del store.branches["dev"]
        raise StaleSnapshotError("advanced")

    monkeypatch.setattr(vost_sync.FS, "write", write)
    with pytest.raises(KeyError, match="dev"):
        vost_sync.retry_write(store, "dev", "a", b"1")


def test_threads_that_retry_lose_no_write(tmp_path):
    stores = [vost_sync.GitStore.open(tmp_path / "repo.git") for _ in range(2)]
    errors = []

    def work(who):
        try:
            for number in range(5):
                vost_sync.retry_write(stores[who % 2], "main", f"{who}/{number}", b"x", retries=200)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    fs = stores[0].branches["main"]
    assert len(fs.ls(recursive=True)) == 30
    assert len(list(fs.log())) == 31
