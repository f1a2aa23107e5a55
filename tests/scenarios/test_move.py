"""`move`: contract section 12.7, with D8 and D12, its report (12.9) and its message (15)."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.faces import BLOCKING, face_id
from tests.support.snapshots import changed, contents, tip
from vost import ChangeReport, FileEntry, FileType, StaleSnapshotError


async def filled(store, **files):
    """Commit files given as ``a__b=content``; ``*`` at the start makes one executable."""
    fs = await store.branches["main"]
    async with fs.batch() as batch:
        for name, text in (files or DEFAULT).items():
            mode = FileType.EXECUTABLE if text.startswith("*") else None
            await batch.write(name.replace("__", "/"), text.encode(), mode=mode)
    return batch.fs


DEFAULT = {"a": "1", "b": "2", "d__x": "x", "d__y": "*y", "e__z": "z"}


@pytest.mark.parametrize(
    "sources, dest, expected",
    [
        ("a", "c", {"c": "1"}),
        ("a", "new/deep/c", {"new/deep/c": "1"}),
        ("a", "b", {"b": "1"}),
        ("a", "d", {"d/a": "1"}),
        ("a", "new/", {"new/a": "1"}),
        ("a", "/d/", {"d/a": "1"}),
        ("d/x", "", {"x": "x"}),
        ("d/x", "/", {"x": "x"}),
        ("d", "n", {"n/x": "x", "n/y": "*y"}),
        ("d", "e", {"e/d/x": "x", "e/d/y": "*y"}),
        ("d", "n/", {"n/d/x": "x", "n/d/y": "*y"}),
        ("d/", "", {"x": "x", "y": "*y"}),
        ("d/", "n", {"n/x": "x", "n/y": "*y"}),
        ("d/", "e", {"e/x": "x", "e/y": "*y"}),
        (["a", "b"], "new", {"new/a": "1", "new/b": "2"}),
        (["a", "d"], "e", {"e/a": "1", "e/d/x": "x", "e/d/y": "*y"}),
        (["d/", "e/"], "n", {"n/x": "x", "n/y": "*y", "n/z": "z"}),
        ("d/./x", "n/", {"n/x": "x"}),
        ("./d/./x", "n", {"n": "x"}),
        (PurePosixPath("a"), PurePosixPath("c"), {"c": "1"}),
        (("a",), "c", {"c": "1"}),
    ],
)
async def test_what_goes_where(store, sources, dest, expected):
    before = await filled(store)
    old = await contents(before)
    fs = await before.move(sources, dest, recursive=True)
    new = await contents(fs)
    assert {path: new[path] for path in expected} == {
        path: text.encode() for path, text in expected.items()
    }
    # Nothing is lost: as many contents as before, unless one was overwritten.
    assert sorted(new.values()) == sorted(old.values()) or dest == "b"
    assert (await fs.parent).commit_hash == before.commit_hash
    assert await contents(before) == old


async def test_a_rename_reports_one_that_comes_and_one_that_goes(store):
    fs = await (await filled(store)).move("a", "c")
    assert fs.message == "Batch mv: +1 -1"
    assert fs.changes == ChangeReport(
        add=[FileEntry("c", FileType.BLOB, src="c")],
        delete=[FileEntry("a", FileType.BLOB, src="a")],
    )


async def test_report_and_message_agree_when_a_file_is_overwritten(store):
    fs = await (await filled(store)).move("a", "b")
    assert fs.message == "Batch mv: ~1 -1"
    assert changed(fs.changes) == {"update": ["b"], "delete": ["a"]}


async def test_a_target_with_the_same_content_is_no_change(store):
    fs = await filled(store, a="same", n="same")
    fs = await fs.move("a", "n")
    assert fs.message == "- a"
    assert changed(fs.changes) == {"delete": ["a"]}


async def test_modes_and_links_stay_and_are_reported(store):
    fs = await filled(store)
    fs = await fs.write_symlink("d/ln", "nowhere")
    fs = await fs.move("d", "n", recursive=True)
    assert await fs.file_type("n/y") == FileType.EXECUTABLE
    assert await fs.readlink("n/ln") == "nowhere"
    assert {entry.path: entry.type for entry in fs.changes.add} == {
        "n/ln": FileType.LINK,
        "n/x": FileType.BLOB,
        "n/y": FileType.EXECUTABLE,
    }


async def test_directories_are_moved_by_their_ids(store):
    fs = await filled(store)
    before = await fs.object_hash("d")
    fs = await fs.move("d", "deep/er", recursive=True)
    assert await fs.object_hash("deep/er") == before


async def test_a_directory_needs_recursive(store):
    fs = await filled(store)
    for sources in ("d", "d/", ["a", "d"]):
        with pytest.raises(IsADirectoryError, match="recursive=True"):
            await fs.move(sources, "n")
    assert await tip(store) == fs.commit_hash


@pytest.mark.parametrize(
    "sources, dest, error",
    [
        ("gone", "n", FileNotFoundError),
        (["a", "gone"], "n", FileNotFoundError),
        ([], "n", FileNotFoundError),
        ("a/below", "n", FileNotFoundError),
        ("a/", "n", NotADirectoryError),
        ("gone/", "n", NotADirectoryError),
        ("../a", "n", ValueError),
        ("a", "../n", ValueError),
        ("a", "x/.git", ValueError),
        ("a", "b\0c", ValueError),
        (b"a", "n", TypeError),
        ("a", None, TypeError),
        (3, "n", TypeError),
    ],
)
async def test_bad_arguments_change_nothing(store, sources, dest, error):
    fs = await filled(store)
    with pytest.raises(error):
        await fs.move(sources, dest, recursive=True)
    assert await tip(store) == fs.commit_hash


@pytest.mark.parametrize(
    "sources, dest, named",
    [
        ("a", "a", "same"),
        ("d/x", "d", "same"),
        ("d", "d", "same"),
        ("d", "d/sub", "inside"),
        ("d/", "d", "same"),
        ("a", "a/c", "inside"),
        ("a", "a/", "inside"),
        ("", "a-copy-of-everything/d", "d"),
        (["d/x", "e/x"], "n/", "lost"),
        (["a", "a"], "n/", "twice"),
        (["d", "d/x"], "n/", "inside"),
    ],
)
async def test_moves_that_would_lose_something_are_refused(store, sources, dest, named):
    fs = await filled(store, a="1", d__x="x", e__x="other")
    if sources == "":
        await fs.move(sources, dest, recursive=True)  # everything into a new directory is fine
        return
    with pytest.raises(ValueError, match=named):
        await fs.move(sources, dest, recursive=True)
    assert await tip(store) == fs.commit_hash


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    "sources, dest, error, named",
    [
        ("a", "d/x/new", NotADirectoryError, "d/x"),
        ("d", "a", NotADirectoryError, "a"),
        (["a", "b"], "d/x", NotADirectoryError, "d/x"),
        ("x", "d/q", IsADirectoryError, "d/q/x"),
        ("e/d", "", IsADirectoryError, "d"),
    ],
)
async def test_strict_moves_replace_nothing_but_a_file_by_a_file(
    store, sources, dest, error, named, dry_run
):
    inside = "d__q__x__y" if dest == "d/q" else "d__q__w"
    fs = await filled(store, a="1", b="2", x="3", d__x="4", e__d__z="5", **{inside: "6"})
    before = await contents(fs)
    with pytest.raises(error) as caught:
        await fs.move(sources, dest, recursive=True, strict=True, dry_run=dry_run)
    assert caught.value.filename == named
    assert await contents(await store.branches["main"]) == before
    assert await fs.move("a", "b", strict=True, dry_run=True)
    await fs.move(sources, dest, recursive=True)


async def test_a_dry_run_tells_and_changes_nothing(store):
    fs = await filled(store)
    preview = await fs.move("d", "n", recursive=True, dry_run=True)
    assert changed(preview.changes) == {"add": ["n/x", "n/y"], "delete": ["d/x", "d/y"]}
    assert preview.commit_hash == fs.commit_hash == await tip(store)
    assert preview is not fs
    real = await fs.move("d", "n", recursive=True)
    assert changed(real.changes) == changed(preview.changes)


async def test_read_only_snapshots_can_only_be_asked(store):
    fs = await filled(store)
    await store.tags.set("v1", fs)
    tag = await store.tags["v1"]
    with pytest.raises(PermissionError, match="read-only"):
        await tag.move("a", "c")
    assert changed((await tag.move("a", "c", dry_run=True)).changes) == {
        "add": ["c"],
        "delete": ["a"],
    }


async def test_a_stale_snapshot_moves_nothing(store):
    fs = await filled(store)
    await fs.write("other", b"")
    with pytest.raises(StaleSnapshotError):
        await fs.move("a", "c")


async def test_message_and_parents_are_recorded(store):
    fs = await filled(store)
    other = await fs.squash()
    fs = await fs.move("a", "c", message="{op}: {default}", parents=[other])
    assert fs.message == "mv: Batch mv: +1 -1"
    assert other.commit_hash.encode() in await _raw_parents(store, fs)


async def _raw_parents(store, fs):
    commit = fs._commit if hasattr(fs, "_commit") else fs._aio._commit
    return [oid.hex().encode() for oid in commit.parents]


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize("anyio_backend", [BLOCKING], ids=face_id)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.sets(PATHS, min_size=1, max_size=6),
    moves=st.lists(st.tuples(PATHS, PATHS), max_size=4),
)
async def test_random_moves_do_what_a_model_does(face, files, moves):
    store = await face.GitStore.memory()
    model = {}
    for path in sorted(files):
        if not any(path.startswith(other + "/") for other in model):
            model[path] = path.encode()
    fs = await (await store.branches["main"]).apply(model)
    for source, dest in moves:
        expected = _moved(model, source, dest)
        if expected is None:
            with pytest.raises((ValueError, FileNotFoundError)):
                await fs.move(source, dest, recursive=True)
            continue
        fs = await fs.move(source, dest, recursive=True)
        model = expected
        assert await contents(fs) == model


def _moved(model, source, dest):
    below = {path for path in model if path.startswith(source + "/")}
    if source not in model and not below:
        return None
    if any(path.startswith(dest + "/") for path in model):
        dest = f"{dest}/{source.rpartition('/')[2]}"
    if dest == source or dest.startswith(source + "/"):
        return None
    rest = {path: data for path, data in model.items() if path != source and path not in below}
    moved = {dest + path[len(source) :]: model[path] for path in below or {source}}
    gone = {path for path in rest for new in moved if new.startswith(path + "/")}
    if not below:
        gone |= {path for path in rest if path.startswith(dest + "/")}
    gone |= {path for path in rest for new in moved if path.startswith(new + "/")}
    return {path: data for path, data in rest.items() if path not in gone} | moved
