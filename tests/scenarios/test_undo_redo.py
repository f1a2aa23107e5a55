"""Moving a branch along its history: undo and redo (contract sections 13.3 and 13.4)."""

from __future__ import annotations

import pytest

from tests.support.snapshots import contents, tip
from vost import HistoryError, StaleSnapshotError


async def main(store):
    return await store.branches["main"]


async def written(store, *names):
    """Return the snapshots of the first commit and of one commit for each name."""
    found = [await main(store)]
    for name in names:
        found.append(await found[-1].write(name, name.encode()))
    return found


async def messages(store, name="main"):
    return [entry.message for entry in await store.branches.reflog(name)]


# --- undo


async def test_undo_moves_the_branch_back_and_returns_where_it_is(store):
    init, a, b = await written(store, "a", "b")
    fs = await b.undo()
    assert fs.commit_hash == a.commit_hash == await tip(store)
    assert (fs.ref_name, fs.writable, fs.changes) == ("main", True, None)
    assert await contents(fs) == {"a": b"a"}
    fs = await fs.undo()
    assert fs.commit_hash == init.commit_hash == await tip(store)


async def test_undo_of_several_steps_is_one_movement(store):
    init, _, _, c = await written(store, "a", "b", "c")
    fs = await c.undo(3)
    assert fs.commit_hash == init.commit_hash == await tip(store)
    assert (await messages(store))[-1] == "undo: move back"
    assert len(await messages(store)) == 4
    entry = (await store.branches.reflog("main"))[-1]
    assert (entry.old_sha, entry.new_sha) == (c.commit_hash, init.commit_hash)


async def test_undone_commits_stay_readable(store):
    _, a, b = await written(store, "a", "b")
    await b.undo(2)
    assert await b.read("b") == b"b"
    assert await (await store.fs(b.commit_hash)).read("b") == b"b"
    assert (await b.parent).commit_hash == a.commit_hash


async def test_writing_goes_on_from_where_undo_led(store):
    _, _, b = await written(store, "a", "b")
    fs = await (await b.undo()).write("x", b"x")
    assert await contents(fs) == {"a": b"a", "x": b"x"}
    assert fs.commit_hash == await tip(store)


@pytest.mark.parametrize("steps", [0, -1, -100])
async def test_fewer_than_one_step_is_a_value_error(store, steps):
    _, a = await written(store, "a")
    with pytest.raises(ValueError, match=f"steps must be >= 1, got {steps}"):
        await a.undo(steps)
    with pytest.raises(ValueError, match=f"steps must be >= 1, got {steps}"):
        await a.redo(steps)
    assert await tip(store) == a.commit_hash


async def test_undo_past_the_first_commit_is_a_value_error_that_counts(store):
    init, a, _ = await written(store, "a", "b")
    await (await main(store)).undo()
    for steps, possible in ((2, 1), (3, 1), (100, 1)):
        with pytest.raises(ValueError, match=f"Cannot undo {steps} steps - only {possible}") as e:
            await a.undo(steps)
        assert isinstance(e.value, HistoryError)
    assert await tip(store) == a.commit_hash
    await a.undo()
    with pytest.raises(ValueError, match="Cannot undo 1 steps - only 0"):
        await init.undo()
    assert await tip(store) == init.commit_hash


async def test_undo_of_a_stale_snapshot_is_refused(store):
    init, a = await written(store, "a")
    b = await a.write("b", b"b")
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await a.undo()
    assert await tip(store) == b.commit_hash
    # Too little history is noticed before staleness is.
    with pytest.raises(ValueError, match="Cannot undo"):
        await init.undo()


async def test_checks_come_in_order_steps_read_only_history_staleness(face, store):
    _, a = await written(store, "a")
    tag = await store.tags.set("v1", a)
    detached = face.FS(store, a.commit_hash.encode())
    for fs in (tag, detached):
        for move in (fs.undo, fs.redo):
            with pytest.raises(ValueError, match="steps must be"):
                await move(0)
            with pytest.raises(PermissionError, match="read-only"):
                await move(100)
            with pytest.raises(PermissionError, match="read-only"):
                await move()
    with pytest.raises(PermissionError, match="undo on"):
        await tag.undo()
    with pytest.raises(PermissionError, match="redo on"):
        await tag.redo()
    assert await tip(store) == a.commit_hash


async def test_undo_and_redo_on_a_deleted_branch_are_key_errors(store):
    _, a = await written(store, "a")
    dev = await (await store.branches.set("dev", a)).write("x", b"x")
    await store.branches.delete("dev")
    with pytest.raises(KeyError, match="dev"):
        await dev.undo()
    with pytest.raises(KeyError, match="dev"):
        await dev.redo()


# --- redo: the worked examples of the contract


async def test_undo_then_redo_leads_back(store):
    _, _, b = await written(store, "a", "b")
    fs = await (await b.undo()).redo()
    assert fs.commit_hash == b.commit_hash == await tip(store)
    assert (fs.ref_name, fs.writable, fs.changes) == ("main", True, None)
    assert (await messages(store))[-2:] == ["undo: move back", "redo: move forward"]
    assert await contents(await fs.write("c", b"c")) == {"a": b"a", "b": b"b", "c": b"c"}


async def test_two_undos_then_redo_of_two_leads_to_the_original_tip(store):
    _, _, b = await written(store, "a", "b")
    fs = await (await b.undo()).undo()
    assert (await fs.redo(2)).commit_hash == b.commit_hash == await tip(store)


