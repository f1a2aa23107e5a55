"""Looking back: parent, back and log with its filters (contract sections 13.1 and 13.2)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath

import pytest

from tests.support.clocks import stop_clock
from tests.support.faces import collect
from tests.support.snapshots import contents
from vost import FileType, HistoryError


async def main(store):
    return await store.branches["main"]


async def grown(store, count):
    """Return snapshots of commits that write `f`: the first one of the store, then `count`."""
    found = [await main(store)]
    for number in range(count):
        found.append(await found[-1].write("f", b"%d" % number))
    return found


async def hashes(snapshots):
    return [fs.commit_hash for fs in await collect(snapshots)]


# --- parent and back


async def test_parent_is_the_first_parent_with_the_same_name_and_writability(store):
    first = await main(store)
    second = await first.write("a", b"1")
    parent = await second.parent
    assert parent.commit_hash == first.commit_hash
    assert (parent.ref_name, parent.writable, parent.changes) == ("main", True, None)
    assert await parent.parent is None
    tag = await store.tags.set("v1", second)
    parent = await tag.parent
    assert (parent.ref_name, parent.writable) == ("v1", False)
    detached = await store.fs(second.commit_hash)
    parent = await detached.parent
    assert (parent.ref_name, parent.writable) == (None, False)


async def test_parent_of_a_branch_is_writable_but_stale_until_the_branch_is_back(store):
    first = await main(store)
    second = await first.write("a", b"1")
    parent = await second.parent
    with pytest.raises(Exception, match="advanced"):
        await parent.write("b", b"2")
    await second.undo()
    assert await contents(await parent.write("b", b"2")) == {"b": b"2"}


async def test_back_follows_first_parents(store):
    commits = await grown(store, 4)
    tip = commits[-1]
    for steps in range(5):
        assert (await tip.back(steps)).commit_hash == commits[4 - steps].commit_hash
    assert (await tip.back()).commit_hash == commits[3].commit_hash
    assert (await tip.back(3)).ref_name == "main"
    assert (await tip.back(3)).writable


async def test_back_by_zero_is_the_same_object(store):
    fs = await main(store)
    assert await fs.back(0) is fs


async def test_back_too_far_or_forward_is_a_value_error(store):
    commits = await grown(store, 2)
    with pytest.raises(ValueError, match="n >= 0"):
        await commits[-1].back(-1)
    for fs, steps in ((commits[-1], 3), (commits[0], 1), (commits[-1], 10**9)):
        with pytest.raises(ValueError, match="history too short") as caught:
            await fs.back(steps)
        assert isinstance(caught.value, HistoryError)


# --- log


async def test_log_starts_at_the_snapshot_and_ends_at_the_first_commit(store):
    commits = await grown(store, 3)
    expected = [fs.commit_hash for fs in reversed(commits)]
    assert await hashes(commits[-1].log()) == expected
    assert await hashes(commits[1].log()) == expected[2:]
    for fs in await collect(commits[-1].log()):
        assert (fs.ref_name, fs.writable, fs.changes) == ("main", True, None)


async def test_log_of_tags_and_detached_snapshots_is_read_only(store):
    commits = await grown(store, 2)
    tag = await store.tags.set("v1", commits[-1])
    assert {(fs.ref_name, fs.writable) for fs in await collect(tag.log())} == {("v1", False)}
    detached = await store.fs(commits[-1].commit_hash)
    assert {(fs.ref_name, fs.writable) for fs in await collect(detached.log())} == {(None, False)}


async def test_log_can_be_left_early_and_taken_up_again(store):
    commits = await grown(store, 5)
    log = commits[-1].log()
    seen = []
    async for fs in log:
        seen.append(fs.commit_hash)
        if len(seen) == 2:
            break
    async for fs in log:
        seen.append(fs.commit_hash)
    assert seen == [fs.commit_hash for fs in reversed(commits)]


async def test_log_limit(store):
    commits = await grown(store, 5)
    tip = commits[-1]
    everything = await hashes(tip.log())
    for limit in (0, 1, 3, 6, 100):
        assert await hashes(tip.log(limit=limit)) == everything[:limit]
    assert await hashes(tip.log(limit=None)) == everything
    with pytest.raises(ValueError, match="limit"):
        await collect(tip.log(limit=-1))


async def test_limit_counts_what_passes_the_filters(store):
    fs = await main(store)
    for number in range(6):
        fs = await fs.write("ab"[number % 2], b"%d" % number)
    found = [s.message for s in await collect(fs.log("a", limit=2))]
    assert len(found) == 2
    assert await hashes(fs.log("a", limit=2)) == (await hashes(fs.log("a")))[:2]


async def test_log_of_a_path_shows_adds_changes_and_removals(store):
    fs = await main(store)
    fs = await fs.write("other", b"0", message="before")
    fs = await fs.write("d/f", b"1", message="added")
    fs = await fs.write("other", b"1", message="elsewhere")
    fs = await fs.write("d/f", b"2", message="changed")
    fs = await fs.write("d/f", b"2", mode=FileType.EXECUTABLE, message="mode only")
    fs = await fs.write("d/g", b"3", message="beside")
    fs = await fs.remove("d/f", message="removed")
    fs = await fs.write("d/f", b"2", message="back again")

    async def messages(path):
        return [s.message for s in await collect(fs.log(path))]

    assert await messages("d/f") == ["back again", "removed", "mode only", "changed", "added"]
    assert await messages("d") == [
        "back again",
        "removed",
        "beside",
        "mode only",
        "changed",
        "added",
    ]
    assert await messages("other") == ["elsewhere", "before"]
    assert await messages("nothing") == []
    assert await messages("other/below/a/file") == []
    for spelling in ("/d/f/", "./d/./f", PurePosixPath("d/f")):
        assert await messages(spelling) == await messages("d/f")


async def test_log_of_a_path_compares_the_first_commit_with_nothing(store):
    fs = await (await main(store)).write("a", b"1")
    root = await fs.squash(message="root")
    assert [s.message for s in await collect(root.log("a"))] == ["root"]
    assert [s.message for s in await collect(root.log("b"))] == []


async def test_log_of_a_path_through_changes_between_file_and_directory(store):
    fs = await (await main(store)).write("x", b"file", message="a file")
    fs = await fs.write("x/y", b"below", message="a directory")
    fs = await fs.write("x", b"file", message="a file again")
    fs = await fs.write_symlink("x", "file", message="a link of the same bytes")
    assert [s.message for s in await collect(fs.log("x"))] == [
        "a link of the same bytes",
        "a file again",
        "a directory",
        "a file",
    ]
    assert [s.message for s in await collect(fs.log("x/y"))] == ["a file again", "a directory"]


async def test_log_of_a_path_looks_at_first_parents_only(store):
    base = await (await main(store)).write("a", b"1", message="base")
    side = await store.branches.set("side", base)
    side = await side.write("a", b"2", message="side")
    fs = await base.write("b", b"3", message="merge", parents=[side])
    assert [s.message for s in await collect(fs.log("a"))] == ["base"]
    assert [s.message for s in await collect(fs.log())] == ["merge", "base", "Initialize main"]


@pytest.mark.parametrize("path", ["", "/", "a//b", "..", "a/../b", "a\0b"])
async def test_log_of_an_invalid_path_fails_on_the_first_step(store, path):
    fs = await main(store)
    log = fs.log(path)
    with pytest.raises(ValueError):
        await collect(log)


async def test_log_of_what_is_no_path_is_a_type_error(store):
    fs = await main(store)
    with pytest.raises(TypeError):
        await collect(fs.log(b"a"))


async def test_log_match_is_a_shell_pattern_over_the_whole_message(store):
    fs = await main(store)
    messages = ["\n", "fix: typo", "Fix [2] bug", "multi\nline\n"]
    for number, message in enumerate(messages):
        fs = await fs.write("a", b"%d" % number, message=message)
    expected = {
        "*": ["multi\nline", "Fix [2] bug", "fix: typo", "", "Initialize main"],
        "fix*": ["fix: typo"],
        "Fix*": ["Fix [2] bug"],
        "[fF]ix*": ["Fix [2] bug", "fix: typo"],
        "*bug": ["Fix [2] bug"],
        "*[[]2]*": ["Fix [2] bug"],
        "multi*line": ["multi\nline"],
        "multi?line": ["multi\nline"],
        "multi": [],
        "": [""],
        "Initialize main": ["Initialize main"],
        "[!Ff]*": ["multi\nline", "Initialize main"],
    }
    for pattern, found in expected.items():
        assert [s.message for s in await collect(fs.log(match=pattern))] == found, pattern


async def timed(store, *times):
    """Return the tip after a commit `f<number>` at each of these seconds from a start."""
    clock = stop_clock(store)
    start = clock.seconds
    fs = await store.branches.set("main", await (await main(store)).squash(message="root"))
    for number, offset in enumerate(times):
        clock.seconds = start + offset
        fs = await fs.write(f"f{number}", b"", message=f"f{number}")
    return fs, datetime.fromtimestamp(start, timezone.utc)


async def test_log_before_includes_that_very_second(store):
    fs, start = await timed(store, 10, 20, 30)

    async def messages(moment):
        return [s.message for s in await collect(fs.log(before=moment))]

    assert await messages(start + timedelta(seconds=30)) == ["f2", "f1", "f0", "root"]
    assert await messages(start + timedelta(seconds=29.9)) == ["f1", "f0", "root"]
    assert await messages(start + timedelta(seconds=20)) == ["f1", "f0", "root"]
    assert await messages(start) == ["root"]
    assert await messages(start - timedelta(seconds=1)) == []


async def test_log_before_takes_naive_times_for_utc_and_zones_as_they_are(store):
    fs, start = await timed(store, 10, 20)
    moment = start + timedelta(seconds=10)
    east = moment.astimezone(timezone(timedelta(hours=9)))
    for spelling in (moment, moment.replace(tzinfo=None), east):
        assert [s.message for s in await collect(fs.log(before=spelling))] == ["f0", "root"]


async def test_log_before_does_not_look_again_once_a_commit_passed(store):
    fs, start = await timed(store, 100, 5, 50, 200)
    moment = start + timedelta(seconds=60)
    assert [s.message for s in await collect(fs.log(before=moment))] == ["f2", "f1", "f0", "root"]


async def test_log_filters_are_combined(store):
    clock = stop_clock(store)
    fs = await main(store)
    for number in range(8):
        clock.advance(10)
        message = ("odd" if number % 2 else "even") + f" {number}"
        fs = await fs.write("ab"[number // 4], b"%d" % number, message=message)
    before = (await fs.back(1)).time
    found = await collect(fs.log("b", match="odd*", before=before, limit=5))
    assert [s.message for s in found] == ["odd 5"]
    assert [s.message for s in await collect(fs.log("b", match="odd*"))] == ["odd 7", "odd 5"]


async def test_time_is_aware_and_in_utc(store):
    clock = stop_clock(store, 1_600_000_000.9)
    fs = await (await main(store)).write("a", b"1")
    assert fs.time == datetime(2020, 9, 13, 12, 26, 40, tzinfo=timezone.utc)
    assert fs.time.utcoffset() == timedelta(0)
    clock.advance(1)
    assert (await fs.stat("a")).mtime == 1_600_000_000.0
    assert (await fs.write("b", b"1")).time.second == 41


async def test_log_of_a_long_history_streams(store):
    fs = await main(store)
    for number in range(70):
        fs = await fs.write("f", b"%d" % number, message=f"{number}")
    found = [s.message async for s in fs.log()]
    assert found == [*(f"{number}" for number in reversed(range(70))), "Initialize main"]
    assert len(await collect(fs.log("f"))) == 70
    assert (await fs.back(70)).message == "Initialize main"
