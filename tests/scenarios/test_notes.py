"""Notes on commits: the mapping, its keys, batches (contract section 16 and 22.1, D23)."""

from __future__ import annotations

from collections.abc import MutableMapping

import pytest

import vost_sync
from tests.support.faces import collect
from tests.support.refnames import ILLEGAL_NAMES
from tests.support.snapshots import tip
from vost import NoteNotFoundError

FAKE = "0123456789abcdef0123456789abcdef01234567"
OTHER = "0123ffffffffffffffffffffffffffffffffffff"


async def main(store):
    return await store.branches["main"]


async def chain(store, count):
    """Return the ids of so many commits on `main`."""
    fs = await main(store)
    found = []
    for number in range(count):
        fs = await fs.write("f", b"%d" % number)
        found.append(fs.commit_hash)
    return found


def commits_of(git, repo, ref="refs/notes/commits"):
    return git(repo, "log", "--format=%s", ref).splitlines()


# --- one note


async def test_note_is_kept_exactly_as_it_is(store):
    notes = store.notes.commits
    commit = await tip(store)
    for text in ("a", "", "\n", "two\nlines\n\n", "é 日本 😀", " \t ", "x" * 100_000, "a\r\nb"):
        assert await notes.set(commit, text) is None
        assert await notes[commit] == text
        assert await notes.get(commit) == text
        assert await notes.items() == [(commit, text)]


async def test_missing_note_is_a_key_error(store):
    notes = store.notes.commits
    commit = await tip(store)
    for _ in range(2):
        with pytest.raises(KeyError, match=commit) as caught:
            await notes[commit]
        assert isinstance(caught.value, NoteNotFoundError)
        assert caught.value.args[0] == commit
        with pytest.raises(KeyError, match=commit):
            await notes.delete(commit)
        assert await notes.get(commit) is None
        assert await notes.get(commit, "default") == "default"
        assert not await notes.contains(commit)
        await notes.set(FAKE, "on another one")


async def test_deleted_note_is_gone(store):
    notes = store.notes.commits
    first, second = await chain(store, 2)
    await notes.set(first, "1")
    await notes.set(second, "2")
    await notes.delete(first)
    assert await notes.items() == [(second, "2")]
    assert not await notes.contains(first)


async def test_commit_need_not_exist(store):
    notes = store.notes.commits
    await notes.set(FAKE, "on nothing")
    assert await notes[FAKE] == "on nothing"
    assert await notes.contains(FAKE)


async def test_notes_change_no_branch(store):
    commit = await tip(store)
    await store.notes.commits.set(commit, "x")
    assert await tip(store) == commit
    assert await store.branches.keys() == ["main"]
    assert await store.tags.keys() == []


# --- the mapping


async def test_mapping_operations(store):
    notes = store.notes.commits
    ids = sorted(await chain(store, 3))
    await notes.update({ids[0]: "a", ids[1]: "b"})
    await notes.update([(ids[2], "c")])
    assert sorted(await notes.keys()) == ids
    assert sorted(await collect(notes)) == ids
    assert await notes.count() == 3
    assert dict(await notes.items()) == dict(zip(ids, "abc", strict=True))
    assert sorted(await notes.values()) == ["a", "b", "c"]
    assert await notes.pop(ids[0]) == "a"
    assert await notes.pop(ids[0], "gone") == "gone"
    with pytest.raises(KeyError):
        await notes.pop(ids[0])
    assert await notes.count() == 2


@pytest.mark.blocking_ok("a repr counts the notes, and cannot be awaited")
async def test_reprs(store):
    assert repr(store.notes.commits) == "NoteNamespace('commits', len=0)"
    await store.notes.commits.set(FAKE, "x")
    await store.notes["a/b"].set(FAKE, "x")
    assert repr(store.notes.commits) == "NoteNamespace('commits', len=1)"
    assert "NoteDict" in repr(store.notes)
    assert "commits" in repr(store.notes)


def test_blocking_notes_are_a_real_mutable_mapping():
    store = vost_sync.GitStore.memory()
    notes = store.notes.commits
    fs = store.branches["main"]
    commit = fs.commit_hash
    assert isinstance(notes, MutableMapping)
    notes[commit] = "a"
    assert notes[commit] == notes["main"] == notes[fs] == "a"
    assert commit in notes
    assert fs in notes
    assert FAKE not in notes
    assert 7 not in notes
    assert len(notes) == 1
    assert list(notes) == [commit]
    assert notes.setdefault(commit, "b") == "a"
    assert notes.setdefault(FAKE, "b") == "b"
    notes.update({OTHER: "c"})
    assert notes.pop(OTHER) == "c"
    assert notes.pop(OTHER, None) is None
    del notes[FAKE]
    with pytest.raises(KeyError):
        del notes[FAKE]
    assert notes.popitem() == (commit, "a")
    notes[commit] = "again"
    notes.clear()
    assert len(notes) == 0
    notes.for_current_branch = "now"
    assert notes.for_current_branch == "now"
    with notes.batch() as batch:
        batch[FAKE] = "x"
        del batch[commit]
    assert dict(notes) == {FAKE: "x"}
    with pytest.raises(TypeError, match="str"):
        notes[commit] = b"bytes"
    assert "commits" in store.notes
    assert list(store.notes) == ["commits"]


