"""The mapping methods that change things do the same in both faces."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

import vost
import vost_sync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "0" * 40


@pytest.fixture
async def stores() -> AsyncIterator[list[Any]]:
    """Give the test a store in memory in each face: the blocking one first."""
    yield [vost_sync.GitStore.memory(), await vost.GitStore.memory()]


async def done(result: Any) -> Any:
    """Return what a call of either face returns."""
    return await result if inspect.isawaitable(result) else result


async def test_popitem_removes_a_ref_until_there_is_none(stores: list[Any]) -> None:
    for store in stores:
        fs = await done(store.branches["main"])
        await done(store.branches.set("dev", fs))
        popped = [await done(store.branches.popitem()) for _ in range(2)]
        assert sorted(name for name, _ in popped) == ["dev", "main"]
        assert [one.ref_name for _, one in popped] == [name for name, _ in popped]
        assert {one.commit_hash for _, one in popped} == {fs.commit_hash}
        with pytest.raises(KeyError):
            await done(store.branches.popitem())


async def test_setdefault_makes_a_ref_only_where_there_is_none(stores: list[Any]) -> None:
    for store in stores:
        main = await done(store.branches["main"])
        newer = await done(main.write("a", b""))
        found = await done(store.branches.setdefault("main", main))
        assert found.commit_hash == newer.commit_hash
        assert await done(store.branches.setdefault("dev", main)) is main
        assert (await done(store.branches["dev"])).commit_hash == main.commit_hash
        assert (await done(store.branches.setdefault("dev"))).commit_hash == main.commit_hash
        with pytest.raises(TypeError, match="Expected FS, got NoneType"):
            await done(store.tags.setdefault("v1"))
        assert list(await done(store.tags.keys())) == []


async def test_clear_removes_all_refs(stores: list[Any]) -> None:
    for store in stores:
        main = await done(store.branches["main"])
        await done(store.branches.update({"a": main, "b": main}))
        await done(store.branches.clear())
        assert list(await done(store.branches.keys())) == []
        await done(store.branches.clear())


async def test_popitem_removes_a_note_until_there_is_none(stores: list[Any]) -> None:
    for store in stores:
        notes = store.notes.commits
        await done(notes.update({KEY: "text", "1" * 40: "other"}))
        popped = dict([await done(notes.popitem()), await done(notes.popitem())])
        assert popped == {KEY: "text", "1" * 40: "other"}
        with pytest.raises(KeyError):
            await done(notes.popitem())


async def test_setdefault_adds_a_note_only_where_there_is_none(stores: list[Any]) -> None:
    for store in stores:
        notes = store.notes.commits
        assert await done(notes.setdefault(KEY, "first")) == "first"
        assert await done(notes.setdefault(KEY, "second")) == "first"
        assert await done(notes[KEY]) == "first"
        with pytest.raises(TypeError, match="must be str, not NoneType"):
            await done(notes.setdefault("1" * 40))
        with pytest.raises(ValueError, match="40-char"):
            await done(notes.setdefault("nobody", "text"))


async def test_clear_removes_all_notes(stores: list[Any]) -> None:
    for store in stores:
        notes = store.notes.commits
        await done(notes.update({KEY: "text", "1" * 40: "other"}))
        await done(notes.clear())
        assert list(await done(notes.items())) == []
