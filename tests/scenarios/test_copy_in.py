"""`copy_in`: contract sections 12.1, 12.2, 12.9 and the examples of 12.10."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.localtrees import Link, Program, local_contents, make_tree
from tests.support.snapshots import changed, contents, tip, typed_contents
from vost import ChangeReport, FileEntry, FileType, StaleSnapshotError

SOURCE = {
    "a.txt": b"alpha",
    ".dot": b"dot",
    "sub/b.txt": Program(b"beta"),
    "ln": Link("a.txt"),
    "dln": Link("sub"),
    "empty": None,
}
POURED = {
    ".dot": ("blob", b"dot"),
    "a.txt": ("blob", b"alpha"),
    "dln": ("link", b"sub"),
    "ln": ("link", b"a.txt"),
    "sub/b.txt": ("executable", b"beta"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand beside `src`, the tree of the examples."""
    directory = tmp_path / "here"
    make_tree(directory / "src", SOURCE)
    monkeypatch.chdir(directory)
    return directory


def below(name, found=POURED):
    return {f"{name}/{path}": value for path, value in found.items()}


async def main(store, files=None):
    fs = await store.branches["main"]
    return await fs.apply(files) if files else fs


# --- the examples


async def test_a_directory_keeps_its_name(store, here):
    fs = await (await main(store)).copy_in("src", "dest")
    assert await typed_contents(fs) == below("dest/src")
    assert fs.message == "Batch cp: +5"
    assert fs.changes == ChangeReport(
        add=[
            FileEntry("src/.dot", FileType.BLOB, "src/.dot"),
            FileEntry("src/a.txt", FileType.BLOB, "src/a.txt"),
            FileEntry("src/dln", FileType.LINK, "src/dln"),
            FileEntry("src/ln", FileType.LINK, "src/ln"),
            FileEntry("src/sub/b.txt", FileType.EXECUTABLE, "src/sub/b.txt"),
        ]
    )
    assert fs.commit_hash == await tip(store)


async def test_a_slash_pours_the_contents(store, here):
    fs = await main(store)
    for source in ("src/", "src//", "src/.", "./src/"):
        done = await fs.copy_in(source, "dest")
        assert await typed_contents(done) == below("dest")
        fs = await done.undo()
    assert await typed_contents(await fs.copy_in("src/", "")) == POURED


@pytest.mark.parametrize("dest, path", [("", "a.txt"), ("d", "d/a.txt")])
async def test_a_file_lands_under_its_name(store, here, dest, path):
    fs = await (await main(store)).copy_in("src/a.txt", dest)
    assert await contents(fs) == {path: b"alpha"}
    assert fs.message == f"+ {path}"
    assert fs.changes == ChangeReport(add=[FileEntry("a.txt", FileType.BLOB, "src/a.txt")])


async def test_a_link_to_a_directory_is_a_link_or_with_a_slash_the_directory(store, here):
    fs = await main(store)
    done = await fs.copy_in("src/dln", "d")
    assert await typed_contents(done) == {"d/dln": ("link", b"sub")}
    done = await (await done.undo()).copy_in("src/dln/", "d")
    assert await typed_contents(done) == {"d/b.txt": ("executable", b"beta")}


async def test_a_pivot_keeps_what_is_behind_it(store, tmp_path):
    make_tree(tmp_path / "base", {"x/dir/f": b"1", "x/g": b"2"})
    fs = await main(store)
    for source, expected in (
        ("base/./x/dir", {"d/x/dir/f"}),
        ("base/./x/dir/", {"d/x/f"}),
        ("base/./x/g", {"d/x/g"}),
        ("base/./x/", {"d/dir/f", "d/g"}),
    ):
        done = await fs.copy_in(f"{tmp_path}/{source}", "d")
        assert set(await contents(done)) == expected
        fs = await done.undo()


async def test_an_empty_source_with_delete_empties_the_destination(store, here):
    fs = await main(store, {"d/x": b"1", "k": b"2"})
    fs = await fs.copy_in("src/empty/", "d", delete=True)
    assert await contents(fs) == {"k": b"2"}
    assert fs.message == "- d/x"
    assert fs.changes == ChangeReport(delete=[FileEntry("x", FileType.BLOB, "d/x")])


