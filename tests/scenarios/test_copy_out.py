"""`copy_out`: contract sections 12.1, 12.3, 12.9, 12.10, and the defects that it must not have."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path, PurePosixPath

import pytest

from tests.scenarios.exporting import FILES, at, filled, stored
from tests.support.disktrees import disk, make_disk, stamps
from tests.support.snapshots import changed, tip
from vost import ChangeReport, FileEntry, FileType


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


# -- where sources land (12.1) ---------------------------------------------------------------


@pytest.mark.parametrize(
    "sources, expected",
    [
        ("a.txt", {"a.txt": b"alpha"}),
        ("/a.txt", {"a.txt": b"alpha"}),
        ("d/sub/y", {"y": b"y"}),
        ("d", at("d/", "d/")),
        ("d/sub", at("d/sub/", "sub/")),
        ("d/", at("d/")),
        ("d//", at("d/")),
        ("/d/", at("d/")),
        ("", FILES),
        ("/", FILES),
        ("d/./sub/y", {"sub/y": b"y"}),
        ("d/./sub", at("d/sub/", "sub/")),
        ("d/sub/./deep/", {"z": b"z"}),
        ("d/./sub/deep/", {"sub/z": b"z"}),
        ("./d/x", {"x": b"x"}),
        ("d\\.\\sub/y", {"sub/y": b"y"}),
        ("ln", {"ln": "-> a.txt"}),
        ("run", {"run": b"*#!/bin/sh\n"}),
        (["a.txt", "d/"], {"a.txt": b"alpha"} | at("d/")),
        (("d", "e"), at("d/", "d/") | at("e/", "e/")),
        ({"a.txt"}, {"a.txt": b"alpha"}),
        (PurePosixPath("d"), at("d/", "d/")),
        ([PurePosixPath("d/x"), "a.txt"], {"x": b"x", "a.txt": b"alpha"}),
        ([], {}),
    ],
    ids=str,
)
async def test_sources_land_where_rsync_puts_them(store, out, sources, expected):
    fs = await filled(store)
    out.mkdir()
    result = await fs.copy_out(sources, out)
    assert disk(out) == expected
    assert sorted((changed(result.changes) or {}).get("add", [])) == sorted(expected)


@pytest.mark.parametrize("sources", ["missing", "d/missing", "a.txt/x", ["a.txt", "missing"]])
async def test_a_missing_source_is_an_error_before_anything_is_written(store, out, sources):
    fs = await filled(store)
    with pytest.raises(FileNotFoundError, match=r"missing|a\.txt/x"):
        await fs.copy_out(sources, out)
    with pytest.raises(FileNotFoundError):
        await fs.copy_out(sources, out, delete=True)
    with pytest.raises(FileNotFoundError):
        await fs.copy_out(sources, out, dry_run=True)
    assert not out.exists()


@pytest.mark.parametrize("source", ["a.txt/", "missing/", "d/./x/", "ln/"])
async def test_a_slash_at_the_end_wants_a_directory(store, out, source):
    fs = await filled(store)
    with pytest.raises(NotADirectoryError):
        await fs.copy_out(source, out)
    assert not out.exists()


@pytest.mark.parametrize("source", ["..", "../x", "d/../a.txt", "d/./../a.txt", "a\0b", "d//x"])
async def test_an_invalid_source_is_a_value_error(store, out, source):
    fs = await filled(store)
    with pytest.raises(ValueError):
        await fs.copy_out(source, out, ignore_errors=True)
    assert not out.exists()


async def test_arguments_of_wrong_types_are_refused(store, out):
    fs = await filled(store)
    for sources in (b"a.txt", 1, None, [b"a.txt"]):
        with pytest.raises(TypeError):
            await fs.copy_out(sources, out)
    for dest in (b"out", 1, None):
        with pytest.raises(TypeError):
            await fs.copy_out("a.txt", dest)
    with pytest.raises(ValueError, match="current"):
        await fs.copy_out("a.txt", "")


# -- the destination -------------------------------------------------------------------------


async def test_the_destination_is_created_with_its_parents(store, tmp_path):
    fs = await filled(store)
    await fs.copy_out("a.txt", tmp_path / "far" / "down")
    assert disk(tmp_path / "far") == {"down/a.txt": b"alpha"}
    await fs.copy_out("a.txt", str(tmp_path / "text") + "/")
    assert disk(tmp_path / "text") == {"a.txt": b"alpha"}


async def test_a_relative_destination_is_below_the_current_directory(store, tmp_path, monkeypatch):
    fs = await filled(store)
    monkeypatch.chdir(tmp_path)
    await fs.copy_out("a.txt", "here")
    assert disk(tmp_path / "here") == {"a.txt": b"alpha"}
    await fs.copy_out("d/x", ".")
    assert (tmp_path / "x").read_bytes() == b"x"


async def test_a_link_to_a_directory_is_used_as_that_directory(store, tmp_path):
    fs = await filled(store)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    await fs.copy_out("a.txt", tmp_path / "link")
    await fs.sync_out("d", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert disk(tmp_path / "real") == at("d/")


@pytest.mark.parametrize("kind", ["file", "dangling"])
async def test_a_destination_that_is_no_directory_is_refused(store, tmp_path, kind):
    fs = await filled(store)
    place = tmp_path / "place"
    if kind == "file":
        place.write_bytes(b"precious")
    else:
        place.symlink_to("nowhere")
    before = disk(tmp_path)
    for options in ({}, {"delete": True}, {"dry_run": True}, {"ignore_errors": True}):
        with pytest.raises(FileExistsError, match="place"):
            await fs.copy_out("a.txt", place, **options)
    with pytest.raises(NotADirectoryError if kind == "file" else FileNotFoundError):
        await fs.copy_out("a.txt", place / "below")
    assert {k: v for k, v in disk(tmp_path).items() if "repo.git" not in k} == {
        k: v for k, v in before.items() if "repo.git" not in k
    }


# -- what is written -------------------------------------------------------------------------


async def test_written_files_have_mode_and_time_of_the_commit(store, out):
    fs = await filled(store)
    before = os.umask(0o027)
    try:
        await fs.copy_out("", out)
        await fs.copy_out("", out / "e")  # into a directory that exists
    finally:
        os.umask(before)
    when = fs.time.timestamp()
    for top in (out, out / "e"):
        for path in (top / "a.txt", top / "run", top / "ln", top / "d/sub/y"):
            status = path.lstat()
            assert (status.st_mtime, status.st_atime) == (when, when) or path.name == "a.txt"
            assert status.st_mtime == when
        assert stat.S_IMODE((top / "run").stat().st_mode) == 0o755
        assert stat.S_IMODE((top / "a.txt").stat().st_mode) == 0o640


@pytest.mark.parametrize("target", ["nowhere", "/etc/passwd", "../../up", "a b\nc", "é\udcff"])
async def test_links_are_recreated_verbatim(store, out, target):
    fs = await (await store.branches["main"]).write_symlink("d/link", target)
    await fs.copy_out("", out)
    assert os.readlink(out / "d/link") == target
    await fs.copy_out("d", out / "d")  # beside others
    assert os.readlink(out / "d/d/link") == target
    assert (await fs.sync_out("d/", out / "d/d")).changes is None


async def test_names_that_are_not_utf8_are_copied(store, out):
    fs = await stored(await store.branches["main"], {"d\udcff/f\udcfe": b"1", "é": b"2"})
    report = (await fs.copy_out("", out)).changes
    assert os.listdir(os.fsencode(out / "d\udcff")) == [b"f\xfe"]
    assert {entry.path for entry in report.add} == {"d\udcff/f\udcfe", "é"}
    assert (await fs.copy_out("", out)).changes is None


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 18) + 1, (1 << 20) + 1, 3 << 20])
async def test_files_of_any_size_are_copied(store, out, size):
    # Never an asterisk first: ``stored`` would take it for the mark of an executable file.
    data = random.Random(size).randbytes(size)
    assert not data.startswith(b"*")
    fs = await stored(
        await store.branches["main"], {"new/big": data, "new/small": b"s", "top": b"t"}
    )
    await fs.copy_out("", out)
    assert disk(out) == {"new/big": data, "new/small": b"s", "top": b"t"}
    assert (await fs.copy_out("", out)).changes is None
    (out / "new/big").write_bytes(data + b"1")
    assert changed((await fs.copy_out("", out)).changes) == {"update": ["new/big"]}
    if size:
        (out / "new/big").write_bytes(bytes(size))
        assert changed((await fs.copy_out("", out)).changes) == {"update": ["new/big"]}
    assert (out / "new/big").read_bytes() == data


async def test_very_many_files_in_a_new_directory_are_copied(store, out):
    files = {f"d/{number:04}": b"%d" % number for number in range(1200)}
    fs = await (await store.branches["main"]).apply(files)
    await fs.copy_out("", out)
    assert disk(out) == files


# -- what is there already -------------------------------------------------------------------


async def test_what_is_there_and_equal_is_left_alone(store, out):
    fs = await filled(store)
    await fs.copy_out("", out)
    before = stamps(out)
    result = await fs.copy_out("", out)
    assert result.changes is None
    assert stamps(out) == before


async def test_what_is_there_and_equal_gets_the_time_of_the_commit_all_the_same(store, out):
    fs = await filled(store)
    await fs.copy_out("", out)
    moment = int(fs.time.timestamp())
    names = ("a.txt", "ln", "d/sub/y")
    for name in names:
        os.utime(out / name, (1, 1), follow_symlinks=False)
    before = {name: os.lstat(out / name).st_ino for name in names}
    for options in ({"dry_run": True}, {"ignore_existing": True}, {"delete": True}):
        assert (await fs.copy_out("", out, **options)).changes is None
        assert {os.lstat(out / name).st_mtime for name in names} == {1}
    assert (await fs.copy_out("", out)).changes is None
    assert {os.lstat(out / name).st_mtime for name in names} == {moment}
    assert before == {name: os.lstat(out / name).st_ino for name in names}


async def test_what_differs_is_replaced_and_everything_else_stays(store, out):
    fs = await filled(store)
    make_disk(out, {"a.txt": b"other", "run": b"#!/bin/sh\n", "mine": b"1", "d/sub/mine": b"2"})
    result = await fs.copy_out("", out)
    assert disk(out) == FILES | {"mine": b"1", "d/sub/mine": b"2"}
    assert changed(result.changes) == {
        "add": [".dot", "ln", "d/x", "d/sub/y", "d/sub/deep/z", "e/x"],
        "update": ["a.txt", "run"],
    }


async def test_a_link_whose_target_is_the_wanted_content_is_no_file(store, out):
    fs = await stored(await store.branches["main"], {"f": b"1", "l": "-> 1"})
    make_disk(out, {"f": "-> 1", "l": b"1"})
    for delete in (False, True):
        plan = await fs.copy_out("", out, delete=delete, dry_run=True)
        assert changed(plan.changes) == {"update": ["f", "l"]}
    await fs.copy_out("", out)
    assert disk(out) == {"f": b"1", "l": "-> 1"}


async def test_a_link_at_the_place_of_a_file_is_replaced_not_followed(store, out, tmp_path):
    fs = await filled(store)
    (tmp_path / "victim").write_bytes(b"untouched")
    make_disk(out, {"a.txt": "-> ../victim"})
    report = (await fs.copy_out("a.txt", out)).changes
    assert disk(out) == {"a.txt": b"alpha"}
    assert (tmp_path / "victim").read_bytes() == b"untouched"
    assert report == ChangeReport(update=[FileEntry("a.txt", FileType.BLOB, "a.txt")])


async def test_a_link_at_the_place_of_a_directory_is_replaced_not_followed(store, out, tmp_path):
    fs = await filled(store)
    elsewhere = make_disk(tmp_path / "elsewhere", {"x": b"mine"})
    make_disk(out, {"d": f"-> {elsewhere}"})
    report = (await fs.copy_out("d", out)).changes
    assert disk(out) == at("d/", "d/")
    assert disk(elsewhere) == {"x": b"mine"}
    assert changed(report) == {"add": ["d/x", "d/sub/y", "d/sub/deep/z"], "delete": ["d"]}


async def test_nested_links_do_not_lead_out_of_the_destination(store, out, tmp_path):
    """D11: dest/a -> b, b/c -> elsewhere; the snapshot has a/c/f."""
    fs = await stored(await store.branches["main"], {"a/c/f": b"1"})
    elsewhere = make_disk(tmp_path / "elsewhere", {"f": b"mine"})
    b = make_disk(tmp_path / "b", {"c": f"-> {elsewhere}"})
    make_disk(out, {"a": f"-> {b}"})
    await fs.copy_out("", out)
    assert disk(out) == {"a/c/f": b"1"}
    assert disk(b) == {"c": f"-> {elsewhere}"}
    assert disk(elsewhere) == {"f": b"mine"}


@pytest.mark.parametrize("delete", [False, True])
async def test_a_file_in_the_way_of_a_directory_is_removed(store, out, delete):
    fs = await filled(store)
    make_disk(out, {"d/sub": b"in the way"})
    report = (await fs.copy_out("d", out, delete=delete)).changes
    assert disk(out) == at("d/", "d/")
    assert changed(report)["delete"] == ["d/sub"]
    assert set(changed(report)["add"]) == set(at("d/", "d/"))


@pytest.mark.parametrize("delete", [False, True])
async def test_a_directory_in_the_way_of_a_file_is_removed_with_all_below(store, out, delete):
    fs = await filled(store)
    make_disk(out, {"a.txt/p/q/r": b"1", "a.txt/l": "-> /etc", "a.txt/e": "empty"})
    report = (await fs.copy_out("a.txt", out, delete=delete)).changes
    assert disk(out) == {"a.txt": b"alpha"}
    kind = "add" if delete else "update"
    assert changed(report) == {kind: ["a.txt"], "delete": ["a.txt/l", "a.txt/p/q/r"]}


async def test_a_directory_in_the_way_of_a_link_is_removed(store, out):
    fs = await filled(store)
    make_disk(out, {"ln/x": b"1"})
    await fs.copy_out("ln", out)
    assert disk(out) == {"ln": "-> a.txt"}


async def test_a_fifo_in_the_way_is_named_and_replaced_unopened(store, out):
    fs = await filled(store)
    make_disk(out, {"a.txt": "special", "d": "special", "other": "special"})
    result = await fs.copy_out(["a.txt", "d"], out)
    assert disk(out) == {"a.txt": b"alpha", "other": "special"} | at("d/", "d/")
    assert {Path(warning.path).name for warning in result.changes.warnings} == {"a.txt", "d"}
    assert all("FIFO" in warning.error for warning in result.changes.warnings)


# -- options ---------------------------------------------------------------------------------


async def test_ignore_existing_leaves_what_is_there(store, out):
    fs = await filled(store)
    there = {"a.txt": b"mine", "ln": "-> dangling", "run": "-> a.txt", "d/x": b"mine"}
    make_disk(out, there)
    plan = await fs.copy_out("", out, ignore_existing=True, dry_run=True)
    result = await fs.copy_out("", out, ignore_existing=True)
    assert disk(out) == FILES | there
    expected = {".dot", "d/sub/y", "d/sub/deep/z", "e/x"}
    assert set(changed(result.changes)["add"]) == set(changed(plan.changes)["add"]) == expected
    assert "update" not in changed(result.changes)


async def test_ignore_existing_destroys_nothing_to_make_room(store, out):
    fs = await filled(store)
    make_disk(out, {"a.txt/mine": b"1", "d": b"2", "e": "-> nowhere"})
    await fs.copy_out(["a.txt", "d", "e"], out, ignore_existing=True)
    assert disk(out) == {"a.txt/mine": b"1", "d": b"2", "e": "-> nowhere"}


async def test_a_dry_run_changes_nothing_and_tells_what_the_real_run_does(
    store, storage, out, repo
):
    fs = await filled(store)
    make_disk(out, {"a.txt": b"other", "d": "-> /etc", "mine": b"1", "e/x/y": b"2"})
    for options in ({}, {"delete": True}):
        before, times = disk(out), stamps(out)
        files = stamps(repo) if storage == "disk" else None
        plan = await fs.copy_out("", out, dry_run=True, **options)
        assert (disk(out), stamps(out)) == (before, times)
        assert files is None or stamps(repo) == files
        assert fs.changes is None or fs.changes.add[0].src is None
        assert plan.commit_hash == fs.commit_hash
        assert plan is not fs
    plan = await fs.copy_out("", out, dry_run=True)
    real = await fs.copy_out("", out)
    for kind in ("add", "update", "delete"):
        planned, done = getattr(plan.changes, kind), getattr(real.changes, kind)
        assert planned == sorted(done, key=lambda entry: entry.path)
    plan = await fs.copy_out("", out, dry_run=True, delete=True)
    assert (await fs.copy_out("", out, delete=True)).changes == plan.changes
    assert (await fs.copy_out("", out, dry_run=True, delete=True)).changes is None


async def test_a_dry_run_creates_no_destination(store, out):
    fs = await filled(store)
    assert changed((await fs.copy_out("d", out, dry_run=True)).changes) == {
        "add": ["d/sub/deep/z", "d/sub/y", "d/x"]
    }
    assert (await fs.copy_out([], out, dry_run=True, delete=True)).changes is None
    assert not out.exists()


async def test_the_result_is_a_new_snapshot_of_the_same_commit(store, out):
    fs = await filled(store)
    mine = fs.changes
    result = await fs.copy_out("", out)
    assert result.commit_hash == fs.commit_hash == await tip(store)
    assert (result.ref_name, result.writable) == ("main", True)
    assert fs.changes is mine
    assert (await result.copy_out("", out)).changes is None
    assert result.changes is not None
    assert (await result.write("new", b"1")).message == "+ new"


async def test_the_report_has_paths_types_and_sources(store, out):
    fs = await filled(store)
    report = (await fs.copy_out(["d/./sub", "ln", "run"], out)).changes
    assert report == ChangeReport(
        add=[
            FileEntry("ln", FileType.LINK, "ln"),
            FileEntry("run", FileType.EXECUTABLE, "run"),
            FileEntry("sub/y", FileType.BLOB, "d/sub/y"),
            FileEntry("sub/deep/z", FileType.BLOB, "d/sub/deep/z"),
        ]
    )


async def test_read_only_snapshots_are_copied(store, out):
    fs = await filled(store)
    await store.tags.set("v1", fs)
    await (await store.tags["v1"]).copy_out("a.txt", out)
    await (await fs.parent).sync_out("", out)
    assert disk(out) == {}
    await (await store.fs(fs.commit_hash)).copy_out("d/x", out)
    assert disk(out) == {"x": b"x"}


async def test_of_overlapping_sources_the_last_one_counts(store, out):
    fs = await filled(store)
    report = (await fs.copy_out(["d/", "e/"], out)).changes
    assert disk(out) == at("d/") | {"x": b"other x"}
    assert [entry.path for entry in report.add].count("x") == 1
    assert report.warnings == []
    await fs.copy_out(["e/x", "d/x"], out)
    assert disk(out)["x"] == b"x"


async def test_overlapping_directories_are_merged(store, out):
    files = {
        "p/t/one": b"1",
        "p/t/both": b"p",
        "q/t/two": b"2",
        "q/t/both": b"q",
        "q/t/one/x": b"3",
    }
    fs = await stored(await store.branches["main"], files)
    await fs.copy_out(["p/t", "q/t"], out)
    assert disk(out) == {"t/one/x": b"3", "t/both": b"q", "t/two": b"2"}
    report = (await fs.copy_out(["p/t", "q/t"], out, delete=True)).changes
    assert disk(out) == {"t/one": b"1", "t/both": b"p", "t/two": b"2"}
    assert {warning.path for warning in report.warnings} == {"q/t/both", "q/t/one"}


# -- progress --------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["copy_out", "sync_out"])
async def test_progress_is_reported(store, out, call):
    fs = await filled(store)
    seen = []
    await getattr(fs, call)("", out, progress=seen.append)
    last = seen[-1]
    total = sum(len(entry) for entry in FILES.values()) - len("-> ") - len("*")
    assert (last.phase, last.done, last.total, last.bytes) == ("copying", 8, 8, total)
    assert any(report.phase == "planning" for report in seen)
    seen.clear()
    await getattr(fs, call)("", out, progress=seen.append, dry_run=True)
    assert {report.phase for report in seen} == {"planning"}


async def test_an_error_in_the_progress_callback_reaches_the_caller(store, out):
    fs = await filled(store)

    def stop(_):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        await fs.copy_out("", out, progress=stop)
    assert (await fs.copy_out("", out)).changes is not None
