"""Backup and restore with a repository on the local disk (contract sections 17, 22.3 and 23)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.interop.building import commit_files
from tests.scenarios.conftest import leftovers
from tests.support.faces import collect
from tests.support.gitcli import assert_fsck_clean
from tests.support.snapshots import contents
from vost import (
    MirrorDiff,
    NotARepositoryError,
    RefChange,
    RepositoryNotFoundError,
    UnsupportedRepositoryError,
)


async def filled(store):
    """Give a store two branches, a tag and a note; return the tip of main."""
    fs = await (await store.branches["main"]).apply({"a": b"1", "d/x": b"2"})
    await store.tags.set("v1", fs)
    fs = await fs.write("d/y", b"3")
    await store.branches.set("dev", fs)
    await store.notes.commits.set(fs.commit_hash, "note")
    return fs


def refs_of(git, path):
    lines = git(path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


ALL = ["refs/heads/dev", "refs/heads/main", "refs/notes/commits", "refs/tags/v1"]


async def test_backup_makes_an_equal_repository(store, tmp_path, git):
    fs = await filled(store)
    target = tmp_path / "copy.git"
    diff = await store.backup(target)
    assert [change.ref for change in diff.add] == ALL
    assert diff.add[1] == RefChange("refs/heads/main", None, fs.commit_hash)
    assert (diff.update, diff.delete, diff.total, diff.in_sync) == ([], [], 4, False)
    assert refs_of(git, target) == {c.ref: c.new_target for c in diff.add}
    assert git(target, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(target, "config", "core.bare") == "true"
    assert_fsck_clean(target)
    again = await store.backup(target)
    assert again == MirrorDiff()
    assert (again.in_sync, again.total) == (True, 0)


async def test_made_repository_has_the_head_of_the_source(store, tmp_path, git):
    await filled(store)
    await store.branches.set_current("dev")
    await store.backup(tmp_path / "copy.git")
    assert git(tmp_path / "copy.git", "symbolic-ref", "HEAD") == "refs/heads/dev"
    await store.backup(tmp_path / "renamed.git", refs={"dev": "other"})
    assert git(tmp_path / "renamed.git", "symbolic-ref", "HEAD") == "refs/heads/other"
    # One that exists keeps its own.
    git.init(tmp_path / "theirs.git")
    await store.backup(tmp_path / "theirs.git")
    assert git(tmp_path / "theirs.git", "symbolic-ref", "HEAD") == "refs/heads/main"


async def test_backup_updates_and_deletes_in_any_namespace(store, tmp_path, git):
    fs = await filled(store)
    target = tmp_path / "copy.git"
    await store.backup(target)
    git(target, "update-ref", "refs/heads/extra/deep", fs.commit_hash)
    git(target, "update-ref", "refs/odd/thing", fs.commit_hash)
    await store.branches.set("main", await fs.parent)
    await store.tags.delete("v1")
    diff = await store.backup(target)
    assert diff.add == []
    assert [c.ref for c in diff.update] == ["refs/heads/main"]
    assert diff.update[0].old_target == fs.commit_hash
    assert [c.ref for c in diff.delete] == [
        "refs/heads/extra/deep",
        "refs/odd/thing",
        "refs/tags/v1",
    ]
    assert diff.delete[0] == RefChange("refs/heads/extra/deep", fs.commit_hash, None)
    assert sorted(refs_of(git, target)) == [
        "refs/heads/dev",
        "refs/heads/main",
        "refs/notes/commits",
    ]


@pytest.mark.parametrize("spelling", ["path", "str", "relative", "file"])
async def test_every_spelling_of_a_path_works(store, tmp_path, monkeypatch, spelling, face):
    await filled(store)
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "with:colon and @.git"
    url = {
        "path": target,
        "str": str(target),
        "relative": "./with:colon and @.git",
        "file": target.as_uri(),
    }[spelling]
    assert (await store.backup(url)).total == 4
    assert target.is_dir()
    there = await face.GitStore.memory(branch=None)
    assert (await there.restore(url)).total == 4


async def test_restore_makes_the_store_equal(store, face, tmp_path, git):
    other = await face.GitStore.open(tmp_path / "other.git", branch="trunk")
    theirs = await (await other.branches["trunk"]).write("t", b"1")
    await other.tags.set("v1", theirs)
    mine = await filled(store)
    diff = await store.restore(tmp_path / "other.git")
    assert [c.ref for c in diff.add] == ["refs/heads/trunk"]
    assert [c.ref for c in diff.update] == ["refs/tags/v1"]
    assert [c.ref for c in diff.delete] == [
        "refs/heads/dev",
        "refs/heads/main",
        "refs/notes/commits",
    ]
    assert await collect(store.branches) == ["trunk"]
    assert await contents(await store.branches["trunk"]) == {"t": b"1"}
    assert (await store.tags["v1"]).commit_hash == theirs.commit_hash
    assert await store.branches.current_name is None, "HEAD stays where it was"
    assert (await store.restore(tmp_path / "other.git")).in_sync
    # The old snapshots are still readable.
    assert await mine.read("d/y") == b"3"


async def test_restored_branches_have_a_reflog(store, face, tmp_path):
    other = await face.GitStore.open(tmp_path / "other.git")
    first = await (await other.branches["main"]).write("t", b"1")
    await store.restore(tmp_path / "other.git")
    entry = (await store.branches.reflog("main"))[-1]
    assert (entry.new_sha, entry.message) == (
        first.commit_hash,
        f"restore: {tmp_path / 'other.git'}",
    )
    before = await store.branches["main"]
    await (await other.branches["main"]).write("t", b"2")
    await store.restore(tmp_path / "other.git")
    assert await (await store.branches["main"]).read("t") == b"2"
    back = await (await store.branches["main"]).undo()
    assert back.commit_hash == before.commit_hash
    assert await (await back.redo()).read("t") == b"2"


@pytest.mark.slow
async def test_deleted_refs_can_be_found_again_after_gc(disk_store, repo, face, tmp_path, git):
    other = await face.GitStore.open(tmp_path / "other.git")
    await (await other.branches["main"]).write("t", b"1")
    mine = await filled(disk_store)
    await disk_store.branches.set("gone", await mine.write("only here", b"precious"))
    lost = await disk_store.branches["gone"]
    await disk_store.restore(tmp_path / "other.git")
    log = (repo / "logs/HEAD").read_text().splitlines()
    line = next(line for line in log if line.endswith("deleted refs/heads/gone"))
    assert line.startswith(f"{lost.commit_hash} {'0' * 40} vost <vost@localhost> ")
    assert f"\trestore: {tmp_path / 'other.git'}: deleted refs/heads/gone" in line
    assert not (repo / "logs/refs/heads/gone").exists()
    await disk_store.gc()
    git(repo, "gc", "--prune=now", "--quiet")
    assert git(repo, "cat-file", "-p", f"{lost.commit_hash}:only here") == "precious"
    assert await (await disk_store.fs(lost.commit_hash)).read("only here") == b"precious"


async def test_restore_without_delete_keeps_what_is_only_here(store, face, tmp_path):
    other = await face.GitStore.open(tmp_path / "other.git")
    await (await other.branches["main"]).write("t", b"1")
    await filled(store)
    diff = await store.restore(tmp_path / "other.git", delete=False)
    assert [c.ref for c in diff.update] == ["refs/heads/main"]
    assert (diff.add, diff.delete) == ([], [])
    assert sorted(await collect(store.branches)) == ["dev", "main"]
    assert await store.tags.contains("v1")


async def test_empty_store_takes_over_the_current_branch(face, store, tmp_path):
    await filled(store)
    await store.branches.set_current("dev")
    await store.backup(tmp_path / "copy.git")
    for empty in (
        await face.GitStore.memory(branch=None),
        await face.GitStore.open(tmp_path / "empty.git", branch=None),
    ):
        await empty.restore(tmp_path / "copy.git")
        assert await empty.branches.current_name == "dev"
    # One with refs keeps its own.
    other = await face.GitStore.memory(branch="main")
    await other.restore(tmp_path / "copy.git")
    assert await other.branches.current_name == "main"


async def test_dry_run_has_no_effect_anywhere(store, face, tmp_path, monkeypatch):
    await filled(store)
    target = tmp_path / "copy.git"
    planned = await store.backup(target, dry_run=True)
    assert [c.ref for c in planned.add] == ALL
    assert not target.exists()
    assert list(tmp_path.glob("copy*")) == list(tmp_path.glob(".copy*")) == []
    assert await store.backup(target) == planned
    await (await store.branches["main"]).write("more", b"1")
    state = snapshot_of_files(target)
    assert (await store.backup(target, dry_run=True)).total == 1
    assert snapshot_of_files(target) == state
    there = await face.GitStore.open(tmp_path / "there.git", branch="own")
    state = snapshot_of_files(tmp_path / "there.git")
    diff = await there.restore(target, dry_run=True)
    assert (len(diff.add), len(diff.delete)) == (4, 1)
    assert snapshot_of_files(tmp_path / "there.git") == state
    assert await there.restore(target) == diff


def snapshot_of_files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


async def test_nothing_at_the_place_is_not_found(store, tmp_path):
    for bad in (tmp_path / "none.git", (tmp_path / "none.git").as_uri()):
        with pytest.raises(RepositoryNotFoundError, match=r"none\.git") as caught:
            await store.restore(bad)
        assert isinstance(caught.value, FileNotFoundError)
    assert await collect(store.branches) == ["main"]


async def test_something_else_at_the_place_is_refused(store, tmp_path):
    await filled(store)
    (tmp_path / "file").write_text("x")
    (tmp_path / "directory").mkdir()
    for name in ("file", "directory"):
        for attempt in (store.restore, store.backup):
            with pytest.raises(NotARepositoryError):
                await attempt(tmp_path / name)
    assert (tmp_path / "file").read_text() == "x"
    assert list((tmp_path / "directory").iterdir()) == []


@pytest.mark.parametrize("url", ["user@host:path", "host:path", "host:", "ext::x", "ftp://x"])
async def test_scp_forms_are_refused_before_anything_happens(store, url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    for attempt in (store.backup, store.restore):
        with pytest.raises(ValueError, match=r"scp-style URL not supported.*use ssh:// format"):
            await attempt(url)
    assert sorted(os.listdir(tmp_path)) == before


async def test_empty_source_is_refused_unless_it_is_meant(face, store, tmp_path, git):
    empty = await face.GitStore.memory(branch=None)
    git.init(tmp_path / "empty.git")
    await filled(store)
    await store.backup(tmp_path / "copy.git")
    for attempt in (
        lambda **more: empty.backup(tmp_path / "copy.git", **more),
        lambda **more: empty.backup(tmp_path / "new.git", **more),
        lambda **more: store.restore(tmp_path / "empty.git", **more),
        lambda **more: store.restore(tmp_path / "empty.git", delete=False, **more),
    ):
        with pytest.raises(ValueError, match=r"no refs.*allow_empty=True"):
            await attempt()
        with pytest.raises(ValueError, match="no refs"):
            await attempt(dry_run=True)
    assert not (tmp_path / "new.git").exists()
    assert len(refs_of(git, tmp_path / "copy.git")) == 4
    assert (await empty.backup(tmp_path / "copy.git", allow_empty=True)).total == 4
    assert refs_of(git, tmp_path / "copy.git") == {}
    assert (await empty.backup(tmp_path / "new.git", allow_empty=True)).in_sync
    assert (await store.restore(tmp_path / "empty.git", allow_empty=True)).total == 4
    assert await collect(store.branches) == await collect(store.tags) == []


async def test_progress_is_called_with_lines_of_bytes(store, tmp_path, face):
    await filled(store)
    lines = []
    await store.backup(tmp_path / "copy.git", progress=lines.append)
    assert lines[0].startswith(b"counting objects: ")
    assert all(type(line) is bytes and line.endswith((b"\n", b"\r")) for line in lines)
    assert lines[-1].endswith(b"done.\n")
    lines.clear()
    other = await face.GitStore.memory(branch=None)
    await other.restore(tmp_path / "copy.git", progress=lines.append)
    assert lines[-1].endswith(b"done.\n")


@pytest.mark.parametrize("count", [20, 150])
async def test_many_and_large_objects_are_copied(store, face, tmp_path, count):
    files = {f"d{n % 7}/f{n}": b"%d" % n * 100 for n in range(count)}
    files["large"] = os.urandom(3 << 20)
    fs = await (await store.branches["main"]).apply(files)
    await store.backup(tmp_path / "copy.git")
    assert_fsck_clean(tmp_path / "copy.git")
    other = await face.GitStore.memory(branch=None)
    await other.restore(tmp_path / "copy.git")
    assert await contents(await other.branches["main"]) == files
    disk = await face.GitStore.open(tmp_path / "disk.git", branch=None)
    await disk.restore(tmp_path / "copy.git")
    assert await contents(await disk.branches["main"]) == files
    assert await fs.read("large") == files["large"]


async def test_only_what_is_new_is_copied(disk_store, repo, tmp_path):
    fs = await (await disk_store.branches["main"]).apply({f"d{n}/f": b"%d" % n for n in range(60)})
    await disk_store.backup(tmp_path / "copy.git")
    for name in ("one", "two"):
        lines = []
        fs = await fs.write(f"d7/{name}", name.encode())
        await disk_store.backup(tmp_path / "copy.git", progress=lines.append)
        # A blob, its directory, the root and the commit.
        assert lines[0] == b"counting objects: 4, done.\n"


async def test_repository_of_git_with_deltas_and_tags_is_restored(store, tmp_path, git):
    source = git.init(tmp_path / "source.git")
    text = b"".join(b"line %d\n" % n for n in range(2000))
    commit_files(
        git, source, {"text": text}, others=[{"text": text + b"%d" % n} for n in range(150)]
    )
    git(source, "tag", "-a", "-m", "annotated", "v9", "main~3")
    git(source, "tag", "blob", "main:text")
    git(source, "tag", "tree", "main^{tree}")
    git(source, "repack", "-a", "-d", "-f", "-q")
    git(source, "pack-refs", "--all")
    diff = await store.restore(source)
    tag = git(source, "rev-parse", "v9")
    assert RefChange("refs/tags/v9", None, tag) in diff.add, "tag objects by their own id"
    assert "refs/tags/v9^{}" not in {c.ref for c in diff.add}
    assert await (await store.tags["v9"]).read("text") == text + b"146"
    await store.backup(tmp_path / "copy.git")
    assert refs_of(git, tmp_path / "copy.git") == refs_of(git, source)
    assert_fsck_clean(tmp_path / "copy.git")


async def test_name_makes_room_for_another(store, face, tmp_path):
    """A file where a directory must be: what is deleted goes first."""
    other = await face.GitStore.open(tmp_path / "other.git", branch="a/b")
    for name in ("a", "x/y"):
        await store.branches.create(name)
    await other.branches.set("x", await other.branches["a/b"])
    diff = await store.restore(tmp_path / "other.git")
    assert [c.ref for c in diff.delete] == ["refs/heads/a", "refs/heads/main", "refs/heads/x/y"]
    assert sorted(await collect(store.branches)) == ["a/b", "x"]


async def test_symbolic_refs_are_no_refs_of_their_own(disk_store, repo, tmp_path, git, face):
    await filled(disk_store)
    git(repo, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    diff = await disk_store.backup(tmp_path / "copy.git")
    assert [c.ref for c in diff.add] == ALL
    other = await face.GitStore.memory(branch=None)
    assert (await other.restore(repo)).total == 4


async def test_shallow_clone_is_not_copied(disk_store, repo, face, tmp_path, git):
    await filled(disk_store)
    shallow = tmp_path / "shallow.git"
    git(repo, "clone", "-q", "--bare", "--depth=1", f"file://{repo}", shallow)
    store = await face.GitStore.open(shallow)
    other = await face.GitStore.memory(branch=None)
    for attempt in (
        lambda: store.backup(tmp_path / "copy.git"),
        lambda: other.restore(shallow),
    ):
        with pytest.raises(UnsupportedRepositoryError, match="shallow"):
            await attempt()
    assert not (tmp_path / "copy.git").exists()


async def test_shallow_clone_gets_what_its_history_lacks(disk_store, repo, face, tmp_path, git):
    """What is behind the end of a shallow clone is not there, although a ref leads to it."""
    main = await filled(disk_store)
    git(repo, "clone", "-q", "--bare", "--depth=1", f"file://{repo}", tmp_path / "shallow.git")
    git(repo, "clone", "-q", "--bare", "--depth=1", f"file://{repo}", tmp_path / "second.git")
    old = await main.back(1)
    await disk_store.branches.set("old", old)
    await (await disk_store.branches["old"]).write("side", b"from an old commit")
    shallow = await face.GitStore.open(tmp_path / "shallow.git")
    await shallow.restore(repo)
    assert_fsck_clean(tmp_path / "shallow.git")
    assert await (await shallow.branches["old"]).read("side") == b"from an old commit"
    await disk_store.backup(tmp_path / "second.git")
    assert_fsck_clean(tmp_path / "second.git")


async def test_objects_are_copied_not_linked_and_hooks_do_not_run(disk_store, repo, tmp_path, git):
    await filled(disk_store)
    target = git.init(tmp_path / "copy.git")
    for name in ("pre-receive", "update", "post-receive", "reference-transaction"):
        hook = target / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    await disk_store.backup(target)
    assert not (tmp_path / "ran").exists()
    shutil.rmtree(target / "hooks")
    assert not (target / "objects/info/alternates").exists()
    links = [path for path in target.rglob("*") if path.is_file() and path.stat().st_nlink > 1]
    assert links == []


async def test_alternates_outside_are_not_followed(disk_store, repo, face, tmp_path, git):
    await filled(disk_store)
    shared = tmp_path / "shared.git"
    git(repo, "clone", "-q", "--bare", "--shared", repo, shared)
    other = await face.GitStore.memory(branch=None)
    with pytest.raises(KeyError, match="alternates"):
        await other.restore(shared)
    assert await collect(other.branches) == []
    shutil.rmtree(shared)


async def test_backup_to_itself_is_in_sync(disk_store, repo):
    await filled(disk_store)
    assert (await disk_store.backup(repo)).in_sync
    assert (await disk_store.restore(repo)).in_sync


async def test_failed_backup_leaves_no_repository(disk_store, repo, tmp_path):
    fs = await (await disk_store.branches["main"]).write("f", b"lost")
    blob = await fs.object_hash("f")
    path = repo / "objects" / blob[:2] / blob[2:]
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(KeyError, match=blob):
        await disk_store.backup(tmp_path / "copy.git")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["repo.git"]
    assert leftovers(repo) == []
    path.write_bytes(data)


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"format": "tar"}, ValueError),
        ({"squash": True}, ValueError),
        ({"refs": "main"}, TypeError),
        ({"refs": [b"main"]}, TypeError),
        ({"refs": {"main": 3}}, TypeError),
        ({"refs": {"main": "a..b"}}, ValueError),
        ({"refs": {"main": "refs/heads/a.lock"}}, ValueError),
        ({"refs": {"main": ""}}, ValueError),
        ({"refs": 7}, TypeError),
    ],
)
async def test_bad_arguments_are_refused_before_anything_happens(store, tmp_path, arguments, error):
    with pytest.raises(error):
        await store.backup(tmp_path / "copy.git", **arguments)
    assert not (tmp_path / "copy.git").exists()
