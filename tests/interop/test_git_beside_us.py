"""Git works on a repository while we do: each sees what the other did, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from tests.interop.building import commit_files, loose_path
from tests.support.faces import collect
from tests.support.gitcli import Git, assert_fsck_clean, clean_environment
from vost import GitStore, LockedError, StaleSnapshotError, retry_write

if TYPE_CHECKING:
    from pathlib import Path

# What git offers for tidying up; each must be safe at any moment.
TIDYING = [
    ("gc", "--quiet"),
    ("gc", "--quiet", "--aggressive"),
    ("repack", "-a", "-d", "--quiet"),
    ("repack", "-a", "-d", "-f", "-b", "--quiet"),
    ("repack", "--geometric=2", "-d", "--quiet", "--write-midx"),
    ("pack-refs", "--all", "--prune"),
    ("prune-packed", "--quiet"),
    ("commit-graph", "write", "--reachable"),
]


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


# -- git changes refs --------------------------------------------------------------------------


async def test_commit_of_gits_is_seen_and_makes_our_snapshot_stale(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    old = await (await store.branches["main"]).write("a", b"1")
    tree = git(ours, "rev-parse", "main^{tree}")
    theirs = git(ours, "commit-tree", tree, "-p", "main", "-m", "git was here")
    git(ours, "update-ref", "refs/heads/main", theirs)

    with pytest.raises(StaleSnapshotError, match="'main' has advanced"):
        await old.write("a", b"2")
    with pytest.raises(StaleSnapshotError):
        await old.undo()
    fs = await store.branches["main"]
    assert (fs.commit_hash, fs.message) == (theirs, "git was here")
    fs = await fs.write("b", b"3")

    assert git(ours, "rev-list", "main").split()[:2] == [fs.commit_hash, theirs]
    assert_fsck_clean(ours)


async def test_commit_of_gits_during_a_batch_is_not_overwritten(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await store.branches["main"]
    batch = fs.batch()
    await batch.write("a", b"ours")
    theirs = commit_files(git, ours, {"b": b"theirs"})

    with pytest.raises(StaleSnapshotError):
        await batch.commit()

    assert git(ours, "rev-parse", "main") == theirs
    await batch.__aexit__(ValueError, ValueError(), None)
    assert_fsck_clean(ours)


async def test_retry_write_comes_through_after_a_commit_of_gits(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    theirs = commit_files(git, ours, {"b": b"theirs"})

    fs = await retry_write(store, "main", "a", b"ours")

    assert await fs.read("b") == b"theirs"
    assert git(ours, "rev-list", "main").split()[1] == theirs


async def test_push_into_our_repository_is_seen(git: Git, ours: Path, tmp_path: Path) -> None:
    store = await GitStore.open(ours)
    mine = await (await store.branches["main"]).write("a", b"1")
    clone = tmp_path / "clone"
    git(ours, "clone", "--quiet", ours, clone)
    (clone / "pushed").write_text("by git")
    work(git, clone, "add", "pushed")
    work(git, clone, "commit", "--quiet", "-m", "pushed")
    work(git, clone, "push", "--quiet", "origin", "main", "main:refs/heads/other")

    fs = await store.branches["main"]
    assert await fs.read("pushed") == b"by git"
    parent = await fs.parent
    assert parent is not None
    assert parent.commit_hash == mine.commit_hash
    assert await store.branches.keys() == ["main", "other"]
    # The push is in the log, so that it can be taken back and done again.
    undone = await fs.undo()
    assert undone.commit_hash == mine.commit_hash
    assert (await undone.redo()).commit_hash == fs.commit_hash
    assert_fsck_clean(ours)


async def test_push_that_is_behind_is_rejected_and_ours_stays(
    git: Git, ours: Path, tmp_path: Path
) -> None:
    store = await GitStore.open(ours)
    fs = await store.branches["main"]
    clone = tmp_path / "clone"
    git(ours, "clone", "--quiet", ours, clone)
    (clone / "x").write_text("late")
    work(git, clone, "add", "x")
    work(git, clone, "commit", "--quiet", "-m", "late")
    fs = await fs.write("a", b"first")

    result = git.attempt(clone / ".git", "push", "--quiet", "origin", "main")

    assert result.returncode != 0
    assert git(ours, "rev-parse", "main") == fs.commit_hash
    work(git, clone, "pull", "--quiet", "--rebase")
    assert (clone / "a").read_bytes() == b"first"
    work(git, clone, "push", "--quiet", "origin", "main")
    assert await (await store.branches["main"]).ls() == ["a", "x"]


async def test_branches_and_tags_that_git_makes_moves_and_deletes_are_seen(
    git: Git, ours: Path
) -> None:
    store = await GitStore.open(ours)
    fs = await (await store.branches["main"]).write("a", b"1")
    git(ours, "branch", "dev")
    git(ours, "tag", "-a", "v1", "-m", "one")
    assert await store.branches.keys() == ["dev", "main"]
    assert (await store.tags["v1"]).commit_hash == fs.commit_hash

    git(ours, "branch", "-m", "dev", "topic/x")
    git(ours, "tag", "-d", "v1")
    git(ours, "symbolic-ref", "HEAD", "refs/heads/topic/x")
    assert await store.branches.keys() == ["main", "topic/x"]
    assert await store.tags.keys() == []
    assert await store.branches.current_name == "topic/x"

    git(ours, "branch", "-D", "main")
    assert not await store.branches.contains("main")
    with pytest.raises(KeyError, match="main"):
        await fs.write("b", b"2")
    assert await store.branches.keys() == ["topic/x"]


async def test_deleted_packed_branch_does_not_come_back(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await store.branches["main"]
    await store.branches.set("dev", fs)
    git(ours, "pack-refs", "--all", "--prune")
    await (await store.branches["dev"]).write("a", b"1")

    await store.branches.delete("dev")

    assert git(ours, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
    with pytest.raises(KeyError):
        await store.branches["dev"]


async def test_update_without_a_message_leaves_an_entry_without_one(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    first = await (await store.branches["main"]).write("a", b"1")
    second = await first.write("a", b"2")
    git(ours, "update-ref", "refs/heads/main", first.commit_hash)

    entries = await store.branches.reflog("main")
    assert (entries[-1].old_sha, entries[-1].new_sha, entries[-1].message) == (
        second.commit_hash,
        first.commit_hash,
        "",
    )
    assert entries[-1].committer == "Git Test <git@test.example>"
    fs = await (await store.branches["main"]).redo()
    assert fs.commit_hash == second.commit_hash


async def test_lock_of_gits_is_waited_for_and_then_named(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await store.branches["main"]
    lock = ours / "refs/heads/main.lock"
    lock.touch()

    with pytest.raises(LockedError, match=r"refs/heads/main\.lock") as caught:
        await fs.write("a", b"1")

    assert isinstance(caught.value, TimeoutError)
    assert lock.exists()
    lock.unlink()
    assert (await fs.write("a", b"1")).message == "+ a"
    assert_fsck_clean(ours)


async def test_lock_that_git_lets_go_of_in_time_is_no_error(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await store.branches["main"]
    lock = ours / "refs/heads/main.lock"
    lock.touch()
    done: list[str] = []

    async def write() -> None:
        done.append((await fs.write("a", b"1")).commit_hash)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        await anyio.sleep(0.05)
        assert done == []
        lock.unlink()

    assert done == [git(ours, "rev-parse", "main")]


# -- git tidies up -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", TIDYING, ids=" ".join)
async def test_snapshot_stays_readable_and_writable_after(
    git: Git, ours: Path, command: tuple[str, ...]
) -> None:
    store = await GitStore.open(ours)
    old = await store.branches["main"]
    async with old.batch() as batch:
        for number in range(30):
            await batch.write(f"d{number % 3}/{number}", b"content %d " % number * 50)
    fs = batch.fs
    assert fs is not None
    for number in range(5):
        fs = await fs.write("d0/0", b"version %d " % number * 50)
    paths = await fs.ls(recursive=True)
    sizes = [await fs.size(path) for path in paths]
    await store.tags.set("v1", fs)

    git(ours, *command)

    assert [await fs.size(path) for path in paths] == sizes
    assert (await fs.stat("d0/0")).size == sizes[paths.index("d0/0")]
    contents = await fs.read_many(paths)
    assert [len(data) for data in contents] == sizes
    assert len(await collect(fs.log())) == 7
    assert (await store.tags["v1"]).commit_hash == fs.commit_hash
    newer = await fs.write("d0/0", b"after")
    assert await newer.read("d1/1") == b"content 1 " * 50
    assert await (await (await newer.undo()).redo()).read("d0/0") == b"after"
    assert len(await store.branches.reflog("main")) == 9
    fresh = await (await GitStore.open(ours)).branches["main"]
    assert await fresh.read("d0/0") == b"after"
    assert_fsck_clean(ours)


async def test_plain_git_gc_keeps_undone_commits(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await (await store.branches["main"]).write("a", b"undone")
    lost = fs.commit_hash
    await fs.undo()
    await (await store.branches["main"]).write("b", b"other")

    git(ours, "gc", "--quiet", "--prune=now")
    git(ours, "reflog", "expire", "--all")
    git(ours, "gc", "--quiet", "--prune=now")

    assert await (await store.fs(lost)).read("a") == b"undone"


async def test_open_reader_goes_on_while_its_object_is_repacked(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    data = os.urandom(1 << 20) + bytes(3 << 20)
    fs = await (await store.branches["main"]).write("big", data)
    fs = await fs.write("other", b"x")

    async with fs.open("big") as file:
        found = await file.read(1000)
        for command in (("repack", "-a", "-d", "-q"), ("repack", "-a", "-d", "-f", "-q")):
            git(ours, *command)
            git(ours, "prune-packed", "-q")
            assert not loose_path(ours, await fs.object_hash("big")).exists()
            found += await file.read(700_000)
        await file.seek(2_000_000)
        assert await file.read(10) == data[2_000_000:2_000_010]
        await file.seek(len(found))
        assert found + await file.read() == data


async def test_iteration_goes_on_while_everything_is_repacked(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await store.branches["main"]
    async with fs.batch() as batch:
        for number in range(300):
            await batch.write(f"d{number}/f", b"%d" % number)
    fs = await store.branches["main"]
    fresh = await (await GitStore.open(ours)).branches["main"]
    found = []

    async for directory, _, files in fresh.walk():
        found += [f"{directory}/{entry.name}" for entry in files]
        if len(found) in (70, 140, 210):
            git(ours, "repack", "-a", "-d", "-f", "-q")

    assert found == await fs.ls(recursive=True)
    assert len(found) == 300


@pytest.mark.parametrize("files", [3, 150], ids=["loose objects", "a pack"])
@pytest.mark.parametrize(
    "command",
    [("repack", "-a", "-d", "-q"), ("gc", "--quiet"), ("prune", "--expire=1.hour.ago")],
    ids=" ".join,
)
async def test_objects_of_a_batch_in_the_making_survive(
    git: Git, ours: Path, files: int, command: tuple[str, ...]
) -> None:
    store = await GitStore.open(ours)
    fs = await (await store.branches["main"]).write("first", b"1")
    big = b"large enough to be stored at once" * 60_000
    async with fs.batch() as batch:
        for number in range(files):
            await batch.write(f"f{number}", b"%d" % number)
        await batch.write("big", big)
        git(ours, *command)
        await batch.write("last", b"2")
        git(ours, *command)
    fs = batch.fs
    assert fs is not None

    assert len(await fs.ls()) == files + 3
    assert git.raw(ours, "cat-file", "blob", "main:big") == big
    assert_fsck_clean(ours)


async def test_objects_that_git_prunes_at_once_never_make_a_broken_commit(
    git: Git, ours: Path
) -> None:
    # `--prune=now` beside a writer is what git itself warns of: an error is fine, damage is not.
    store = await GitStore.open(ours)
    fs = await store.branches["main"]
    batch = fs.batch()
    for number in range(150):
        await batch.write(f"f{number}", b"%d" % number)
    await batch.write("big", bytes(2 << 20))
    git(ours, "gc", "--quiet", "--prune=now")

    try:
        outcome = await batch.commit()
    except KeyError as error:
        outcome = fs
        said = str(error)
    else:
        said = "try again"

    assert "try again" in said
    assert git(ours, "rev-parse", "main") == outcome.commit_hash
    assert_fsck_clean(ours)


async def test_content_that_was_pruned_is_stored_anew(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    fs = await (await store.branches["main"]).write("a", b"gone and back")
    await store.branches.set("main", (await fs.back(1)))
    git(ours, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    git(ours, "gc", "--quiet", "--prune=now")
    assert not await store.has_hash(await fs.object_hash("a"))

    fs = await (await store.branches["main"]).write("a", b"gone and back")

    assert await fs.read("a") == b"gone and back"
    assert git(ours, "show", "main:a") == "gone and back"
    assert_fsck_clean(ours)


@pytest.mark.slow
async def test_reading_and_writing_while_git_tidies_in_a_loop(git: Git, ours: Path) -> None:
    store = await GitStore.open(ours)
    for number in range(4):
        await retry_write(store, "main", f"seed{number}", b"seed")
    finished = anyio.Event()
    rounds = 0

    async def tidy() -> None:
        nonlocal rounds
        while not finished.is_set():
            command = TIDYING[rounds % len(TIDYING)]
            await anyio.to_thread.run_sync(git.attempt, ours, *command)
            rounds += 1

    async def write(who: int) -> None:
        for number in range(12):
            fs = await retry_write(
                store, "main", f"d{who}/{number}", b"%d %d" % (who, number), retries=40
            )
            assert await fs.read("seed0") == b"seed"
            assert await fs.read(f"d{who}/{number}") == b"%d %d" % (who, number)
            await store.notes.commits.set(fs.commit_hash, f"{who} {number}")
            await store.tags.set(f"t{who}-{number}", fs)

    async with anyio.create_task_group() as group:
        group.start_soon(tidy)
        async with anyio.create_task_group() as writers:
            for who in range(3):
                writers.start_soon(write, who)
        finished.set()

    fs = await store.branches["main"]
    assert len(await fs.ls(recursive=True)) == 4 + 36
    assert len(await collect(fs.log())) == 1 + 4 + 36
    assert await store.notes.commits.count() == 36
    assert await store.tags.count() == 36
    assert rounds > 1
    assert len(git(ours, "rev-list", "main").split()) == 41
    assert_fsck_clean(ours)
