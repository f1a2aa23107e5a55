"""Whether an object is part of snapshots or their history: ``store.is_reachable``."""

from __future__ import annotations

import pytest

from vost import FileType, MissingObjectError

MISSING = "12" * 20
MALFORMED = ["", "abc", "1" * 39, "1" * 41, "g" * 40, "A" * 40, " " + "1" * 39, "é" * 40]


async def main(store):
    return await store.branches["main"]


async def test_commit_trees_and_blobs_of_a_snapshot_are_reachable_from_it(store):
    fs = await (await main(store)).apply({"f": b"1", "d/e/g": b"2"})
    hashes = [fs.commit_hash, fs.tree_hash]
    hashes += [await fs.object_hash(path) for path in ("f", "d", "d/e", "d/e/g")]
    for hash in hashes:
        assert await store.is_reachable(hash, [fs]) is True


async def test_history_is_reachable_and_what_came_later_is_not(store):
    old = await (await main(store)).write("f", b"old")
    new = await old.write("f", b"new")
    for hash in (old.commit_hash, old.tree_hash, await old.object_hash("f")):
        assert await store.is_reachable(hash, [new])
    for hash in (new.commit_hash, new.tree_hash, await new.object_hash("f")):
        assert not await store.is_reachable(hash, [old])
        assert await store.is_reachable(hash, [old, new])


async def test_all_parents_of_a_merge_count(store):
    base = await main(store)
    side = await (await store.branches.create("side")).write("s", b"side")
    hash = await side.object_hash("s")
    fs = await base.write("f", b"1")
    assert not await store.is_reachable(hash, [fs])
    merge = await fs.write("f", b"2", parents=[side])
    assert await store.is_reachable(hash, [merge])
    assert await store.is_reachable(side.commit_hash, [merge])
    later = await merge.write("f", b"3")
    assert await store.is_reachable(hash, [later])


async def test_other_branches_and_objects_that_nothing_names_are_not_reachable(store):
    fs = await main(store)
    other = await (await store.branches.create("other")).write("secret", b"secret")
    loose = await (await fs.write("f", b"1")).squash()
    assert not await store.is_reachable(await other.object_hash("secret"), [fs])
    assert not await store.is_reachable(loose.commit_hash, [await main(store)])
    assert await store.is_reachable(await other.object_hash("secret"), [fs, other])
    assert await store.is_reachable(loose.tree_hash, [await main(store)])


async def test_nothing_is_reachable_from_no_snapshot(store):
    fs = await main(store)
    assert await store.is_reachable(fs.commit_hash, []) is False


async def test_any_iterable_of_snapshots_and_any_kind_of_snapshot_will_do(store):
    fs = await (await main(store)).write("f", b"1")
    tag = await store.tags.set("v1", fs)
    detached = await store.fs(fs.commit_hash)
    hash = await fs.object_hash("f")
    assert await store.is_reachable(hash, (one for one in (fs, tag, detached)))
    assert await store.is_reachable(hash.encode(), {tag})
    assert await store.is_reachable(hash, (tag,))


async def test_unknown_object_is_not_reachable(store):
    assert await store.is_reachable(MISSING, [await main(store)]) is False
    assert await store.is_reachable("0" * 40, [await main(store)]) is False


@pytest.mark.parametrize("hash", MALFORMED)
async def test_malformed_id_is_a_value_error(store, hash):
    fs = await main(store)
    for snapshots in ([], [fs]):
        with pytest.raises(ValueError, match="40 lowercase hex"):
            await store.is_reachable(hash, snapshots)


async def test_snapshots_of_another_store_or_of_no_kind_are_refused(store, face):
    fs = await main(store)
    other = await (await face.GitStore.memory()).branches["main"]
    with pytest.raises(ValueError, match="same repo"):
        await store.is_reachable(fs.commit_hash, [fs, other])
    for wrong in (["main"], [None], fs, "main", None):
        with pytest.raises(TypeError):
            await store.is_reachable(fs.commit_hash, wrong)


async def test_answers_follow_a_branch_that_moves_both_ways(store):
    fs = await main(store)
    hashes = []
    for number in range(8):
        fs = await fs.write(f"d/f{number}", b"%d" % number)
        hashes.append(await fs.object_hash(f"d/f{number}"))
        assert [await store.is_reachable(hash, [fs]) for hash in hashes] == [True] * (number + 1)
    fs = await fs.undo(3)
    expected = [True] * 5 + [False] * 3
    assert [await store.is_reachable(hash, [fs]) for hash in hashes] == expected
    fs = await fs.write("other", b"other")
    assert [await store.is_reachable(hash, [fs]) for hash in hashes] == expected


async def test_content_that_moves_or_comes_back_stays_reachable(store):
    fs = await (await main(store)).write("a/f", b"content")
    hash = await fs.object_hash("a/f")
    fs = await fs.move("a", "b", recursive=True)
    assert await store.is_reachable(hash, [fs])
    fs = await fs.remove("b", recursive=True)
    assert await store.is_reachable(hash, [fs])
    assert not await store.is_reachable(hash, [await fs.squash()])


