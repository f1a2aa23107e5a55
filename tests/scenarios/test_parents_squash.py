"""Commits with more parents and squashed ones (contract section 22.2)."""

from __future__ import annotations

import pytest

from tests.support.faces import collect
from tests.support.snapshots import contents, tip
from vost import StaleSnapshotError


async def main(store):
    return await store.branches["main"]


async def forked(store):
    """Return the tip of `main` and the tips of the branches `x` and `y`, made from it."""
    base = await (await main(store)).write("base", b"0")
    x = await (await store.branches.set("x", base)).write("x", b"1")
    y = await (await store.branches.set("y", base)).write("y", b"2")
    return base, x, y


async def recorded(git, repo, revision="main"):
    return git(repo, "rev-list", "--parents", "-1", revision).split()[1:]


async def every_writing_call(fs, local, parents):
    """Yield the result of each call that takes parents; each goes on from the one before."""
    fs = await fs.write("write", b"1", parents=parents)
    yield fs
    fs = await fs.write_text("text", "1", parents=parents)
    yield fs
    fs = await fs.write_from_file("file", local, parents=parents)
    yield fs
    fs = await fs.write_symlink("link", "x", parents=parents)
    yield fs
    fs = await fs.apply({"apply": b"1"}, parents=parents)
    yield fs
    async with fs.batch(parents=parents) as batch:
        await batch.write("batch", b"1")
    fs = batch.fs
    yield fs
    fs = await fs.remove("batch", parents=parents)
    yield fs


async def test_every_writing_call_records_further_parents_in_order(
    face, disk_store, repo, git, tmp_path
):
    base, x, y = await forked(disk_store)
    (tmp_path / "local").write_bytes(b"1")
    before = base
    async for fs in every_writing_call(base, tmp_path / "local", [y, x]):
        assert await recorded(git, repo) == [before.commit_hash, y.commit_hash, x.commit_hash]
        assert fs.commit_hash == await tip(disk_store)
        before = fs
    fs = await face.retry_write(disk_store, "main", "retry", b"1", parents=[x])
    assert await recorded(git, repo) == [before.commit_hash, x.commit_hash]
    assert "x" not in await fs.ls()


async def test_trees_are_not_merged(store):
    base, x, y = await forked(store)
    fs = await base.write("m", b"3", parents=[x, y])
    assert await contents(fs) == {"base": b"0", "m": b"3"}
    assert fs.message == "+ m"
    assert [entry.path for entry in fs.changes.add] == ["m"]


async def test_first_parents_stay_the_lineage(store):
    base, x, _ = await forked(store)
    fs = await base.write("m", b"3", parents=[x])
    assert (await fs.parent).commit_hash == base.commit_hash
    assert (await fs.back(2)).message == "Initialize main"
    assert [s.message for s in await collect(fs.log())] == ["+ m", "+ base", "Initialize main"]
    assert (await fs.undo()).commit_hash == base.commit_hash


async def test_duplicate_parents_are_recorded_once(disk_store, repo, git):
    base, x, y = await forked(disk_store)
    await base.write("m", b"3", parents=[x, y, x, base, y])
    assert await recorded(git, repo) == [base.commit_hash, x.commit_hash, y.commit_hash]


async def test_no_parents_and_the_snapshot_itself_change_nothing(disk_store, repo, git):
    base, _, _ = await forked(disk_store)
    fs = await base.write("m", b"3", parents=[])
    assert await recorded(git, repo) == [base.commit_hash]
    again = await fs.write("n", b"4", parents=[fs])
    assert await recorded(git, repo) == [fs.commit_hash]
    assert again.message == "+ n"


async def test_a_no_op_stays_a_no_op(store):
    base, x, _ = await forked(store)
    fs = await base.write("base", b"0", parents=[x])
    assert fs.commit_hash == base.commit_hash == await tip(store)
    async with base.batch(parents=[x]) as batch:
        pass
    assert batch.fs is base


async def test_any_snapshot_of_the_store_may_be_a_parent(face, disk_store, repo, git):
    base, x, y = await forked(disk_store)
    tag = await disk_store.tags.set("v1", x)
    detached = await disk_store.fs(y.commit_hash)
    init = await base.parent
    other_handle = await (await face.GitStore.open(repo)).branches["x"]
    fs = await base.write("m", b"3", parents=[tag, detached, init, other_handle])
    assert await recorded(git, repo) == [
        base.commit_hash,
        x.commit_hash,
        y.commit_hash,
        init.commit_hash,
    ]
    assert fs.message == "+ m"


