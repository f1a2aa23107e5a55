"""`remove`: contract section 12.6, with 9.1 for it, its report (12.9) and its message (15)."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.support.faces import collect
from tests.support.snapshots import changed, contents, tip
from vost import ChangeReport, FileEntry, FileType, StaleSnapshotError


async def filled(store):
    fs = await store.branches["main"]
    async with fs.batch() as batch:
        await batch.write("a", b"1")
        await batch.write("run", b"2", mode=FileType.EXECUTABLE)
        await batch.write_symlink("ln", "d")
        await batch.write("d/x", b"x")
        await batch.write("d/y", b"y")
        await batch.write("d/e/z", b"z")
        await batch.write("deep/er/est/f", b"f")
    return batch.fs


async def test_a_file_is_removed_in_one_commit(store):
    before = await filled(store)
    fs = await before.remove("a")
    assert not await fs.exists("a")
    assert await before.exists("a")
    assert fs.message == "- a"
    assert fs.changes == ChangeReport(delete=[FileEntry("a", FileType.BLOB, src="a")])
    assert (await fs.parent).commit_hash == before.commit_hash
    assert fs.commit_hash == await tip(store)


async def test_the_type_of_what_is_removed_is_reported(store):
    fs = await filled(store)
    fs = await fs.remove("run")
    assert fs.message == "- run"
    assert fs.changes.delete[0].type == FileType.EXECUTABLE
    fs = await fs.remove("ln")
    assert fs.message == "- ln"
    assert fs.changes.delete[0].type == FileType.LINK
    assert await fs.exists("d/x")  # a link is removed, not what it leads to


async def test_one_path_may_be_a_path_object_and_several_any_iterable(store):
    fs = await filled(store)
    for sources in (
        "a",
        "/a",
        "./a",
        PurePosixPath("a"),
        ["a"],
        ("a",),
        {"a"},
        [PurePosixPath("a")],
        (path for path in ["a"]),
    ):
        gone = await fs.remove(sources)
        assert changed(gone.changes) == {"delete": ["a"]}
        fs = await gone.undo()


async def test_a_directory_needs_recursive(store):
    fs = await filled(store)
    for sources in ("d", "d/", ["a", "d"], PurePosixPath("d"), "", "/"):
        with pytest.raises(IsADirectoryError):
            await fs.remove(sources)
    assert await tip(store) == fs.commit_hash
    gone = await fs.remove("d", recursive=True)
    assert await gone.ls() == ["a", "deep", "ln", "run"]
    assert gone.message == "Batch rm: -3"
    assert gone.changes == ChangeReport(
        delete=[FileEntry(path, FileType.BLOB, src=path) for path in ("d/e/z", "d/x", "d/y")]
    )


async def test_a_trailing_slash_names_a_directory(store):
    fs = await filled(store)
    assert await (await fs.remove("d/", recursive=True)).ls() == ["a", "deep", "ln", "run"]
    fs = await store.branches["main"]
    for path in ("a/", "ln/", "deep/er/est/f/"):
        for recursive in (True, False):
            with pytest.raises(NotADirectoryError, match=path):
                await fs.remove(path, recursive=recursive)
    assert await tip(store) == fs.commit_hash


async def test_empty_parents_vanish_up_to_the_root(store):
    fs = await filled(store)
    fs = await fs.remove("deep/er/est/f")
    assert not await fs.exists("deep")
    fs = await fs.remove(["d/x", "d/y"])
    assert await fs.ls("d") == ["e"]


async def test_what_does_not_exist_removes_nothing_at_all(store):
    fs = await filled(store)
    for sources, name in (
        ("missing", "missing"),
        (["a", "missing"], "missing"),
        (["missing", "a"], "missing"),
        ("d/missing", "d/missing"),
        ("a/x", "a/x"),
        ("ln/x", "ln/x"),
        ("missing/", "missing"),
        ("*", r"\*"),
    ):
        with pytest.raises(FileNotFoundError, match=name):
            await fs.remove(sources, recursive=True)
    for sources in ([], (), set()):
        with pytest.raises(FileNotFoundError):
            await fs.remove(sources)
    assert await tip(store) == fs.commit_hash


async def test_duplicates_and_overlaps_are_merged(store):
    fs = await filled(store)
    gone = await fs.remove(["a", "/a", "a"])
    assert gone.message == "- a"
    fs = await gone.undo()
    for sources in (["d", "d/x"], ["d/x", "d"], ["d/", "d", "d/e", "d/e/z"]):
        gone = await fs.remove(sources, recursive=True)
        assert changed(gone.changes) == {"delete": ["d/e/z", "d/x", "d/y"]}
        assert gone.message == "Batch rm: -3"
        assert not await gone.exists("d")
        fs = await gone.undo()


async def test_the_root_is_removed_by_emptying_the_branch(store):
    for root in ("", "/", [""], ["/", "a"]):
        fs = await (await filled(store)).remove(root, recursive=True)
        assert await fs.ls() == []
        assert fs.message == "Batch rm: -7"
        assert fs.changes.total == 7
        assert await tip(store) == fs.commit_hash
    with pytest.raises(IsADirectoryError):
        await fs.remove("")


async def test_removing_the_root_of_an_empty_branch_changes_nothing(store):
    fs = await store.branches["main"]
    assert await fs.remove("", recursive=True) is fs


async def test_none_is_no_path(store):
    """Least of all the root: it would empty the branch."""
    fs = await filled(store)
    for sources in (None, [None], ["a", None], b"a", [b"a"], 5, [5]):
        with pytest.raises(TypeError):
            await fs.remove(sources, recursive=True)
    assert await tip(store) == fs.commit_hash


async def test_bad_paths_are_refused(store):
    fs = await filled(store)
    for path in ("..", "d/..", "a//b", "a\0"):
        with pytest.raises(ValueError):
            await fs.remove(path, recursive=True)
    assert await tip(store) == fs.commit_hash


async def test_a_dry_run_reports_and_changes_nothing(face, store):
    fs = await filled(store)
    for snapshot in (fs, await store.tags.set("v1", fs), face.FS(store, fs.commit_hash.encode())):
        plan = await snapshot.remove(["d", "a"], recursive=True, dry_run=True)
        assert plan.commit_hash == fs.commit_hash
        assert plan.changes == ChangeReport(
            delete=[
                FileEntry(path, FileType.BLOB, src=path) for path in ("a", "d/e/z", "d/x", "d/y")
            ]
        )
        assert (plan.ref_name, plan.writable) == (snapshot.ref_name, snapshot.writable)
    assert await tip(store) == fs.commit_hash
    assert changed((await fs.remove("a")).changes) == {"delete": ["a"]}


async def test_a_dry_run_does_not_touch_the_receiver(store):
    """D9: a new snapshot carries the plan."""
    fs = await filled(store)
    report = fs.changes
    plan = await fs.remove("a", dry_run=True)
    assert plan is not fs
    assert fs.changes is report


async def test_a_dry_run_finds_the_same_errors(store):
    fs = await filled(store)
    for sources, error in (
        ("missing", FileNotFoundError),
        ([], FileNotFoundError),
        ("d", IsADirectoryError),
        ("a/", NotADirectoryError),
    ):
        with pytest.raises(error):
            await fs.remove(sources, dry_run=True)


async def test_a_dry_run_that_would_remove_nothing_reports_nothing(store):
    fs = await store.branches["main"]
    plan = await fs.remove("", recursive=True, dry_run=True)
    assert plan.changes is None


async def test_the_plan_is_what_happens(store):
    """D12: one plan drives dry run, execution, report and message."""
    fs = await filled(store)
    before = set(await contents(fs))
    sources = ["d/e", "run", "deep/", "ln"]
    plan = await fs.remove(sources, recursive=True, dry_run=True)
    done = await fs.remove(sources, recursive=True)
    assert plan.changes == done.changes
    assert before - set(await contents(done)) == {entry.path for entry in done.changes.delete}
    assert done.message == f"Batch rm: -{done.changes.total}"


async def test_a_message_may_be_given(store):
    fs = await filled(store)
    done = await fs.remove(["a", "run"], message="{op}|{default}|{delete_count}")
    assert done.message == "rm|Batch rm: -2|2"
    with pytest.raises(KeyError):
        await done.remove("ln", message="{nope}")
    assert await tip(store) == done.commit_hash


async def test_a_stale_snapshot_is_refused(store):
    fs = await filled(store)
    newer = await fs.remove("a")
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await fs.remove("run")
    assert await tip(store) == newer.commit_hash
    assert (await fs.remove("run", dry_run=True)).changes is not None


async def test_undo_brings_back_what_was_removed(store):
    fs = await filled(store)
    before = await contents(fs)
    back = await (await fs.remove("", recursive=True)).undo()
    assert await contents(back) == before
    assert len(await collect(back.log())) == 2