async def test_redo_after_one_undo_of_two_steps_leads_to_the_original_tip(store):
    _, _, b = await written(store, "a", "b")
    fs = await b.undo(2)
    assert (await fs.redo()).commit_hash == b.commit_hash


async def test_redo_after_undo_and_a_new_commit_takes_the_new_commit_back(store):
    init, _, b = await written(store, "a", "b")
    fs = await b.undo(2)
    fresh = await fs.write("c", b"c")
    before = await fresh.redo()
    assert before.commit_hash == init.commit_hash == await tip(store)


async def test_redo_after_plain_commits_leads_to_the_one_before(store):
    _, a, b = await written(store, "a", "b")
    assert (await b.redo()).commit_hash == a.commit_hash


async def test_redo_of_the_first_commit_leads_to_the_first_snapshot_and_no_further(store):
    init, a = await written(store, "a")
    with pytest.raises(ValueError, match="Cannot redo 2 steps - only 1 step"):
        await a.redo(2)
    assert await tip(store) == a.commit_hash
    assert (await a.redo()).commit_hash == init.commit_hash


async def test_redo_of_a_branch_made_by_assignment_ends_at_its_creation(store):
    _, a = await written(store, "a")
    dev = await store.branches.set("dev", a)
    with pytest.raises(ValueError, match="branch creation"):
        await dev.redo()
    b = await dev.write("b", b"b")
    with pytest.raises(ValueError, match="branch creation"):
        await b.redo(2)
    with pytest.raises(ValueError, match="Cannot redo 3 steps"):
        await b.redo(3)
    assert await tip(store, "dev") == b.commit_hash
    assert (await b.redo()).commit_hash == a.commit_hash


async def test_redo_twice_toggles_between_two_states(store):
    _, a, b = await written(store, "a", "b")
    fs = b
    for expected in (a, b, a, b):
        fs = await fs.redo()
        assert fs.commit_hash == expected.commit_hash == await tip(store)


# --- redo: what else can be


async def test_redo_of_a_fresh_branch_is_a_value_error(store):
    init = await main(store)
    with pytest.raises(ValueError, match="No reflog found for branch 'main'") as caught:
        await init.redo()
    assert isinstance(caught.value, HistoryError)
    assert await tip(store) == init.commit_hash


async def test_redo_follows_assignments_too(store):
    init, a, b = await written(store, "a", "b")
    moved = await store.branches.set("main", init)
    fs = await moved.redo()
    assert fs.commit_hash == b.commit_hash
    assert (await fs.redo()).commit_hash == init.commit_hash
    assert a.commit_hash != b.commit_hash


async def test_redo_takes_the_latest_time_that_the_branch_was_there(store):
    init, a, b = await written(store, "a", "b")
    fs = await b.undo()  # at a, from b
    c = await fs.write("c", b"c")
    fs = await c.undo()  # at a again, from c
    assert (await fs.redo()).commit_hash == c.commit_hash
    assert {init.commit_hash, a.commit_hash, b.commit_hash} & {c.commit_hash} == set()


async def test_redo_of_a_stale_snapshot_is_refused(store):
    _, _, b = await written(store, "a", "b")
    fs = await b.undo()
    c = await fs.write("c", b"c")
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await fs.redo()
    assert await tip(store) == c.commit_hash


async def test_redo_of_too_many_steps_counts_what_there_is(store):
    _, _, b = await written(store, "a", "b")
    fs = await b.undo()
    with pytest.raises(ValueError, match="Cannot redo 10 steps - only 3 step"):
        await fs.redo(10)
    assert await tip(store) == fs.commit_hash


async def test_redo_to_a_snapshot_that_the_log_does_not_mention_is_a_value_error(
    disk_store, repo, git
):
    _, _, b = await written(disk_store, "a", "b")
    (repo / "logs/refs/heads/main").write_bytes(b"")
    with pytest.raises(ValueError, match="No reflog found for branch 'main'"):
        await b.redo()
    (repo / "logs/refs/heads/main").unlink()
    with pytest.raises(ValueError, match="No reflog found for branch 'main'"):
        await b.redo()
    assert git(repo, "rev-parse", "main") == b.commit_hash


async def test_undo_and_redo_work_over_another_handle(face, disk_store, repo):
    _, a, b = await written(disk_store, "a", "b")
    other = await face.GitStore.open(repo)
    undone = await (await other.branches["main"]).undo()
    assert undone.commit_hash == a.commit_hash
    with pytest.raises(StaleSnapshotError):
        await b.write("c", b"c")
    redone = await (await disk_store.branches["main"]).redo()
    assert redone.commit_hash == b.commit_hash
    # The snapshot from before is at the tip again, so it may be written from.
    assert (await b.write("c", b"c")).commit_hash == await tip(other)


async def test_undo_follows_first_parents_of_a_merge(store):
    init, a = await written(store, "a")
    side = await (await store.branches.set("side", init)).write("s", b"s")
    merged = await a.write("m", b"m", parents=[side])
    assert (await merged.undo()).commit_hash == a.commit_hash


async def test_branches_are_undone_one_by_one(store):
    _, a = await written(store, "a")
    dev = await (await store.branches.set("dev", a)).write("d", b"d")
    await (await main(store)).undo()
    assert await tip(store, "dev") == dev.commit_hash
    assert (await dev.undo()).commit_hash == a.commit_hash
    assert await contents(await main(store)) == {}
