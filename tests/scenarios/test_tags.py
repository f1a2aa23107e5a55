"""Tags: created once, read-only, never moved (contract section 5)."""

from __future__ import annotations

from collections.abc import MutableMapping

import pytest

import vost_sync
from tests.support.faces import collect
from tests.support.refnames import ILLEGAL_NAMES, LEGAL_NAMES
from tests.support.snapshots import contents
from vost import ReadOnlySnapshotError, RefExistsError, StaleSnapshotError


async def main(store):
    return await store.branches["main"]


async def test_tag_is_a_read_only_snapshot_of_its_commit(store):
    fs = await (await main(store)).write("a", b"1")
    made = await store.tags.set("v1", fs)
    for tag in (made, await store.tags["v1"], await store.tags.get("v1")):
        assert (tag.commit_hash, tag.ref_name, tag.writable) == (fs.commit_hash, "v1", False)
        assert await contents(tag) == {"a": b"1"}
    assert made is not fs
    await fs.write("a", b"2")
    assert await (await store.tags["v1"]).read("a") == b"1"


async def test_writing_to_a_tag_is_refused_by_its_name(store):
    tag = await store.tags.set("v1", await (await main(store)).write("a", b"1"))
    for attempt in (
        lambda: tag.write("b", b"2"),
        lambda: tag.write_text("b", "2"),
        lambda: tag.write_symlink("b", "a"),
        lambda: tag.apply({"b": b"2"}),
        lambda: tag.remove("a"),
    ):
        with pytest.raises(PermissionError, match=r"Cannot write to read-only snapshot \(ref 'v1'"):
            await attempt()
    with pytest.raises(ReadOnlySnapshotError, match=r"Cannot batch on read-only .*'v1'"):
        tag.batch()
    with pytest.raises(PermissionError, match="'v1'"):
        tag.writer("b")
    with pytest.raises(PermissionError, match=r"Cannot undo on read-only .*'v1'"):
        await tag.undo()
    with pytest.raises(PermissionError, match=r"Cannot redo on read-only .*'v1'"):
        await tag.redo()
    assert await tag.ls() == ["a"]


async def test_existing_tag_is_never_overwritten(store):
    fs = await main(store)
    later = await fs.write("a", b"1")
    await store.tags.set("v1", fs)
    for value in (fs, later):
        with pytest.raises(KeyError, match="Tag 'v1' already exists") as caught:
            await store.tags.set("v1", value)
        assert isinstance(caught.value, RefExistsError)
    assert (await store.tags["v1"]).commit_hash == fs.commit_hash


async def test_tag_moves_in_one_step_if_it_may_be_replaced(store):
    first = await main(store)
    second = await first.write("a", b"1")
    assert (await store.tags.set("v1", first, replace=True)).commit_hash == first.commit_hash
    moved = await store.tags.set("v1", second, replace=True)
    assert (moved.commit_hash, moved.writable) == (second.commit_hash, False)
    assert (await store.tags["v1"]).commit_hash == second.commit_hash
    with pytest.raises(StaleSnapshotError, match="v1"):
        await store.tags.set("v1", first, replace=True, expected=first)
    await store.tags.set("v1", first, replace=True, expected=second)
    assert (await store.tags["v1"]).commit_hash == first.commit_hash


async def test_missing_tag_is_a_key_error(store):
    with pytest.raises(KeyError, match="nope") as caught:
        await store.tags["nope"]
    assert caught.value.args[0] == "nope"
    with pytest.raises(KeyError, match="nope"):
        await store.tags.delete("nope")
    assert await store.tags.get("nope") is None
    assert not await store.tags.contains("nope")
    assert not await store.tags.contains("main")
    assert not await store.tags.contains(7)


async def test_names_follow_the_rules_of_branches(store):
    fs = await main(store)
    for name in ILLEGAL_NAMES:
        with pytest.raises(ValueError):
            await store.tags.set(name, fs)
        assert not await store.tags.contains(name)
    for name in LEGAL_NAMES:
        assert (await store.tags.set(name, fs)).ref_name == name
        await store.tags.delete(name)
    assert await store.tags.count() == 0


async def test_checks_come_in_order_name_type_repository_existence(face, store):
    fs = await main(store)
    stranger = await (await face.GitStore.memory()).branches["main"]
    await store.tags.set("v1", fs)
    with pytest.raises(ValueError, match="Invalid ref name"):
        await store.tags.set("v 1", "no snapshot")
    with pytest.raises(TypeError, match="Expected FS, got str"):
        await store.tags.set("v1", "no snapshot")
    with pytest.raises(ValueError, match="same repo"):
        await store.tags.set("v1", stranger)
    with pytest.raises(KeyError, match="already exists"):
        await store.tags.set("v1", fs)