async def test_delete_reaches_all_of_the_destination(store, here):
    fs = await main(store, {"d/a.txt": b"alpha", "d/z": b"z", "k": b"k"})
    done = await fs.copy_in("src/a.txt", "d", delete=True)
    assert await contents(done) == {"d/a.txt": b"alpha", "k": b"k"}
    assert changed(done.changes) == {"delete": ["z"]}
    fs = await main(await emptied(store), {"k": b"1", "sub/old": b"2"})
    done = await fs.copy_in("src/sub", "", delete=True)
    assert set(await contents(done)) == {"sub/b.txt"}
    assert done.message == "Batch cp: +1 -2"
    fs = await main(await emptied(store), {"d/z": b"1"})
    done = await fs.copy_in("src/sub", "d", delete=True)
    assert set(await contents(done)) == {"d/sub/b.txt"}


async def emptied(store):
    await (await store.branches["main"]).remove("", recursive=True)
    return store


async def test_of_two_sources_the_last_counts_and_with_delete_the_first(store, tmp_path):
    make_tree(tmp_path, {"o1/a": b"one", "o2/a": b"two"})
    sources = [f"{tmp_path}/o1/a", f"{tmp_path}/o2/a"]
    fs = await main(store)
    done = await fs.copy_in(sources, "d")
    assert await contents(done) == {"d/a": b"two"}
    assert changed(done.changes) == {"add": ["a"]}  # D12: once
    done = await (await done.undo()).copy_in(sources, "d", delete=True)
    assert await contents(done) == {"d/a": b"one"}
    (warning,) = done.changes.warnings
    assert warning.path == sources[1]
    assert "Overlapping" in warning.error


async def test_a_file_where_a_directory_must_be_gives_way(store, here):
    fs = await main(store, {"f": b"1", "g/h": b"2"})
    done = await fs.copy_in("src/a.txt", "f")
    assert await contents(done) == {"f/a.txt": b"alpha", "g/h": b"2"}
    assert done.message == "Batch cp: +1 -1"
    assert [(e.path, e.src) for e in done.changes.delete] == [("f", "f")]
    done = await done.copy_in("src/a.txt", "g/h/i")
    assert await contents(done) == {"f/a.txt": b"alpha", "g/h/i/a.txt": b"alpha"}
    assert [e.path for e in done.changes.delete] == ["g/h"]


# --- sources


async def test_what_does_not_exist_is_an_error_and_nothing_is_copied(store, here):
    fs = await main(store)
    (here / "dangling").symlink_to("nowhere")
    for sources, error in (
        ("missing", FileNotFoundError),
        ("missing/", NotADirectoryError),
        ("src/a.txt/", NotADirectoryError),
        ("src/ln/", NotADirectoryError),
        ("dangling", FileNotFoundError),
        ("dangling/", NotADirectoryError),
        (["src/a.txt", "missing"], FileNotFoundError),
        ("src/a.txt/x", NotADirectoryError),
        ("src/*", FileNotFoundError),
    ):
        for options in ({}, {"delete": True}, {"dry_run": True}, {"follow_symlinks": True}):
            with pytest.raises(error) as caught:
                await fs.copy_in(sources, "d", **options)
            assert (
                "missing" in str(caught.value)
                or "src" in str(caught.value)
                or ("dangling" in str(caught.value))
            )
    assert await tip(store) == fs.commit_hash


async def test_bad_paths_are_refused(store, here):
    fs = await main(store)
    for sources, dest in (
        ("", "d"),
        ("src\0", "d"),
        ("src", "a/../b"),
        ("src", "a//b"),
        ("src", "d\0"),
        ("src", "x/.git"),
        ("src", ".GIT/x"),
        ("src/.git", "d"),
        ("src/./../x", "d"),
    ):
        for dry_run in (True, False):
            with pytest.raises(ValueError):
                await fs.copy_in(sources, dest, dry_run=dry_run)
    for sources, dest in ((None, "d"), ("src", None), (b"src", "d"), (5, "d"), ([5], "d")):
        with pytest.raises(TypeError):
            await fs.copy_in(sources, dest)
    assert await tip(store) == fs.commit_hash


