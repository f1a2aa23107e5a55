"""Watching a branch or tag: its snapshots, as they come."""

from __future__ import annotations

import shutil
import sys
import threading
from contextlib import aclosing

import anyio
import pytest

from tests.support.faces import ASYNC_FACES, collect, face_id, unwrapped
from vost import GitError, RefNotFoundError
from vost._offload import WORKER_THREADS, observe_hops

on_event_loops = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)

NEVER = 3600.0
"""Seconds between looks: what is seen in time for the test was told by somebody."""


def watching_threads():
    return [thread for thread in threading.enumerate() if thread.name == "vost-watch"]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    for thread in watching_threads():
        thread.join(30)
    assert watching_threads() == []


@pytest.fixture(params=["told", "polling"])
def pace(request, monkeypatch):
    """Let the system tell of changes, or be without watchfiles; and give the seconds to poll."""
    if request.param == "told":
        pytest.importorskip("watchfiles")
        return NEVER
    monkeypatch.setitem(sys.modules, "watchfiles._rust_notify", None)
    return 0.01


async def main(store):
    return await store.branches["main"]


async def ids(watching, count):
    return [(await anext(watching)).commit_hash for _ in range(count)]


# --- what is yielded


async def test_the_present_snapshot_comes_first_then_each_new_one(store):
    first = await main(store)
    async with aclosing(store.branches.watch("main", poll=NEVER)) as watching:
        seen = await anext(watching)
        assert (seen.commit_hash, seen.ref_name, seen.writable) == (
            first.commit_hash,
            "main",
            True,
        )
        written = await seen.write("a", b"1")
        assert (await anext(watching)).commit_hash == written.commit_hash
        async with written.batch() as batch:
            await batch.write("b", b"2")
            await batch.write("c", b"3")
        after = await anext(watching)
        assert await after.ls() == ["a", "b", "c"]
        undone = await after.undo(2)
        assert undone.commit_hash == first.commit_hash
        assert await ids(watching, 1) == [first.commit_hash]


async def test_what_was_overwritten_meanwhile_is_passed_over_the_last_one_comes(store):
    async with aclosing(store.branches.watch("main", poll=NEVER)) as watching:
        fs = await anext(watching)
        for number in range(10):
            fs = await fs.write("n", b"%d" % number)
        assert await ids(watching, 1) == [fs.commit_hash]


@pytest.mark.parametrize("known", [lambda fs: fs, lambda fs: fs.commit_hash], ids=["fs", "id"])
async def test_what_is_known_does_not_come_again(store, known):
    first = await main(store)
    second = await first.write("a", b"1")
    async with aclosing(store.branches.watch("main", since=known(first), poll=NEVER)) as watching:
        assert await ids(watching, 1) == [second.commit_hash]
    async with aclosing(store.branches.watch("main", since=known(second), poll=NEVER)) as watching:
        third = await awaited_change(watching, second)
        assert third.message == "+ b"


async def awaited_change(watching, fs):
    """Return what comes next, which is a change that is made while it is waited for."""
    if fs is not unwrapped(fs):  # the blocking face: another thread has to write
        writer = threading.Thread(target=unwrapped(fs).write, args=("b", b"2"))
        writer.start()
        found = await anext(watching)
        writer.join()
        return found
    found = []

    async def take():
        found.append(await anext(watching))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        await fs.write("b", b"2")
    return found[0]


async def test_changes_of_other_branches_are_no_news(store):
    fs = await main(store)
    await store.branches.set("other", fs)
    async with aclosing(store.branches.watch("main", poll=NEVER)) as watching:
        assert await ids(watching, 1) == [fs.commit_hash]
        await (await store.branches["other"]).write("x", b"1")
        written = await fs.write("a", b"1")
        assert await ids(watching, 1) == [written.commit_hash]