# --- keys


async def test_branch_tag_and_snapshot_stand_for_their_commit(face, store):
    first, second = await chain(store, 2)
    await store.tags.set("v1", await store.fs(first))
    notes = store.notes.commits
    await notes.set("main", "by branch")
    await notes.set("v1", "by tag")
    assert dict(await notes.items()) == {second: "by branch", first: "by tag"}
    assert await notes[await main(store)] == "by branch"
    assert await notes[await store.tags["v1"]] == "by tag"
    assert await notes[face.FS(store, first.encode())] == "by tag"
    await notes.set(await main(store), "by snapshot")
    assert await notes[second] == await notes["main"] == "by snapshot"
    assert await notes.contains("v1")
    assert await notes.contains(await store.tags["v1"])
    assert await notes.pop("v1") == "by tag"
    await notes.delete("main")
    assert await notes.count() == 0


async def test_branch_beats_tag_and_an_id_beats_both(store):
    first, second = await chain(store, 2)
    await store.branches.set("same", await store.fs(first))
    await store.tags.set("same", await store.fs(second))
    await store.notes.commits.set("same", "x")
    assert await store.notes.commits.keys() == [first]
    await store.branches.set(FAKE, await store.fs(second))
    await store.notes.commits.set(FAKE, "y")
    assert sorted(await store.notes.commits.keys()) == sorted([first, FAKE])


BAD_KEYS = [
    "",
    "nope",
    FAKE[:39],
    FAKE + "0",
    FAKE.upper(),
    "g" * 40,
    "refs/heads/main",
    "HEAD",
    "main~1",
    "a b",
    "\ud800",
    "a\0b",
]


async def test_bad_key_is_a_value_error_that_says_what_was_expected(store):
    notes = store.notes.commits
    for _ in range(2):
        for key in BAD_KEYS:
            for attempt in (notes.get(key), notes.set(key, "x"), notes.delete(key), notes.pop(key)):
                with pytest.raises(ValueError, match="Cannot resolve") as caught:
                    await attempt
                assert f"{key!r}: not a 40-char commit hash, branch or tag" in str(caught.value)
            with pytest.raises(ValueError, match="40-char"):
                await notes[key]
            with pytest.raises(ValueError, match="40-char"):
                await notes.get(key, "default")
            assert not await notes.contains(key)
        await notes.set(FAKE, "so that there is a tree to look into")
    assert await notes.keys() == [FAKE]


async def test_key_of_a_wrong_type_is_a_type_error(store):
    notes = store.notes.commits
    for key in (None, 1, FAKE.encode(), (FAKE,)):
        with pytest.raises(TypeError):
            await notes[key]
        with pytest.raises(TypeError):
            await notes.get(key)
        with pytest.raises(TypeError):
            await notes.set(key, "x")
        with pytest.raises(TypeError):
            await notes.delete(key)
        assert not await notes.contains(key)


async def test_text_of_a_wrong_type_is_a_type_error_that_says_str(store):
    notes = store.notes.commits
    for text in (None, 1, b"bytes", ["x"]):
        with pytest.raises(TypeError, match="str"):
            await notes.set(FAKE, text)
        with pytest.raises(TypeError, match="str"):
            await notes.set_for_current_branch(text)
        with pytest.raises(TypeError, match="str"):
            async with notes.batch() as batch:
                await batch.set(FAKE, text)
    assert await collect(store.notes) == []


# --- namespaces


async def test_namespaces_are_apart_and_come_with_their_first_note(store):
    assert await collect(store.notes) == []
    assert await store.notes["reviews"].keys() == []
    assert not await store.notes.contains("reviews")
    await store.notes["reviews"].set(FAKE, "r")
    await store.notes["a/b"].set(FAKE, "ab")
    await store.notes.commits.set(FAKE, "c")
    assert sorted(await collect(store.notes)) == ["a/b", "commits", "reviews"]
    assert await store.notes.contains("a/b")
    assert not await store.notes.contains("a")
    assert not await store.notes.contains(7)
    assert await store.notes["commits"][FAKE] == "c"
    assert await store.notes["reviews"][FAKE] == "r"
    await store.notes["reviews"].delete(FAKE)
    assert await store.notes["a/b"][FAKE] == "ab"
    assert await store.notes.contains("reviews")


async def test_illegal_namespace_is_refused_at_once(store):
    for name in ILLEGAL_NAMES:
        with pytest.raises(ValueError):
            store.notes[name]
    for name in (None, 1, b"commits"):
        with pytest.raises(TypeError):
            store.notes[name]
    assert await collect(store.notes) == []


async def test_clashing_namespaces_are_a_value_error(store):
    await store.notes["a"].set(FAKE, "x")
    with pytest.raises(ValueError, match="refs/notes/a"):
        await store.notes["a/b"].set(FAKE, "x")
    assert await collect(store.notes) == ["a"]


