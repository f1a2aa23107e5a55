"""`copy_from_refs`: several snapshots, one commit, nothing lost by accident."""

from __future__ import annotations

import pytest

from tests.support.snapshots import changed, contents
from vost import AllFailedError, FileType


async def three_branches(store):
    """Return (receiver ``out``, ``main``, ``dev``)."""
    start = await store.branches["main"]
    out = await store.branches.set("out", start)
    dev = await store.branches.set("dev", start)
    main = await start.apply({"a": b"main a", "d/x": b"x", "d/e/y": b"y"})
    main = await main.write("run", b"#!", mode=FileType.EXECUTABLE)
    dev = await dev.apply({"a": b"dev a", "b": b"b"})
    out = await out.apply({"place/keep": b"k", "place/a": b"old", "file": b"f"})
    return out, main, dev


async def test_sources_of_several_snapshots_are_one_commit(store):
    out, main, dev = await three_branches(store)
    done = await out.copy_from_refs([main, dev], ["d", "b"], "place")
    assert await contents(done) == {
        "file": b"f",
        "place/a": b"old",
        "place/b": b"b",
        "place/d/e/y": b"y",
        "place/d/x": b"x",
        "place/keep": b"k",
    }
    assert (await done.parent).commit_hash == out.commit_hash
    assert done.message == "Batch cp: +3"


async def test_without_changes_there_is_no_commit(store):
    out, main, _ = await three_branches(store)
    done = await out.copy_from_refs([main], ["d"], "place")
    again = await done.copy_from_refs([main], ["d"], "place")
    assert again.commit_hash == done.commit_hash
    assert again.changes is None


@pytest.mark.parametrize("strict, kept", [(False, b"dev a"), (True, b"main a")])
async def test_two_sources_for_one_path(store, strict, kept):
    out, main, dev = await three_branches(store)
    done = await out.copy_from_refs([main, dev], ["a", "a"], "n", strict=strict)
    assert await done.read("n/a") == kept
    warnings = [(each.path, each.error) for each in done.changes.warnings]
    text = "Overlapping destination 'n/a': skipping (kept earlier source)"
    assert warnings == ([("a", text)] if strict else [])


async def test_delete_removes_what_no_source_has(store):
    out, main, dev = await three_branches(store)
    preview = await out.copy_from_refs([main, dev], ["d/", "b"], "place", delete=True, dry_run=True)
    done = await out.copy_from_refs([main, dev], ["d/", "b"], "place", delete=True)
    assert sorted(await contents(done)) == ["file", "place/b", "place/e/y", "place/x"]
    assert changed(preview.changes) == {
        kind: sorted(v) for kind, v in changed(done.changes).items()
    }


async def test_what_exists_can_be_left_alone(store):
    out, main, dev = await three_branches(store)
    done = await out.copy_from_refs([main, dev], ["a", "b"], "place", ignore_existing=True)
    assert await done.read("place/a") == b"old"
    assert await done.read("place/b") == b"b"
    gone = await done.copy_from_refs([main], ["a"], "place", ignore_existing=True, delete=True)
    assert sorted(await contents(gone)) == ["file", "place/a"]
    assert await gone.read("place/a") == b"old"


async def test_exact_destination_is_the_name(store):
    out, main, _ = await three_branches(store)
    done = await out.copy_from_refs([main], ["run"], "bin/tool", exact=True)
    assert await done.file_type("bin/tool") is FileType.EXECUTABLE
    done = await done.copy_from_refs([main], ["run"], "t", exact=True, mode=FileType.BLOB)
    assert await done.file_type("t") is FileType.BLOB
    for bad in ("", "/"):
        with pytest.raises(ValueError, match="exact destination"):
            await done.copy_from_refs([main], ["run"], bad, exact=True)
    with pytest.raises(ValueError, match="exact destination"):
        await done.copy_from_refs([main, main], ["run", "a"], "x", exact=True)


@pytest.mark.parametrize(
    "source, dest, error, message",
    [
        ("a", "place", IsADirectoryError, "Is a directory: place"),
        ("a", "file/a", NotADirectoryError, "Not a directory: file"),
    ],
)
async def test_strict_copies_lose_nothing(store, source, dest, error, message):
    out, main, _ = await three_branches(store)
    for dry_run in (True, False):
        with pytest.raises(error) as failed:
            await out.copy_from_refs(
                [main], [source], dest, exact=True, strict=True, dry_run=dry_run
            )
        assert str(failed.value) == message
    done = await out.copy_from_refs([main], [source], dest, exact=True)
    assert await done.read(dest) == b"main a"


async def test_missing_source_is_reported_or_raised(store):
    out, main, dev = await three_branches(store)
    with pytest.raises(FileNotFoundError):
        await out.copy_from_refs([main, dev], ["nope", "b"])
    done = await out.copy_from_refs([main, dev], ["nope", "b"], ignore_errors=True)
    assert [each.path for each in done.changes.errors] == ["nope"]
    assert await done.read("b") == b"b"
    with pytest.raises(AllFailedError) as failed:
        await done.copy_from_refs([main], ["nope"], ignore_errors=True)
    assert [each.path for each in failed.value.errors] == ["nope"]


async def test_dry_run_takes_all_that_exists_for_an_update(store):
    out, main, _ = await three_branches(store)
    same = await out.copy_from_refs([main], ["d"], "place")
    report = (await same.copy_from_refs([main], ["d"], "place", dry_run=True)).changes
    assert [each.path for each in report.update] == ["place/d/e/y", "place/d/x"]
    assert report.add == []


async def test_as_many_snapshots_as_sources_are_needed(store):
    out, main, _ = await three_branches(store)
    with pytest.raises(ValueError, match="as many as sources"):
        await out.copy_from_refs([main], ["a", "b"])
    with pytest.raises(ValueError, match="as many as sources"):
        await out.copy_out(["file"], "x", snapshots=[])
