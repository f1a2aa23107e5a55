"""What fails while copying out: contract section 12.8, with D6, D11, D35, D45 and D47."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.exporting import FILES, at, filled, stored
from tests.support.disktrees import disk, make_disk
from vost import GitError

LONG = "n" * 300
"""A name that a repository holds and a disk does not."""


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def is_planned(progress):
    """Tell the moment between planning and the first thing that is done."""
    return progress.phase == "planning" and progress.total is not None


def local(out, errors):
    """Return the paths of errors, relative to the destination."""
    return [Path(error.path).relative_to(out).as_posix() for error in errors]


@pytest.mark.parametrize("where", ["", "d/", "new/"])
@pytest.mark.parametrize("delete", [False, True])
async def test_the_rest_is_copied_and_each_failed_file_reported(store, out, where, delete):
    fs = await stored(await filled(store), {f"{where}{LONG}": b"1", f"{where}z": b"2", "l": "-> x"})
    make_disk(out, {"d/x": b"old"})
    result = await fs.copy_out("", out, ignore_errors=True, delete=delete)
    assert disk(out) == FILES | {f"{where}z": b"2", "l": "-> x"}
    assert local(out, result.changes.errors) == [f"{where}{LONG}"]
    assert "too long" in result.changes.errors[0].error
    assert LONG not in {Path(entry.path).name for entry in result.changes.add}
    again = (await fs.copy_out("", out, ignore_errors=True, delete=delete)).changes
    assert again.in_sync
    assert local(out, again.errors) == [f"{where}{LONG}"]


@pytest.mark.parametrize("where", ["", "d/", "new/"])
async def test_without_ignore_errors_the_failure_is_raised_and_whole_files_stay(store, out, where):
    fs = await stored(await filled(store), {f"{where}{LONG}": b"1", f"{where}a": b"2"})
    make_disk(out, {"d/x": b"old", "extra": b"3"})
    with pytest.raises(OSError, match="too long") as caught:
        await fs.copy_out("", out, delete=True)
    assert caught.value.filename == str(out / f"{where}{LONG}")
    found = disk(out)
    assert found["extra"] == b"3"  # nothing is deleted by what does not come to its end
    expected = FILES | {f"{where}a": b"2", "d/x": FILES["d/x"]}
    assert {k: v for k, v in found.items() if k not in {"extra", "d/x"}}.items() <= expected.items()
    assert found[f"{where}a"] == b"2"


async def test_a_directory_that_cannot_be_made_fails_each_file_below(store, out):
    fs = await stored(
        await store.branches["main"], {f"{LONG}/x": b"1", f"{LONG}/y/z": b"2", "a": b"3"}
    )
    result = await fs.copy_out("", out, ignore_errors=True)
    assert disk(out) == {"a": b"3"}
    assert sorted(local(out, result.changes.errors)) == [f"{LONG}/x", f"{LONG}/y/z"]
    assert changed_paths(result) == ["a"]


def changed_paths(result):
    return [action.path for action in result.changes.actions()]


async def test_an_empty_link_target_is_an_error_of_that_link(store, out):
    fs = await stored(await store.branches["main"], {"l": "-> ", "new/l": "-> ", "a": b"1"})
    result = await fs.copy_out("", out, ignore_errors=True)
    assert disk(out) == {"a": b"1", "new": "empty"}
    assert sorted(local(out, result.changes.errors)) == ["l", "new/l"]


async def test_missing_sources_are_collected(store, out):
    fs = await filled(store)
    result = await fs.copy_out(["missing", "d/", "a.txt/"], out, ignore_errors=True)
    assert disk(out) == at("d/")
    assert [error.path for error in result.changes.errors] == ["missing", "a.txt/"]


@pytest.mark.parametrize("delete", [False, True])
async def test_if_no_source_resolves_it_is_an_error_and_nothing_is_deleted(store, out, delete):
    fs = await filled(store)
    make_disk(out, {"precious": b"1"})
    with pytest.raises(RuntimeError, match=r"^All files failed to copy"):
        await fs.copy_out(["missing", "a.txt/"], out, ignore_errors=True, delete=delete)
    dry = await fs.copy_out(["missing"], out, ignore_errors=True, delete=delete, dry_run=True)
    assert [error.path for error in dry.changes.errors] == ["missing"]
    assert dry.changes.in_sync
    assert disk(out) == {"precious": b"1"}


@pytest.mark.parametrize(
    "missing, kept",
    [
        ("nothing", {"nothing": b"1"}),
        ("d/./sub/nothing", {"sub/nothing/x": b"1", "sub/nothing/y": "-> z"}),
        ("nothing/./sub/any/", {"sub/nothing/x": b"1", "sub/old": b"1", "sub/deep/er": "empty"}),
        (
            "nothing/",
            {"old": b"1", "sub/old": b"1", "nothing/x": b"1", "e/old": b"1", "e/er": "empty"},
        ),
    ],
)
async def test_a_missing_source_does_not_delete_what_it_would_have_brought(
    store, out, missing, kept
):
    fs = await filled(store)
    options = {"ignore_errors": True, "delete": True}
    make_disk(out, {"old": b"1", "sub/old": b"1", "e/old": b"1", "e/x": b"?"} | kept)
    dry = await fs.copy_out([missing, "e", "a.txt"], out, dry_run=True, **options)
    done = await fs.copy_out([missing, "e", "a.txt"], out, **options)
    assert disk(out) == kept | {"a.txt": b"alpha", "e/x": b"other x"}
    assert dry.changes == done.changes
    assert [error.path for error in done.changes.errors] == [missing]


async def test_what_a_missing_source_would_have_brought_gives_way_to_another_source(store, out):
    fs = await stored(await store.branches["main"], {"d": b"1", "b/e": b"2"})
    make_disk(out, {"d/e/old": b"0", "e/old": b"0"})
    options = {"ignore_errors": True, "delete": True}
    done = await fs.copy_out(["x/./d/e", "d", "x/./e/", "b/e"], out, **options)
    assert disk(out) == {"d": b"1", "e": b"2"}
    assert len(done.changes.errors) == 2
    assert done.changes.warnings == []


async def test_if_everything_fails_it_is_an_error(store, out):
    fs = await stored(await store.branches["main"], {LONG: b"1", f"d/{LONG}": b"2"})
    with pytest.raises(RuntimeError, match=r"^All files failed to copy"):
        await fs.copy_out("", out, ignore_errors=True)
    dry = await fs.copy_out("", out, ignore_errors=True, dry_run=True)
    assert len(dry.changes.add) == 2


@pytest.mark.parametrize("options", [{}, {"delete": True}, {"ignore_existing": True}])
async def test_unchanged_files_count_as_copied(store, out, options):
    """D45: one file that is there already, and one source that is not."""
    fs = await filled(store)
    await fs.copy_out("a.txt", out)
    result = await fs.copy_out(["a.txt", "missing"], out, ignore_errors=True, **options)
    assert [error.path for error in result.changes.errors] == ["missing"]


async def test_an_empty_source_is_no_failure(store, out):
    fs = await store.branches["main"]
    result = await fs.copy_out(["", "missing"], out, ignore_errors=True)
    assert [error.path for error in result.changes.errors] == ["missing"]


async def test_no_sources_are_no_failure(store, out):
    fs = await filled(store)
    assert (await fs.copy_out([], out, ignore_errors=True)).changes is None
    assert (await fs.copy_out([], out, ignore_errors=True, delete=True)).changes is None


@pytest.mark.damages("removes an object")
@pytest.mark.parametrize("path", ["a.txt", "d/sub/y", "ln", "run"])
async def test_a_missing_blob_touches_nothing_at_its_place(disk_store, repo, out, path):
    """D11: what is there stays until the new content is there whole. D6: nothing is deleted."""
    fs = await filled(disk_store)
    oid = await fs.object_hash(path)
    (repo / "objects" / oid[:2] / oid[2:]).unlink()
    make_disk(out, {path: b"precious", "extra": b"1"})
    for call in (fs.copy_out, fs.sync_out):
        with pytest.raises(GitError, match=rf"'{path}'.*{oid}"):
            await call("", out)
        assert disk(out)[path] == b"precious"
        assert disk(out)["extra"] == b"1"
    result = await fs.copy_out("", out, ignore_errors=True)
    assert local(out, result.changes.errors) == [path]
    assert disk(out) == FILES | {path: b"precious", "extra": b"1"}


@pytest.mark.damages("removes an object")
async def test_a_missing_blob_leaves_the_directory_in_its_way(disk_store, repo, out):
    fs = await filled(disk_store)
    oid = await fs.object_hash("a.txt")
    (repo / "objects" / oid[:2] / oid[2:]).unlink()
    make_disk(out, {"a.txt/precious": b"1"})
    result = await fs.copy_out("", out, ignore_errors=True)
    assert disk(out)["a.txt/precious"] == b"1"
    assert result.changes.delete == []


@pytest.mark.damages("removes an object")
@pytest.mark.parametrize("options", [{}, {"ignore_errors": True}])
async def test_a_missing_tree_is_an_error_before_anything_is_touched(
    disk_store, repo, out, options
):
    fs = await filled(disk_store)
    oid = await fs.object_hash("d/sub")
    (repo / "objects" / oid[:2] / oid[2:]).unlink()
    fs = await (await disk_store.branches["main"]).parent
    store = await _reopened(disk_store, repo)
    fs = await store.branches["main"]
    make_disk(out, {"precious": b"1"})
    with pytest.raises(GitError, match="'d/sub'"):
        await fs.sync_out("", out, **options)
    assert disk(out) == {"precious": b"1"}


async def _reopened(store, repo):
    """Return a store without anything in its caches."""
    opener = type(getattr(store, "_real", store))
    if opener.__module__.startswith("vost_sync"):
        from tests.support.faces import wrapped

        return wrapped(opener.open(repo))
    return await opener.open(repo)


async def test_a_directory_that_is_no_longer_what_was_planned_is_not_removed(
    store, out, monkeypatch
):
    """Only what the plan names is removed: a file that comes into a directory meanwhile stays."""
    fs = await filled(store)
    make_disk(out, {"old/x": b"1", "a.txt/y": b"2"})

    def disturb(progress):
        if is_planned(progress):
            (out / "old/new").write_bytes(b"late")
            (out / "a.txt/new").write_bytes(b"late")

    result = await fs.sync_out("", out, ignore_errors=True, progress=disturb)
    found = disk(out)
    assert found["old/new"] == b"late"
    assert found["a.txt/new"] == b"late"
    assert local(out, result.changes.errors) == ["a.txt"]


async def test_what_vanishes_meanwhile_is_no_error(store, out):
    fs = await filled(store)
    make_disk(out, {"old/x": b"1", "gone": b"2", "d/x": b"3"})

    def disturb(progress):
        if is_planned(progress):
            (out / "gone").unlink()
            (out / "d/x").unlink()

    assert (await fs.sync_out("", out, progress=disturb)).changes.errors == []
    assert disk(out) == FILES


async def test_a_directory_that_somebody_makes_meanwhile_is_written_to(store, out):
    fs = await filled(store)

    def disturb(progress):
        if is_planned(progress):
            (out / "d/sub").mkdir(parents=True, exist_ok=True)
            (out / "d/theirs").write_bytes(b"1")

    await fs.copy_out("", out, progress=disturb)
    assert disk(out) == FILES | {"d/theirs": b"1"}
    assert not [name for name in os.listdir(out) if name.startswith(".vost")]


@pytest.mark.parametrize("there", [b"in the way", "-> /etc"])
async def test_what_takes_the_place_of_a_new_directory_meanwhile_fails_it(store, out, there):
    fs = await filled(store)

    def disturb(progress):
        if is_planned(progress):
            make_disk(out, {"d": there})

    result = await fs.copy_out("", out, ignore_errors=True, progress=disturb)
    expected = {path: entry for path, entry in FILES.items() if not path.startswith("d/")}
    assert disk(out) == expected | {"d": there}
    assert sorted(local(out, result.changes.errors)) == sorted(at("d/", "d/"))
    assert sorted(changed_paths(result)) == sorted(expected)


async def test_an_unwritable_parent_of_the_destination_is_an_os_error(store):
    fs = await filled(store)
    with pytest.raises(OSError):
        await fs.sync_out("d", "/proc/nowhere/out")
    with pytest.raises(OSError):
        await fs.copy_out("d", "/proc/nowhere/out", ignore_errors=True)