# --- the current branch


async def test_note_of_the_current_branch(store):
    first, second = await chain(store, 2)
    notes = store.notes.commits
    with pytest.raises(KeyError, match=second):
        await notes.for_current_branch
    await notes.set_for_current_branch("on the tip")
    assert await notes.for_current_branch == "on the tip"
    assert await notes.keys() == [second]
    await store.branches.set("dev", await store.fs(first))
    await store.branches.set_current("dev")
    with pytest.raises(KeyError, match=first):
        await notes.for_current_branch
    await notes.set_for_current_branch("on dev")
    assert await notes[first] == "on dev"


async def test_without_a_current_branch_it_is_a_runtime_error(store):
    await store.branches.delete("main")
    with pytest.raises(RuntimeError, match="current"):
        await store.notes.commits.for_current_branch
    with pytest.raises(RuntimeError, match="current"):
        await store.notes.commits.set_for_current_branch("x")
    assert await collect(store.notes) == []


# --- batches


async def test_batch_is_one_commit(disk_store, repo, git):
    ids = await chain(disk_store, 4)
    notes = disk_store.notes.commits
    await notes.set(ids[0], "old")
    async with notes.batch() as batch:
        await batch.set(ids[1], "1")
        await batch.set(ids[2], "2")
        await batch.delete(ids[0])
        assert await notes.keys() == [ids[0]]
    assert dict(await notes.items()) == {ids[1]: "1", ids[2]: "2"}
    assert commits_of(git, repo) == [
        "Notes batch update (3 changes)",
        f"Notes added by 'git notes' on {ids[0][:7]}",
    ]


async def test_empty_batch_makes_no_commit_and_no_ref(store):
    async with store.notes.commits.batch():
        pass
    assert await collect(store.notes) == []


async def test_batch_with_an_exception_changes_nothing(store):
    notes = store.notes.commits
    await notes.set(FAKE, "before")
    with pytest.raises(ZeroDivisionError):
        async with notes.batch() as batch:
            await batch.set(FAKE, "after")
            await batch.set(OTHER, "x")
            raise ZeroDivisionError
    assert await notes.items() == [(FAKE, "before")]


async def test_later_changes_of_a_batch_win(store):
    notes = store.notes.commits
    await notes.set(FAKE, "old")
    async with notes.batch() as batch:
        await batch.delete(FAKE)
        await batch.set(FAKE, "set after delete")
        await batch.set(OTHER, "first")
        await batch.set(OTHER, "second")
    assert await notes.items() == [(FAKE, "set after delete"), (OTHER, "second")]
    async with notes.batch() as batch:
        await batch.set(FAKE, "never seen")
        await batch.delete(FAKE)
    assert await notes.items() == [(OTHER, "second")]


async def test_deletion_in_a_batch_needs_the_note_to_exist_at_the_end(store):
    notes = store.notes.commits
    await notes.set(OTHER, "kept")
    with pytest.raises(KeyError, match=FAKE):
        async with notes.batch() as batch:
            await batch.set(OTHER, "not written")
            await batch.delete(FAKE)
    with pytest.raises(KeyError, match=FAKE):
        async with notes.batch() as batch:
            await batch.set(FAKE, "set and taken back")
            await batch.delete(FAKE)
    assert await notes.items() == [(OTHER, "kept")]


async def test_batch_counts_each_commit_once_in_its_message(disk_store, repo, git):
    (commit,) = await chain(disk_store, 1)
    async with disk_store.notes.commits.batch() as batch:
        await batch.set("main", "a")
        await batch.set(commit, "b")
        await batch.set(FAKE, "c")
    assert commits_of(git, repo) == ["Notes batch update (2 changes)"]
    async with disk_store.notes.commits.batch() as batch:
        await batch.delete(FAKE)
    assert commits_of(git, repo)[0] == "Notes batch update (1 changes)"


async def test_keys_of_a_batch_are_resolved_when_they_are_staged(store):
    fs = await main(store)
    async with store.notes.commits.batch() as batch:
        await batch.set("main", "before the write")
        later = await fs.write("a", b"1")
        await batch.set(later, "by snapshot")
    assert dict(await store.notes.commits.items()) == {
        fs.commit_hash: "before the write",
        later.commit_hash: "by snapshot",
    }


async def test_bad_keys_of_a_batch_are_refused_at_once(store):
    reached = False
    for key in BAD_KEYS:
        with pytest.raises(ValueError, match="40-char"):
            async with store.notes.commits.batch() as batch:
                await batch.set(FAKE, "x")
                await batch.set(key, "x")
                reached = True
        with pytest.raises(ValueError, match="40-char"):
            async with store.notes.commits.batch() as batch:
                await batch.delete(key)
                reached = True
    for key in (None, 1, b"x"):
        with pytest.raises(TypeError):
            async with store.notes.commits.batch() as batch:
                await batch.set(key, "x")
                reached = True
    assert not reached
    assert await collect(store.notes) == []
