"""Batches: contract section 10, with 9.1 rules 2, 3 and 6 and section 15 for them."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from tests.support.faces import collect
from tests.support.snapshots import changed, contents, tip, types
from vost import BatchClosedError, BlobOid, ChangeReport, FileEntry, FileType, StaleSnapshotError


async def main(store):
    return await store.branches["main"]


async def filled(store):
    return await (await main(store)).apply({"a": b"1", "b": b"2", "d/x": b"x", "d/y": b"y"})


# --- one commit


async def test_a_batch_is_one_commit(store, tmp_path):
    (tmp_path / "local").write_bytes(b"local")
    before = await filled(store)
    async with before.batch() as batch:
        assert batch.fs is None
        assert await batch.write("new/f", b"1") is None
        assert await batch.write_text("new/t", "é") is None
        assert await batch.write_from_file("new/l", tmp_path / "local") is None
        assert await batch.write_symlink("new/ln", "f") is None
        assert await batch.remove("d/x") is None
        assert await batch.write("a", b"changed") is None
        assert await tip(store) == before.commit_hash
    assert await contents(batch.fs) == {
        "a": b"changed",
        "b": b"2",
        "d/y": b"y",
        "new/f": b"1",
        "new/t": "é".encode(),
        "new/l": b"local",
        "new/ln": b"f",
    }
    assert batch.fs.message == "Batch: +4 ~1 -1"
    assert changed(batch.fs.changes) == {
        "add": ["new/f", "new/t", "new/l", "new/ln"],
        "update": ["a"],
        "delete": ["d/x"],
    }
    assert batch.fs.commit_hash == await tip(store)
    assert (await batch.fs.parent).commit_hash == before.commit_hash
    assert (batch.fs.ref_name, batch.fs.writable) == ("main", True)


async def test_commit_closes_and_returns_the_new_snapshot(store):
    batch = (await main(store)).batch()
    await batch.write("f", b"1")
    fs = await batch.commit()
    assert fs is batch.fs
    assert batch.closed
    assert await fs.read("f") == b"1"
    assert fs.message == "+ f"


async def test_commit_inside_the_block_leaves_nothing_to_the_exit(store):
    async with (await main(store)).batch() as batch:
        await batch.write("f", b"1")
        fs = await batch.commit()
    assert batch.fs is fs
    assert len(await collect(fs.log())) == 2


async def test_message_and_operation_may_be_positional(store):
    fs = await main(store)
    async with fs.batch("Import", "cp") as batch:
        await batch.write("a", b"1")
    assert batch.fs.message == "Import"
    async with batch.fs.batch(None, "import") as batch:
        await batch.write("b", b"1")
        await batch.write("c", b"1")
    assert batch.fs.message == "Batch import: +2"
    async with batch.fs.batch(operation="import") as batch:
        await batch.write("3", b"1")
    assert batch.fs.message == "+ 3"
    async with batch.fs.batch(message="{default} by {op}", operation="x") as batch:
        await batch.write("4", b"1")
        await batch.write("5", b"1")
    assert batch.fs.message == "Batch x: +2 by x"


async def test_the_class_can_be_used_directly(face, store):
    fs = await main(store)
    batch = face.Batch(fs, "by hand", "op")
    await batch.write("f", b"1")
    assert (await batch.commit()).message == "by hand"
    tag = await store.tags.set("v1", fs)
    with pytest.raises(PermissionError, match=r"Cannot batch on read-only snapshot \(ref 'v1'\)"):
        face.Batch(tag)


async def test_the_call_itself_refuses_a_read_only_snapshot(face, store):
    fs = await main(store)
    for frozen in (await store.tags.set("v1", fs), face.FS(store, fs.commit_hash.encode())):
        with pytest.raises(PermissionError, match="Cannot batch on read-only snapshot"):
            frozen.batch()


async def test_modes_and_types_of_staged_files(store):
    async with (await main(store)).batch() as batch:
        await batch.write("run", b"1", mode=FileType.EXECUTABLE)
        await batch.write_text("run2", "1", mode=0o100755)
        await batch.write("ln", b"target", mode=FileType.LINK)
        await batch.write_symlink("ln2", PurePosixPath("t"))
        await batch.write_text("latin", "é", encoding="latin-1")
    assert await types(batch.fs) == {
        "run": "executable",
        "run2": "executable",
        "ln": "link",
        "ln2": "link",
        "latin": "blob",
    }
    assert await batch.fs.read("latin") == b"\xe9"


async def test_the_mode_of_a_local_file_is_taken_or_given(store, tmp_path):
    path = tmp_path / "script"
    path.write_bytes(b"#!")
    path.chmod(0o755)
    async with (await main(store)).batch() as batch:
        await batch.write_from_file("a", path)
        await batch.write_from_file("b", path, mode=FileType.BLOB)
    assert await types(batch.fs) == {"a": "executable", "b": "blob"}


async def test_thousands_of_files_are_one_commit_in_staging_order(disk_store, repo, git):
    writes = {f"d{index % 30}/f{index}": b"%d" % index for index in range(1500)}
    async with (await main(disk_store)).batch() as batch:
        for path, data in writes.items():
            await batch.write(path, data)
    assert await contents(batch.fs) == writes
    assert [entry.path for entry in batch.fs.changes.add] == list(writes)
    assert git(repo, "rev-list", "--count", "main") == "2"


async def test_local_files_are_read_at_the_call(store, tmp_path):
    path = tmp_path / "local"
    path.write_bytes(b"then")
    async with (await main(store)).batch() as batch:
        await batch.write_from_file("f", path)
        path.write_bytes(b"now")
    assert await batch.fs.read("f") == b"then"


async def test_the_snapshot_goes_on_to_show_the_old_state(store):
    fs = await filled(store)
    async with fs.batch() as batch:
        await batch.write("n", b"1")
        await batch.remove("a")
        assert not await fs.exists("n")
        assert await fs.read("a") == b"1"
        assert await (await main(store)).ls() == await fs.ls()
    assert await fs.exists("a")


# --- errors at the call


async def test_bad_arguments_fail_at_the_call_and_the_batch_goes_on(store, tmp_path):
    async with (await main(store)).batch() as batch:
        await batch.write("good", b"1")
        for call, error in (
            (lambda: batch.write("..", b"x"), ValueError),
            (lambda: batch.write("", b"x"), ValueError),
            (lambda: batch.write("a\0b", b"x"), ValueError),
            (lambda: batch.write(".git/x", b"x"), ValueError),
            (lambda: batch.write("x", "text"), TypeError),
            (lambda: batch.write("x", b"x", mode=FileType.TREE), ValueError),
            (lambda: batch.write_text("x", b"bytes"), TypeError),
            (lambda: batch.write_text("x", "€", encoding="ascii"), UnicodeEncodeError),
            (lambda: batch.write_from_file("x", tmp_path), IsADirectoryError),
            (lambda: batch.write_from_file("x", tmp_path / "no"), FileNotFoundError),
            (lambda: batch.write_symlink("x", None), TypeError),
            (lambda: batch.write_symlink("x", "a\0b"), ValueError),
            (lambda: batch.write("x", BlobOid(b"0" * 40)), KeyError),
            (lambda: batch.remove("missing"), FileNotFoundError),
            (lambda: batch.remove(""), ValueError),
        ):
            with pytest.raises(error):
                await call()
        with pytest.raises(ValueError, match="mode"):
            batch.writer("x", "r")
        await batch.write("also", b"2")
    assert await contents(batch.fs) == {"good": b"1", "also": b"2"}


# --- remove


async def test_remove_takes_files_of_the_snapshot_and_of_the_batch(store):
    async with (await filled(store)).batch() as batch:
        await batch.remove("a")
        await batch.remove(PurePosixPath("d/x"))
        await batch.write("n", b"1")
        await batch.remove("/n/")
    assert await contents(batch.fs) == {"b": b"2", "d/y": b"y"}
    assert changed(batch.fs.changes) == {"delete": ["a", "d/x"]}
    assert batch.fs.message == "Batch: -2"


async def test_remove_of_what_is_not_there(store):
    async with (await filled(store)).batch() as batch:
        for path in ("missing", "d/missing", "no/dir", "a/below-a-file"):
            with pytest.raises(FileNotFoundError, match=path):
                await batch.remove(path)


async def test_remove_of_a_directory_is_refused_even_if_the_name_is_written(store):
    async with (await filled(store)).batch() as batch:
        for path in ("d", "d/"):
            with pytest.raises(IsADirectoryError, match="d"):
                await batch.remove(path)
        await batch.write("d", b"now a file")
        with pytest.raises(IsADirectoryError):
            await batch.remove("d")
        await batch.write("new/dir/f", b"1")
        with pytest.raises(IsADirectoryError):
            await batch.remove("new/dir")
    assert await batch.fs.read("d") == b"now a file"


async def test_removing_twice_is_fine(store):
    async with (await filled(store)).batch() as batch:
        await batch.remove("a")
        await batch.remove("a")
        await batch.write("n", b"1")
        await batch.remove("n")
        await batch.remove("n")
    assert changed(batch.fs.changes) == {"delete": ["a"]}


# --- the last operation on a path wins


async def test_write_then_remove_of_a_new_file_leaves_nothing(store):
    fs = await filled(store)
    async with fs.batch() as batch:
        await batch.write("n", b"1")
        await batch.remove("n")
    assert batch.fs is fs
    assert await tip(store) == fs.commit_hash


async def test_remove_then_write_writes(store):
    fs = await filled(store)
    async with fs.batch() as batch:
        await batch.remove("a")
        await batch.write("a", b"again")
        await batch.remove("b")
        await batch.write("b", b"2")
    assert await batch.fs.read("a") == b"again"
    assert changed(batch.fs.changes) == {"update": ["a"]}
    assert batch.fs.message == "~ a"


async def test_the_last_of_several_writes_wins(store):
    async with (await filled(store)).batch() as batch:
        await batch.write("f", b"1", mode=FileType.EXECUTABLE)
        await batch.write_symlink("f", "2")
        await batch.write("f", b"3")
        await batch.write("./f/", b"4")
    assert await batch.fs.read("f") == b"4"
    assert batch.fs.changes == ChangeReport(add=[FileEntry("f", FileType.BLOB)])


async def test_the_report_has_the_order_of_the_last_operations(store):
    async with (await main(store)).batch() as batch:
        for name in ("z", "a", "m", "a"):
            await batch.write(name, os.urandom(4))
    assert [entry.path for entry in batch.fs.changes.add] == ["z", "m", "a"]


async def test_identical_files_are_left_out_of_report_and_message(store):
    """Rule 6: id and mode are compared with the snapshot."""
    async with (await filled(store)).batch() as batch:
        await batch.write("a", b"1")
        await batch.write("n", b"new")
    assert batch.fs.message == "+ n"
    assert batch.fs.changes == ChangeReport(add=[FileEntry("n", FileType.BLOB)])


# --- nothing staged, nothing changed


async def test_an_empty_batch_gives_the_original_snapshot(store):
    fs = await filled(store)
    async with fs.batch(message="unused") as batch:
        pass
    assert batch.fs is fs
    assert batch.closed
    assert await fs.batch().commit() is fs
    assert await tip(store) == fs.commit_hash


async def test_an_empty_batch_on_a_stale_snapshot_is_fine(store):
    fs = await main(store)
    await fs.write("a", b"1")
    async with fs.batch() as batch:
        pass
    assert batch.fs is fs


async def test_a_batch_that_changes_nothing_gives_the_original_snapshot(store):
    fs = await filled(store)
    async with fs.batch() as batch:
        await batch.write("a", b"1")
        await batch.remove("b")
        await batch.write("b", b"2")
    assert batch.fs is fs
    assert await tip(store) == fs.commit_hash


async def test_a_batch_that_changes_nothing_is_refused_on_a_stale_snapshot(store):
    fs = await filled(store)
    await fs.write("other", b"")
    batch = fs.batch()
    await batch.write("a", b"1")
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await batch.commit()


# --- failing


async def test_an_exception_in_the_block_commits_nothing_and_goes_on(store):
    fs = await filled(store)
    with pytest.raises(ZeroDivisionError):
        async with fs.batch() as batch:
            await batch.write("n", b"1")
            await batch.remove("a")
            raise ZeroDivisionError
    assert batch.fs is None
    assert batch.closed
    assert await tip(store) == fs.commit_hash
    with pytest.raises(RuntimeError, match="Batch is closed"):
        await batch.commit()


async def test_an_abandoned_batch_leaves_no_objects_behind(disk_store, repo, git):
    fs = await filled(disk_store)
    before = git(repo, "count-objects", "-v")
    with pytest.raises(ZeroDivisionError):
        async with fs.batch() as batch:
            for index in range(400):  # more than are held back in memory
                await batch.write(f"n{index}", os.urandom(9))
            await batch.write("big", os.urandom(3 << 20))
            raise ZeroDivisionError
    assert git(repo, "count-objects", "-v") == before


@pytest.mark.blocking_ok("what tidies up after the batch cannot await")
async def test_a_batch_that_is_simply_dropped_leaves_no_temporary_files(disk_store, repo, git):
    fs = await filled(disk_store)
    batch = fs.batch()
    for index in range(400):
        await batch.write(f"n{index}", os.urandom(9))
    del batch  # the fixture looks for what is left
    assert await tip(disk_store) == fs.commit_hash


async def test_every_call_after_closing_is_refused(store, tmp_path):
    (tmp_path / "local").write_bytes(b"1")
    committed = (await main(store)).batch()
    await committed.write("a", b"1")
    await committed.commit()
    abandoned = (await main(store)).batch()
    with pytest.raises(ZeroDivisionError):
        async with abandoned:
            raise ZeroDivisionError
    for batch in (committed, abandoned):
        for call in (
            lambda batch=batch: batch.write("x", b"1"),
            lambda batch=batch: batch.write("..", 5),
            lambda batch=batch: batch.write_text("x", "1"),
            lambda batch=batch: batch.write_from_file("x", tmp_path / "local"),
            lambda batch=batch: batch.write_symlink("x", "1"),
            lambda batch=batch: batch.remove("a"),
            lambda batch=batch: batch.remove("missing"),
            lambda batch=batch: batch.commit(),
        ):
            with pytest.raises(RuntimeError, match=r"^Batch is closed$") as caught:
                await call()
            assert isinstance(caught.value, BatchClosedError)
        with pytest.raises(RuntimeError, match="Batch is closed"):
            batch.writer("x")
    assert await (await main(store)).ls() == ["a"]


async def test_a_stale_commit_leaves_the_batch_open(store):
    fs = await filled(store)
    other = await fs.write("other", b"")
    batch = fs.batch()
    await batch.write("n", b"1")
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await batch.commit()
    assert batch.fs is None
    assert not batch.closed
    assert await tip(store) == other.commit_hash
    with pytest.raises(StaleSnapshotError):
        await batch.commit()


async def test_a_batch_can_be_committed_once_the_branch_is_back(store):
    fs = await filled(store)
    await fs.write("other", b"")
    batch = fs.batch()
    await batch.write("n", b"1")
    await batch.remove("a")
    with pytest.raises(StaleSnapshotError):
        await batch.commit()
    await batch.write("m", b"2")  # still open: more can be staged
    await store.branches.set("main", fs)
    done = await batch.commit()
    assert await contents(done) == {
        "b": b"2",
        "d/x": b"x",
        "d/y": b"y",
        "n": b"1",
        "m": b"2",
    }
    assert done.commit_hash == await tip(store)


async def test_leaving_the_block_on_a_stale_snapshot_raises_and_leaves_the_batch_open(store):
    fs = await filled(store)
    batch = fs.batch()
    with pytest.raises(StaleSnapshotError):
        async with batch:
            await batch.write("n", b"1")
            await fs.write("other", b"")
    assert batch.fs is None
    assert not batch.closed
    await store.branches.set("main", fs)
    assert await (await batch.commit()).read("n") == b"1"


async def test_a_commit_to_a_deleted_branch_leaves_the_batch_open(store):
    fs = await filled(store)
    batch = fs.batch()
    await batch.write("n", b"1")
    await store.branches.delete("main")
    with pytest.raises(KeyError, match="main"):
        await batch.commit()
    assert batch.fs is None
    await store.branches.set("main", fs)
    assert await (await batch.commit()).read("n") == b"1"


async def test_a_committed_batch_survives_an_external_prune(disk_store, repo, git):
    """What was staged long ago must still be there when the commit names it."""
    fs = await main(disk_store)
    batch = fs.batch()
    for index in range(300):
        await batch.write(f"n{index}", b"%d" % index)
    with pytest.raises(FileNotFoundError):
        await batch.remove("missing")  # makes the batch store what it holds
    git(repo, "gc", "--quiet", "--prune=now")
    git(repo, "prune", "--expire=now")
    done = await batch.commit()
    assert await done.read("n299") == b"299"


async def test_two_batches_on_one_snapshot_the_second_is_stale(store):
    fs = await main(store)
    one, two = fs.batch(), fs.batch()
    await one.write("a", b"1")
    await two.write("a", b"2")
    assert await (await one.commit()).read("a") == b"1"
    with pytest.raises(StaleSnapshotError):
        await two.commit()


async def test_the_repr_shows_base_and_state(store):
    fs = await main(store)
    batch = fs.batch()
    assert repr(batch) == f"Batch({fs!r}, open)"
    await batch.commit()
    assert repr(batch) == f"Batch({fs!r}, closed)"
