"""What every commit-producing call has in common: contract section 9.1, rules 1 to 4, and D29."""

from __future__ import annotations

import itertools

import pytest

from tests.support.snapshots import contents, tip
from tests.support.writes import EVERY_WRITE, branch_for_each_way, write_somehow
from vost import ChangeReport, FileEntry, FileType, ReadOnlySnapshotError, StaleSnapshotError


async def main(store):
    return await store.branches["main"]


@pytest.fixture
def local(tmp_path):
    """Give the test a small file on disk."""
    path = tmp_path / "local.txt"
    path.write_bytes(b"from disk")
    return path


# --- rule 1: read-only snapshots


async def read_only_snapshots(face, store):
    fs = await main(store)
    tag = await store.tags.set("v1", fs)
    return [(tag, "(ref 'v1')"), (face.FS(store, fs.commit_hash.encode()), "read-only snapshot")]


async def test_read_only_snapshots_refuse_every_write_and_name_the_ref(face, store, local):
    snapshots = await read_only_snapshots(face, store)
    for way, (fs, words) in itertools.product(EVERY_WRITE, snapshots):
        with pytest.raises(PermissionError, match="read-only") as caught:
            await write_somehow(fs, way, "f", local)
        assert words in str(caught.value)
        assert isinstance(caught.value, ReadOnlySnapshotError)


async def test_the_message_says_what_was_tried(face, store):
    tag = (await read_only_snapshots(face, store))[0][0]
    with pytest.raises(PermissionError) as caught:
        await tag.write("f", b"")
    assert str(caught.value) == "Cannot write to read-only snapshot (ref 'v1')"
    with pytest.raises(PermissionError) as caught:
        tag.batch()
    assert str(caught.value) == "Cannot batch on read-only snapshot (ref 'v1')"
    for move in (tag.undo, tag.redo):
        with pytest.raises(PermissionError, match=r"(undo|redo) on read-only snapshot"):
            await move()


async def test_read_only_is_checked_before_every_argument(face, store):
    """D29: nothing is stored, and no other error comes first."""
    for fs, _ in await read_only_snapshots(face, store):
        for call in (
            lambda fs=fs: fs.write("a\0", 5, mode="x", message="{"),
            lambda fs=fs: fs.write_text("..", 5),
            lambda fs=fs: fs.write_from_file("f", "/no/such/file"),
            lambda fs=fs: fs.write_symlink("", None),
            lambda fs=fs: fs.apply({"f": object(), "g": "x"}),
            lambda fs=fs: fs.apply(5),
            lambda fs=fs: fs.apply(),
            lambda fs=fs: fs.remove("missing"),
            lambda fs=fs: fs.remove([]),
        ):
            with pytest.raises(PermissionError):
                await call()
        for call in (
            lambda fs=fs: fs.writer("..", "nope"),
            lambda fs=fs: fs.batch("{"),
        ):
            with pytest.raises(PermissionError):
                call()


async def test_read_only_writes_store_nothing(face, disk_store, repo, git, local):
    """D29: the content must not be hashed into the repository either."""
    local.write_bytes(b"unheard-of content")
    for fs, _ in await read_only_snapshots(face, disk_store):
        before = git(repo, "count-objects", "-v")
        for call in (
            lambda fs=fs: fs.write("f", b"unheard-of content"),
            lambda fs=fs: fs.write_from_file("f", local),
            lambda fs=fs: fs.apply({"f": b"unheard-of content"}),
        ):
            with pytest.raises(PermissionError):
                await call()
        assert git(repo, "count-objects", "-v") == before


# --- rule 2: stale snapshots


async def test_a_stale_snapshot_is_refused(store, local):
    async for way, old in branch_for_each_way(store):
        new = await old.write("other", b"")
        log = await store.branches.reflog(way)
        with pytest.raises(StaleSnapshotError, match="advanced"):
            await write_somehow(old, way, "f", local)
        assert await tip(store, way) == new.commit_hash
        assert await store.branches.reflog(way) == log


async def test_writing_to_a_deleted_branch_is_a_key_error(store, local):
    async for way, fs in branch_for_each_way(store):
        await store.branches.delete(way)
        with pytest.raises(KeyError, match=way):
            await write_somehow(fs, way, "f", local)
        assert not await store.branches.contains(way)