async def test_dots_in_plain_sources_are_fine(store, here, monkeypatch):
    fs = await main(store)
    done = await fs.copy_in("src/sub/../a.txt", "d")
    assert await contents(done) == {"d/a.txt": b"alpha"}
    monkeypatch.chdir(here / "src")
    for source in (".", "./", "../src/", "sub/.."):
        assert await typed_contents(await done.copy_in(source, "x"), "x") == POURED
        done = await main(store)


async def test_sources_are_one_or_any_iterable_of_paths(store, here):
    fs = await main(store)
    for sources in (
        Path("src/a.txt"),
        ["src/a.txt"],
        ("src/a.txt",),
        {"src/a.txt"},
        [Path("src/a.txt")],
        (path for path in ["src/a.txt"]),
    ):
        done = await fs.copy_in(sources, Path("d"))
        assert await contents(done) == {"d/a.txt": b"alpha"}
        fs = await done.undo()


async def test_destinations_are_normalised_like_every_path(store, here):
    """D33."""
    fs = await main(store)
    for dest in ("data/", "/data", "//data//", "./data", "data"):
        done = await fs.copy_in("src/a.txt", dest, delete=True)
        assert await contents(done) == {"data/a.txt": b"alpha"}
        fs = await done.undo()
    for dest in ("", "/", "//", "."):
        done = await fs.copy_in("src/a.txt", dest, delete=True)
        assert await contents(done) == {"a.txt": b"alpha"}
        fs = await done.undo()


async def test_no_source_is_no_work_and_with_delete_empties_the_destination(store, here):
    fs = await main(store, {"d/x": b"1", "k": b"2"})
    done = await fs.copy_in([], "d")
    assert (done.commit_hash, done.changes) == (fs.commit_hash, None)
    done = await fs.copy_in([], "d", delete=True)
    assert await contents(done) == {"k": b"2"}


async def test_src_is_absolute_only_if_the_source_was(store, here):
    fs = await main(store)
    plan = await fs.copy_in(["src/sub", f"{here}/src/a.txt"], "", dry_run=True)
    assert [entry.src for entry in plan.changes.add] == [f"{here}/src/a.txt", "src/sub/b.txt"]


async def test_reports_are_in_the_order_of_the_sources_and_of_plans_and_syncs_by_path(
    store, tmp_path
):
    make_tree(tmp_path, {"z/b": b"1", "z/a": b"2", "y/d": b"3", "y/c": b"4"})
    sources = [f"{tmp_path}/z", f"{tmp_path}/y"]
    fs = await main(store)
    plan = await fs.copy_in(sources, "", dry_run=True)
    assert changed(plan.changes) == {"add": ["y/c", "y/d", "z/a", "z/b"]}
    done = await fs.copy_in(sources, "")
    assert changed(done.changes) == {"add": ["z/a", "z/b", "y/c", "y/d"]}
    done = await (await done.undo()).copy_in(sources, "", delete=True)
    assert changed(done.changes) == {"add": ["y/c", "y/d", "z/a", "z/b"]}


# --- options


async def test_a_dry_run_reports_and_changes_nothing(face, store, here):
    fs = await main(store, {"dest/src/a.txt": b"old", "dest/x": b"1"})
    report = fs.changes
    for snapshot in (fs, await store.tags.set("v1", fs), face.FS(store, fs.commit_hash.encode())):
        plan = await snapshot.copy_in("src", "dest", delete=True, dry_run=True)
        assert plan is not snapshot
        assert plan.commit_hash == fs.commit_hash
        assert (plan.ref_name, plan.writable) == (snapshot.ref_name, snapshot.writable)
        assert changed(plan.changes) == {
            "add": ["src/.dot", "src/dln", "src/ln", "src/sub/b.txt"],
            "update": ["src/a.txt"],
            "delete": ["x"],
        }
    assert fs.changes is report  # D9
    assert await tip(store) == fs.commit_hash
    done = await fs.copy_in("src", "dest", delete=True)
    assert done.changes == plan.changes
    assert done.message == "Batch cp: +4 ~1 -1"


