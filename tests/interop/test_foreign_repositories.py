"""Repositories that real git made, in all their variety, read as Git means them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.interop.building import (
    EPOCH,
    commit_files,
    commit_tree,
    set_ref,
    store_tree,
)
from tests.support.faces import collect
from tests.support.gitcli import assert_fsck_clean, fsck_complaints
from vost import (
    GitStore,
    MissingObjectError,
    NotARepositoryError,
    RepositoryNotFoundError,
    UnsupportedRepositoryError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git


# -- how objects and refs are stored --------------------------------------------------------


async def test_deltas_of_an_aggressive_gc_read_whole_and_in_ranges(git: Git, bare: Path) -> None:
    lines = [b"line %d of a file that hardly changes\n" % number for number in range(400)]
    versions = []
    for number in range(20):
        lines[number * 7] = b"version %d\n" % number
        versions.append(b"".join(lines))
    commit_files(git, bare, {"f": versions[0]}, others=[{"f": data} for data in versions[1:]])
    git(bare, "gc", "--aggressive", "--quiet")
    packs = git(bare, "verify-pack", "--stat-only", *(bare / "objects/pack").glob("*.idx"))
    assert "chain length = 5" in packs

    store = await GitStore.open(bare)
    found = [s async for s in (await store.branches["main"]).log()]

    assert [await s.read("f") for s in found] == versions[::-1]
    assert [await s.read("f", offset=900, size=70) for s in found] == [
        data[900:970] for data in versions[::-1]
    ]
    assert [await s.size("f") for s in found] == [len(data) for data in versions[::-1]]
    for snapshot, data in zip(found[:3], versions[::-1], strict=False):
        async with snapshot.open("f") as file:
            await file.seek(5000)
            assert await file.read(100) == data[5000:5100]
    await store.close()


async def test_packed_refs_are_branches_and_tags(git: Git, bare: Path) -> None:
    first = commit_files(git, bare, {"a": b"1"})
    git(bare, "branch", "topic/x")
    git(bare, "tag", "light")
    git(bare, "tag", "-a", "-m", "heavy", "heavy")
    git(bare, "pack-refs", "--all", "--prune")
    assert not (bare / "refs/heads/main").exists()

    store = await GitStore.open(bare)

    assert await store.branches.keys() == ["main", "topic/x"]
    assert await store.tags.keys() == ["heavy", "light"]
    assert {fs.commit_hash for fs in await store.tags.values()} == {first}
    fs = await (await store.branches["main"]).write("b", b"2")
    await store.branches.delete("topic/x")
    await store.tags.delete("heavy")
    assert git(bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines() == [
        f"refs/heads/main {fs.commit_hash}",
        f"refs/tags/light {first}",
    ]
    assert_fsck_clean(bare)


async def test_branch_that_is_loose_and_packed_counts_as_the_loose_one(
    git: Git, bare: Path
) -> None:
    commit_files(git, bare, {"a": b"1"})
    git(bare, "pack-refs", "--all")
    tip = commit_files(git, bare, {"a": b"2"})

    store = await GitStore.open(bare)

    assert [fs.commit_hash for fs in await store.branches.values()] == [tip]


async def test_symbolic_branch_leads_to_the_other_branch(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    git(bare, "symbolic-ref", "refs/heads/alias", "refs/heads/main")

    store = await GitStore.open(bare)
    fs = await (await store.branches["alias"]).write("b", b"2")

    assert git(bare, "rev-parse", "main") == fs.commit_hash
    assert git(bare, "symbolic-ref", "refs/heads/alias") == "refs/heads/main"
    assert (await store.branches["main"]).commit_hash == fs.commit_hash


async def test_alternate_inside_the_repository_is_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"inside"})
    own = bare / "objects/old"
    own.mkdir()
    for part in sorted((bare / "objects").iterdir()):
        if len(part.name) == 2 or part.name == "pack":
            part.rename(own / part.name)
    (bare / "objects/pack").mkdir(exist_ok=True)
    (bare / "objects/info/alternates").write_text("old\n")

    store = await GitStore.open(bare)
    fs = await store.branches["main"]

    assert await fs.read("a") == b"inside"
    assert await (await fs.write("b", b"2")).read("a") == b"inside"
    assert_fsck_clean(bare)


@pytest.fixture
def borrowing(git: Git, tmp_path: Path, bare: Path) -> Path:
    """Give the test a clone that keeps none of its objects itself."""
    commit_files(git, bare, {"d/a": b"borrowed"})
    shared = tmp_path / "shared.git"
    git(bare, "clone", "--quiet", "--bare", "--shared", bare, shared)
    return shared


async def test_alternate_outside_is_refused_with_the_way_out(borrowing: Path, bare: Path) -> None:
    store = await GitStore.open(borrowing)

    with pytest.raises(MissingObjectError) as caught:
        await store.branches["main"]

    message = str(caught.value)
    assert "'main'" in message
    assert str(bare / "objects") in message
    assert "follow_alternates=True" in message


async def test_object_in_an_outside_alternate_is_refused_by_its_path(
    git: Git, borrowing: Path
) -> None:
    blob = git(borrowing, "rev-parse", "main:d/a")
    top = store_tree(borrowing, [(b"100644", b"a", blob)])
    commit_tree(borrowing, top, branch="own")

    fs = await (await GitStore.open(borrowing)).branches["own"]

    with pytest.raises(MissingObjectError, match=r"'a'.*follow_alternates=True"):
        await fs.read("a")


async def test_alternate_outside_is_followed_on_request(git: Git, borrowing: Path) -> None:
    store = await GitStore.open(borrowing, follow_alternates=True)
    fs = await store.branches["main"]

    assert await fs.read("d/a") == b"borrowed"
    fs = await fs.write("d/b", b"own")
    assert git(borrowing, "show", "main:d/b") == "own"
    assert_fsck_clean(borrowing)


# -- HEAD -----------------------------------------------------------------------------------


async def test_empty_repository_gets_its_first_branch(git: Git, bare: Path) -> None:
    store = await GitStore.open(bare)

    assert await store.branches.keys() == []
    assert await store.branches.current is None
    assert await store.branches.current_name is None
    with pytest.raises(KeyError, match="main"):
        await store.branches["main"]
    fs = await store.branches.create("main")
    fs = await fs.write("a", b"1")
    assert await store.branches.current_name == "main"
    assert git(bare, "show", "HEAD:a") == "1"
    assert_fsck_clean(bare)


async def test_unborn_head_beside_other_branches_is_no_current_branch(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"}, branch="other")
    store = await GitStore.open(bare)

    assert await store.branches.current is None
    assert await store.branches.keys() == ["other"]
    await store.branches.set("main", await store.branches["other"])
    assert await store.branches.current_name == "main"


async def test_detached_head_is_no_current_branch(git: Git, bare: Path) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    git(bare, "update-ref", "--no-deref", "HEAD", oid)
    store = await GitStore.open(bare)

    assert await store.branches.current_name is None
    assert await store.branches.current is None
    with pytest.raises(RuntimeError, match="current"):
        await store.notes.commits.for_current_branch
    await store.branches.set_current("main")
    assert git(bare, "symbolic-ref", "HEAD") == "refs/heads/main"


async def test_head_outside_of_branches_is_no_current_branch(git: Git, bare: Path) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    set_ref(bare, "refs/remotes/origin/main", oid)
    git(bare, "symbolic-ref", "HEAD", "refs/remotes/origin/main")

    assert await (await GitStore.open(bare)).branches.current_name is None


# -- kinds of repositories -------------------------------------------------------------------


async def test_shallow_clone_ends_where_its_history_was_cut(
    git: Git, bare: Path, tmp_path: Path
) -> None:
    commit_files(git, bare, {"a": b"0"}, others=[{"a": b"%d" % n} for n in range(1, 5)])
    cut = tmp_path / "cut.git"
    git(bare, "clone", "--quiet", "--bare", "--depth=2", f"file://{bare}", cut)
    store = await GitStore.open(cut)
    fs = await store.branches["main"]

    assert [s.commit_hash async for s in fs.log()] == git(cut, "rev-list", "main").split()
    assert len(await collect(fs.log("a"))) == 2
    end = await fs.back(1)
    assert await end.parent is None
    with pytest.raises(ValueError, match="history too short"):
        await fs.back(2)
    assert await (await fs.write("b", b"1")).read("a") == b"4"
    assert_fsck_clean(cut)


async def test_work_tree_is_found_by_its_top_and_left_alone(git: Git, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    git.init(top / ".git")
    git(top / ".git", "config", "core.bare", "false")
    oid = commit_files(git, top / ".git", {"a": b"1"})
    (top / "a").write_bytes(b"edited, not committed")

    store = await GitStore.open(top)
    fs = await store.branches["main"]
    assert fs.commit_hash == oid
    fs = await fs.write("b", b"2")

    assert git(top / ".git", "rev-parse", "HEAD") == fs.commit_hash
    assert sorted(path.name for path in top.iterdir()) == [".git", "a", "vost.lock"]
    assert (top / "a").read_bytes() == b"edited, not committed"
    again = await GitStore.open(top / ".git")
    assert (await again.branches["main"]).commit_hash == fs.commit_hash
    assert await again.branches.set("x", fs)
    assert not (top / ".git/vost.lock").exists()


async def test_git_file_leads_to_the_git_directory(git: Git, tmp_path: Path) -> None:
    real = git.init(tmp_path / "real")
    git(real, "config", "core.bare", "false")
    oid = commit_files(git, real, {"a": b"1"})
    top = tmp_path / "tree"
    top.mkdir()
    (top / ".git").write_text("gitdir: ../real\n")

    assert (await (await GitStore.open(top)).branches["main"]).commit_hash == oid


async def test_repository_with_linked_worktrees_opens_but_a_linked_worktree_does_not(
    git: Git, bare: Path, tmp_path: Path
) -> None:
    commit_files(git, bare, {"a": b"1"})
    git(bare, "branch", "dev")
    git(bare, "worktree", "add", "--quiet", tmp_path / "linked", "dev")

    fs = await (await GitStore.open(bare)).branches["dev"]
    fs = await fs.write("b", b"2")

    assert git(bare, "rev-parse", "dev") == fs.commit_hash
    with pytest.raises(UnsupportedRepositoryError, match="linked worktree") as caught:
        await GitStore.open(tmp_path / "linked")
    assert str(tmp_path / "linked") in str(caught.value)


async def test_sha256_repository_is_refused(git: Git, tmp_path: Path) -> None:
    path = git.init(tmp_path / "new.git", "--object-format=sha256")

    with pytest.raises(UnsupportedRepositoryError, match="sha256") as caught:
        await GitStore.open(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "version, key, value, said",
    [
        ("1", "extensions.refStorage", "reftable", "reftable"),
        ("0", "extensions.refStorage", "reftable", "reftable"),
        ("1", "extensions.objectFormat", "sha256", "sha256"),
        ("1", "extensions.fromTheFuture", "true", "fromthefuture"),
        ("2", "core.bare", "true", "format 2"),
    ],
)
async def test_unknown_repository_formats_are_refused_by_name(
    git: Git, bare: Path, version: str, key: str, value: str, said: str
) -> None:
    # By hand: git refuses to touch a repository of a format that it does not know itself.
    section, _, name = key.partition(".")
    (bare / "config").write_text(
        f"[core]\n\trepositoryformatversion = {version}\n[{section}]\n\t{name} = {value}\n"
    )
    before = sorted(path.name for path in bare.rglob("*"))

    with pytest.raises(UnsupportedRepositoryError, match=said) as caught:
        await GitStore.open(bare)

    assert str(bare) in str(caught.value)
    assert sorted(path.name for path in bare.rglob("*")) == before


async def test_format_one_with_harmless_extensions_opens(git: Git, bare: Path) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    git(bare, "config", "core.repositoryFormatVersion", "1")
    git(bare, "config", "extensions.objectFormat", "sha1")
    git(bare, "config", "extensions.preciousObjects", "true")

    assert (await (await GitStore.open(bare)).branches["main"]).commit_hash == oid


async def test_what_is_no_repository_is_said_by_its_path(tmp_path: Path) -> None:
    empty, file, folder = tmp_path / "empty", tmp_path / "file", tmp_path / "folder"
    empty.mkdir()
    file.write_text("x")
    (folder / "sub").mkdir(parents=True)

    for path in (empty, file, folder):
        for create in (True, False):
            with pytest.raises(NotARepositoryError) as caught:
                await GitStore.open(path, create=create)
            assert str(path) in str(caught.value)
            assert isinstance(caught.value, ValueError)
    with pytest.raises(RepositoryNotFoundError) as missing:
        await GitStore.open(tmp_path / "missing", create=False)
    assert isinstance(missing.value, FileNotFoundError)
    assert str(tmp_path / "missing") in str(missing.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "folder"]
    assert list(empty.iterdir()) == []


async def test_broken_configuration_is_a_clear_error(git: Git, bare: Path) -> None:
    (bare / "config").write_text("[core\nbare = true\n")

    with pytest.raises(UnsupportedRepositoryError, match="config"):
        await GitStore.open(bare)


async def test_repository_whose_parts_are_links_to_outside_is_refused(
    git: Git, bare: Path, tmp_path: Path
) -> None:
    (bare / "objects").rename(tmp_path / "elsewhere")
    (bare / "objects").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsupportedRepositoryError, match="symbolic link"):
        await GitStore.open(bare)


async def test_foreign_config_is_left_as_it_is_by_opening_and_writing(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    (bare / "config").write_text((bare / "config").read_text() + '# mine\n[alias]\n\tx = "y z"\n')
    before = (bare / "config").read_bytes()

    await (await (await GitStore.open(bare)).branches["main"]).write("b", b"2")

    assert (bare / "config").read_bytes() == before


@pytest.mark.parametrize("setting", [None, "false", "true", "always"])
async def test_reflog_is_written_whatever_the_repository_says(
    git: Git, bare: Path, setting: str | None
) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    if setting is None:
        git.attempt(bare, "config", "--unset-all", "core.logAllRefUpdates")
    else:
        git(bare, "config", "core.logAllRefUpdates", setting)
    store = await GitStore.open(bare)

    fs = await (await store.branches["main"]).write("b", b"2")
    assert (await fs.undo()).commit_hash == oid
    assert (await (await store.branches["main"]).redo()).commit_hash == fs.commit_hash

    assert [entry.message for entry in (await store.branches.reflog("main"))[-3:]] == [
        "commit: + b",
        "undo: move back",
        "redo: move forward",
    ]
    assert git(bare, "reflog", "show", "--format=%gs", "main").splitlines()[:3] == [
        "redo: move forward",
        "undo: move back",
        "commit: + b",
    ]


async def test_git_on_the_machine_may_be_missing(
    git: Git, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_files(git, bare, {"a": b"1"})
    monkeypatch.setenv("PATH", "")

    store = await GitStore.open(bare)
    fs = await (await store.branches["main"]).write("b", b"2")
    await store.notes.commits.set(fs.commit_hash, "noted")
    await store.gc()

    assert await fs.read("b") == b"2"


async def test_hooks_of_a_foreign_repository_are_never_run(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    marker = bare / "ran"
    for name in ("post-update", "update", "reference-transaction", "post-commit", "pre-commit"):
        hook = bare / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
    store = await GitStore.open(bare)

    fs = await (await store.branches["main"]).write("b", b"2")
    await store.branches.set("x", fs)
    await store.gc()

    assert not marker.exists()


async def test_grafts_and_replacements_do_not_change_what_is_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"}, others=[{"a": b"2"}])
    old = git(bare, "rev-parse", "main~1")
    other = commit_files(git, bare, {"a": b"forged"}, branch="forged")
    git(bare, "replace", old, other)

    store = await GitStore.open(bare)
    parent = await (await store.branches["main"]).parent

    assert parent is not None
    assert await parent.read("a") == b"1"


async def test_commit_graph_and_multi_pack_index_beside_the_packs_do_no_harm(
    git: Git, bare: Path
) -> None:
    commit_files(git, bare, {"a": b"0"}, others=[{"a": b"%d" % n} for n in range(1, 120)])
    git(bare, "repack", "-a", "-d", "-b", "--quiet")
    commit_files(git, bare, {"b": b"0"}, others=[{"b": b"%d" % n} for n in range(1, 120)])
    git(bare, "repack", "-d", "--quiet")
    git(bare, "multi-pack-index", "write")
    git(bare, "commit-graph", "write", "--reachable")
    store = await GitStore.open(bare)
    fs = await store.branches["main"]

    assert [s.commit_hash async for s in fs.log()] == git(bare, "rev-list", "main").split()
    fs = await fs.write("c", b"1")
    await store.gc()
    assert await fs.read("a") == b"119"
    assert_fsck_clean(bare)


async def test_old_pack_indexes_of_version_one_are_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"0"}, others=[{"a": b"%d" % n} for n in range(1, 20)])
    git(bare, "-c", "pack.indexVersion=1", "repack", "-a", "-d", "-f", "--quiet")

    fs = await (await GitStore.open(bare)).branches["main"]

    assert [await s.read("a") async for s in fs.log()] == [b"%d" % n for n in range(19, -1, -1)]


async def test_repository_of_another_owner_or_read_only_can_be_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    paths = [bare, *bare.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        fs = await (await GitStore.open(bare)).branches["main"]
        assert await fs.read("a") == b"1"
        assert await fs.ls() == ["a"]
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_helpers_make_what_git_accepts(git: Git, bare: Path) -> None:
    first = commit_files(git, bare, {"a": b"1", "x": ("100755", b"2")}, others=[{"a": b"3"}])

    assert git(bare, "show", "main:a") == "3"
    assert git(bare, "log", "-1", "--format=%ct", first) == str(EPOCH + 60)
    assert fsck_complaints(bare) == []
