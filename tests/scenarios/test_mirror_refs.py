"""Choosing and renaming refs of a mirror or a bundle (contract section 22.3)."""

from __future__ import annotations

import pytest

from tests.support.faces import collect
from vost import RefNotFoundError


@pytest.fixture(params=["repository", "bundle"])
def place(request, tmp_path):
    """Name a place to back up to, of both kinds."""
    return tmp_path / ("copy.git" if request.param == "repository" else "copy.bundle")


async def filled(store):
    """Make a branch, a tag and notes that share a name, and others."""
    fs = await (await store.branches["main"]).write("f", b"1")
    await store.tags.set("v1", fs)
    await store.tags.set("same", fs)
    later = await fs.write("f", b"2")
    await store.branches.set("same", later)
    await store.notes["same"].set(later.commit_hash, "n")
    await store.notes["reviews"].set(fs.commit_hash, "r")
    return fs


def refs(diff):
    assert diff.update == diff.delete == []
    return [change.ref for change in diff.add]


async def test_short_names_are_branches_then_tags_then_notes(store, place, face):
    await filled(store)
    diff = await store.backup(place, refs=["same", "v1", "reviews"])
    assert refs(diff) == ["refs/heads/same", "refs/notes/reviews", "refs/tags/v1"]
    other = await face.GitStore.memory(branch=None)
    assert refs(await other.restore(place, refs=["same"])) == ["refs/heads/same"]
    assert await (await other.branches["same"]).read("f") == b"2"


async def test_full_names_are_exact(store, place, face):
    await filled(store)
    chosen = ("refs/tags/same", "refs/notes/same")
    assert refs(await store.backup(place, refs=chosen)) == ["refs/notes/same", "refs/tags/same"]
    other = await face.GitStore.memory(branch=None)
    assert refs(await other.restore(place, refs={"refs/tags/same"})) == ["refs/tags/same"]
    assert await (await other.tags["same"]).read("f") == b"1"


async def test_short_destination_gets_the_namespace_of_its_source(store, place, face):
    await filled(store)
    names = {"main": "copy", "v1": "v2", "reviews": "old", "refs/tags/same": "other/deep"}
    expected = ["refs/heads/copy", "refs/notes/old", "refs/tags/other/deep", "refs/tags/v2"]
    assert refs(await store.backup(place, refs=names)) == expected
    other = await face.GitStore.memory(branch=None)
    back = {"v2": "refs/heads/from-tag", "copy": "main"}
    assert refs(await other.restore(place, refs=back)) == ["refs/heads/from-tag", "refs/heads/main"]
    assert await (await other.branches["from-tag"]).read("f") == b"1"


async def test_unknown_name_is_a_key_error_and_nothing_happens(store, place, face):
    await filled(store)
    for names in (["main", "nope"], {"nope": "x"}, ["refs/heads/nope"], ["HEAD"], [""]):
        with pytest.raises(RefNotFoundError) as caught:
            await store.backup(place, refs=names)
        assert "ref not found" in str(caught.value)
        assert not place.exists()
    await store.backup(place)
    other = await face.GitStore.memory(branch=None)
    with pytest.raises(KeyError, match="nope"):
        await other.restore(place, refs=["main", "nope"])
    assert await collect(other.branches) == []


async def test_two_sources_for_one_name_are_refused(store, place):
    await filled(store)
    for names in ({"main": "x", "same": "x"}, {"main": "same", "same": "same"}):
        with pytest.raises(ValueError, match="twice"):
            await store.backup(place, refs=names)
    assert not place.exists()


async def test_chosen_refs_delete_nothing(store, tmp_path, face):
    await filled(store)
    await store.backup(tmp_path / "copy.git")
    for name in await collect(store.tags):
        await store.tags.delete(name)
    diff = await store.backup(tmp_path / "copy.git", refs=["main"])
    assert diff.in_sync
    other = await face.GitStore.memory(branch="mine")
    assert refs(await other.restore(tmp_path / "copy.git", refs=["v1"])) == ["refs/tags/v1"]
    assert await collect(other.branches) == ["mine"]


async def test_existing_ref_under_the_new_name_is_updated(store, tmp_path, face):
    fs = await filled(store)
    other = await face.GitStore.open(tmp_path / "other.git")
    before = await other.branches["main"]
    diff = await store.backup(tmp_path / "other.git", refs={"same": "main"})
    assert [(c.ref, c.old_target) for c in diff.update] == [("refs/heads/main", before.commit_hash)]
    assert await (await other.branches["main"]).read("f") == b"2"
    await other.restore(tmp_path / "other.git")
    assert await fs.read("f") == b"1"


async def test_iterators_are_read_once(store, place):
    await filled(store)
    assert refs(await store.backup(place, refs=(n for n in ["main", "v1"]))) == [
        "refs/heads/main",
        "refs/tags/v1",
    ]


async def test_no_refs_chosen_is_nothing_for_a_mirror(store, tmp_path):
    await filled(store)
    assert (await store.backup(tmp_path / "copy.git", refs=[])).in_sync