async def test_nothing_to_do_is_the_same_commit_and_a_new_snapshot(store, here):
    fs = await (await main(store)).copy_in("src", "d")
    report = fs.changes
    for options in ({}, {"delete": True}, {"dry_run": True}, {"checksum": False, "delete": True}):
        again = await fs.copy_in("src", "d", **options)
        assert again is not fs
        assert (again.commit_hash, again.changes) == (fs.commit_hash, None)
    assert fs.changes == report
    assert await tip(store) == fs.commit_hash


async def test_identical_files_are_neither_updated_nor_reported(store, here):
    fs = await main(store, {"d/a.txt": b"alpha", "d/sub/b.txt": b"old", "d/other": b"x"})
    done = await fs.copy_in("src/", "d")
    assert changed(done.changes) == {"add": [".dot", "dln", "ln"], "update": ["sub/b.txt"]}
    assert done.message == "Batch cp: +3 ~1"
    assert (await contents(done))["d/other"] == b"x"


async def test_types_count_not_only_bytes(store, tmp_path):
    """D13: a link and a file with the same bytes differ, and so do modes."""
    make_tree(tmp_path / "s", {"l": b"1", "x": Program(b"1"), "n": Link("1")})
    fs = await main(store)
    async with fs.batch() as batch:
        await batch.write_symlink("l", "1")
        await batch.write("x", b"1")
        await batch.write("n", b"1")
    for options in ({}, {"delete": True}, {"delete": True, "checksum": False}):
        plan = await batch.fs.copy_in(f"{tmp_path}/s/", "", dry_run=True, **options)
        assert [(e.path, str(e.type)) for e in plan.changes.update] == [
            ("l", "blob"),
            ("n", "link"),
            ("x", "executable"),
        ]
    done = await batch.fs.copy_in(f"{tmp_path}/s/", "", delete=True)
    assert await typed_contents(done) == local_contents(tmp_path / "s")


async def test_mode_is_forced_on_files_and_never_on_links(store, here):
    fs = await main(store)
    done = await fs.copy_in("src/", "", mode=FileType.BLOB)
    assert {path: kind for path, (kind, _) in (await typed_contents(done)).items()} == {
        ".dot": "blob",
        "a.txt": "blob",
        "dln": "link",
        "ln": "link",
        "sub/b.txt": "blob",
    }
    for delete in (False, True):
        again = await done.copy_in("src/", "", mode=FileType.BLOB, delete=delete)
        assert again.commit_hash == done.commit_hash
        plan = await done.copy_in("src/", "", mode=0o100755, delete=delete, dry_run=True)
        assert [(e.path, str(e.type)) for e in plan.changes.update] == [
            (".dot", "executable"),
            ("a.txt", "executable"),
            ("sub/b.txt", "executable"),
        ]
    for mode in (FileType.LINK, FileType.TREE, 0o100600, "x"):
        with pytest.raises(ValueError):
            await done.copy_in("src/", "", mode=mode)


async def test_any_of_the_three_bits_makes_an_executable(store, tmp_path):
    make_tree(tmp_path / "s", {f"{mode:o}": b"" for mode in (0o644, 0o744, 0o654, 0o645, 0o600)})
    for path in (tmp_path / "s").iterdir():
        path.chmod(int(path.name, 8))
    fs = await (await main(store)).copy_in(f"{tmp_path}/s/", "")
    kinds = {path: kind for path, (kind, _) in (await typed_contents(fs)).items()}
    executable = {path for path, kind in kinds.items() if kind == "executable"}
    assert executable == {"744", "654", "645"}


async def test_ignore_existing_leaves_alone_what_is_there(store, here):
    fs = await main(store, {"d/a.txt": b"old", "d/sub": b"a file", "d/.dot/x": b"1"})
    done = await fs.copy_in("src/", "d", ignore_existing=True)
    assert await contents(done) == {
        "d/.dot/x": b"1",
        "d/a.txt": b"old",
        "d/dln": b"sub",
        "d/ln": b"a.txt",
        "d/sub": b"a file",
    }
    assert changed(done.changes) == {"add": ["dln", "ln"]}


async def test_ignore_existing_with_delete_drops_updates_only(store, here):
    fs = await main(store, {"d/a.txt": b"old", "d/x": b"1"})
    done = await fs.copy_in("src/", "d", ignore_existing=True, delete=True)
    assert changed(done.changes) == {"add": [".dot", "dln", "ln", "sub/b.txt"], "delete": ["x"]}
    assert await done.read("d/a.txt") == b"old"


