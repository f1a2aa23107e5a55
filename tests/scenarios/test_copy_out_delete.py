"""`copy_out` with `delete`: contract sections 12.1, 12.3 and 12.10."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.exporting import FILES, at, filled, stored
from tests.support.disktrees import disk, make_disk, stamps
from tests.support.snapshots import changed
from vost import ChangeReport, FileEntry, FileType

COMMIT_DAY = 86_400  # seconds


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


async def test_what_no_source_maps_to_is_removed_and_empty_directories_pruned(store, out):
    fs = await filled(store)
    make_disk(out, {"extra": b"1", "sub/deep/old": b"2", "void/in/void": "empty", "l": "-> /etc"})
    report = (await fs.copy_out("a.txt", out, delete=True)).changes
    assert disk(out) == {"a.txt": b"alpha"}
    assert report == ChangeReport(
        add=[FileEntry("a.txt", FileType.BLOB, "a.txt")],
        delete=[FileEntry(path, FileType.BLOB) for path in ("extra", "l", "sub/deep/old")],
    )


async def test_unchanged_files_are_not_rewritten(store, out):
    fs = await filled(store)
    await fs.copy_out("", out)
    make_disk(out, {"a.txt": b"other", "mine": b"1"})
    before = stamps(out)
    report = (await fs.copy_out("", out, delete=True)).changes
    assert disk(out) == FILES
    assert changed(report) == {"update": ["a.txt"], "delete": ["mine"]}
    after = stamps(out)
    same = set(FILES) - {"a.txt"}
    assert {path: after[path] for path in same} == {path: before[path] for path in same}


async def test_no_sources_empty_the_destination_which_stays(store, out):
    fs = await filled(store)
    make_disk(out, {"x/y": b"1", "z": b"2", "e": "empty"})
    report = (await fs.copy_out([], out, delete=True)).changes
    assert out.is_dir()
    assert disk(out) == {}
    assert changed(report) == {"delete": ["x/y", "z"]}
    assert (await fs.copy_out([], out, delete=True)).changes is None


async def test_the_destination_is_created_even_if_nothing_is_copied(store, tmp_path):
    fs = await filled(store)
    assert (await fs.copy_out([], tmp_path / "p/q", delete=True)).changes is None
    assert (tmp_path / "p/q").is_dir()
    await fs.copy_out([], tmp_path / "r")
    assert not (tmp_path / "r").exists()


async def test_the_scope_is_the_whole_destination_for_directories_and_files(store, out):
    fs = await filled(store)
    make_disk(out, {"z": b"1", "d/old": b"2", "other/x": b"3"})
    report = (await fs.copy_out("d", out, delete=True)).changes
    assert disk(out) == at("d/", "d/")
    assert changed(report)["delete"] == ["d/old", "other/x", "z"]


async def test_links_are_removed_never_followed(store, out, tmp_path):
    fs = await filled(store)
    elsewhere = make_disk(tmp_path / "elsewhere", {"x": b"mine", "sub/y": b"mine too"})
    make_disk(out, {"link": f"-> {elsewhere}", "d": f"-> {elsewhere}", "p/q": f"-> {elsewhere}"})
    await fs.copy_out("d", out, delete=True)
    assert disk(out) == at("d/", "d/")
    assert disk(elsewhere) == {"x": b"mine", "sub/y": b"mine too"}


@pytest.mark.parametrize(
    "there, wanted", [(b"1", b"*1"), (b"*1", b"1"), ("-> 1", b"1"), (b"1", "-> 1")]
)
async def test_kind_and_executable_bit_count(store, out, there, wanted):
    """D13: also where the bytes agree."""
    fs = await stored(await store.branches["main"], {"f": wanted})
    make_disk(out, {"f": there})
    report = (await fs.copy_out("", out, delete=True)).changes
    assert changed(report) == {"update": ["f"]}
    assert disk(out) == {"f": wanted}
    assert (await fs.copy_out("", out, delete=True)).changes is None


@pytest.mark.parametrize("bit", [0o100, 0o010, 0o001])
async def test_any_executable_bit_makes_a_file_executable(store, out, bit):
    fs = await stored(await store.branches["main"], {"run": b"*1"})
    make_disk(out, {"run": b"1"})
    (out / "run").chmod(0o644 | bit)
    assert (await fs.copy_out("", out, delete=True)).changes is None


async def test_of_overlapping_sources_the_first_counts_with_a_warning(store, out):
    fs = await filled(store)
    result = await fs.copy_out(["d/x", "e/x"], out, delete=True)
    assert disk(out) == {"x": b"x"}
    [warning] = result.changes.warnings
    assert warning.path == "e/x"
    assert "Overlapping" in warning.error
    assert [entry.path for entry in result.changes.add] == ["x"]


async def test_ignore_existing_drops_updates_but_still_adds_and_deletes(store, out):
    fs = await filled(store)
    make_disk(out, {"a.txt": b"mine", "extra": b"1", "run/x": b"2", "d": b"3"})
    report = (await fs.copy_out("", out, delete=True, ignore_existing=True)).changes
    assert disk(out) == FILES | {"a.txt": b"mine"}
    assert changed(report) == {
        "add": sorted(set(FILES) - {"a.txt"}),
        "delete": ["d", "extra", "run/x"],
    }


async def test_reports_are_sorted_by_path(store, out):
    files = dict.fromkeys(("b", "a.b", "a/x", "a-b", "Z", "é"), b"1")
    fs = await (await store.branches["main"]).apply(files)
    make_disk(out, {"y/2": b"", "y-": b"", "y.": b"", "x": b""})
    report = (await fs.copy_out("", out, delete=True)).changes
    assert [entry.path for entry in report.add] == sorted(files)
    assert [entry.path for entry in report.delete] == sorted(["y/2", "y-", "y.", "x"])


async def test_special_files_that_go_are_named(store, out):
    fs = await filled(store)
    make_disk(out, {"pipe": "special", "deep/pipe": "special"})
    for dry_run in (True, False):
        report = (await fs.copy_out("a.txt", out, delete=True, dry_run=dry_run)).changes
        assert [entry.path for entry in report.delete] == ["deep/pipe", "pipe"]
        names = {Path(warning.path).relative_to(out).as_posix() for warning in report.warnings}
        assert names == {"pipe", "deep/pipe"}
    assert disk(out) == {"a.txt": b"alpha"}


# -- checksum=False --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "age, is_compared", [(-COMMIT_DAY, False), (0, False), (0.9, False), (1, True), (60, True)]
)
async def test_without_checksums_files_no_younger_than_the_commit_count_as_unchanged(
    store, out, age, is_compared
):
    fs = await stored(await store.branches["main"], {"f": b"12345"})
    make_disk(out, {"f": b"other"})
    when = fs.time.timestamp() + age
    os.utime(out / "f", (when, when))
    assert changed((await fs.copy_out("", out, delete=True, dry_run=True)).changes)
    result = await fs.copy_out("", out, delete=True, checksum=False)
    assert changed(result.changes) == ({"update": ["f"]} if is_compared else None)
    assert disk(out) == {"f": b"12345" if is_compared else b"other"}


async def test_without_checksums_links_kinds_and_missing_files_still_count(store, out):
    fs = await stored(
        await store.branches["main"], {"l": "-> new", "f": b"1", "x": b"*2", "n": b"3"}
    )
    make_disk(out, {"l": "-> old", "f": "-> 1", "x": b"2"})
    for name in ("l", "f", "x"):
        os.utime(out / name, (1, 1), follow_symlinks=False)
    await fs.copy_out("", out, delete=True, checksum=False)
    assert disk(out) == {"l": "-> new", "f": b"1", "x": b"*2", "n": b"3"}


async def test_checksum_means_nothing_without_delete(store, out):
    fs = await stored(await store.branches["main"], {"f": b"12345"})
    make_disk(out, {"f": b"other"})
    os.utime(out / "f", (1, 1))
    await fs.copy_out("", out, checksum=False)
    assert disk(out) == {"f": b"12345"}
