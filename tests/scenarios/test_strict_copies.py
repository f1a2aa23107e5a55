"""`strict`, `exact`, `snapshots` and `checksum=None` of copies from and to the local disk."""

from __future__ import annotations

import os

import pytest

from tests.support.clocks import stop_clock
from tests.support.localtrees import Link, local_contents, make_tree
from tests.support.snapshots import changed, typed_contents
from vost import AllFailedError, FileType

OLD = 978_307_200  # in the year 2001


@pytest.fixture
def here(tmp_path, monkeypatch):
    directory = tmp_path / "here"
    make_tree(
        directory,
        {"f": b"f", "g": b"g", "ln": Link("nowhere"), "d/x": b"x", "e/x": b"other"},
    )
    monkeypatch.chdir(directory)
    return directory


async def main(store, files=None):
    fs = await store.branches["main"]
    return await fs.apply(files) if files else fs


# --- in


async def test_exact_destination_is_the_name_of_the_file(store, here):
    fs = await (await main(store)).copy_in("f", "a/new", exact=True)
    assert await typed_contents(fs) == {"a/new": ("blob", b"f")}
    assert fs.message == "+ a/new"
    fs = await fs.copy_in("d", "a/dir", exact=True)
    assert sorted(await typed_contents(fs)) == ["a/dir/x", "a/new"]


@pytest.mark.parametrize("sources, dest", [("f", ""), (["f", "g"], "n"), ("d/", "n"), ([], "n")])
async def test_exact_destination_needs_one_source_with_a_name(store, here, sources, dest):
    fs = await main(store)
    with pytest.raises(ValueError, match="exact destination"):
        await fs.copy_in(sources, dest, exact=True)


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    "source, dest, exact, error, message",
    [
        ("f", "dir", True, IsADirectoryError, "Is a directory: dir"),
        ("f", "file/f", True, NotADirectoryError, "Not a directory: file"),
        ("f", "file", False, NotADirectoryError, "Not a directory: file"),
        ("d", "", False, NotADirectoryError, "Not a directory: d"),
        ("g", "", False, IsADirectoryError, "Is a directory: g"),
    ],
)
async def test_strict_copy_in_loses_nothing(
    store, here, source, dest, exact, error, message, dry_run
):
    fs = await main(store, {"dir/x": b"", "file": b"", "d": b"", "g/x": b""})
    with pytest.raises(error) as failed:
        await fs.copy_in(source, dest, exact=exact, strict=True, dry_run=dry_run)
    assert str(failed.value) == message
    done = await fs.copy_in(source, dest, exact=exact)
    assert done.commit_hash != fs.commit_hash


async def test_strict_copy_in_goes_on_past_what_is_in_the_way(store, here):
    fs = await main(store, {"f/x": b""})
    done = await fs.copy_in(["f", "g"], "", strict=True, ignore_errors=True)
    assert [(each.path, each.error) for each in done.changes.errors] == [("f", "Is a directory: f")]
    assert sorted(await typed_contents(done)) == ["f/x", "g"]


async def test_with_delete_what_is_in_the_way_goes(store, here):
    fs = await main(store, {"n/f/x": b"", "n/d": b""})
    done = await fs.copy_in(["f", "d"], "n", strict=True, delete=True)
    assert sorted(await typed_contents(done)) == ["n/d/x", "n/f"]


async def test_of_two_sources_the_first_counts_with_a_warning(store, here):
    fs = await (await main(store)).copy_in(["d/x", "e/x"], "n", strict=True)
    assert await fs.read("n/x") == b"x"
    assert [(each.path, each.error) for each in fs.changes.warnings] == [
        ("e/x", "Overlapping destination 'n/x': skipping (kept earlier source)")
    ]


async def test_strict_source_may_be_a_link_that_leads_nowhere(store, here):
    fs = await main(store)
    with pytest.raises(FileNotFoundError):
        await fs.copy_in("ln", "")
    with pytest.raises(FileNotFoundError):
        await fs.copy_in("ln", "", strict=True, follow_symlinks=True)
    fs = await fs.copy_in("ln", "", strict=True)
    assert await typed_contents(fs) == {"ln": ("link", b"nowhere")}


async def test_dry_run_without_checksum_takes_all_that_exists_for_an_update(store, here):
    fs = await (await main(store)).copy_in(["d", "f"], "")
    assert (await fs.copy_in(["d", "f"], "", dry_run=True)).changes is None
    plan = await fs.copy_in(["d", "f", "g"], "", dry_run=True, checksum=None)
    assert changed(plan.changes) == {"add": ["g"], "update": ["d/x", "f"]}


async def test_all_that_failed_is_in_the_error(store, here):
    fs = await main(store)
    with pytest.raises(AllFailedError) as failed:
        await fs.copy_in(["no", "nope"], "", ignore_errors=True)
    assert [each.path for each in failed.value.errors] == ["no", "nope"]
    with pytest.raises(AllFailedError) as failed:
        await fs.copy_out(["no", "nope"], "out", ignore_errors=True)
    assert [each.path for each in failed.value.errors] == ["no", "nope"]


async def test_repository_does_not_go_into_itself(face, tmp_path):
    local = make_tree(tmp_path / "local", {"f": b"f"})
    async with await face.GitStore.open(local / "r.git") as store:
        fs = await (await main(store)).sync_in(local, "")
        assert await typed_contents(fs) == {"f": ("blob", b"f")}
        warning = (str(local / "r.git"), "Left out: it is the repository itself")
        assert [(each.path, each.error) for each in fs.changes.warnings] == [warning]
        again = await fs.copy_in(local / "r.git", "", delete=True)
        assert await typed_contents(again) == {}


