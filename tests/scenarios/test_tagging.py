"""`fs.tagging()`: a commit and its tag in one step, or neither (cli.md D12)."""

from __future__ import annotations

import pytest

from tests.support.snapshots import contents, tip
from vost import ReadOnlySnapshotError, RefExistsError, StaleSnapshotError


async def filled(store):
    return await (await store.branches["main"]).write("a", b"1")


async def batch(fs):
    async with fs.batch() as made:
        await made.write("b", b"2")
    return made.fs


async def through_a_writer(fs):
    async with fs.writer("b") as file:
        await file.write(b"2")
    return file.fs


WRITES = {
    "write": lambda fs: fs.write("b", b"2"),
    "apply": lambda fs: fs.apply({"b": b"2"}),
    "remove": lambda fs: fs.remove("a"),
    "move": lambda fs: fs.move("a", "b"),
    "copy_from_ref": lambda fs: fs.copy_from_ref("main", "a", "b"),
    "batch": batch,
    "writer": through_a_writer,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
async def test_tag_is_made_with_the_commit(store, write):
    fs = await filled(store)
    written = await write(fs.tagging("v1"))
    assert written.commit_hash == await tip(store) != fs.commit_hash
    assert (await store.tags["v1"]).commit_hash == written.commit_hash
    await written.write("c", b"3")
    assert (await store.tags["v1"]).commit_hash == written.commit_hash


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
async def test_neither_is_made_if_the_tag_exists(store, write):
    fs = await filled(store)
    await store.tags.set("v1", fs)
    for name, error in (("v1", RefExistsError), ("v1/x", ValueError)):
        with pytest.raises(error):
            await write(fs.tagging(name))
    assert await tip(store) == fs.commit_hash
    assert await store.tags.keys() == ["v1"]
    assert (await store.tags["v1"]).commit_hash == fs.commit_hash
    assert await contents(await (await store.branches["main"]).write("b", b"2")) != {}


async def test_tag_moves_if_it_may_be_replaced(store):
    fs = await filled(store)
    await store.tags.set("v1", fs)
    written = await fs.tagging("v1", replace=True).write("b", b"2")
    assert (await store.tags["v1"]).commit_hash == written.commit_hash


async def empty_batch(fs):
    async with fs.batch() as made:
        pass
    return made.fs


@pytest.mark.parametrize(
    "write",
    [lambda fs: fs.write("a", b"1"), lambda fs: fs.apply(), empty_batch],
    ids=["write", "apply", "batch"],
)
async def test_tag_is_for_the_snapshot_if_nothing_changes(store, write):
    fs = await filled(store)
    same = await write(fs.tagging("v1"))
    assert same.commit_hash == fs.commit_hash == await tip(store)
    assert (await store.tags["v1"]).commit_hash == fs.commit_hash
    assert await same.write("b", b"2")  # which makes no second tag
    assert (await store.tags["v1"]).commit_hash == fs.commit_hash


async def test_stale_snapshot_makes_no_tag(store):
    fs = await filled(store)
    await fs.write("b", b"2")
    for data in (b"1", b"3"):
        with pytest.raises(StaleSnapshotError):
            await fs.tagging("v1").write("a", data)
    assert await store.tags.keys() == []


async def test_dry_run_makes_no_tag(store):
    fs = (await filled(store)).tagging("v1")
    await fs.remove("a", dry_run=True)
    await fs.move("a", "b", dry_run=True)
    assert await store.tags.keys() == []


async def test_what_cannot_be_tagged_is_refused_at_once(store):
    fs = await filled(store)
    with pytest.raises(ValueError, match="Invalid ref name"):
        fs.tagging("a b")
    tag = await store.tags.set("v1", fs)
    with pytest.raises(ReadOnlySnapshotError):
        tag.tagging("v2")