async def test_a_snapshot_is_valid_again_when_the_branch_is_back_at_its_commit(store):
    """Only the identity of the tip is checked."""
    old = await main(store)
    new = await old.write("a", b"1")
    with pytest.raises(StaleSnapshotError):
        await old.write("b", b"2")
    await store.branches.set("main", old)
    fs = await old.write("b", b"2")
    assert await contents(fs) == {"b": b"2"}
    assert (await fs.parent).commit_hash == old.commit_hash
    with pytest.raises(StaleSnapshotError):
        await new.write("c", b"3")


async def test_the_parent_of_a_tip_is_stale_but_writable(store):
    fs = await (await main(store)).write("a", b"1")
    parent = await fs.parent
    assert parent.writable
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await parent.write("b", b"1")
    await fs.undo()
    assert (await parent.write("b", b"1")).message == "+ b"


async def test_a_rejected_write_makes_no_commit_object(disk_store, repo, git):
    old = await main(disk_store)
    await old.write("a", b"1")
    with pytest.raises(StaleSnapshotError):
        await old.write("b", b"2")
    listed = git(repo, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    assert listed.split().count("commit") == 2


async def test_a_commit_by_git_makes_a_snapshot_stale(disk_store, repo, git):
    fs = await main(disk_store)
    tree = git(repo, "rev-parse", "main^{tree}")
    made = git(repo, "commit-tree", tree, "-p", "main", "-m", "by git")
    git(repo, "update-ref", "refs/heads/main", made)
    with pytest.raises(StaleSnapshotError):
        await fs.write("a", b"1")
    assert await tip(disk_store) == made
    assert (await (await main(disk_store)).write("a", b"1")).message == "+ a"


# --- rule 3: what changes nothing


async def test_a_write_that_changes_nothing_returns_the_same_snapshot(store, local):
    async for way, before in branch_for_each_way(store):
        fs = await write_somehow(before, way, "d/f", local)
        log = await store.branches.reflog(way)
        again = await write_somehow(fs, way, "d/f", local)
        assert again is fs
        assert again.commit_hash == await tip(store, way)
        assert await store.branches.reflog(way) == log


async def test_a_write_that_changes_nothing_is_refused_on_a_stale_snapshot(store, local):
    async for way, before in branch_for_each_way(store):
        fs = await write_somehow(before, way, "d/f", local)
        await fs.write("other", b"")
        with pytest.raises(StaleSnapshotError):
            await write_somehow(fs, way, "d/f", local)


async def test_a_no_op_keeps_the_receiver_and_its_changes(store):
    fs = await (await main(store)).write("a", b"1")
    report = fs.changes
    assert (await fs.write("a", b"1", message="unused", parents=[])).changes is report
    other = await store.branches.set("other", fs)
    # A further parent alone makes no commit either.
    assert await fs.write("a", b"1", parents=[await other.write("x", b"")]) is fs


async def test_a_change_of_mode_alone_is_a_change(store):
    fs = await (await main(store)).write("a", b"1")
    executable = await fs.write("a", b"1", mode=FileType.EXECUTABLE)
    assert executable.message == "~ a (executable)"
    assert executable.changes == ChangeReport(update=[FileEntry("a", FileType.EXECUTABLE)])
    link = await executable.write_symlink("a", "1")
    assert link.message == "~ a (link)"


# --- rule 4: directories come and go


async def test_parent_directories_appear_as_needed(store):
    fs = await (await main(store)).write("a/b/c/d", b"1")
    assert await fs.ls() == ["a"]
    assert await fs.ls("a/b") == ["c"]


async def test_empty_directories_vanish_up_to_the_root(store):
    fs = await (await main(store)).write("a/b/c/d", b"1")
    fs = await fs.write("a/x", b"1")
    fs = await fs.remove("a/b/c/d")
    assert await fs.ls("a") == ["x"]
    assert not await fs.exists("a/b")
    fs = await fs.remove("a/x")
    assert await fs.ls() == []
    assert fs.tree_hash == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert (await fs.write("again", b"1")).message == "+ again"