# --- which files count as unchanged


async def synced(store, here, moment=None):
    """Return a snapshot that has all of `here`; its commit is of this second."""
    if moment is not None:
        os.utime(here / "f", (moment, moment))
    return await (await main(store)).sync_in(here, "n")


async def test_older_than_its_last_commit_counts_as_unchanged(store, here):
    fs = await synced(store, here)
    (here / "f").write_bytes(b"changed")
    os.utime(here / "f", (OLD, OLD))
    assert (await fs.sync_in(here, "n", checksum=None)).changes is None
    done = await fs.sync_in(here, "n", checksum=True)
    assert changed(done.changes) == {"update": ["f"]}


async def test_edit_before_an_unrelated_commit_is_noticed(store, here):
    clock = stop_clock(store, 1_700_000_000)
    fs = await synced(store, here, 1_600_000_000)
    (here / "f").write_bytes(b"edited")
    os.utime(here / "f", (1_700_000_005, 1_700_000_005))
    clock.advance(10)
    later = await fs.write("unrelated", b"x")
    assert (await later.sync_in(here, "n", checksum=False, dry_run=True)).changes is None
    done = await later.sync_in(here, "n", checksum=None)
    assert changed(done.changes) == {"update": ["f"]}


async def test_second_edit_within_the_second_of_a_commit_is_noticed(store, here):
    fs = await synced(store, here)
    second = int(fs.time.timestamp())
    (here / "f").write_bytes(b"edited")
    os.utime(here / "f", (second, second))
    done = await fs.sync_in(here, "n", checksum=None)
    assert changed(done.changes) == {"update": ["f"]}


async def test_commit_of_the_future_hides_no_edit(store, here):
    stop_clock(store, 4_000_000_000)
    fs = await synced(store, here, OLD)
    (here / "f").write_bytes(b"edited")
    done = await fs.sync_in(here, "n", checksum=None)
    assert changed(done.changes) == {"update": ["f"]}


async def test_unchanged_files_are_not_reported(store, here):
    fs = await synced(store, here)
    (here / "f").write_bytes(b"f")
    assert (await fs.sync_in(here, "n", checksum=None)).changes is None


async def test_sync_in_can_follow_links(store, here):
    (here / "ln").unlink()
    (here / "ln").symlink_to("f")
    fs = await (await main(store)).sync_in(here, "n", follow_symlinks=True)
    assert (await typed_contents(fs))["n/ln"] == ("blob", b"f")


# --- out


async def test_exact_destination_on_disk(store, here):
    fs = await main(store, {"a/f": b"content", "d/x": b"x"})
    done = await fs.copy_out("a/f", "new", exact=True)
    assert changed(done.changes) == {"add": ["new"]}
    await fs.copy_out("a/f", here / "far/down", exact=True)
    await fs.copy_out("d", "far/dir", exact=True)
    found = local_contents(here)
    assert {name: found[name][1] for name in ("new", "far/down", "far/dir/x")} == {
        "new": b"content",
        "far/down": b"content",
        "far/dir/x": b"x",
    }
    with pytest.raises(ValueError, match="exact destination"):
        await fs.copy_out("d/", "n", exact=True)


async def test_strict_copy_out_keeps_directories_that_are_not_empty(store, here):
    fs = await main(store, {"d": b"file", "g": b"new g", "f/x": b"x"})
    for dry_run in (True, False):
        with pytest.raises(IsADirectoryError):
            await fs.copy_out(["g", "d"], ".", strict=True, dry_run=dry_run)
    assert (here / "g").read_bytes() == b"g"
    done = await fs.copy_out(["g", "d"], ".", strict=True, ignore_errors=True)
    assert [each.path for each in done.changes.errors] == ["./d"]
    assert (here / "d/x").read_bytes() == b"x"
    assert (here / "g").read_bytes() == b"new g"
    (here / "d/x").unlink()
    await fs.copy_out(["d", "f"], ".", strict=True)  # an empty directory and a file may go
    assert (here / "d").read_bytes() == b"file"
    assert (here / "f/x").read_bytes() == b"x"


async def test_sources_of_several_snapshots(store, here):
    old = await main(store, {"a": b"old", "b": b"old"})
    new = await old.apply({"a": b"new", "b": b"new"})
    out = here / "out"
    await new.copy_out(["a", "b"], out, snapshots=[old, new], delete=True)
    assert local_contents(out) == {"a": ("blob", b"old"), "b": ("blob", b"new")}


async def test_mode_on_disk(store, here):
    fs = await main(store, {"a": b"a"})
    fs = await fs.write("run", b"r", mode=FileType.EXECUTABLE)
    await fs.copy_out("", "out", mode=FileType.EXECUTABLE)
    assert (here / "out/a").stat().st_mode & 0o111
    await fs.copy_out("", "out", mode=0o100644)
    assert not (here / "out/run").stat().st_mode & 0o111


async def test_dry_run_on_disk_without_checksum(store, here):
    fs = await main(store, {"a": b"a", "b": b"b"})
    await fs.copy_out("a", "out")
    plan = await fs.copy_out("", "out", dry_run=True, checksum=None)
    assert changed(plan.changes) == {"add": ["b"], "update": ["a"]}
