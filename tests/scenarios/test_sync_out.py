"""`sync_out`: contract sections 12.4 and 23, with the defects D6 and D7 that it must not have."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest

from tests.scenarios.exporting import FILES, at, filled, stored
from tests.support.disktrees import disk, make_disk, stamps
from tests.support.snapshots import changed
from vost import ChangeReport


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.mark.parametrize(
    "path, expected",
    [("", FILES), ("/", FILES), (".", FILES), ("d", at("d/")), ("/d/sub/", at("d/sub/"))],
)
async def test_the_local_directory_becomes_equal(store, out, path, expected):
    fs = await filled(store)
    make_disk(out, {"mine": b"1", "d/old/er": b"2", "x": b"3", "e": "empty"})
    plan = await fs.sync_out(path, out, dry_run=True)
    result = await fs.sync_out(path, out)
    assert disk(out) == expected
    assert result.changes == plan.changes
    assert result.commit_hash == fs.commit_hash
    again = await fs.sync_out(path, out)
    assert again.changes is None
    assert again.commit_hash == fs.commit_hash


async def test_it_is_copy_out_of_the_contents_with_delete(store, tmp_path):
    fs = await filled(store)
    there = {"sub": b"1", "x/y": b"2", "z": "-> q"}
    one, two = make_disk(tmp_path / "1", there), make_disk(tmp_path / "2", there)
    synced = await fs.sync_out("d", one)
    copied = await fs.copy_out(["d/"], two, delete=True)
    assert disk(one) == disk(two)
    assert synced.changes == copied.changes


async def test_what_is_in_sync_is_not_touched(store, out):
    fs = await filled(store)
    await fs.sync_out("", out)
    before = stamps(out)
    for options in ({}, {"checksum": False}, {"ignore_errors": True}, {"dry_run": True}):
        assert (await fs.sync_out("", out, **options)).changes is None
    assert stamps(out) == before


@pytest.mark.parametrize("path", ["missing", "d/missing", "missing/below"])
async def test_a_missing_source_is_an_error_and_nothing_is_touched(store, out, path):
    fs = await filled(store)
    make_disk(out, {"precious": b"1", "e": "empty"})
    before = stamps(out)
    with pytest.raises(FileNotFoundError, match="missing"):
        await fs.sync_out(path, out)
    with pytest.raises(FileNotFoundError):
        await fs.sync_out(path, out, dry_run=True)
    with pytest.raises(RuntimeError, match=r"^All files failed to copy"):
        await fs.sync_out(path, out, ignore_errors=True)
    dry = await fs.sync_out(path, out, ignore_errors=True, dry_run=True)
    assert [error.path for error in dry.changes.errors] == [path]
    assert dry.changes == ChangeReport(errors=dry.changes.errors)
    assert stamps(out) == before


async def test_missing_ok_takes_a_missing_source_for_an_empty_one(store, out):
    fs = await filled(store)
    make_disk(out, {"old/er": b"1", "e/f": "empty"})
    plan = await fs.sync_out("missing", out, missing_ok=True, dry_run=True)
    assert changed(plan.changes) == {"delete": ["old/er"]}
    assert (await fs.sync_out("missing", out, missing_ok=True)).changes == plan.changes
    assert out.is_dir()
    assert disk(out) == {}
    await fs.sync_out("missing", out / "new", missing_ok=True)
    assert (out / "new").is_dir()


@pytest.mark.parametrize("path", ["a.txt", "a.txt/", "a.txt/x", "ln"])
async def test_a_file_as_source_is_an_error_and_nothing_is_touched(store, out, path):
    fs = await filled(store)
    make_disk(out, {"precious": b"1"})
    for options in ({}, {"missing_ok": True}, {"dry_run": True}):
        with pytest.raises(NotADirectoryError, match=path.split("/")[0]):
            await fs.sync_out(path, out, **options)
    assert disk(out) == {"precious": b"1"}


async def test_a_local_file_is_no_destination(store, tmp_path):
    fs = await filled(store)
    (tmp_path / "f").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="f"):
        await fs.sync_out("d", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"precious"


async def test_the_root_of_an_empty_branch_is_a_valid_source(store, out):
    fs = await store.branches["main"]
    make_disk(out, {"old": b"1"})
    assert changed((await fs.sync_out("", out)).changes) == {"delete": ["old"]}
    assert disk(out) == {}


async def test_a_repository_directory_replaces_a_local_file_and_the_other_way_round(store, out):
    fs = await stored(await store.branches["main"], {"foo/bar": b"1", "x": b"2"})
    make_disk(out, {"foo": b"file", "x/y/z": b"3"})
    report = (await fs.sync_out("", out)).changes
    assert disk(out) == {"foo/bar": b"1", "x": b"2"}
    assert changed(report) == {"add": ["foo/bar", "x"], "delete": ["foo", "x/y/z"]}


@contextmanager
def opened(below):
    """Collect the names of files below a directory that are opened for reading meanwhile."""
    import sys

    seen: list[str] = []
    active = True

    def hook(event, args):
        if active and event == "open" and isinstance(args[0], str) and args[2] is not None:
            path = args[0]
            if not args[2] & (os.O_WRONLY | os.O_DIRECTORY) and os.sep not in path:
                seen.append(path)

    sys.addaudithook(hook)
    try:
        yield seen
    finally:
        active = False


async def test_a_second_sync_reads_no_file(disk_store, out):
    """What was written is remembered, and so is what was read once."""
    fs = await filled(disk_store)
    await fs.sync_out("", out)
    with opened(out) as seen:
        assert (await fs.sync_out("", out)).changes is None
    assert seen == []
    (out / "d/sub/y").write_bytes(b"Y")
    with opened(out) as seen:
        assert changed((await fs.sync_out("", out)).changes) == {"update": ["d/sub/y"]}
    assert seen == ["y"]
    with opened(out) as seen:
        assert (await fs.sync_out("", out)).changes is None
    assert seen == []


async def test_a_change_that_keeps_size_and_time_is_noticed(disk_store, out):
    fs = await filled(disk_store)
    await fs.sync_out("", out)
    for path in ("a.txt", "d/x"):
        status = (out / path).stat()
        (out / path).write_bytes(FILES[path].upper())
        os.utime(out / path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed((await fs.sync_out("", out)).changes) == {"update": ["a.txt", "d/x"]}
    assert disk(out) == FILES


async def test_a_damaged_stat_cache_costs_nothing_but_time(disk_store, repo, out):
    fs = await filled(disk_store)
    await fs.sync_out("", out)
    cache = repo / "vost.stat"
    for content in (b"", b"garbage", cache.read_bytes()[:-5]):
        cache.write_bytes(content)
        make_disk(out, {"a.txt": b"other"})
        assert changed((await fs.sync_out("", out)).changes) == {"update": ["a.txt"]}
        assert disk(out) == FILES
