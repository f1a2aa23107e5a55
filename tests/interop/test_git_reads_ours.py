"""Git reads, clones, checks out and merges what we wrote, and agrees with our API about it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.faces import collect
from tests.support.gitcli import Git, assert_fsck_clean, clean_environment
from vost import FileType, GitStore, WriteEntry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Name the place of a repository that vost makes."""
    return tmp_path / "ours.git"


def work(git: Git, top: Path, *args: str | Path) -> str:
    """Run git in a work tree and return what it prints."""
    result = subprocess.run(
        ["git", *args],
        cwd=top,
        env=clean_environment(git.home),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, (args, result.stderr)
    return result.stdout.decode().strip()


# -- git reads what we wrote --------------------------------------------------------------------


@pytest.fixture
async def rich(ours: Path) -> GitStore:
    """Give the test a store with every kind of entry and some history."""
    store = await GitStore.open(ours, author="Ada Löve", email="ada@example.org")
    fs = await store.branches["main"]
    fs = await fs.write("README.md", b"# Hello\n", message="first words\n\nand a body\n")
    fs = await fs.apply(
        {
            "bin/run": WriteEntry(b"#!/bin/sh\necho ran\n", mode=FileType.EXECUTABLE),
            "bin/link": WriteEntry(target="run"),
            "dir/a.txt": b"a",
            "dir/sub/é.txt": "ü\n",
            "dir.txt": b"sorts before dir/",
            "empty": b"",
        },
        operation="import",
    )
    fs = await fs.write("dir/a.txt", b"b")
    fs = await fs.remove("dir.txt")
    fs = await fs.undo()
    fs = await fs.redo()
    await store.branches.set("dev", await fs.back(2))
    await store.tags.set("v1", fs)
    await store.notes.commits.set(fs.commit_hash, "noted\n")
    return store


async def test_git_lists_and_shows_what_our_api_does(git: Git, ours: Path, rich: GitStore) -> None:
    fs = await rich.branches["main"]

    lines = git.raw(ours, "-c", "core.quotePath=false", "ls-tree", "-r", "-t", "-l", "main")
    listed = {}
    for line in lines.decode().splitlines():
        head, _, path = line.partition("\t")
        mode, _, oid, size = head.split()
        listed[path] = (int(mode, 8), oid, 0 if size == "-" else int(size))
    stats = {path: await fs.stat(path) for path in listed}
    assert {path: (s.mode, s.hash, s.size) for path, s in stats.items()} == listed
    assert sorted(await fs.glob("**")) == sorted(listed)
    for path in await fs.ls(recursive=True):
        assert git.raw(ours, "cat-file", "blob", f"main:{path}") == await fs.read(path)
    assert git(ours, "ls-tree", "--name-only", "main").splitlines() == await fs.ls()
    assert git(ours, "rev-parse", "main^{tree}") == fs.tree_hash


async def test_git_log_agrees_with_our_log(git: Git, ours: Path, rich: GitStore) -> None:
    fs = await rich.branches["main"]
    theirs = git.raw(ours, "log", "-z", "--format=%H%n%T%n%an%n%ae%n%ct%n%B", "main").decode()

    expected = []
    for record in theirs.removesuffix("\0").split("\0"):
        oid, tree, name, email, seconds, message = record.split("\n", 5)
        expected.append((oid, tree, name, email, int(seconds), message.rstrip("\n")))
    found = [
        (
            s.commit_hash,
            s.tree_hash,
            s.author_name,
            s.author_email,
            int(s.time.timestamp()),
            s.message,
        )
        async for s in fs.log()
    ]
    assert found == expected
    assert found[0][2:4] == ("Ada Löve", "ada@example.org")
    for path in ("dir/a.txt", "dir", "dir.txt", "bin/link", "README.md", "nothing"):
        ids = git(ours, "log", "--format=%H", "main", "--", path).split()
        assert [s.commit_hash async for s in fs.log(path)] == ids, path


async def test_git_reflog_agrees_with_our_reflog(git: Git, ours: Path, rich: GitStore) -> None:
    for branch in ("main", "dev"):
        entries = await rich.branches.reflog(branch)
        shown = git(ours, "reflog", "show", "--format=%H %gs", branch).splitlines()
        assert [f"{e.new_sha} {e.message}" for e in reversed(entries)] == shown
    assert git(ours, "rev-parse", "main@{1}") == (await rich.branches.reflog("main"))[-1].old_sha
    assert git(ours, "rev-parse", "main@{2}") == git(ours, "rev-parse", "main")


async def test_git_notes_and_tags_agree_with_ours(git: Git, ours: Path, rich: GitStore) -> None:
    fs = await rich.branches["main"]

    assert git(ours, "notes", "show", "main") == "noted"
    assert "noted" in git(ours, "log", "-1", "--notes", "main")
    assert git(ours, "notes", "list").split()[1::2] == await rich.notes.commits.keys()
    assert git(ours, "rev-parse", "v1^{commit}") == fs.commit_hash
    git(ours, "notes", "append", "-m", "by git", "main")
    assert await rich.notes.commits["main"] == "noted\n\nby git\n"
    git(ours, "notes", "--ref=reviews", "add", "-m", "fine", "main~1")
    parent = await fs.parent
    assert parent is not None
    assert await rich.notes["reviews"][parent] == "fine\n"
    assert await collect(aiter_names(rich.notes)) == ["commits", "reviews"]
    git(ours, "notes", "remove", "main")
    assert await rich.notes.commits.get("main") is None


async def aiter_names(notes: Any) -> AsyncIterator[str]:
    async for name in notes:
        yield name


async def test_clone_checks_out_files_modes_and_links(
    git: Git, ours: Path, rich: GitStore, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(ours, "clone", "--quiet", ours, clone)

    assert work(git, clone, "status", "--porcelain") == ""
    assert os.access(clone / "bin/run", os.X_OK)
    assert os.readlink(clone / "bin/link") == "run"
    assert (clone / "dir/sub/é.txt").read_text(encoding="utf-8") == "ü\n"
    assert not (clone / "dir.txt").exists()
    assert work(git, clone, "tag") == "v1"

    fs = await (await rich.branches["main"]).write("later", b"1")
    work(git, clone, "pull", "--quiet")
    assert (clone / "later").read_bytes() == b"1"
    assert work(git, clone, "rev-parse", "HEAD") == fs.commit_hash
    mirror = await GitStore.open(clone)
    assert (await mirror.branches["main"]).commit_hash == fs.commit_hash


async def test_bare_mirror_of_ours_is_a_store_of_its_own(
    git: Git, ours: Path, rich: GitStore, tmp_path: Path
) -> None:
    mirror_path = tmp_path / "mirror.git"
    git(ours, "clone", "--quiet", "--mirror", ours, mirror_path)

    mirror = await GitStore.open(mirror_path)
    assert await mirror.branches.keys() == await rich.branches.keys()
    assert await mirror.tags.keys() == ["v1"]
    fs = await mirror.branches["main"]
    assert await mirror.notes.commits[fs] == "noted\n"
    assert await fs.ls(recursive=True) == await (await rich.branches["main"]).ls(recursive=True)
    fs = await fs.write("in the mirror", b"1")
    git(mirror_path, "push", "--quiet", ours, "main")
    assert (await rich.branches["main"]).commit_hash == fs.commit_hash


async def test_work_in_a_linked_worktree_moves_our_branch(
    git: Git, ours: Path, rich: GitStore, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    git(ours, "worktree", "add", "--quiet", linked, "dev")
    (linked / "from-worktree").write_text("1")
    work(git, linked, "add", "from-worktree")
    work(git, linked, "commit", "--quiet", "-m", "in the worktree")

    fs = await rich.branches["dev"]
    assert fs.message == "in the worktree"
    fs = await fs.write("from-us", b"2")
    assert work(git, linked, "rev-parse", "HEAD") == fs.commit_hash
    assert await rich.branches.current_name == "main"


async def test_git_merges_our_branches(git: Git, ours: Path, tmp_path: Path) -> None:
    store = await GitStore.open(ours)
    base = await (await store.branches["main"]).write("base", b"0")
    side = await store.branches.set("side", base)
    side = await side.write("side", b"1")
    main = await base.write("main", b"2")
    clone = tmp_path / "clone"
    git(ours, "clone", "--quiet", ours, clone)
    work(git, clone, "merge", "--quiet", "-m", "merged", "origin/side")
    work(git, clone, "push", "--quiet")

    fs = await store.branches["main"]
    assert await fs.ls() == ["base", "main", "side"]
    assert [s.message async for s in fs.log()][:2] == ["merged", "+ main"]
    assert (await (await fs.undo()).write("x", b"3")).message == "+ x"
    assert git(ours, "rev-parse", f"{fs.commit_hash}^2") == side.commit_hash
    assert main.commit_hash == git(ours, "rev-parse", f"{fs.commit_hash}^1")


async def test_diff_of_git_shows_what_changes_reports(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await (await store.branches["main"]).apply(
        {"gone": b"1", "kept": b"2", "mode": b"3", "d/x": b"4"}
    )
    fs = await fs.apply(
        {
            "new": b"5",
            "kept": b"2",
            "mode": WriteEntry(b"3", mode=FileType.EXECUTABLE),
            "d": b"now a file",
        },
        removes=["gone"],
    )
    report = fs.changes
    assert report is not None

    lines = git(ours, "diff-tree", "-r", "--no-commit-id", "--name-status", "main").splitlines()
    expected = {
        "A": sorted(entry.path for entry in report.add),
        "M": sorted(entry.path for entry in report.update),
        "D": sorted(entry.path for entry in report.delete),
    }
    found: dict[str, list[str]] = {"A": [], "M": [], "D": []}
    for line in lines:
        status, _, path = line.partition("\t")
        found[status].append(path)
    assert found == expected
    assert found == {"A": ["d", "new"], "M": ["mode"], "D": ["d/x", "gone"]}


async def test_extra_parents_and_squashes_are_sound_for_git(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    base = await store.branches["main"]
    side = await (await store.branches.set("side", base)).write("s", b"1")
    merged = await base.write("m", b"2", parents=[side])
    squashed = await merged.squash(message="all of it")
    await store.branches.set("flat", squashed)

    assert git(ours, "rev-list", "--parents", "-1", "main").split() == [
        merged.commit_hash,
        base.commit_hash,
        side.commit_hash,
    ]
    assert git(ours, "rev-list", "--parents", "flat").split() == [squashed.commit_hash]
    assert git(ours, "diff", "--stat", "main", "flat") == ""
    assert_fsck_clean(ours)


async def test_index_and_work_tree_of_a_checkout_are_left_alone(git: Git, tmp_path: Path) -> None:
    top = tmp_path / "checkout"
    work(git, tmp_path, "init", "--quiet", "--initial-branch=main", top)
    (top / "a").write_text("1")
    work(git, top, "add", "a")
    work(git, top, "commit", "--quiet", "-m", "first")
    index = (top / ".git/index").read_bytes()
    store = await GitStore.open(top)

    fs = await (await store.branches["main"]).write("b", b"2")

    assert (top / ".git/index").read_bytes() == index
    assert not (top / "b").exists()
    assert work(git, top, "rev-parse", "HEAD") == fs.commit_hash
    assert work(git, top, "status", "--porcelain", "--untracked-files=no") == "D  b"
    work(git, top, "reset", "--quiet", "--hard")
    assert (top / "b").read_bytes() == b"2"
    (top / "c").write_text("3")
    work(git, top, "add", "c")
    work(git, top, "commit", "--quiet", "-m", "third")
    assert await (await store.branches["main"]).ls() == ["a", "b", "c"]
