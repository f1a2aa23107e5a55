"""Branches, tags and notes of the blocking API are real mutable mappings."""

from __future__ import annotations

from collections.abc import MutableMapping

import pytest

import vost_sync
from vost_sync import FS, GitStore


@pytest.fixture
def store() -> GitStore:
    return GitStore.memory()


@pytest.fixture
def fs(store) -> FS:
    return store.branches["main"].write("a", b"1")


def test_they_are_mutable_mappings(store):
    assert isinstance(store.branches, MutableMapping)
    assert isinstance(store.tags, MutableMapping)
    assert isinstance(store.notes.commits, MutableMapping)


def test_refs_have_the_whole_set_of_methods(store, fs):
    refs = store.branches
    refs["b"] = fs
    assert refs.set("c", fs).ref_name == "c"
    assert sorted(refs) == sorted(refs.keys()) == ["b", "c", "main"]
    assert [value.commit_hash for value in refs.values()] == [fs.commit_hash] * 3
    assert {name: value.ref_name for name, value in refs.items()} == {n: n for n in refs}
    assert "b" in refs
    assert "no" not in refs
    assert 1 not in refs
    assert refs.get("no") is None
    assert refs.get("no", 5) == 5
    assert refs.pop("c").commit_hash == fs.commit_hash
    assert refs.pop("c", None) is None
    assert refs.setdefault("d", fs) is fs
    refs.update({"e": fs}, f=fs)
    refs.update([("g", fs)])
    assert len(refs) == 6
    del refs["g"]
    assert repr(refs) == "RefDict('branches', len=5)"
    name, value = refs.popitem()
    assert value.ref_name == name
    refs.clear()
    assert list(refs) == []


@pytest.mark.parametrize(
    "action", [lambda d: d["no"], lambda d: d.pop("no"), lambda d: d.__delitem__("no")]
)
def test_refs_raise_key_error_for_what_is_missing(store, action):
    for mapping in (store.branches, store.tags):
        with pytest.raises(KeyError):
            action(mapping)


def test_refs_take_snapshots_only(store):
    with pytest.raises(TypeError, match="Expected FS, got str"):
        store.branches["x"] = "main"


def test_current_is_read_and_set_by_name(store, fs):
    store.branches["dev"] = fs
    assert store.branches.current_name == "main"
    store.branches.current = "dev"
    assert store.branches.current.ref_name == "dev"
    with pytest.raises(KeyError, match="Branch not found: 'no'"):
        store.branches.current = "no"


def test_notes_have_the_whole_set_of_methods(store, fs):
    notes = store.notes.commits
    assert repr(notes) == "NoteNamespace('commits', len=0)"
    notes[fs.commit_hash] = "one"
    notes["0" * 40] = "zero"
    assert dict(notes) == {fs.commit_hash: "one", "0" * 40: "zero"}
    assert notes[fs] == notes["main"] == "one"
    assert fs in notes
    assert "no such ref" not in notes
    assert notes.pop("0" * 40) == "zero"
    assert notes.get("0" * 40) is None
    notes.for_current_branch = "current"
    assert notes.for_current_branch == "current"
    del notes[fs.commit_hash]
    assert len(notes) == 0


def test_notes_update_is_one_commit(store, fs):
    notes = store.notes["reviews"]
    notes.update({fs: "one"}, **{"0" * 40: "zero"})
    assert len(notes) == 2
    parent = store.branches["main"].parent
    with notes.batch() as batch:
        batch[parent] = "two"
        del batch[fs]
    assert sorted(notes.values()) == ["two", "zero"]


def test_namespaces_are_listed(store, fs):
    store.notes["reviews"][fs] = "x"
    assert list(store.notes) == ["reviews"]
    assert "reviews" in store.notes
    assert "no" not in store.notes
    assert isinstance(store.notes.commits, vost_sync.NoteNamespace)
