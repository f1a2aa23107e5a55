"""`sync_in`: contract sections 12.4 and 12.10, with the decisions of section 23."""

from __future__ import annotations

import os

import pytest

from tests.support.localtrees import Link, Program, local_contents, make_tree
from tests.support.snapshots import changed, contents, problems, tip, typed_contents
from vost import ChangeReport, FileEntry, FileType, StaleSnapshotError

LOCAL = {"a": b"1", "sub/b": Program(b"2"), "ln": Link("nowhere"), "sub/deep/c": b"3"}


@pytest.fixture
def local(tmp_path):
    return make_tree(tmp_path / "L", LOCAL)


async def main(store, files=None):
    fs = await store.branches["main"]
    return await fs.apply(files) if files else fs


async def test_the_directory_becomes_equal(store, local):
    fs = await main(store, {"data/old": b"0", "data/a": b"old", "data/x/y": b"0", "other": b"0"})
    done = await fs.sync_in(local, "data")
    assert await typed_contents(done, "data") == local_contents(local)
    assert await done.read("other") == b"0"
    assert done.message == "Batch sync: +3 ~1 -2"
    assert done.changes == ChangeReport(
        add=[
            FileEntry("ln", FileType.LINK, f"{local}/ln"),
            FileEntry("sub/b", FileType.EXECUTABLE, f"{local}/sub/b"),
            FileEntry("sub/deep/c", FileType.BLOB, f"{local}/sub/deep/c"),
        ],
        update=[FileEntry("a", FileType.BLOB, f"{local}/a")],
        delete=[
            FileEntry("old", FileType.BLOB, "data/old"),
            FileEntry("x/y", FileType.BLOB, "data/x/y"),
        ],
    )
    again = await done.sync_in(str(local), "data")
    assert (again.commit_hash, again.changes) == (done.commit_hash, None)
    assert again is not done


async def test_slashes_make_no_difference(store, local):
    fs = await main(store)
    expected = None
    for source, dest in (
        (f"{local}", "data"),
        (f"{local}/", "data/"),
        (f"{local}//", "/data"),
        (local, "./data//"),
    ):
        done = await fs.sync_in(source, dest)
        expected = expected or done.tree_hash
        assert done.tree_hash == expected
        fs = await done.undo()
    for root in ("", "/", "."):
        done = await fs.sync_in(local, root)
        assert await typed_contents(done) == local_contents(local)
        fs = await done.undo()


async def test_it_is_copy_in_of_the_contents_with_delete(store, local):
    fs = await main(store, {"data/old": b"0", "data/a": b"old"})
    synced = await fs.sync_in(local, "data", dry_run=True)
    copied = await fs.copy_in(f"{local}/", "data", delete=True, dry_run=True)
    assert synced.changes == copied.changes


async def test_a_file_takes_the_place_of_a_directory(store, tmp_path):
    local = make_tree(tmp_path / "L", {"foo": b"1"})
    fs = await main(store, {"data/foo/bar": b"0"})
    plan = await fs.sync_in(local, "data", dry_run=True)
    assert changed(plan.changes) == {"add": ["foo"], "delete": ["foo/bar"]}
    done = await fs.sync_in(local, "data")
    assert await contents(done) == {"data/foo": b"1"}
    assert done.changes == plan.changes
    assert done.message == "Batch sync: +1 -1"


async def test_the_message_may_be_given(store, tmp_path):
    local = make_tree(tmp_path / "L", {"foo": b"1"})
    fs = await main(store, {"data/x": b"0", "data/y": b"0"})
    done = await fs.sync_in(local, "data", message="{op}|{default}")
    assert done.message == "sync|Batch sync: +1 -2"


async def test_a_file_at_the_destination_is_replaced(store, local):
    fs = await main(store, {"data": b"a file"})
    done = await fs.sync_in(local, "data")
    assert await typed_contents(done, "data") == local_contents(local)
    assert [(e.path, e.src) for e in done.changes.delete] == [("data", "data")]


