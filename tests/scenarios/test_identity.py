"""What is the same as what: snapshots, handles, errors that travel, sharing (sections 4, 6, 20)."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import threading

import anyio
import pytest

import vost
import vost_sync
from tests.support.faces import ASYNC_FACES, collect, face_id, unwrapped
from tests.support.snapshots import contents, tip
from vost import (
    CorruptObjectError,
    MissingObjectError,
    ObjectNotFoundError,
    StaleSnapshotError,
    VostError,
)

MISSING = "12" * 20


async def main(store):
    return await store.branches["main"]


# --- snapshots


async def test_snapshot_made_by_hand_is_detached_and_read_only(face, store):
    fs = await (await main(store)).write("a", b"1", message="hello\n\nbody")
    made = face.FS(store, fs.commit_hash.encode())
    assert isinstance(unwrapped(made), face.package.FS)
    assert (made.ref_name, made.writable, made.changes) == (None, False, None)
    assert made.commit_hash == fs.commit_hash
    assert await made.read("a") == b"1"
    with pytest.raises(PermissionError) as caught:
        await made.write("b", b"2")
    assert str(caught.value) == "Cannot write to read-only snapshot"


@pytest.mark.blocking_ok("a snapshot made by hand reads its commit when a property asks for it")
async def test_snapshot_made_by_hand_knows_its_commit(face, store):
    fs = await (await main(store)).write("a", b"1", message="hello\n\nbody")
    made = face.FS(store, fs.commit_hash)
    assert (made.tree_hash, made.message, made.time) == (fs.tree_hash, "hello\n\nbody", fs.time)
    assert (made.author_name, made.author_email) == ("vost", "vost@localhost")


async def test_snapshot_made_by_hand_with_a_branch_is_writable(face, store):
    fs = await main(store)
    oid = fs.commit_hash.encode()
    made = face.FS(store, oid, "main")
    assert (made.ref_name, made.writable) == ("main", True)
    assert not face.FS(store, oid, "main", writable=False).writable
    assert (await made.write("a", b"1")).commit_hash == await tip(store)
    with pytest.raises(StaleSnapshotError):
        await face.FS(store, oid, "main").write("b", b"2")
    with pytest.raises(PermissionError, match="'main'"):
        await face.FS(store, oid, "main", writable=False).write("b", b"2")
    with pytest.raises(PermissionError):
        await face.FS(store, oid, writable=True).write("b", b"2")
    with pytest.raises(KeyError, match="nope"):
        await face.FS(store, oid, "nope").write("b", b"2")


async def test_snapshot_of_what_is_no_commit_fails_when_it_is_used(face, store):
    fs = await (await main(store)).write("a", b"1")
    for bad in (b"", b"abc", b"g" * 40, fs.commit_hash[:10], fs.commit_hash.upper() + "0"):
        with pytest.raises(ValueError):
            face.FS(store, bad)
    with pytest.raises(MissingObjectError, match=MISSING):
        await face.FS(store, MISSING).read("a")
    for other in (fs.tree_hash, await fs.object_hash("a")):
        with pytest.raises(CorruptObjectError, match=other):
            await face.FS(store, other).ls()


async def test_snapshots_are_equal_to_themselves_only(store):
    first, second = await main(store), await main(store)
    assert first.commit_hash == second.commit_hash
    assert first == first
    assert first != second
    assert len({unwrapped(first), unwrapped(second)}) == 2


async def test_repr_of_a_snapshot_tells_ref_commit_and_whether_it_is_read_only(face, store):
    fs = await main(store)
    short = fs.commit_hash[:7]
    assert repr(fs) == f"FS(ref_name='main', commit={short})"
    assert repr(await store.tags.set("v1", fs)) == f"FS(ref_name='v1', commit={short}, readonly)"
    assert repr(face.FS(store, fs.commit_hash)) == f"FS(commit={short}, readonly)"
    written = await fs.write("a", b"1")
    assert repr(await written.parent) == f"FS(ref_name='main', commit={short})"


async def test_changes_belong_to_the_call_that_returned_the_snapshot(store):
    fs = await (await main(store)).write("a", b"1")
    assert fs.changes is not None
    for other in (
        await main(store),
        await fs.parent,
        await fs.back(1),
        *await collect(fs.log()),
        await store.fs("main"),
        await store.branches.set("dev", fs),
        await store.tags.set("v1", fs),
        await fs.squash(),
        await fs.undo(),
        await (await main(store)).redo(),
    ):
        assert other.changes is None
    assert fs.changes is not None


async def test_close_of_a_snapshot_is_idempotent_and_no_end(store):
    fs = await (await main(store)).write("a", b"1")
    await fs.close()
    await fs.close()
    assert await fs.read("a") == b"1"
    assert await (await fs.write("b", b"2")).ls() == ["a", "b"]


# --- handles


async def test_two_handles_on_one_path_are_equivalent(face, disk_store, repo):
    other = await face.GitStore.open(repo)
    fs = await (await main(disk_store)).write("a", b"1")
    assert (await main(other)).commit_hash == fs.commit_hash
    made = await other.branches.set("dev", fs)
    assert await disk_store.branches.contains("dev")
    await other.tags.set("v1", made)
    assert (await disk_store.tags["v1"]).commit_hash == fs.commit_hash
    merged = await (await main(other)).write("b", b"2", parents=[await disk_store.branches["dev"]])
    assert merged.commit_hash == await tip(disk_store)
    with pytest.raises(StaleSnapshotError):
        await fs.write("c", b"3")
    await other.close()
    assert await contents(await main(disk_store)) == {"a": b"1", "b": b"2"}


async def test_other_spellings_of_a_path_are_the_same_repository(
    face, disk_store, repo, tmp_path, monkeypatch
):
    fs = await (await main(disk_store)).write("a", b"1")
    link = tmp_path / "link"
    link.symlink_to(repo)
    upper = tmp_path / "upper"
    upper.symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for number, path in enumerate(
        (link, upper / "repo.git", f"{repo}/", f"{repo}//.", "repo.git", "./upper/../repo.git")
    ):
        other = await face.GitStore.open(path)
        assert (await other.branches.set(f"b{number}", fs)).commit_hash == fs.commit_hash
        assert repr(other) == f"GitStore('{str(path).rstrip('/')}/')"
    assert await disk_store.branches.count() == 7


async def test_writers_over_a_symlink_exclude_each_other(face, disk_store, repo, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(repo)
    other = await face.GitStore.open(link)
    fs = await main(disk_store)
    for number in range(4):
        store = (disk_store, other)[number % 2]
        await (await main(store)).write(f"{number}", b"x")
    with pytest.raises(StaleSnapshotError):
        await fs.write("late", b"x")
    assert await (await main(other)).ls() == ["0", "1", "2", "3"]
    assert not (tmp_path / "vost.lock").exists()


async def test_work_tree_and_its_git_directory_are_the_same_repository(face, tmp_path, git):
    top = tmp_path / "tree"
    git.init(top / ".git")
    git(top / ".git", "config", "core.bare", "false")
    by_top = await face.GitStore.open(top)
    by_git_dir = await face.GitStore.open(top / ".git")
    fs = await by_top.branches.create("main")
    assert (await by_git_dir.branches.set("dev", fs)).commit_hash == fs.commit_hash


async def test_copy_of_a_repository_is_another_one(face, disk_store, repo, tmp_path):
    fs = await (await main(disk_store)).write("a", b"1")
    shutil.copytree(repo, tmp_path / "copy.git")
    other = await face.GitStore.open(tmp_path / "copy.git")
    assert (await main(other)).commit_hash == fs.commit_hash
    with pytest.raises(ValueError, match="same repo") as caught:
        await other.branches.set("x", fs)
    assert "copy.git" in str(caught.value)
    assert str(repo) in str(caught.value)


async def test_memory_stores_are_apart(face):
    first, second = await face.GitStore.memory(), await face.GitStore.memory()
    await (await main(first)).write("a", b"1")
    assert await (await main(second)).ls() == []
    with pytest.raises(ValueError, match="same repo"):
        await second.branches.set("x", await main(first))


# --- errors that travel


async def raised_errors(face, store):
    """Return an error of each kind that the API raises."""
    fs = await (await main(store)).write("d/a", b"1")
    stale = await fs.parent
    tag = await store.tags.set("v1", fs)
    batch = fs.batch()
    await batch.commit()
    attempts = [
        lambda: stale.write("x", b"1"),
        lambda: fs.read("nope"),
        lambda: fs.read("d"),
        lambda: fs.ls("d/a"),
        lambda: fs.read("d/a/b"),
        lambda: fs.read("../x"),
        lambda: fs.write(".git/x", b"1"),
        lambda: tag.write("x", b"1"),
        lambda: tag.undo(),
        lambda: fs.undo(9),
        lambda: fs.back(9),
        lambda: fs.redo(9),
        lambda: batch.write("x", b"1"),
        lambda: store.branches["nope"],
        lambda: store.tags["nope"],
        lambda: store.tags.set("v1", fs),
        lambda: store.branches.set("a b", fs),
        lambda: store.branches.set("main/x", fs),
        lambda: store.branches.delete("nope"),
        lambda: store.notes.commits["main"],
        lambda: store.notes.commits["nope"],
        lambda: store.read_by_hash(MISSING),
        lambda: store.read_by_hash(fs.tree_hash),
        lambda: store.read_by_hash("abc"),
        lambda: store.fs("nope"),
        lambda: face.FS(store, MISSING).ls(),
        lambda: face.FS(store, fs.tree_hash).ls(),
        lambda: fs.write("x", b"1", message="{nope}"),
    ]
    errors = []
    for attempt in attempts:
        with pytest.raises(Exception) as caught:
            await attempt()
        errors.append(caught.value)
    return errors


async def test_errors_survive_pickling_and_copying(face, store, tmp_path):
    errors = await raised_errors(face, store)
    (tmp_path / "empty").mkdir()
    for path, create in ((tmp_path / "empty", True), (tmp_path / "nope", False)):
        with pytest.raises(VostError) as caught:
            await face.GitStore.open(path, create=create)
        errors.append(caught.value)
    assert len({type(error) for error in errors if isinstance(error, VostError)}) >= 15
    for error in errors:
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(error, protocol))
            assert type(again) is type(error)
            assert again.args == error.args
            assert str(again) == str(error)
        assert str(copy.copy(error)) == str(error)
        assert repr(error)


async def test_errors_are_one_tree_and_builtins_too(face, store):
    for error in await raised_errors(face, store):
        assert isinstance(
            error, (KeyError, ValueError, OSError, RuntimeError, StaleSnapshotError, vost.GitError)
        )
        if isinstance(error, VostError):
            assert type(error).__module__ == "vost"
            assert getattr(vost_sync, type(error).__name__) is type(error)
        else:
            assert type(error) in (KeyError, ValueError, FileNotFoundError)


async def test_text_of_key_errors_is_a_message_and_no_repr(store):
    with pytest.raises(KeyError) as caught:
        await store.branches["it's"]
    assert "\\'" not in str(caught.value)
    with pytest.raises(ObjectNotFoundError) as missing:
        await store.read_by_hash(MISSING)
    assert not str(missing.value).startswith(("'", '"'))


def test_stale_snapshot_error_can_be_raised_by_callers():
    error = StaleSnapshotError("mine")
    assert (str(error), error.args) == ("mine", ("mine",))
    assert isinstance(pickle.loads(pickle.dumps(error)), StaleSnapshotError)


async def test_values_survive_pickling(store):
    fs = await (await main(store)).write("d/a", b"1")
    values = [
        *(await fs.listdir("d")),
        await fs.stat("d/a"),
        await fs.file_type("d"),
        *(await store.branches.reflog("main")),
        fs.changes,
        vost.WriteEntry(b"x", mode=0o100755),
        vost.BlobOid(b"1" * 40),
        vost.Signature("a", "b"),
    ]
    for value in values:
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        assert type(again) is type(value)


# --- sharing


def test_threads_share_a_store_and_its_snapshots(tmp_path):
    store = vost_sync.GitStore.open(tmp_path / "repo.git")
    base = store.branches["main"]
    with base.batch() as batch:
        for number in range(120):
            batch.write(f"d{number % 5}/{number}", b"%d" % number)
    fs = batch.fs
    errors = []
    start = threading.Barrier(8)

    def work(who):
        try:
            start.wait()
            mine = store.branches.set(f"b{who}", fs)
            for number in range(8):
                mine = mine.write(f"own{number}", b"%d" % who)
                assert fs.read(f"d{number % 5}/{number}") == b"%d" % number
                assert len(fs.ls(recursive=True)) == 120
                assert fs.stat("d1").nlink == 2
            assert mine.read("own7") == b"%d" % who
            assert len(list(mine.log())) == 10
            if who == 3:
                store.close()
            if who == 5:
                store.pack()
            store.tags[f"t{who}"] = mine
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.branches) == 9
    assert len(store.tags) == 8


def test_one_batch_takes_writes_from_many_threads():
    store = vost_sync.GitStore.memory()
    errors = []
    with store.branches["main"].batch() as batch:

        def work(who):
            try:
                for number in range(50):
                    batch.write(f"{who}/{number}", b"%d" % who)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(batch.fs.ls(recursive=True)) == 300


@pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
@pytest.mark.parametrize("kind", ["disk", "memory"])
async def test_tasks_share_a_store_and_its_snapshots(anyio_backend, tmp_path, kind):
    store = await (
        vost.GitStore.open(tmp_path / "repo.git") if kind == "disk" else vost.GitStore.memory()
    )
    async with (await store.branches["main"]).batch() as batch:
        for number in range(120):
            await batch.write(f"d{number % 5}/{number}", b"%d" % number)
    fs = batch.fs

    async def work(who):
        mine = await store.branches.set(f"b{who}", fs)
        for number in range(5):
            mine = await mine.write(f"own{number}", b"%d" % who)
            assert await fs.read(f"d{number % 5}/{number}") == b"%d" % number
            assert len(await fs.ls(recursive=True)) == 120
        assert len([s async for s in mine.log()]) == 7
        await store.notes.commits.set(mine, f"{who}")
        await vost.retry_write(store, "main", f"shared{who}", b"x", retries=100)

    async with anyio.create_task_group() as group:
        for who in range(10):
            group.start_soon(work, who)
    assert await store.branches.count() == 11
    assert await store.notes.commits.count() == 10
    assert len(await (await store.branches["main"]).ls()) == 15


@pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
async def test_of_tasks_that_write_from_one_snapshot_exactly_one_wins(anyio_backend, tmp_path):
    store = await vost.GitStore.open(tmp_path / "repo.git")
    fs = await store.branches["main"]
    won, lost = [], []

    async def work(who):
        try:
            won.append(await fs.write(f"{who}", b"x"))
        except StaleSnapshotError:
            lost.append(who)

    async with anyio.create_task_group() as group:
        for who in range(8):
            group.start_soon(work, who)
    assert (len(won), len(lost)) == (1, 7)
    assert (await store.branches["main"]).commit_hash == won[0].commit_hash
    assert len([s async for s in won[0].log()]) == 2


def test_a_store_serves_one_event_loop_after_another(tmp_path):
    stores = []

    async def first():
        stores.append(await vost.GitStore.open(tmp_path / "repo.git"))
        await (await stores[0].branches["main"]).write("a", b"1")

    async def later():
        fs = await stores[0].branches["main"]
        assert await fs.read("a") == b"1"
        await fs.undo()
        await (await stores[0].branches["main"]).redo()

    anyio.run(first, backend="asyncio")
    anyio.run(later, backend="trio")
    anyio.run(later, backend="asyncio")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_both_faces_of_one_repository_work_side_by_side(tmp_path):
    blocking = vost_sync.GitStore.open(tmp_path / "repo.git")

    async def use():
        store = await vost.GitStore.open(tmp_path / "repo.git")
        return await (await store.branches["main"]).write("a", b"async")

    written = anyio.run(use)
    fs = blocking.branches["main"]
    assert fs.commit_hash == written.commit_hash
    assert fs.write("b", b"blocking").ls() == ["a", "b"]
    assert anyio.run(written._store.branches.count) == 1
