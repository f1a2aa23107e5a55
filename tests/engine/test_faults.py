"""Whatever storage call fails, a write is done wholly or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from vost import FS, GitStore
from vost.testing import Faults, FaultyObjects, FaultyRefs, MemoryObjects, MemoryRefs, store_on

Write = Callable[[FS], Awaitable[FS]]


async def write_one(fs: FS) -> FS:
    return await fs.write("a/new.txt", b"new")


async def apply_some(fs: FS) -> FS:
    return await fs.apply({"b": b"1", "c/d": b"2"}, removes=["a/old.txt"])


async def batch_many(fs: FS) -> FS:
    async with fs.batch() as batch:
        for number in range(20):
            await batch.write(f"many/{number}", b"%d" % number)
        await batch.remove("a/old.txt")
    assert batch.fs is not None
    return batch.fs


async def remove_all(fs: FS) -> FS:
    return await fs.remove("a", recursive=True)


@pytest.mark.parametrize("write", [write_one, apply_some, batch_many, remove_all])
async def test_each_failing_storage_call_leaves_old_or_new_state_and_a_usable_store(
    write: Write,
) -> None:
    objects, refs = MemoryObjects(), MemoryRefs()
    sound = store_on(objects, refs)
    start = await (await sound.branches["main"]).write("a/old.txt", b"old")
    failures = 0
    for at in range(1, 1000):
        faults = Faults(OSError(28, "No space left on device"), at)
        faulty = GitStore(_with_faults(sound, faults))
        try:
            fs = await write(FS(faulty, start.commit_hash, "main"))
        except OSError:
            failures += 1
            now = await sound.branches["main"]
            assert now.commit_hash == start.commit_hash
            continue
        assert faults.calls < at
        assert (await sound.branches["main"]).commit_hash == fs.commit_hash
        break
    assert failures >= 5


def _with_faults(store: GitStore, faults: Faults) -> object:
    from vost._engine.repository import Repository

    base = store._repository
    return Repository(
        objects=FaultyObjects(base.objects, faults),
        refs=FaultyRefs(base.refs, faults),
        signature=base.signature,
        location=base.location,
        identity=base.identity,
    )
