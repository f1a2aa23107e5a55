"""Branches: a mapping from name to writable snapshot (contract section 5, D14, D18, D21, D32)."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping

import pytest

import vost_sync
from tests.support.faces import collect, unwrapped
from tests.support.refnames import ILLEGAL_NAMES, LEGAL_NAMES
from tests.support.snapshots import contents, tip
from vost import (
    InvalidRefNameError,
    RefExistsError,
    ReflogEntry,
    RefNotFoundError,
    StaleSnapshotError,
)


async def main(store):
    return await store.branches["main"]


async def messages(store, name):
    return [entry.message for entry in await store.branches.reflog(name)]


# --- looking up


async def test_look_up_gives_a_fresh_writable_snapshot_of_the_tip(store):
    first = await main(store)
    assert (first.ref_name, first.writable) == ("main", True)
    assert await main(store) is not first
    assert (await main(store)).changes is None
    written = await first.write("a", b"1")
    assert (await main(store)).commit_hash == written.commit_hash
    assert (await store.branches.get("main")).commit_hash == written.commit_hash
    assert first.commit_hash != written.commit_hash


async def test_missing_branch_is_a_key_error_with_its_name(store):
    with pytest.raises(KeyError) as caught:
        await store.branches["nope"]
    assert isinstance(caught.value, RefNotFoundError)
    assert caught.value.args[0] == "nope"
    assert "nope" in str(caught.value)
    assert str(caught.value)[0] != "'"


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", "a\0b", "\ud800", "n" * 300, "refs", "é" * 200]
)
async def test_names_that_cannot_exist_are_missing_not_errors(store, name):
    with pytest.raises(KeyError):
        await store.branches[name]
    assert await store.branches.get(name) is None
    assert await store.branches.get(name, 7) == 7
    assert not await store.branches.contains(name)
    with pytest.raises(KeyError):
        await store.branches.delete(name)
    with pytest.raises(KeyError):
        await store.branches.reflog(name)
    with pytest.raises(KeyError):
        await store.branches.set_current(name)
    with pytest.raises(KeyError):
        await store.branches.pop(name)
    assert await store.branches.pop(name, None) is None


@pytest.mark.parametrize("name", [None, 1, b"main", ("main",), ["main"]])
async def test_what_is_no_text_is_not_contained_and_no_key(store, name):
    assert not await store.branches.contains(name)
    with pytest.raises((KeyError, TypeError)):
        await store.branches[name]


async def test_a_directory_of_branches_is_no_branch(store):
    await store.branches.set("a/b/c", await main(store))
    for name in ("a", "a/b", "a/b/", "a/b/c/d"):
        assert not await store.branches.contains(name)
        with pytest.raises(KeyError):
            await store.branches[name]


# --- assigning


async def test_new_branch_of_any_legal_name(store):
    fs = await (await main(store)).write("a", b"1")
    for name in LEGAL_NAMES:
        made = await store.branches.set(name, fs)
        assert (made.ref_name, made.writable, made.commit_hash) == (name, True, fs.commit_hash)
        assert made is not fs
        assert await store.branches.contains(name)
        assert sorted(await store.branches.keys()) == sorted(["main", name])
        await made.write("b", b"2")
        assert await contents(await store.branches[name]) == {"a": b"1", "b": b"2"}
        assert await contents(await main(store)) == {"a": b"1"}
        await store.branches.delete(name)
        assert await store.branches.keys() == ["main"]


async def test_illegal_name_is_a_value_error_and_nothing_happens(store):
    fs = await main(store)
    for name in ILLEGAL_NAMES:
        with pytest.raises(ValueError) as caught:
            await store.branches.set(name, fs)
        assert isinstance(caught.value, InvalidRefNameError), name
        said = "colon" if ":" in name else f"Invalid ref name: {name!r}"
        assert said in str(caught.value)
        assert not await store.branches.contains(name)
    assert await store.branches.keys() == ["main"]


async def test_name_that_is_no_text_is_a_type_error(store):
    with pytest.raises(TypeError):
        await store.branches.set(1, await main(store))


@pytest.mark.parametrize("value", ["main", None, 1, b"x", 1.5, {}], ids=repr)
async def test_value_that_is_no_snapshot_is_a_type_error(store, value):
    with pytest.raises(TypeError, match=f"Expected FS, got {type(value).__name__}"):
        await store.branches.set("x", value)
    assert await store.branches.keys() == ["main"]


async def test_checks_come_in_order_name_type_repository(face, store):
    stranger = await (await face.GitStore.memory()).branches["main"]
    with pytest.raises(ValueError, match="Invalid ref name"):
        await store.branches.set("a b", "no snapshot")
    with pytest.raises(TypeError, match="Expected FS"):
        await store.branches.set("x", "no snapshot")
    with pytest.raises(ValueError, match="same repo"):
        await store.branches.set("x", stranger)
    assert await store.branches.keys() == ["main"]


async def test_existing_branch_is_moved_without_any_check(store):
    first = await main(store)
    second = await first.write("a", b"1")
    unrelated = await second.squash()
    dev = await store.branches.set("dev", second)
    moved = await dev.write("x", b"2")
    for target in (first, unrelated, second, moved):
        assert (await store.branches.set("dev", target)).commit_hash == target.commit_hash
        assert await tip(store, "dev") == target.commit_hash
    assert await tip(store) == second.commit_hash


async def test_existing_branch_stays_if_it_may_not_be_replaced(store):
    first = await main(store)
    second = await first.write("a", b"1")
    await store.branches.set("dev", first, replace=False)
    with pytest.raises(RefExistsError, match="'dev' already exists"):
        await store.branches.set("dev", second, replace=False)
    with pytest.raises(RefExistsError):
        await store.branches.set("dev", first, replace=False)
    assert await tip(store, "dev") == first.commit_hash


async def test_branch_moves_only_from_where_it_is_expected(face, store):
    first = await main(store)
    second = await first.write("a", b"1")
    for name in ("main", "missing"):
        with pytest.raises(StaleSnapshotError, match=name):
            await store.branches.set(name, first, expected=first)
    assert await tip(store) == second.commit_hash
    assert (await store.branches.set("main", first, expected=second)).ref_name == "main"
    assert await tip(store) == first.commit_hash
    stranger = await (await face.GitStore.memory()).branches["main"]
    with pytest.raises(ValueError, match="same repo"):
        await store.branches.set("main", second, expected=stranger)


async def test_branch_that_begins_anew_keeps_its_past_in_the_reflog(store):
    old = await (await main(store)).write("a", b"1")
    with pytest.raises(RefExistsError):
        await store.branches.create("main")
    anew = await store.branches.create("main", replace=True)
    assert (anew.message, await anew.parent, await anew.ls()) == ("Initialize main", None, [])
    last = (await store.branches.reflog("main"))[-1]
    assert (last.old_sha, last.new_sha) == (old.commit_hash, anew.commit_hash)
    assert last.message == "branch: set to Initialize main"
    assert (await store.branches.create("dev", replace=True)).ref_name == "dev"


async def test_read_only_and_historical_snapshots_are_fine_values(face, store):
    first = await main(store)
    second = await first.write("a", b"1")
    tag = await store.tags.set("v1", second)
    detached = face.FS(store, first.commit_hash.encode())
    parent = await second.parent
    for value in (tag, detached, parent, await store.fs(second.commit_hash)):
        made = await store.branches.set("copy", value)
        assert (made.commit_hash, made.writable) == (value.commit_hash, True)
        assert made.ref_name == "copy"


async def test_snapshot_of_a_branch_may_be_assigned_to_another_and_stays_its_own(store):
    fs = await main(store)
    dev = await store.branches.set("dev", fs)
    assert (fs.ref_name, dev.ref_name) == ("main", "dev")
    await dev.write("a", b"1")
    assert await (await main(store)).ls() == []
    await fs.write("b", b"2")
    assert await (await store.branches["dev"]).ls() == ["a"]


async def test_movements_are_logged_and_standing_still_is_not(store):
    first = await main(store)
    second = await first.write("a", b"1", message="subject\n\nbody\n")
    await store.branches.set("dev", second)
    await store.branches.set("dev", second)
    await store.branches.set("dev", first)
    await store.branches.set("dev", first)
    assert await messages(store, "dev") == [
        "branch: Created from subject",
        "branch: set to Initialize main",
    ]
    entries = await store.branches.reflog("dev")
    assert entries[0].old_sha == "0" * 40
    assert entries[0].new_sha == entries[1].old_sha == second.commit_hash
    assert entries[1].new_sha == first.commit_hash


async def test_names_that_clash_as_file_and_directory_are_value_errors(store):
    fs = await main(store)
    await store.branches.set("a/b", fs)
    for name, other in (("a", "a/b"), ("a/b/c", "a/b"), ("main/x", "main")):
        with pytest.raises(ValueError, match=name) as caught:
            await store.branches.set(name, fs)
        assert other in str(caught.value)
    assert await store.branches.keys() == ["a/b", "main"]
    with pytest.raises(ValueError, match="main/x"):
        await store.branches.create("main/x")


async def test_clashing_names_follow_one_another_once_the_first_is_gone(store):
    fs = await (await main(store)).write("a", b"1")
    await store.branches.set("x/y/z", fs)
    await (await store.branches["x/y/z"]).write("b", b"2")
    await store.branches.delete("x/y/z")
    await store.branches.set("x/y", fs)
    assert await messages(store, "x/y") == ["branch: Created from + a"]
    await store.branches.delete("x/y")
    await store.branches.set("x", fs)
    await store.branches.delete("x")
    await store.branches.set("x/y/z", fs)
    assert await messages(store, "x/y/z") == ["branch: Created from + a"]
    assert await store.branches.keys() == ["main", "x/y/z"]


# --- deleting


async def test_deleted_branch_is_gone_with_its_log(store):
    fs = await store.branches.set("dev", await main(store))
    fs = await fs.write("a", b"1")
    await store.branches.delete("dev")
    assert not await store.branches.contains("dev")
    with pytest.raises(KeyError):
        await store.branches["dev"]
    with pytest.raises(KeyError):
        await store.branches.reflog("dev")
    with pytest.raises(KeyError, match="dev"):
        await store.branches.delete("dev")
    with pytest.raises(KeyError, match="dev"):
        await fs.write("b", b"2")
    with pytest.raises(KeyError, match="dev"):
        await fs.undo()
    again = await store.branches.set("dev", fs)
    assert await messages(store, "dev") == ["branch: Created from + a"]
    with pytest.raises(ValueError, match="branch creation"):
        await again.redo()


async def test_current_branch_may_be_deleted_and_head_dangles(store):
    fs = await main(store)
    await store.branches.delete("main")
    assert await store.branches.current is None
    assert await store.branches.current_name is None
    assert await store.branches.count() == 0
    await store.branches.set("main", fs)
    assert await store.branches.current_name == "main"


async def test_deleted_branch_leaves_its_commits_readable(store):
    fs = await store.branches.set("dev", await main(store))
    fs = await fs.write("a", b"1")
    await store.branches.delete("dev")
    assert await fs.read("a") == b"1"
    assert await (await store.fs(fs.commit_hash)).read("a") == b"1"


# --- the mapping


async def test_iteration_and_counting(store):
    fs = await main(store)
    names = ["main", "b", "a/x", "é", "Z"]
    for name in names[1:]:
        await store.branches.set(name, fs)
    assert sorted(await collect(store.branches)) == sorted(names)
    assert sorted(await store.branches.keys()) == sorted(names)
    assert await store.branches.count() == 5
    items = await store.branches.items()
    assert sorted(name for name, _ in items) == sorted(names)
    assert all(value.ref_name == name and value.writable for name, value in items)
    assert [value.ref_name for value in await store.branches.values()] == [n for n, _ in items]


async def test_pop_deletes_and_returns_the_snapshot(store):
    await store.branches.set("dev", await main(store))
    written = await (await store.branches["dev"]).write("a", b"1")
    popped = await store.branches.pop("dev")
    assert popped.commit_hash == written.commit_hash
    assert not await store.branches.contains("dev")
    assert await store.branches.pop("dev", None) is None
    assert await store.branches.pop("dev", 7) == 7
    with pytest.raises(KeyError, match="dev"):
        await store.branches.pop("dev")


async def test_update_takes_mappings_and_pairs(store):
    fs = await main(store)
    await store.branches.update({"a": fs, "b": fs})
    await store.branches.update([("c", fs)])
    await store.branches.update({})
    assert await store.branches.keys() == ["a", "b", "c", "main"]
    with pytest.raises(ValueError):
        await store.branches.update({"d": fs, "bad name": fs})


async def test_get_raises_for_a_damaged_ref_only(store):
    assert await store.branches.get("nope") is None
    assert await store.branches.get("nope", "default") == "default"
    assert (await store.branches.get("main", None)).ref_name == "main"


@pytest.mark.blocking_ok("a repr counts the refs, and cannot be awaited")
async def test_repr_counts(store):
    assert repr(store.branches) == "RefDict('branches', len=1)"
    await store.branches.set("dev", await main(store))
    assert repr(store.branches) == "RefDict('branches', len=2)"
    await store.branches.delete("main")
    await store.branches.delete("dev")
    assert repr(store.branches) == "RefDict('branches', len=0)"


# --- the current branch


async def test_current_branch_is_the_one_head_names(store):
    assert await store.branches.current_name == "main"
    current = await store.branches.current
    assert (current.ref_name, current.writable) == ("main", True)
    assert current.commit_hash == await tip(store)


async def test_current_branch_is_set_by_name(store):
    fs = await (await main(store)).write("a", b"1")
    await store.branches.set("dev/x", await fs.parent)
    await store.branches.set_current("dev/x")
    assert await store.branches.current_name == "dev/x"
    assert (await store.branches.current).commit_hash == await tip(store, "dev/x")
    assert await tip(store) == fs.commit_hash


async def test_unknown_current_branch_is_a_key_error(store):
    with pytest.raises(KeyError, match="Branch not found: 'nope'"):
        await store.branches.set_current("nope")
    assert await store.branches.current_name == "main"


async def test_current_branch_is_no_snapshot(store):
    with pytest.raises(TypeError):
        await store.branches.set_current(await main(store))
    assert await store.branches.current_name == "main"


async def test_two_handles_agree_on_the_current_branch(face, disk_store, repo, git):
    other = await face.GitStore.open(repo)
    await disk_store.branches.set("dev", await main(disk_store))
    await other.branches.set_current("dev")
    assert await disk_store.branches.current_name == "dev"
    assert git(repo, "symbolic-ref", "HEAD") == "refs/heads/dev"


# --- the reflog


async def test_reflog_is_oldest_first(store):
    init = await main(store)
    a = await init.write("a", b"1")
    b = await a.write("b", b"2")
    entries = await store.branches.reflog("main")
    assert isinstance(entries, list)
    assert all(isinstance(entry, ReflogEntry) for entry in entries)
    assert [(e.old_sha, e.new_sha) for e in entries] == [
        (init.commit_hash, a.commit_hash),
        (a.commit_hash, b.commit_hash),
    ]
    assert entries[0].committer == "vost <vost@localhost>"


async def test_reflog_of_a_fresh_branch_is_file_not_found(store):
    with pytest.raises(FileNotFoundError, match="main"):
        await store.branches.reflog("main")
    await store.branches.create("second")
    with pytest.raises(FileNotFoundError, match="second"):
        await store.branches.reflog("second")


async def test_reflog_of_an_unknown_branch_is_a_key_error(store):
    with pytest.raises(KeyError, match="nope"):
        await store.branches.reflog("nope")


async def test_no_op_writes_and_failed_writes_are_not_logged(store):
    stale = await main(store)
    fs = await stale.write("a", b"1")
    await fs.write("a", b"1")
    with pytest.raises(StaleSnapshotError):
        await stale.write("b", b"2")
    with pytest.raises(ValueError):
        await stale.undo()
    assert await messages(store, "main") == ["commit: + a"]


async def test_foreign_lines_of_a_reflog_are_read_leniently(disk_store, repo, git):
    init = await main(disk_store)
    fs = await init.write("a", b"1")
    git(repo, "update-ref", "refs/heads/main", init.commit_hash)
    git(repo, "update-ref", "-m", "with\ta tab", "refs/heads/main", fs.commit_hash)
    with (repo / "logs/refs/heads/main").open("ab") as log:
        log.write(f"{fs.commit_hash} {fs.commit_hash} A  B <x y@z> 12 -0830\tlast\n".encode())
        log.write(f"{fs.commit_hash} {fs.commit_hash} \xe9 <x> 13 +0000\n".encode("latin-1"))
    entries = await disk_store.branches.reflog("main")
    assert [entry.message for entry in entries] == ["commit: + a", "", "with a tab", "last", ""]
    assert (entries[3].committer, entries[3].timestamp) == ("A  B <x y@z>", 12)
    assert entries[4].timestamp == 13


# --- the blocking mapping


def test_blocking_branches_are_a_real_mutable_mapping():
    store = vost_sync.GitStore.memory()
    branches = store.branches
    assert isinstance(branches, MutableMapping)
    fs = branches["main"]
    branches["dev"] = fs
    assert branches["dev"].commit_hash == fs.commit_hash
    assert "dev" in branches
    assert 7 not in branches
    assert len(branches) == 2
    assert sorted(branches) == ["dev", "main"]
    assert dict(branches).keys() == {"dev", "main"}
    assert branches.keys() == {"main", "dev"}
    assert {name: value.ref_name for name, value in branches.items()} == {
        "dev": "dev",
        "main": "main",
    }
    assert branches.setdefault("dev", branches["main"]).ref_name == "dev"
    assert branches.setdefault("new", fs).commit_hash == fs.commit_hash
    branches.update(x=fs, y=fs)
    branches.update([("z", fs)])
    assert branches.pop("z").commit_hash == fs.commit_hash
    assert branches.pop("z", None) is None
    del branches["y"]
    with pytest.raises(KeyError):
        del branches["y"]
    name, value = branches.popitem()
    assert value.ref_name == name
    assert len(branches) == 3
    branches.clear()
    assert len(branches) == 0
    with pytest.raises(KeyError):
        branches.popitem()
    branches["main"] = fs
    branches["dev"] = fs
    branches.current = "dev"
    assert branches.current_name == "dev"
    assert branches.current.ref_name == "dev"
    with pytest.raises(KeyError, match="Branch not found: 'nope'"):
        branches.current = "nope"


def test_blocking_assignment_of_what_is_no_snapshot_is_a_type_error():
    store = vost_sync.GitStore.memory()
    with pytest.raises(TypeError, match="Expected FS, got str"):
        store.branches["x"] = "main"
    with pytest.raises(TypeError, match="Expected FS"):
        store.branches.setdefault("x")
    with pytest.raises(TypeError):
        store.branches.current = store.branches["main"]


async def test_async_mapping_has_no_blocking_spellings(face, store):
    if face.is_blocking:
        assert unwrapped(store.branches)["main"]
        return
    branches = store.branches
    with pytest.raises(TypeError):
        "main" in branches  # noqa: B015
    with pytest.raises(TypeError):
        len(branches)
    with pytest.raises(TypeError):
        branches["x"] = None
    with pytest.raises(TypeError):
        del branches["main"]
    with pytest.raises(TypeError):
        iter(branches)
    coroutine = branches["main"]
    assert asyncio.iscoroutine(coroutine)
    await coroutine
