"""`copy_from_ref`: contract section 12.5, with 12.9, 12.10 and 22.1."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.support.snapshots import changed, contents, tip
from vost import FileType, StaleSnapshotError


async def two_branches(store):
    """Return (receiver ``dev``, source ``main``)."""
    main = await store.branches["main"]
    dev = await store.branches.set("dev", main)
    dev = await dev.apply({"k": b"keep", "c/z": b"only here", "c/x": b"old"})
    main = await main.apply({"c/x": b"x", "c/e/y": b"y", "top": b"top"})
    main = await main.write("c/run", b"#!", mode=FileType.EXECUTABLE)
    return dev, await main.write_symlink("c/ln", "x")


WHOLE = {"c/e/y": b"y", "c/ln": b"x", "c/run": b"#!", "c/x": b"x"}
OWN = {"c/x": b"old", "c/z": b"only here", "k": b"keep"}


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((), OWN | WHOLE | {"top": b"top"}),
        (("c",), OWN | WHOLE),
        (("c/",), OWN | {path[2:]: data for path, data in WHOLE.items()}),
        (("c", "imp"), OWN | {f"imp/{path}": data for path, data in WHOLE.items()}),
        (("c/", "imp"), OWN | {f"imp/{path[2:]}": data for path, data in WHOLE.items()}),
        (("c/x",), OWN | {"x": b"x"}),
        (("c/x", "imp"), OWN | {"imp/x": b"x"}),
        (("c/./e/y", "imp/"), OWN | {"imp/e/y": b"y"}),
        (("c/./e/", "/imp"), OWN | {"imp/y": b"y"}),
        ((["top", "c/x"], "/"), OWN | {"top": b"top", "x": b"x"}),
        ((PurePosixPath("c/e"), PurePosixPath("n")), OWN | {"n/e/y": b"y"}),
        (([],), OWN),
        (("top", "k"), OWN | {"k/top": b"top"}),
    ],
)
async def test_what_lands_where(store, arguments, expected):
    dev, main = await two_branches(store)
    fs = await dev.copy_from_ref(main, *arguments)
    if arguments == ("top", "k"):
        expected = {path: data for path, data in expected.items() if path != "k"}
    assert await contents(fs) == expected
    assert await contents(dev) == OWN
    assert fs.commit_hash == await tip(store, "dev")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("c",), WHOLE | {"k": b"keep"}),
        (("c/",), {path[2:]: data for path, data in WHOLE.items()}),
        (("",), WHOLE | {"top": b"top"}),
        (("c/", "c"), WHOLE | {"k": b"keep"}),
        (("c/x",), {"x": b"x"}),
        (("c/x", "c"), {"c/x": b"x", "k": b"keep"}),
        (([],), OWN),
    ],
)
async def test_delete_takes_away_what_the_source_lacks(store, arguments, expected):
    dev, main = await two_branches(store)
    fs = await dev.copy_from_ref(main, *arguments, delete=True)
    assert await contents(fs) == expected


async def test_modes_links_and_ids_are_kept(store):
    dev, main = await two_branches(store)
    fs = await dev.copy_from_ref(main, "c", "imp")
    assert await fs.file_type("imp/c/run") == FileType.EXECUTABLE
    assert await fs.readlink("imp/c/ln") == "x"
    assert await fs.object_hash("imp/c") == await main.object_hash("c")


async def test_report_and_message_say_what_really_changed(store):
    dev, main = await two_branches(store)
    fs = await dev.copy_from_ref(main, "c")
    assert changed(fs.changes) == {"add": ["c/ln", "c/run", "c/e/y"], "update": ["c/x"]}
    assert fs.message == "Batch cp: +3 ~1"
    assert {entry.src for entry in fs.changes.add} == {None}
    again = await fs.copy_from_ref(main, "c")
    assert again.commit_hash == fs.commit_hash
    assert again.changes is None
    assert again is not fs
    assert fs.changes is not None


async def test_dir_over_file_and_file_over_dir(store):
    main = await store.branches["main"]
    dev = await store.branches.set("dev", main)
    dev = await dev.apply({"d": b"file", "f/x": b"in a directory"})
    main = await main.apply({"d/x": b"x", "f": b"f"})
    fs = await dev.copy_from_ref(main, delete=True)
    assert await contents(fs) == {"d/x": b"x", "f": b"f"}
    assert changed(fs.changes) == {"add": ["f", "d/x"], "delete": ["d", "f/x"]}


async def test_the_source_may_be_named(store):
    dev, main = await two_branches(store)
    await store.tags.set("v1", main)
    fs = await dev.copy_from_ref("main", "top")
    assert await fs.read("top") == b"top"
    fs = await fs.copy_from_ref("v1", "c/x", "tagged")
    assert await fs.read("tagged/x") == b"x"
    for name in ("gone", "", main.commit_hash, "a b"):
        with pytest.raises(ValueError, match="Cannot resolve"):
            await fs.copy_from_ref(name, "top")
    for value in (None, 3, b"main"):
        with pytest.raises(TypeError):
            await fs.copy_from_ref(value, "top")


async def test_another_repository_is_refused(face, store, tmp_path):
    dev, _ = await two_branches(store)
    other = await face.GitStore.open(tmp_path / "other.git")
    with pytest.raises(ValueError, match="same repo"):
        await dev.copy_from_ref(await other.branches["main"])
    await other.close()


@pytest.mark.parametrize(
    "arguments, error",
    [
        (("gone",), FileNotFoundError),
        ((["top", "gone"],), FileNotFoundError),
        (("top/",), NotADirectoryError),
        (("gone/",), NotADirectoryError),
        (("../c",), ValueError),
        (("c", "../n"), ValueError),
        (("c", "n/.git"), ValueError),
        (("c", 3), TypeError),
    ],
)
async def test_bad_arguments_change_nothing(store, arguments, error):
    dev, main = await two_branches(store)
    with pytest.raises(error):
        await dev.copy_from_ref(main, *arguments)
    assert await tip(store, "dev") == dev.commit_hash


async def test_stale_and_read_only_receivers(store):
    dev, main = await two_branches(store)
    await store.tags.set("v1", dev)
    tag = await store.tags["v1"]
    with pytest.raises(PermissionError, match="read-only"):
        await tag.copy_from_ref(main, "top")
    preview = await tag.copy_from_ref(main, "top", dry_run=True)
    assert changed(preview.changes) == {"add": ["top"]}
    newer = await dev.copy_from_ref(main, "top")
    for sources in ("top", "c"):
        with pytest.raises(StaleSnapshotError):
            await dev.copy_from_ref(main, sources)
    assert await tip(store, "dev") == newer.commit_hash


async def test_a_dry_run_tells_and_changes_nothing(store):
    dev, main = await two_branches(store)
    preview = await dev.copy_from_ref(main, "c", delete=True, dry_run=True)
    assert changed(preview.changes) == {
        "add": ["c/e/y", "c/ln", "c/run"],
        "update": ["c/x"],
        "delete": ["c/z"],
    }
    assert preview.commit_hash == dev.commit_hash == await tip(store, "dev")
    assert dev.changes is not preview.changes
    real = await dev.copy_from_ref(main, "c", delete=True)
    assert real.changes.actions() == preview.changes.actions()