async def test_nested_names_are_watched_like_others(store):
    fs = await main(store)
    await store.branches.set("feature/deep/x", fs)
    async with aclosing(store.branches.watch("feature/deep/x", poll=NEVER)) as watching:
        first = await anext(watching)
        written = await first.write("a", b"1")
        assert await ids(watching, 1) == [written.commit_hash]


async def test_tags_are_watched_too(store):
    fs = await main(store)
    second = await fs.write("a", b"1")
    await store.tags.set("v", fs)
    async with aclosing(store.tags.watch("v", poll=NEVER)) as watching:
        first = await anext(watching)
        assert (first.commit_hash, first.writable) == (fs.commit_hash, False)
        await store.tags.set("v", second, replace=True)
        assert await ids(watching, 1) == [second.commit_hash]


async def test_another_tag_object_for_the_same_commit_is_no_news(disk_store, repo, git):
    fs = await main(disk_store)
    second = await fs.write("a", b"1")
    git(repo, "tag", "-a", "-m", "one", "v", fs.commit_hash)
    async with aclosing(disk_store.tags.watch("v", poll=0.01)) as watching:
        assert await ids(watching, 1) == [fs.commit_hash]
        git(repo, "tag", "-f", "-a", "-m", "two", "v", fs.commit_hash)
        git(repo, "tag", "-f", "-a", "-m", "three", "v", second.commit_hash)
        assert await ids(watching, 1) == [second.commit_hash]


# --- how it ends


async def test_missing_branch_is_a_key_error_at_once(store):
    for name in ("nope", "a b", "", "../x", 3):
        with pytest.raises(RefNotFoundError) as caught:
            await collect(store.branches.watch(name))
        assert caught.value.args[0] == name
    assert watching_threads() == []


async def test_deleted_branch_ends_with_a_key_error_that_names_it(store):
    await store.branches.set("gone", await main(store))
    watching = store.branches.watch("gone", poll=NEVER)
    await anext(watching)
    await store.branches.delete("gone")
    with pytest.raises(KeyError, match="gone"):
        await anext(watching)
    assert await collect(watching) == []


async def test_branch_that_is_made_again_goes_on(store):
    fs = await main(store)
    await store.branches.set("again", fs)
    second = await fs.write("a", b"1")
    async with aclosing(store.branches.watch("again", poll=NEVER)) as watching:
        await anext(watching)
        await store.branches.delete("again")
        await store.branches.set("again", second)
        assert await ids(watching, 1) == [second.commit_hash]


async def test_closing_the_store_ends_it(store):
    watching = store.branches.watch("main", poll=NEVER)
    await anext(watching)
    await store.close()
    assert watching_threads() == []
    assert await collect(watching) == []
    # The store stays usable.
    async with aclosing(store.branches.watch("main", poll=NEVER)) as again:
        fs = await anext(again)
        written = await fs.write("a", b"1")
        assert await ids(again, 1) == [written.commit_hash]


async def test_closing_a_snapshot_does_not_end_it(store):
    async with aclosing(store.branches.watch("main", poll=NEVER)) as watching:
        fs = await anext(watching)
        await fs.close()
        written = await fs.write("a", b"1")
        assert await ids(watching, 1) == [written.commit_hash]


@pytest.mark.parametrize("poll", [0, -1, 0.001, float("nan")])
async def test_senseless_intervals_are_refused(store, poll):
    with pytest.raises(ValueError, match="poll"):
        await collect(store.branches.watch("main", poll=poll))


async def test_since_must_be_a_snapshot_of_this_store_or_a_full_id(face, store):
    other = await face.GitStore.memory()
    foreign = await (await main(other)).write("x", b"1")
    for since in (foreign, "abc", ""):
        with pytest.raises(ValueError, match=r"same repo|id"):
            await collect(store.branches.watch("main", since=since))
    with pytest.raises(TypeError):
        await collect(store.branches.watch("main", since=3))