@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"checksum": False}])
async def test_a_missing_source_deletes_nothing(store, tmp_path, options):
    """Section 23."""
    fs = await main(store, {"data/x": b"0"})
    for name in ("missing", "missing/", "missing/deeper"):
        with pytest.raises(FileNotFoundError, match="missing"):
            await fs.sync_in(f"{tmp_path}/{name}", "data", **options)
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError, match="dangling"):
        await fs.sync_in(tmp_path / "dangling", "data", missing_ok=True, **options)
    assert await tip(store) == fs.commit_hash


async def test_a_missing_source_counts_as_empty_if_that_is_said(store, tmp_path):
    fs = await main(store, {"data/x": b"0", "data/y/z": b"0", "one/f": b"0", "f": b"0"})
    missing = tmp_path / "missing"
    plan = await fs.sync_in(missing, "data", missing_ok=True, dry_run=True)
    assert changed(plan.changes) == {"delete": ["x", "y/z"]}
    fs = await fs.sync_in(missing, "data", missing_ok=True)
    assert set(await contents(fs)) == {"one/f", "f"}
    assert fs.message == "Batch: -2"
    fs = await fs.sync_in(missing, "one", missing_ok=True)
    assert fs.message == "- one/f"
    fs = await fs.sync_in(missing, "f", missing_ok=True)
    assert fs.message == "- f"
    assert fs.changes == ChangeReport(delete=[FileEntry("f", FileType.BLOB, "f")])
    again = await fs.sync_in(missing, "nothing/there", missing_ok=True)
    assert (again.commit_hash, again.changes) == (fs.commit_hash, None)


async def test_missing_ok_makes_no_difference_to_a_source_that_exists(store, local):
    fs = await main(store, {"data/x": b"0"})
    done = await fs.sync_in(local, "data", missing_ok=True)
    assert await typed_contents(done, "data") == local_contents(local)
    assert done.message == "Batch sync: +4 -1"


async def test_a_missing_source_with_ignored_errors_deletes_nothing(store, tmp_path):
    fs = await main(store, {"data/x": b"0", "f": b"0"})
    missing = f"{tmp_path}/missing"
    for dest in ("data", "f"):
        with pytest.raises(RuntimeError, match=r"^All files failed to copy"):
            await fs.sync_in(missing, dest, ignore_errors=True)
        plan = await fs.sync_in(missing, dest, ignore_errors=True, dry_run=True)
        assert problems(plan.changes) == {"errors": [f"{missing}/"]}
        assert plan.changes.in_sync
    assert await tip(store) == fs.commit_hash


async def test_an_empty_directory_is_a_valid_source(store, tmp_path):
    (tmp_path / "L" / "empty" / "er").mkdir(parents=True)
    fs = await main(store, {"data/x": b"0", "k": b"0"})
    fs = await fs.sync_in(tmp_path / "L", "data")
    assert await contents(fs) == {"k": b"0"}
    assert fs.message == "- data/x"


async def test_a_local_file_is_no_source(store, local):
    """D7."""
    fs = await main(store, {"data/x": b"0"})
    for options in ({}, {"dry_run": True}, {"missing_ok": True}):
        with pytest.raises(NotADirectoryError):
            await fs.sync_in(local / "a", "data", **options)
        with pytest.raises(NotADirectoryError):
            await fs.sync_in(local / "a" / "below", "data", **options)
    with pytest.raises(RuntimeError):
        await fs.sync_in(local / "a", "data", ignore_errors=True)
    assert await tip(store) == fs.commit_hash


async def test_the_empty_path_is_no_source(store):
    """It must not come to mean the root of the disk."""
    fs = await main(store, {"x": b"0"})
    with pytest.raises(ValueError, match="empty"):
        await fs.sync_in("", "")
    for local in (None, b"x", 5):
        with pytest.raises(TypeError):
            await fs.sync_in(local, "")