async def test_without_checksum_times_decide_and_links_are_compared(store, here):
    fs = await (await main(store)).copy_in("src/", "d")
    moment = int(fs.time.timestamp())
    file = here / "src" / "a.txt"
    file.write_bytes(b"ALPHA")
    (here / "src" / "ln").unlink()
    (here / "src" / "ln").symlink_to("elsewhere")
    for mtime, names in (
        (moment - 100, ["ln"]),
        (moment + 0.9, ["ln"]),
        (moment + 1, ["a.txt", "ln"]),
    ):
        os.utime(file, (mtime, mtime))
        plan = await fs.copy_in("src/", "d", delete=True, checksum=False, dry_run=True)
        assert changed(plan.changes) == {"update": names}
        plan = await fs.copy_in("src/", "d", delete=True, dry_run=True)
        assert changed(plan.changes) == {"update": ["a.txt", "ln"]}
    os.utime(file, (moment - 100, moment - 100))
    plan = await fs.copy_in("src/", "d", checksum=False, dry_run=True)  # counts with delete only
    assert changed(plan.changes) == {"update": ["a.txt", "ln"]}


async def test_without_checksum_the_stat_cache_does_not_decide(disk_store, here, monkeypatch):
    """What is known of a file from another copy makes no difference to the rule of times."""
    monkeypatch.setattr("vost._storage.statcache._FINE_TICK", -(10**12))  # remember at once
    file = here / "src" / "a.txt"
    fs = await (await main(disk_store)).apply({"d/a.txt": b"ALPHA"})
    os.utime(file, (1_000_000_000, 1_000_000_000))
    await disk_store.branches.set("other", fs)
    await (await disk_store.branches["other"]).copy_in("src/", "d")
    plan = await fs.copy_in("src/", "d", delete=True, checksum=False, dry_run=True)
    assert changed(plan.changes) == {"add": [".dot", "dln", "ln", "sub/b.txt"]}


async def test_messages_and_further_parents(store, here):
    fs = await main(store)
    other = await (await store.branches.create("other")).write("o", b"1")
    done = await fs.copy_in("src", "d", message="{op}|{default}|{add_count}", parents=[other])
    assert done.message == "cp|Batch cp: +5|5"
    assert (await done.parent).commit_hash == fs.commit_hash
    with pytest.raises(KeyError):
        await done.copy_in("src", "e", message="{nope}")
    with pytest.raises(ValueError):
        await done.copy_in("src", "e", message="{")  # D25
    again = await done.copy_in("src", "d", parents=[other])
    assert again.commit_hash == done.commit_hash


async def test_further_parents_are_recorded(disk_store, repo, git, here):
    fs = await main(disk_store)
    other = await (await disk_store.branches.create("other")).write("o", b"1")
    done = await fs.copy_in("src", "d", parents=[other, other])
    parents = git(repo, "rev-parse", f"{done.commit_hash}^@").split()
    assert parents == [fs.commit_hash, other.commit_hash]


async def test_read_only_and_stale_snapshots_are_refused_before_all_else(store, here):
    fs = await main(store)
    tag = await store.tags.set("v1", fs)
    with pytest.raises(PermissionError, match="read-only"):
        await tag.copy_in("missing", "d")
    newer = await fs.write("n", b"1")
    for sources in ("src", [], "missing"):
        with pytest.raises(StaleSnapshotError, match="advanced"):
            await fs.copy_in(sources, "d")
    assert (await fs.copy_in("src", "d", dry_run=True)).changes is not None
    assert await tip(store) == newer.commit_hash


async def test_progress_is_reported(store, here):
    seen = []
    await (await main(store)).copy_in("src", "d", progress=seen.append)
    assert seen
    assert {report.phase for report in seen} == {"importing"}
    assert seen[-1].done == 5
    assert seen[-1].bytes == len(b"alpha" + b"dot" + b"beta")