async def test_ref_to_something_else_is_a_value_error(disk_store, repo, git):
    blob = git(repo, "hash-object", "-w", "--stdin", stdin="text")
    git(repo, "tag", "blob", blob)
    with pytest.raises(ValueError, match="commit"):
        await collect(disk_store.tags.watch("blob"))


@pytest.mark.damages("a ref file is nonsense for a while")
async def test_damage_is_told_to_who_waits(disk_store, repo, pace):
    fs = await main(disk_store)
    watching = disk_store.branches.watch("main", poll=pace)
    await anext(watching)
    (repo / "refs/heads/main").write_text("nonsense\n")
    with pytest.raises(GitError, match="damaged"):
        await anext(watching)
    (repo / "refs/heads/main").write_text(fs.commit_hash + "\n")


# --- what other programs do


async def test_moves_by_git_are_seen(disk_store, repo, git, pace):
    first = await main(disk_store)
    second = await first.write("a", b"1")
    async with aclosing(disk_store.branches.watch("main", poll=pace)) as watching:
        assert await ids(watching, 1) == [second.commit_hash]
        # The first of them may be found by the look with which the watch begins.
        for fs in (first, second, first, second):
            git(repo, "update-ref", "refs/heads/main", fs.commit_hash)
            assert await ids(watching, 1) == [fs.commit_hash]


async def test_moves_by_another_handle_are_seen(face, disk_store, repo, pace):
    async with (
        await face.GitStore.open(repo) as other,
        aclosing(disk_store.branches.watch("main", poll=pace)) as watching,
    ):
        await anext(watching)
        fs = await main(other)
        for number in range(3):
            fs = await fs.write("n", b"%d" % number)
            assert await ids(watching, 1) == [fs.commit_hash]


@pytest.mark.slow
async def test_packing_refs_is_no_event_and_loses_none(disk_store, repo, git, pace):
    first = await main(disk_store)
    second = await first.write("a", b"1")
    third = await second.write("a", b"2")
    async with aclosing(disk_store.branches.watch("main", poll=pace)) as watching:
        await anext(watching)
        for fs in (first, second, third):
            git(repo, "pack-refs", "--all", "--prune")
            git(repo, "gc", "--quiet")
            git(repo, "update-ref", "refs/heads/main", fs.commit_hash)
            git(repo, "pack-refs", "--all", "--prune")
            assert not (repo / "refs/heads/main").exists()
            assert await ids(watching, 1) == [fs.commit_hash]


async def test_packed_branch_that_git_deletes_ends_it(disk_store, repo, git, pace):
    fs = await main(disk_store)
    await disk_store.branches.set("deep/gone", fs)
    git(repo, "pack-refs", "--all", "--prune")
    async with aclosing(disk_store.branches.watch("main", poll=pace)) as other:
        await anext(other)
        await seen_by_the_system(repo, git, disk_store, other)
        watching = disk_store.branches.watch("deep/gone", poll=pace)
        await anext(watching)
        git(repo, "update-ref", "-d", "refs/heads/deep/gone")
        with pytest.raises(KeyError, match="deep/gone"):
            await anext(watching)


async def seen_by_the_system(repo, git, store, watching):
    """Return when the thread is past its first look, and what it has seen since was told to it."""
    first = await main(store)
    tree = git(repo, "rev-parse", "main^{tree}")
    for message in ("one", "two"):
        made = git(repo, "commit-tree", tree, "-m", message, "-p", first.commit_hash)
        git(repo, "update-ref", "refs/heads/main", made)
        assert await ids(watching, 1) == [made]


async def test_directories_that_git_makes_later_are_watched(disk_store, repo, git, pace):
    fs = await main(disk_store)
    second = await fs.write("a", b"1")
    async with aclosing(disk_store.branches.watch("main", poll=pace)) as other:
        await anext(other)
        await seen_by_the_system(repo, git, disk_store, other)
        git(repo, "update-ref", "refs/heads/new/dir/x", fs.commit_hash)
        async with aclosing(disk_store.branches.watch("new/dir/x", poll=pace)) as watching:
            await anext(watching)
            for moved in (second, fs, second):
                git(repo, "update-ref", "refs/heads/new/dir/x", moved.commit_hash)
                assert await ids(watching, 1) == [moved.commit_hash]