async def test_deleted_tag_can_be_made_anew_elsewhere(store):
    fs = await main(store)
    await store.tags.set("v1", fs)
    await store.tags.delete("v1")
    assert not await store.tags.contains("v1")
    later = await fs.write("a", b"1")
    assert (await store.tags.set("v1", later)).commit_hash == later.commit_hash


async def test_deleting_a_branch_leaves_the_tag_of_the_same_name(store):
    fs = await main(store)
    await store.branches.set("x", fs)
    await store.tags.set("x", fs)
    await store.branches.delete("x")
    assert (await store.tags["x"]).commit_hash == fs.commit_hash
    assert await store.tags.keys() == ["x"]


async def test_mapping_operations(store):
    fs = await main(store)
    await store.tags.update({"a": fs, "b": fs})
    await store.tags.update([("c", fs)])
    assert await store.tags.keys() == ["a", "b", "c"]
    assert await collect(store.tags) == ["a", "b", "c"]
    assert await store.tags.count() == 3
    assert [(n, t.ref_name, t.writable) for n, t in await store.tags.items()] == [
        ("a", "a", False),
        ("b", "b", False),
        ("c", "c", False),
    ]
    assert [tag.ref_name for tag in await store.tags.values()] == ["a", "b", "c"]
    assert (await store.tags.pop("b")).commit_hash == fs.commit_hash
    assert await store.tags.pop("b", 1) == 1
    with pytest.raises(KeyError):
        await store.tags.pop("b")
    with pytest.raises(KeyError, match="already exists"):
        await store.tags.update({"a": fs})


async def test_tags_have_no_current_one_and_no_reflog(store):
    await store.tags.set("v1", await main(store))
    with pytest.raises(ValueError, match="Tags"):
        await store.tags.current
    with pytest.raises(ValueError, match="Tags"):
        await store.tags.current_name
    with pytest.raises(ValueError, match="Tags"):
        await store.tags.set_current("v1")
    with pytest.raises(ValueError, match="Tags do not have reflog"):
        await store.tags.reflog("v1")
    with pytest.raises(ValueError, match="Tags do not have reflog"):
        await store.tags.reflog("nope")


@pytest.mark.blocking_ok("a repr counts the refs, and cannot be awaited")
async def test_repr_counts(store):
    assert repr(store.tags) == "RefDict('tags', len=0)"
    tag = await store.tags.set("v1", await main(store))
    assert repr(store.tags) == "RefDict('tags', len=1)"
    assert repr(tag) == f"FS(ref_name='v1', commit={tag.commit_hash[:7]}, readonly)"


async def test_tags_are_lightweight_for_git(disk_store, repo, git):
    fs = await main(disk_store)
    await disk_store.tags.set("deep/v1", fs)
    assert git(repo, "cat-file", "-t", "refs/tags/deep/v1") == "commit"
    assert git(repo, "rev-parse", "deep/v1") == fs.commit_hash


async def test_annotated_and_nested_tags_are_peeled(disk_store, repo, git):
    fs = await main(disk_store)
    git(repo, "tag", "-a", "-m", "one", "one", "main")
    git(repo, "tag", "-a", "-m", "two", "two", "one")
    git(repo, "tag", "tree", fs.tree_hash)
    assert (await disk_store.tags["one"]).commit_hash == fs.commit_hash
    assert (await disk_store.tags["two"]).commit_hash == fs.commit_hash
    with pytest.raises(ValueError, match="Tag 'tree' does not point to a commit"):
        await disk_store.tags["tree"]
    with pytest.raises(KeyError, match="Tag 'one' already exists"):
        await disk_store.tags.set("one", fs)


def test_blocking_tags_are_a_real_mutable_mapping():
    store = vost_sync.GitStore.memory()
    tags = store.tags
    fs = store.branches["main"]
    assert isinstance(tags, MutableMapping)
    tags["v1"] = fs
    assert "v1" in tags
    assert [*tags] == ["v1"]
    with pytest.raises(KeyError, match="already exists"):
        tags["v1"] = fs
    assert tags.setdefault("v1", fs).writable is False
    tags.update(v2=fs)
    assert tags.popitem()[0] in ("v1", "v2")
    tags.clear()
    assert len(tags) == 0
    with pytest.raises(ValueError, match="Tags"):
        tags.current = "v1"
    with pytest.raises(ValueError, match="Tags"):
        _ = tags.current
    with pytest.raises(ValueError, match="Tags"):
        _ = tags.current_name
    with pytest.raises(KeyError):
        del tags["v1"]