async def test_links_and_executables_count_as_blobs(store):
    fs = await (await main(store)).write_symlink("ln", "target")
    fs = await fs.write("run", b"#!", mode=FileType.EXECUTABLE)
    for path in ("ln", "run"):
        assert await store.is_reachable(await fs.object_hash(path), [fs])


# --- real git as the judge


def objects_of(git, path, *revisions):
    """Return the ids that git finds from some revisions."""
    return set(git(path, "rev-list", "--objects", "--no-object-names", *revisions).split())


def all_objects(git, path):
    return git(path, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()


async def branched(store):
    """Give a store three branches, of which two are merged, and tags."""
    fs = await main(store)
    side = await store.branches.create("side")
    lost = await store.branches.create("lost")
    for number in range(12):
        fs = await fs.write(f"d{number % 3}/f{number % 5}", b"main %d" % number)
        side = await side.write(f"s/f{number}", b"side %d" % number)
        if number % 5 == 4:
            fs = await fs.write("merged", b"%d" % number, parents=[side])
    await lost.write("x/y", b"lost")
    await store.tags.set("v1", await fs.back(4))


@pytest.mark.slow
@pytest.mark.parametrize("tidy", [None, "repack", "gc"])
async def test_answers_are_those_of_git_rev_list(disk_store, repo, face, git, tidy):
    await branched(disk_store)
    if tidy == "repack":
        git(repo, "repack", "-a", "-d", "-q")
    elif tidy == "gc":
        git(repo, "gc", "--quiet")
        assert (repo / "objects/info/commit-graph").exists()
    await disk_store.close()
    store = await face.GitStore.open(repo)
    for names in (["main"], ["side"], ["main", "lost"], ["main~3", "side~2"]):
        snapshots = []
        for name in names:
            branch, _, back = name.partition("~")
            snapshots.append(await store.fs(branch, back=int(back or 0)))
        expected = objects_of(git, repo, *names)
        for hash in all_objects(git, repo):
            assert await store.is_reachable(hash, snapshots) is (hash in expected)
    await store.close()


async def test_annotated_tags_are_not_part_of_snapshots(disk_store, repo, git):
    fs = await (await main(disk_store)).write("f", b"1")
    git(repo, "tag", "-a", "v1", "-m", "tagged", fs.commit_hash)
    tag = await disk_store.tags["v1"]
    assert not await disk_store.is_reachable(git(repo, "rev-parse", "v1"), [tag])
    assert await disk_store.is_reachable(await fs.object_hash("f"), [tag])


async def test_submodule_is_not_followed_even_if_its_commit_is_here(disk_store, repo, git):
    fs = await main(disk_store)
    other = await (await disk_store.branches.create("other")).write("secret", b"secret")
    tree = git(repo, "mktree", stdin=f"160000 commit {other.commit_hash}\tmodule\n")
    git(
        repo, "update-ref", "refs/heads/main",
        git(repo, "commit-tree", tree, "-p", fs.commit_hash, "-m", "submodule"),
    )  # fmt: skip
    fs = await main(disk_store)
    assert not await disk_store.is_reachable(other.commit_hash, [fs])
    assert not await disk_store.is_reachable(await other.object_hash("secret"), [fs])
    assert await disk_store.is_reachable(tree, [fs])


async def test_shallow_clone_has_what_git_has_of_it(disk_store, repo, face, tmp_path, git):
    await branched(disk_store)
    shallow = tmp_path / "shallow.git"
    git(tmp_path, "clone", "-q", "--bare", "--depth=3", f"file://{repo}", shallow)
    git(shallow, "fetch", "-q", "--depth=2", f"file://{repo}", "lost:lost")
    store = await face.GitStore.open(shallow)
    fs = await main(store)
    expected = objects_of(git, shallow, "main")
    for hash in all_objects(git, shallow):
        assert await store.is_reachable(hash, [fs]) is (hash in expected)
    first = (await disk_store.fs("main", back=5)).commit_hash
    assert not await store.is_reachable(first, [fs])
    await store.close()


@pytest.mark.damages("an old tree is deleted")
async def test_missing_tree_in_history_matters_only_for_what_is_not_found(disk_store, repo, face):
    fs = await (await main(disk_store)).write("d/f", b"1")
    lost = repo / "objects" / fs.tree_hash[:2] / fs.tree_hash[2:]
    other = await (await disk_store.branches.create("other")).write("g", b"2")
    fs = await fs.write("d/f", b"3")
    lost.unlink()
    store = await face.GitStore.open(repo)
    fresh = await main(store)
    assert await store.is_reachable(await fresh.object_hash("d/f"), [fresh])
    assert await store.is_reachable((await fresh.parent).commit_hash, [fresh])
    with pytest.raises(MissingObjectError, match="missing"):
        await store.is_reachable(await other.object_hash("g"), [fresh])
    assert not await store.is_reachable(MISSING, [fresh])
    await store.close()
