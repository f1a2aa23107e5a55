"""The machinery of the scenarios itself: each face runs as it should, and wrappers do not lie."""

from __future__ import annotations

import asyncio

import pytest
import sniffio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vost
from tests.scenarios.conftest import leftovers
from tests.support.faces import Blocking, collect, drive, unwrapped


async def test_each_face_runs_on_its_own_kind_of_loop(face):
    if face.is_blocking:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        with pytest.raises(sniffio.AsyncLibraryNotFoundError):
            sniffio.current_async_library()
    else:
        assert sniffio.current_async_library() == face.name


async def test_only_the_blocking_face_is_wrapped_and_it_is_vost_sync_inside(face, store):
    assert isinstance(store, Blocking) == face.is_blocking
    expected = "vost_sync" if face.is_blocking else "vost"
    assert type(unwrapped(store)).__module__ == expected
    assert type(unwrapped(await store.branches["main"])).__module__ == expected


async def test_values_and_errors_are_the_same_objects_in_both_faces(face):
    assert face.FileType is vost.FileType
    assert face.StaleSnapshotError is vost.StaleSnapshotError


async def test_a_wrapped_object_is_always_the_same_wrapper(store):
    fs = await store.branches["main"]
    assert await fs.back(0) is fs
    assert store.branches is store.branches


async def test_wrapped_snapshots_can_be_passed_back_in_containers(store):
    fs = await store.branches["main"]
    other = await store.branches.set("other", fs)
    merged = await fs.write("a", b"", parents=[await other.write("b", b"")])
    assert merged.changes is not None
    await store.branches.update({"x": merged, "y": other})
    assert await store.branches.count() == 4


async def test_the_async_spellings_of_the_mappings_work(store):
    fs = await store.branches["main"]
    await store.branches.set("x", fs)
    assert await store.branches.contains("x")
    assert await store.branches.keys() == await collect(store.branches)
    assert [name for name, _ in await store.branches.items()] == ["main", "x"]
    await store.branches.delete("x")
    assert await store.branches.count() == 1
    await store.branches.set_current("main")
    assert await store.branches.current_name == "main"
    notes = store.notes.commits
    await notes.set("main", "text")
    assert await notes.contains(fs.commit_hash)
    assert await notes[fs.commit_hash] == await notes.for_current_branch == "text"
    await notes.set_for_current_branch("other")
    async with notes.batch() as batch:
        await batch.set("main", "third")
    assert await notes.items() == [(fs.commit_hash, "third")]
    async with notes.batch() as batch:
        await batch.delete("main")
    assert await notes.count() == 0


async def test_an_error_of_a_coroutine_comes_when_it_is_awaited(store):
    pending = (await store.branches["main"]).read("missing")
    with pytest.raises(FileNotFoundError):
        await pending


@given(data=st.binary(max_size=8))
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_hypothesis_drives_a_scenario_on_every_face(face, store, data):
    if face.is_blocking:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
    fs = await (await store.branches["main"]).write("f", data)
    assert await fs.read("f") == data


def test_driving_a_coroutine_that_suspends_is_an_error():
    async def suspends():
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="suspended"):
        drive(suspends())


@pytest.mark.damages("it plants what a killed process could leave")
async def test_leftovers_are_found(disk_store, repo):
    assert leftovers(repo) == []
    await (await disk_store.branches["main"]).write("f", b"x")
    assert leftovers(repo) == []
    (repo / "objects" / "tmp_obj_x").touch()
    (repo / "refs" / "heads" / "main.lock").touch()
    assert leftovers(repo) == ["objects/tmp_obj_x", "refs/heads/main.lock"]