async def test_parent_of_another_store_is_refused_and_nothing_happens(face, store, tmp_path):
    base, _, _ = await forked(store)
    (tmp_path / "local").write_bytes(b"1")
    stranger = await (await face.GitStore.memory()).branches["main"]
    with pytest.raises(ValueError, match="same repo"):
        await base.write("m", b"3", parents=[stranger])
    with pytest.raises(ValueError, match="same repo"):
        base.batch(parents=[stranger])
    with pytest.raises(ValueError, match="same repo"):
        await base.apply({"m": b"3"}, parents=[stranger])
    with pytest.raises(ValueError, match="same repo"):
        await base.remove("base", parents=[stranger])
    with pytest.raises(ValueError, match="same repo"):
        await face.retry_write(store, "main", "m", b"3", parents=[stranger])
    assert await tip(store) == base.commit_hash


async def test_parent_that_is_no_snapshot_is_a_type_error(store):
    base, x, _ = await forked(store)
    for parents in (["x"], [x.commit_hash], [None], [1]):
        with pytest.raises(TypeError, match="Expected FS"):
            await base.write("m", b"3", parents=parents)
    with pytest.raises(TypeError):
        await base.write("m", b"3", parents=x)
    assert await tip(store) == base.commit_hash


async def test_stale_snapshots_stay_stale_with_parents(store):
    base, x, _ = await forked(store)
    await base.write("m", b"3")
    with pytest.raises(StaleSnapshotError):
        await base.write("n", b"4", parents=[x])


# --- squash


async def test_squash_is_a_commit_of_the_same_tree_without_history(store):
    base, x, _ = await forked(store)
    squashed = await x.squash()
    assert squashed.tree_hash == x.tree_hash
    assert squashed.message == "squash"
    assert squashed.changes is None
    assert (squashed.ref_name, squashed.writable) == (None, False)
    assert await squashed.parent is None
    assert len(await collect(squashed.log())) == 1
    assert await contents(squashed) == await contents(x)
    assert await tip(store, "x") == x.commit_hash
    assert await tip(store) == base.commit_hash


async def test_squash_onto_a_parent(store):
    base, x, y = await forked(store)
    squashed = await x.squash(parent=y, message="x onto y")
    assert squashed.message == "x onto y"
    assert (await squashed.parent).commit_hash == y.commit_hash
    assert [s.message for s in await collect(squashed.log())] == [
        "x onto y",
        "+ y",
        "+ base",
        "Initialize main",
    ]
    assert base.commit_hash != squashed.commit_hash


async def test_squash_is_read_only_until_it_is_assigned_to_a_branch(store):
    base, x, _ = await forked(store)
    squashed = await x.squash()
    with pytest.raises(PermissionError, match="read-only"):
        await squashed.write("n", b"1")
    with pytest.raises(PermissionError):
        squashed.batch()
    with pytest.raises(PermissionError):
        await squashed.undo()
    flat = await store.branches.set("flat", squashed)
    assert (flat.commit_hash, flat.writable) == (squashed.commit_hash, True)
    assert (await flat.write("n", b"1")).message == "+ n"
    over = await store.branches.set("x", squashed)
    assert over.commit_hash == squashed.commit_hash
    assert len(await collect(over.log())) == 1
    assert (await over.redo()).commit_hash == x.commit_hash
    assert base.commit_hash == await tip(store)
    assert (await store.tags.set("v1", squashed)).commit_hash == squashed.commit_hash


async def test_squash_works_on_tags_detached_and_stale_snapshots(face, store):
    base, x, _ = await forked(store)
    await base.write("later", b"1")
    tag = await store.tags.set("v1", x)
    detached = face.FS(store, x.commit_hash.encode())
    for fs in (base, tag, detached, await x.squash()):
        assert (await fs.squash()).tree_hash == fs.tree_hash


@pytest.mark.parametrize(
    "message, stored",
    [
        (None, "squash"),
        ("{default} {add_count}", "{default} {add_count}"),
        ("{", "{"),
        ("é\n\nbody\n", "é\n\nbody"),
    ],
)
async def test_squash_takes_the_message_as_it_is(store, message, stored):
    fs = await main(store)
    assert (await fs.squash(message=message)).message == stored


async def test_squash_refuses_bad_arguments(face, store):
    fs = await main(store)
    stranger = await (await face.GitStore.memory()).branches["main"]
    with pytest.raises(ValueError, match="same repo"):
        await fs.squash(parent=stranger)
    with pytest.raises(TypeError, match="Expected FS"):
        await fs.squash(parent=fs.commit_hash)
    with pytest.raises(ValueError, match="NUL"):
        await fs.squash(message="a\0b")


async def test_squash_carries_the_author_and_time_of_the_handle(face, repo, git):
    store = await face.GitStore.open(repo, author="Ann", email="ann@x")
    squashed = await (await main(store)).squash()
    await store.branches.set("flat", squashed)
    raw = git.raw(repo, "cat-file", "commit", "flat").decode()
    who = f"Ann <ann@x> {int(squashed.time.timestamp())} +0000"
    assert raw == (
        f"tree {squashed.tree_hash}\nauthor {who}\ncommitter {who}\nencoding UTF-8\n\nsquash\n"
    )