async def test_system_that_refuses_to_tell_is_polled(disk_store, repo, git, monkeypatch):
    """As where there are no more inotify instances."""
    library = pytest.importorskip("watchfiles._rust_notify")
    asked = []

    def refuse(*args):
        asked.append(args)
        raise OSError(24, "inotify: too many open files")

    monkeypatch.setattr(library, "RustNotify", refuse)
    first = await main(disk_store)
    second = await first.write("a", b"1")
    async with aclosing(disk_store.branches.watch("main", poll=0.01)) as watching:
        await anext(watching)
        for fs in (first, second):
            git(repo, "update-ref", "refs/heads/main", fs.commit_hash)
            assert await ids(watching, 1) == [fs.commit_hash]
    assert len(asked) == 1


async def test_repository_that_is_removed_ends_it(face, tmp_path, pace):
    store = await face.GitStore.open(tmp_path / "removed.git")
    watching = store.branches.watch("main", poll=min(pace, 1.0))
    await anext(watching)
    shutil.rmtree(tmp_path / "removed.git")
    with pytest.raises(KeyError):
        await anext(watching)
    await store.close()


# --- many, and their end


@pytest.mark.slow
@on_event_loops
async def test_any_number_of_watchers_share_one_thread_and_take_no_worker(disk_store, repo, git):
    count = 200
    fs = await main(disk_store)
    fs = await fs.write("a", b"1")
    got = []
    begun = anyio.Event()

    async def follow(number):
        async with aclosing(disk_store.branches.watch("main", poll=NEVER)) as watching:
            await anext(watching)
            got.append(number)
            if len(got) == count:
                begun.set()
            got.append((number, (await anext(watching)).commit_hash))

    before = threading.active_count()
    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(follow, number)
        await begun.wait()
        await anyio.wait_all_tasks_blocked()
        assert len(watching_threads()) == 1
        assert threading.active_count() <= before + 1 + WORKER_THREADS
        # Nobody waits in a worker thread: there is one for this write.
        written = await fs.write("a", b"2")
    assert sorted(one for one in got if isinstance(one, tuple)) == [
        (number, written.commit_hash) for number in range(count)
    ]


@on_event_loops
async def test_waiting_makes_no_hop_and_each_news_one(face):
    store = await face.GitStore.memory()
    fs = await main(store)
    made = []
    with observe_hops(lambda: made.append(None)):
        async with aclosing(store.branches.watch("main", poll=NEVER)) as watching:
            await anext(watching)
            assert len(made) == 1
            found = await awaited_change(watching, fs)
    assert len(made) == 3  # the write has one too
    assert found.message == "+ b"


@on_event_loops
async def test_cancelled_wait_ends_at_once_and_leaves_nothing(disk_store):
    scopes = []

    async def follow():
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            async for _ in disk_store.branches.watch("main", poll=NEVER):
                scopes.append("seen")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        while "seen" not in scopes:
            await anyio.sleep(0)
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
    assert scopes[0].cancelled_caught


@on_event_loops
async def test_closing_the_store_wakes_who_waits(store):
    ended = []
    begun = anyio.Event()

    async def follow():
        async for _ in store.branches.watch("main", poll=NEVER):
            begun.set()
        ended.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await begun.wait()
        await anyio.wait_all_tasks_blocked()
        await store.close()
    assert ended == [True]


async def test_thread_goes_with_the_last_watch(disk_store):
    first = disk_store.branches.watch("main", poll=NEVER)
    second = disk_store.branches.watch("main", poll=NEVER)
    await anext(first)
    await anext(second)
    [thread] = watching_threads()
    await first.aclose()
    assert thread.is_alive()
    await second.aclose()
    thread.join(30)
    assert not thread.is_alive()