@pytest.mark.slow
async def test_progress_goes_on_within_a_large_file(disk_store, tmp_path):
    (tmp_path / "s").mkdir()
    with (tmp_path / "s" / "large").open("wb") as file:
        file.truncate(1 << 30)
    seen = []
    fs = await main(disk_store)
    await fs.copy_in(f"{tmp_path}/s/", "", progress=seen.append, dry_run=True)
    within = [report.bytes for report in seen if 0 < report.bytes < 1 << 30]
    assert within == sorted(set(within))
    assert len(within) > 1
    assert seen[-1].bytes == 1 << 30


async def test_the_largest_and_the_smallest_files_arrive(store, tmp_path):
    sizes = (0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20)
    make_tree(tmp_path / "s", {str(size): os.urandom(100) * (size // 100 + 1) for size in sizes})
    for size in sizes:
        os.truncate(tmp_path / "s" / str(size), size)
    fs = await (await main(store)).copy_in(f"{tmp_path}/s/", "")
    assert await typed_contents(fs) == local_contents(tmp_path / "s")
    with (tmp_path / "s" / str(5 << 20)).open("r+b") as file:
        file.write(b"changed")
    fs = await fs.copy_in(f"{tmp_path}/s/", "")
    assert changed(fs.changes) == {"update": [str(5 << 20)]}
    assert await typed_contents(fs) == local_contents(tmp_path / "s")


async def test_names_and_targets_may_be_any_bytes(store, tmp_path):
    """D35."""
    directory = os.fsencode(tmp_path / "s")
    os.makedirs(directory + b"/d\xff")
    for name in (b"\xe9", b"d\xff/\x80x", b"new\nline", b"back\\slash", b"aux", b"a:b"):
        with open(directory + b"/" + name, "wb") as file:
            file.write(name)
    os.symlink(b"to\xff", directory + b"/l\xfe")
    fs = await main(store)
    for options in ({}, {"delete": True}):
        done = await fs.copy_in(f"{tmp_path}/s/", "", **options)
        assert await typed_contents(done) == local_contents(tmp_path / "s")
        assert (await done.copy_in(f"{tmp_path}/s/", "", **options)).changes is None
        fs = await done.undo()


async def test_a_file_and_a_directory_change_places(store, tmp_path):
    make_tree(tmp_path / "s", {"foo": b"file", "bar/x": b"in"})
    files = {"d/foo/a": b"1", "d/foo/b/c": b"2", "d/bar": b"3"}
    for options in ({}, {"delete": True}):
        fs = await main(await emptied(store), files)
        plan = await fs.copy_in(f"{tmp_path}/s/", "d", dry_run=True, **options)
        done = await fs.copy_in(f"{tmp_path}/s/", "d", **options)
        assert await contents(done) == {"d/bar/x": b"in", "d/foo": b"file"}
        assert set(changed(plan.changes)["delete"]) == {"bar", "foo/a", "foo/b/c"}
        assert set(changed(plan.changes)["add"]) == {"bar/x", "foo"}
        assert changed(done.changes)["delete"] == changed(plan.changes)["delete"]
        assert done.message == "Batch cp: +2 -3"


async def test_many_sources_meet_in_one_directory(store, tmp_path):
    make_tree(tmp_path / "1", {"a": b"1", "d/x": b"1", "d/y": b"1", "f": b"1", "g/h": b"1"})
    make_tree(tmp_path / "2", {"a": b"2", "d/x": b"2", "d/z": b"2", "f/i": b"2", "g": b"2"})
    make_tree(tmp_path / "3", {"r/d/x": b"3", "r/d/w": b"3"})
    sources = [f"{tmp_path}/1/", f"{tmp_path}/2/", f"{tmp_path}/3/r/./d/w"]
    fs = await main(store)
    done = await fs.copy_in(sources, "")
    assert await contents(done) == {
        "a": b"2",
        "d/x": b"2",
        "d/y": b"1",
        "d/z": b"2",
        "d/w": b"3",
        "f/i": b"2",
        "g": b"2",
    }
    done = await (await done.undo()).copy_in(sources, "", delete=True)
    assert await contents(done) == {
        "a": b"1",
        "d/x": b"1",
        "d/y": b"1",
        "d/z": b"2",
        "d/w": b"3",
        "f": b"1",
        "g/h": b"1",
    }
    overlapping = [warning.path for warning in done.changes.warnings]
    assert sorted(overlapping) == [f"{tmp_path}/2/{name}" for name in ("a", "d/x", "f", "g")]
