"""What a snapshot knows of itself: contract section 6, with 2.1 and 2.2 as far as it shows them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.support.snapshots import contents

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


async def populated(store):
    fs = await store.branches["main"]
    return await fs.apply({"f.txt": b"hello", "d/x": b"x"})


async def test_a_fresh_branch_shows_its_first_commit(store):
    fs = await store.branches["main"]
    assert (fs.ref_name, fs.writable, fs.message) == ("main", True, "Initialize main")
    assert (fs.author_name, fs.author_email) == ("vost", "vost@localhost")
    assert fs.tree_hash == EMPTY_TREE
    assert fs.changes is None
    assert await fs.parent is None
    assert await fs.ls() == []


async def test_the_time_of_a_commit_is_aware_and_in_utc_and_now(store):
    before = datetime.now(timezone.utc).replace(microsecond=0)
    fs = await (await store.branches["main"]).write("a", b"")
    assert before <= fs.time <= datetime.now(timezone.utc)
    assert fs.time.utcoffset() == timedelta(0)
    assert fs.time.microsecond == 0


async def test_a_commit_carries_the_identity_of_the_handle_that_writes(face, repo, disk_store):
    other = await face.GitStore.open(repo, author="Ann Other", email="ann@example.com")
    fs = await (await other.branches["main"]).write("a", b"")
    assert (fs.author_name, fs.author_email) == ("Ann Other", "ann@example.com")
    seen = await disk_store.branches["main"]
    assert (seen.author_name, seen.author_email) == ("Ann Other", "ann@example.com")
    assert (await (await disk_store.branches["main"]).write("b", b"")).author_name == "vost"
    await other.close()


async def test_author_and_committer_time_are_told_apart(disk_store, repo, git):
    """`time` is the committer's, in its own offset; name and email are the author's."""
    tree = git(repo, "mktree")
    commit = git(
        repo,
        "commit-tree",
        tree,
        "-m",
        "subject\n\nbody",
        env={
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@example.com",
            "GIT_AUTHOR_DATE": "1000000000 +0000",
            "GIT_COMMITTER_DATE": "1500000000 -0330",
        },
    )
    git(repo, "update-ref", "refs/heads/made-by-git", commit)
    fs = await disk_store.branches["made-by-git"]
    assert fs.time == datetime.fromtimestamp(1500000000, timezone.utc)
    assert fs.time.utcoffset() == -timedelta(hours=3, minutes=30)
    assert (fs.author_name, fs.author_email) == ("Ann", "ann@example.com")
    assert fs.message == "subject\n\nbody"
    assert (await fs.stat()).mtime == 1500000000.0


async def test_a_message_loses_its_trailing_newlines_only(store):
    fs = await (await store.branches["main"]).write("a", b"", message="  x \n y \n\n\n")
    assert fs.message == "  x \n y "


async def test_commit_and_tree_hash_are_git_s(disk_store, repo, git):
    fs = await populated(disk_store)
    assert git(repo, "rev-parse", "main") == fs.commit_hash
    assert git(repo, "rev-parse", "main^{tree}") == fs.tree_hash


async def test_snapshots_are_equal_by_identity_only(store):
    one, two = await store.branches["main"], await store.branches["main"]
    assert one.commit_hash == two.commit_hash
    assert one != two
    assert len({one, two}) == 2


async def test_the_parent_keeps_ref_name_and_writability(store):
    first = await store.branches["main"]
    second = await first.write("a", b"1")
    parent = await second.parent
    assert parent.commit_hash == first.commit_hash
    assert (parent.ref_name, parent.writable, parent.changes) == ("main", True, None)
    tag = await store.tags.set("v1", second)
    assert (await tag.parent).ref_name == "v1"
    assert not (await tag.parent).writable


async def test_fetched_snapshots_know_no_changes(store):
    written = await (await store.branches["main"]).write("a", b"1")
    assert written.changes is not None
    assert (await store.branches["main"]).changes is None


async def test_a_constructed_snapshot_is_detached_and_read_only(face, store):
    fs = await populated(store)
    detached = face.FS(store, fs.commit_hash.encode())
    assert (detached.ref_name, detached.writable) == (None, False)
    assert detached.commit_hash == fs.commit_hash
    assert await contents(detached) == await contents(fs)
    with pytest.raises(PermissionError, match="read-only"):
        await detached.write("a", b"")


async def test_a_constructed_snapshot_is_writable_if_it_has_a_ref_name(face, store):
    fs = await store.branches["main"]
    assert face.FS(store, fs.commit_hash.encode(), "main").writable
    assert not face.FS(store, fs.commit_hash.encode(), "main", writable=False).writable
    bound = face.FS(store, fs.commit_hash.encode(), "main")
    assert (await bound.write("a", b"1")).message == "+ a"


async def test_the_repr_shows_ref_commit_and_what_is_read_only(face, store):
    fs = await store.branches["main"]
    short = fs.commit_hash[:7]
    assert repr(fs) == f"FS(ref_name='main', commit={short})"
    assert repr(await store.tags.set("v1", fs)) == f"FS(ref_name='v1', commit={short}, readonly)"
    assert repr(face.FS(store, fs.commit_hash.encode())) == f"FS(commit={short}, readonly)"


async def test_the_repr_of_a_store_shows_its_place(disk_store, repo):
    assert repr(disk_store) == f"GitStore('{repo}/')"


async def test_closing_a_snapshot_releases_handles_and_it_stays_usable(store):
    fs = await populated(store)
    await fs.close()
    await fs.close()
    assert await fs.read("f.txt") == b"hello"
    assert (await fs.write("g", b"1")).message == "+ g"
