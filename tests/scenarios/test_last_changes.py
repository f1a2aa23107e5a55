"""The newest snapshots that changed the entries of a directory: ``fs.last_changes``."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.support.faces import collect
from vost import FileType


async def main(store):
    return await store.branches["main"]


def messages(found):
    return {name: fs.message for name, fs in found.items()}


async def example(store):
    fs = await main(store)
    fs = await fs.apply({"a": b"1", "d/x": b"1", "d/y": b"1", "d/e/z": b"1"}, message="first")
    fs = await fs.write("d/x", b"2", message="x")
    fs = await fs.write("d/e/z", b"2", message="z")
    fs = await fs.write("d/y", b"1", mode=FileType.EXECUTABLE, message="mode of y")
    fs = await fs.remove("d/x", message="x removed")
    return await fs.write("d/x", b"2", message="x again")


async def test_each_entry_has_the_newest_commit_that_changed_it(store):
    fs = await example(store)
    found = await fs.last_changes("d")
    assert list(found) == await fs.ls("d") == ["e", "x", "y"]
    assert messages(found) == {"e": "z", "x": "x again", "y": "mode of y"}
    assert messages(await fs.last_changes("d/e")) == {"z": "z"}


async def test_root_is_a_directory_like_others(store):
    fs = await example(store)
    for path in (None, "", PurePosixPath("."), "/"):
        assert messages(await fs.last_changes(path)) == {"a": "first", "d": "x again"}
    assert await (await main(store)).last_changes() != {}
    empty = await (await store.branches.create("empty", replace=True)).last_changes()
    assert empty == {}


async def test_chosen_names_only_and_removed_ones_too(store):
    fs = await example(store)
    fs = await fs.remove("d/y", message="y removed")
    found = await fs.last_changes("d", names=["y", "never", "e", "e"])
    assert list(found.items()) == [("y", found["y"]), ("e", found["e"])]
    assert messages(found) == {"y": "y removed", "e": "z"}
    assert await fs.last_changes("d", names=[]) == {}
    assert messages(await fs.last_changes("d", names={"x": 1}.keys())) == {"x": "x again"}


async def test_limit_counts_commits_from_the_snapshot_on(store):
    fs = await example(store)
    found = [set(await fs.last_changes("d", limit=limit)) for limit in range(6)]
    assert found == [set(), {"x"}, {"x"}, {"x", "y"}, {"x", "y", "e"}, {"x", "y", "e"}]
    with pytest.raises(ValueError, match="limit must be >= 0"):
        await fs.last_changes("d", limit=-1)


async def test_snapshots_are_of_the_same_branch_or_tag_and_as_writable(store):
    fs = await example(store)
    for found in (await fs.last_changes("d")).values():
        assert (found.ref_name, found.writable, found.changes) == ("main", True, None)
    tag = await store.tags.set("v1", fs)
    for found in (await tag.last_changes("d")).values():
        assert (found.ref_name, found.writable) == ("v1", False)


async def test_merge_counts_for_what_it_changed_on_the_first_line(store):
    fs = await (await main(store)).write("a", b"1", message="a")
    side = await store.branches.set("side", fs)
    side = await (await store.branches["side"]).write("b", b"1", message="b on the side")
    fs = await fs.write("a", b"2", message="a again")
    merge = await fs.apply({"b": b"1"}, message="merge", parents=[side])
    assert messages(await merge.last_changes()) == {"a": "a again", "b": "merge"}


async def test_what_a_directory_took_the_place_of_is_history_of_its_name(store):
    fs = await (await main(store)).write("d", b"file", message="file")
    fs = await fs.remove("d", message="removed")
    fs = await fs.write("d/x", b"1", message="directory")
    fs = await fs.write("other", b"1", message="other")
    assert messages(await fs.last_changes()) == {"d": "directory", "other": "other"}
    assert messages(await fs.last_changes("d")) == {"x": "directory"}


async def test_answers_are_the_first_of_the_log_of_each_path(store):
    fs = await example(store)
    for directory in ("d", "d/e"):
        for name, found in (await fs.last_changes(directory)).items():
            (first,) = await collect(fs.log(f"{directory}/{name}", limit=1))
            assert found.commit_hash == first.commit_hash


async def test_what_is_no_directory_is_an_error_as_for_ls(store):
    fs = await example(store)
    for path in ("none", "d/none", "d/none/x", "a", "a/b", "d/x/y"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)) as of_ls:
            await fs.ls(path)
        for names in (None, [], ["x"]):
            with pytest.raises(type(of_ls.value)):
                await fs.last_changes(path, names=names)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a/"])
async def test_name_that_no_entry_can_have_is_a_value_error(store, name):
    fs = await main(store)
    with pytest.raises(ValueError, match=r"name of an entry|[Pp]ath"):
        await fs.last_changes(names=[name])


@pytest.mark.parametrize("names", ["a", b"a", [b"a"], [None], [PurePosixPath("a")]])
async def test_names_that_are_no_texts_are_a_type_error(store, names):
    fs = await main(store)
    with pytest.raises(TypeError, match="names must be"):
        await fs.last_changes(names=names)


# --- real git as the judge


async def grown(store):
    fs = await main(store)
    side = await store.branches.create("side")
    for number in range(30):
        fs = await fs.write(f"d{number % 3}/f{number % 7}.txt", b"version %d\n" % number * 20)
        side = await side.write(f"s{number % 4}/g", b"side %d" % number)
        if number % 8 == 7:
            merged = {f"s{number % 4}/g": b"side %d" % number}
            fs = await fs.apply(merged, [f"d{number % 3}/f{number % 7}.txt"], parents=[side])


def expected(git, path, directory, names):
    return {
        name: git(
            path, "log", "-1", "--first-parent", "--format=%H", "main", "--", f"{directory}{name}"
        )
        for name in names
    }


@pytest.mark.slow
@pytest.mark.parametrize("tidy", [None, "gc"])
async def test_answers_are_those_of_git_log(disk_store, repo, face, git, tidy):
    await grown(disk_store)
    if tidy:
        git(repo, "gc", "--quiet")
    store = await face.GitStore.open(repo)
    fs = await main(store)
    for directory in ("", "d0", "d1", "s3"):
        found = await fs.last_changes(directory)
        prefix = directory and f"{directory}/"
        assert {name: one.commit_hash for name, one in found.items()} == expected(
            git, repo, prefix, await fs.ls(directory)
        )
    await store.close()


async def test_shallow_clone_shows_its_first_commits_for_what_is_older(
    disk_store, repo, face, tmp_path, git
):
    await grown(disk_store)
    shallow = tmp_path / "shallow.git"
    git(tmp_path, "clone", "-q", "--bare", "--depth=4", f"file://{repo}", shallow)
    store = await face.GitStore.open(shallow)
    fs = await main(store)
    found = await fs.last_changes("d0")
    assert {name: one.commit_hash for name, one in found.items()} == expected(
        git, shallow, "d0/", await fs.ls("d0")
    )
    await store.close()


async def test_submodules_are_left_out_as_by_ls(disk_store, repo, git):
    fs = await (await main(disk_store)).write("f", b"1", message="f")
    tree = git(repo, "ls-tree", "main") + f"\n160000 commit {'1' * 40}\tmodule\n"
    made = git(
        repo, "commit-tree", git(repo, "mktree", stdin=tree), "-p", fs.commit_hash, "-m", "m"
    )
    git(repo, "update-ref", "refs/heads/main", made)
    fs = await main(disk_store)
    assert messages(await fs.last_changes()) == {"f": "f"}
    assert messages(await fs.last_changes(names=["module", "f"])) == {"f": "f"}
