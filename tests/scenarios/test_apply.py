"""`apply`: contract section 9.2, D12, D29, and `WriteEntry`."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.support.faces import collect
from tests.support.snapshots import changed, contents, tip, types
from vost import ChangeReport, FileEntry, FileType, StaleSnapshotError, WriteEntry


async def main(store):
    return await store.branches["main"]


async def filled(store):
    """Return a snapshot with files at the root and in a directory."""
    return await (await main(store)).apply(
        {"a": b"1", "b": b"2", "d/x": b"x", "d/y": b"y", "d/e/z": b"z"}
    )


async def test_writes_and_removes_are_one_commit(store):
    before = await filled(store)
    fs = await before.apply({"w": b"1", "a": b"new"}, removes=["b"])
    assert await contents(fs) == {
        "a": b"new",
        "w": b"1",
        "d/x": b"x",
        "d/y": b"y",
        "d/e/z": b"z",
    }
    assert fs.message == "Batch: +1 ~1 -1"
    assert changed(fs.changes) == {"add": ["w"], "update": ["a"], "delete": ["b"]}
    assert (await fs.parent).commit_hash == before.commit_hash
    assert len(await collect(fs.log())) == 3


async def test_values_of_every_kind(store, tmp_path):
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o755)
    plain = tmp_path / "plain"
    plain.write_bytes(b"plain")
    fs = await (await main(store)).apply(
        {
            "bytes": b"1",
            "array": bytearray(b"2"),
            "view": memoryview(b"3"),
            "text": "é",
            "path": plain,
            "script": script,
            "entry": WriteEntry(b"4", mode=FileType.EXECUTABLE),
            "entry-text": WriteEntry("ü", 0o100755),
            "entry-path": WriteEntry(plain),
            "entry-script": WriteEntry(script),
            "entry-mode": WriteEntry(script, mode=FileType.BLOB),
            "entry-run": WriteEntry(plain, mode=FileType.EXECUTABLE),
            "link": WriteEntry(target="some/where"),
            "empty-link": WriteEntry(target=""),
            PurePosixPath("p/q"): b"5",
            "/slashes/": b"6",
        }
    )
    assert await contents(fs) == {
        "bytes": b"1",
        "array": b"2",
        "view": b"3",
        "text": "é".encode(),
        "path": b"plain",
        "script": b"#!/bin/sh\n",
        "entry": b"4",
        "entry-text": "ü".encode(),
        "entry-path": b"plain",
        "entry-script": b"#!/bin/sh\n",
        "entry-mode": b"#!/bin/sh\n",
        "entry-run": b"plain",
        "link": b"some/where",
        "empty-link": b"",
        "p/q": b"5",
        "slashes": b"6",
    }
    executables = {"script", "entry", "entry-text", "entry-script", "entry-run"}
    found = await types(fs)
    assert {path for path, kind in found.items() if kind == "executable"} == executables
    assert {path for path, kind in found.items() if kind == "link"} == {"link", "empty-link"}
    assert len(fs.changes.add) == 16


async def test_text_is_content_and_never_a_place_on_disk(store, tmp_path):
    (tmp_path / "f").write_bytes(b"from disk")
    fs = await (await main(store)).apply({"f": str(tmp_path / "f")})
    assert await fs.read_text("f") == str(tmp_path / "f")


async def test_other_values_are_type_errors_that_say_what_is_expected(store):
    fs = await main(store)
    for value in (5, None, 1.5, ["x"], object(), {"data": b""}, True):
        with pytest.raises(TypeError, match=r"^Expected WriteEntry"):
            await fs.apply({"good": b"1", "f": value})
    for data in (5, ["x"]):
        with pytest.raises(TypeError):
            await fs.apply({"f": WriteEntry(data)})
    for writes in (5, [("f", b"x")], "f", b"f", {"f"}):
        with pytest.raises(TypeError):
            await fs.apply(writes)
    assert await tip(store) == fs.commit_hash


async def test_a_write_entry_says_what_is_wrong_with_it():
    with pytest.raises(ValueError, match="Cannot specify both data and target"):
        WriteEntry(b"x", target="y")
    with pytest.raises(ValueError, match="Must specify either data or target"):
        WriteEntry()
    with pytest.raises(ValueError, match="Cannot specify mode for symlinks"):
        WriteEntry(target="y", mode=FileType.BLOB)
    entry = WriteEntry(b"x", FileType.BLOB)
    assert (entry.data, entry.mode, entry.target) == (b"x", FileType.BLOB, None)
    with pytest.raises(AttributeError):
        entry.data = b""
    assert not hasattr(entry, "__dict__")
    assert WriteEntry(b"x") == WriteEntry(b"x")
    assert WriteEntry(Path("/no/such/file")).data == Path("/no/such/file")


async def test_bad_modes_in_entries_are_refused(store):
    fs = await main(store)
    for mode in (FileType.TREE, 0o040000, 0o644, "blob"):
        with pytest.raises(ValueError, match="mode"):
            await fs.apply({"f": WriteEntry(b"x", mode=mode)})
    assert await tip(store) == fs.commit_hash


async def test_local_paths_that_are_no_files(store, tmp_path):
    fs = await main(store)
    for value, error in (
        (tmp_path, IsADirectoryError),
        (tmp_path / "missing", FileNotFoundError),
        (WriteEntry(tmp_path), IsADirectoryError),
        (WriteEntry(tmp_path / "missing"), FileNotFoundError),
    ):
        with pytest.raises(error):
            await fs.apply({"first": b"1", "f": value})
    assert await tip(store) == fs.commit_hash


async def test_nothing_is_written_if_one_of_many_fails(disk_store, repo, git):
    fs = await filled(disk_store)
    before = git(repo, "count-objects", "-v")
    with pytest.raises(FileNotFoundError):
        await fs.apply({**{f"n{index}": b"%d" % index for index in range(50)}, "z": Path("/no")})
    assert git(repo, "count-objects", "-v") == before
    assert await tip(disk_store) == fs.commit_hash


# --- removals


async def test_removes_take_one_path_or_several(store):
    fs = await filled(store)
    for removes in (
        "a",
        "/a/",
        PurePosixPath("a"),
        ["a"],
        ("a",),
        {"a"},
        [PurePosixPath("a")],
        (path for path in ["a", "a"]),
        {"a": None}.keys(),
    ):
        fs = await fs.apply(removes=removes)
        assert fs.message == "- a"
        assert changed(fs.changes) == {"delete": ["a"]}
        fs = await fs.write("a", b"1")


async def test_a_directory_is_removed_whole_and_reported_once(store):
    fs = await filled(store)
    for name in ("d", "d/", PurePosixPath("d")):
        gone = await fs.apply(removes=[name])
        assert await gone.ls() == ["a", "b"]
        assert gone.message == "- d"
        assert gone.changes == ChangeReport(delete=[FileEntry("d", FileType.TREE)])
        fs = await gone.apply({"d/x": b"x", "d/y": b"y", "d/e/z": b"z"})


async def test_paths_that_do_not_exist_are_ignored_and_not_counted(store):
    """D12: the report and the message say what changed, nothing else."""
    fs = await filled(store)
    fs = await fs.apply({"n": b"1"}, removes=["missing", "d/missing", "a/below-a-file", "no/dir"])
    assert fs.message == "+ n"
    assert changed(fs.changes) == {"add": ["n"]}
    assert set(await contents(fs)) == {"a", "b", "d/x", "d/y", "d/e/z", "n"}
    assert await fs.apply(removes=["missing", "a/below-a-file"]) is fs
    assert await fs.apply(removes="missing/") is fs


async def test_removals_that_overlap_are_reported_once(store):
    fs = await filled(store)
    for removes in (["d", "d/x"], ["d/x", "d"], ["d", "d/", "/d"]):
        gone = await fs.apply(removes=removes)
        assert gone.changes == ChangeReport(delete=[FileEntry("d", FileType.TREE)])
        assert gone.message == "- d"
        fs = await gone.undo()


async def test_removing_everything_leaves_an_empty_root(store):
    fs = await filled(store)
    fs = await fs.apply(removes=["a", "b", "d"])
    assert await fs.ls() == []
    assert fs.message == "Batch: -3"


async def test_bad_removes_are_refused(store):
    fs = await filled(store)
    for removes in (b"a", 5, [b"a"], [5], [None]):
        with pytest.raises(TypeError):
            await fs.apply(removes=removes)
    for removes in ("", "/", [".."], ["a\0"], ["d//x"]):
        with pytest.raises(ValueError):
            await fs.apply(removes=removes)
    assert await tip(store) == fs.commit_hash


# --- contradictions (section 23 and D3; all six orders are in another file)


async def test_a_path_that_is_written_and_removed_is_a_contradiction(store):
    fs = await filled(store)
    for writes, removes in (
        ({"a": b"9"}, ["a"]),
        ({"n": b"9"}, ["n"]),
        ({"/a/": b"9"}, ["./a"]),
        ({"a": b"9"}, "a"),
        ({"d/x": b"9"}, ["b", "d/x"]),
    ):
        with pytest.raises(ValueError, match="both written and removed"):
            await fs.apply(writes, removes)
    assert await tip(store) == fs.commit_hash


async def test_two_spellings_of_one_path_are_a_contradiction(store):
    fs = await main(store)
    for writes in ({"f": b"1", "/f": b"2"}, {"d/f": b"1", PurePosixPath("d/f"): b"1"}):
        with pytest.raises(ValueError, match="twice"):
            await fs.apply(writes)
    assert await tip(store) == fs.commit_hash


# --- nothing to do


async def test_nothing_to_do_returns_the_same_snapshot(store):
    fs = await filled(store)
    for call in (
        lambda: fs.apply(),
        lambda: fs.apply({}, []),
        lambda: fs.apply(None, None),
        lambda: fs.apply({"a": b"1"}),
        lambda: fs.apply({"a": b"1", "d/x": b"x"}, ["missing"], message="unused"),
    ):
        assert await call() is fs
    assert await tip(store) == fs.commit_hash


async def test_nothing_to_do_on_a_stale_snapshot_is_refused(store):
    fs = await filled(store)
    await fs.write("other", b"")
    for call in (
        lambda: fs.apply(),
        lambda: fs.apply({}, []),
        lambda: fs.apply({"a": b"1"}),
        lambda: fs.apply(removes="missing"),
    ):
        with pytest.raises(StaleSnapshotError, match="advanced"):
            await call()


# --- what the message and the report count (rule 6)


async def test_identical_entries_are_left_out_of_report_and_message(store):
    fs = await filled(store)
    fs = await fs.apply({"a": b"1", "n": b"new"})
    assert fs.message == "+ n"
    assert changed(fs.changes) == {"add": ["n"]}
    fs = await fs.apply({"a": WriteEntry(b"1", mode=FileType.EXECUTABLE), "n": b"new"})
    assert fs.message == "~ a (executable)"
    assert fs.changes == ChangeReport(update=[FileEntry("a", FileType.EXECUTABLE)])


async def test_the_operation_shows_in_the_message_of_several_changes_only(store):
    fs = await filled(store)
    fs = await fs.apply({"1": b"", "2": b""}, operation="import")
    assert fs.message == "Batch import: +2"
    fs = await fs.apply({"3": b""}, operation="import")
    assert fs.message == "+ 3"
    fs = await fs.apply({"4": b"", "5": b""}, operation="")
    assert fs.message == "Batch: +2"


async def test_reports_follow_the_order_of_the_writes(store):
    fs = await main(store)
    fs = await fs.apply({"z": b"", "a": b"", "m": b""})
    assert changed(fs.changes) == {"add": ["z", "a", "m"]}
    fs = await fs.apply({"m": b"1", "z": b"1"}, removes=["a"])
    assert changed(fs.changes) == {"update": ["m", "z"], "delete": ["a"]}
    assert [(action.path, action.action) for action in fs.changes.actions()] == [
        ("a", "delete"),
        ("m", "update"),
        ("z", "update"),
    ]


@pytest.mark.slow
async def test_thousands_of_writes_are_one_commit(disk_store, repo, git):
    writes = {f"d{index % 40}/f{index}": b"%d" % index for index in range(3000)}
    fs = await (await main(disk_store)).apply(writes)
    assert fs.message == "Batch: +3000"
    assert await contents(fs) == writes
    assert git(repo, "rev-list", "--count", "main") == "2"
    removed = await fs.apply({"d1/new": b""}, removes=[f"d{index}" for index in range(1, 40)])
    assert await removed.ls() == ["d0", "d1"]
    assert await removed.ls("d1") == ["new"]


async def test_a_submodule_is_preserved_and_counts_as_absent(disk_store, repo, git):
    """D28: vost has no content for it, but no commit of vost takes it away either."""
    head = await tip(disk_store)
    blob = git(repo, "hash-object", "-w", "--stdin", stdin=b"x")
    entries = f"100644 blob {blob}\tf\n160000 commit {head}\tsub\n"
    tree = git(repo, "mktree", "--missing", stdin=entries)
    git(repo, "update-ref", "refs/heads/main", git(repo, "commit-tree", tree, "-m", "by git"))
    fs = await main(disk_store)
    assert await fs.apply(removes=["sub", "sub/x"]) is fs
    async with fs.batch() as batch:
        with pytest.raises(FileNotFoundError, match="sub"):
            await batch.remove("sub")
        await batch.write("g", b"1")
        await batch.remove("f")
    assert git(repo, "ls-tree", "--name-only", "main").split() == ["g", "sub"]
    assert batch.fs.message == "Batch: +1 -1"