async def test_a_link_to_a_directory_is_walked_through(store, tmp_path, local):
    (tmp_path / "link").symlink_to("L")
    fs = await (await main(store)).sync_in(tmp_path / "link", "d")
    assert await typed_contents(fs, "d") == local_contents(local)


async def test_read_only_and_stale_snapshots_are_refused(store, local):
    fs = await main(store)
    tag = await store.tags.set("v1", fs)
    with pytest.raises(PermissionError, match="read-only"):
        await tag.sync_in(local, "")
    assert (await tag.sync_in(local, "", dry_run=True)).changes.total == 4
    done = await fs.sync_in(local, "")
    with pytest.raises(StaleSnapshotError):
        await fs.sync_in(local, "")
    with pytest.raises(StaleSnapshotError):
        await fs.sync_in(local, "nothing", missing_ok=True)
    assert (await done.sync_in(local, "")).commit_hash == done.commit_hash


async def test_every_kind_of_change_is_followed(store, local):
    fs = await (await main(store)).sync_in(local, "d")
    (local / "a").write_bytes(b"11")
    (local / "sub" / "b").chmod(0o644)
    (local / "ln").unlink()
    (local / "ln").write_bytes(b"nowhere")  # the bytes of the link
    (local / "new").symlink_to("a")
    (local / "sub" / "deep" / "c").unlink()
    plan = await fs.sync_in(local, "d", dry_run=True)
    fs = await fs.sync_in(local, "d")
    assert await typed_contents(fs, "d") == local_contents(local)
    assert changed(fs.changes) == {
        "add": ["new"],
        "update": ["a", "ln", "sub/b"],
        "delete": ["sub/deep/c"],
    }
    assert plan.changes == fs.changes
    (local / "a").unlink()
    (local / "a").mkdir()
    (local / "a" / "b").write_bytes(b"2")
    fs = await fs.sync_in(local, "d")
    assert await typed_contents(fs, "d") == local_contents(local)
    assert changed(fs.changes) == {"add": ["a/b"], "delete": ["a"]}


async def test_a_change_of_the_content_alone_is_noticed(store, local):
    """The same size, and the modification time set back: the stat cache must not be fooled."""
    for index in range(3):
        file = local / f"f{index}"
        file.write_bytes(b"one")
        os.utime(file, (1_000_000_000, 1_000_000_000))
    fs = await (await main(store)).sync_in(local, "")
    for content in (b"two", b"six"):
        for index in range(3):
            file = local / f"f{index}"
            file.write_bytes(content)
            os.utime(file, (1_000_000_000, 1_000_000_000))
        fs = await fs.sync_in(local, "")
        assert changed(fs.changes) == {"update": ["f0", "f1", "f2"]}
        assert await fs.read("f1") == content


async def test_another_repository_does_not_believe_the_cache_of_this_one(face, tmp_path, local):
    for name in ("one.git", "two.git"):
        async with await face.GitStore.open(tmp_path / name) as store:
            fs = await (await store.branches["main"]).sync_in(local, "")
            assert await typed_contents(fs) == local_contents(local)


async def test_what_the_cache_knows_but_the_repository_lost_is_read_again(
    disk_store, repo, git, tmp_path
):
    local = make_tree(tmp_path / "L", {f"f{number}": b"%d" % number for number in range(5)})
    for file in local.iterdir():
        os.utime(file, (1_000_000_000, 1_000_000_000))
    fs = await main(disk_store)
    done = await fs.sync_in(local, "")
    done = await done.sync_in(local, "")
    await disk_store.branches.set("main", fs)
    git(repo, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    git(repo, "prune", "--expire=now")
    fs = await main(disk_store)
    fs = await fs.sync_in(local, "again")
    assert await typed_contents(fs, "again") == local_contents(local)


async def test_progress_comes_from_syncs_too(store, local):
    seen = []
    await (await main(store)).sync_in(local, "", progress=seen.append)
    assert seen[-1].done == 4
