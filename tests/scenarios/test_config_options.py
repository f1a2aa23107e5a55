"""Options of ``open`` and stores in memory (contract 22.1; compression, thresholds, durability)."""

from __future__ import annotations

import inspect
import os
import zlib

import pytest

import vost
import vost_sync
from tests.interop.building import loose_path
from tests.support.faces import collect
from tests.support.snapshots import contents, tip
from vost import LockedError, RefNotFoundError

TEXT = b"the same line again and again\n" * 2000


async def main(store):
    return await store.branches["main"]


async def stored_size(store, repo, name):
    """Write text under a new name and return how many bytes its object takes."""
    fs = await (await main(store)).write(name, TEXT + name.encode())
    return loose_path(repo, await fs.object_hash(name)).stat().st_size


@pytest.mark.parametrize("package", [vost, vost_sync], ids=["async", "blocking"])
def test_options_are_keywords_with_the_documented_defaults(package):
    parameters = inspect.signature(package.GitStore.open).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    assert defaults == {
        "path": inspect.Parameter.empty,
        "create": True,
        "branch": "main",
        "author": "vost",
        "email": "vost@localhost",
        "durable": False,
        "compression": None,
        "big_file_threshold": None,
        "follow_alternates": False,
    }
    kinds = {parameter.kind for name, parameter in parameters.items() if name != "path"}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


# --- compression


@pytest.mark.parametrize("level", range(10))
async def test_compression_is_written_to_the_configuration_on_creation(face, git, repo, level):
    store = await face.GitStore.open(repo, compression=level)
    assert git(repo, "config", "core.compression") == str(level)
    fs = await (await main(store)).write("a", TEXT)
    raw = loose_path(repo, await fs.object_hash("a")).read_bytes()
    assert zlib.decompress(raw).endswith(TEXT)
    assert (len(raw) > len(TEXT)) == (level == 0)
    assert git.raw(repo, "cat-file", "blob", "main:a") == TEXT


async def test_compression_applies_at_once_and_to_later_handles(face, git, repo):
    plain = await face.GitStore.open(repo)
    assert await stored_size(plain, repo, "default") < len(TEXT) // 10
    assert git.attempt(repo, "config", "core.compression").returncode == 1

    none = await face.GitStore.open(repo, compression=0)
    assert git(repo, "config", "core.compression") == "0"
    assert await stored_size(none, repo, "none") > len(TEXT)

    later = await face.GitStore.open(repo)
    assert git(repo, "config", "core.compression") == "0"
    assert await stored_size(later, repo, "later") > len(TEXT)

    best = await face.GitStore.open(repo, compression=9)
    assert git(repo, "config", "core.compression") == "9"
    assert await stored_size(best, repo, "best") < len(TEXT) // 10
    assert await contents(await main(plain)) == {
        name: TEXT + name.encode() for name in ("default", "none", "later", "best")
    }


async def test_compression_of_batches_follows_the_option_too(face, repo):
    sizes = {}
    for level in (0, 9):
        store = await face.GitStore.open(repo, compression=level)
        before = set((repo / "objects/pack").glob("*.pack"))
        async with (await main(store)).batch() as batch:
            for number in range(150):
                await batch.write(f"{level}/{number}", TEXT + b"%d %d" % (level, number))
        (pack,) = set((repo / "objects/pack").glob("*.pack")) - before
        sizes[level] = pack.stat().st_size
    assert sizes[0] > 150 * len(TEXT)
    assert sizes[9] < sizes[0] // 20


async def test_compression_that_git_has_configured_is_used(face, git, repo):
    await face.GitStore.open(repo)
    git(repo, "config", "core.compression", "0")
    store = await face.GitStore.open(repo)
    assert await stored_size(store, repo, "a") > len(TEXT)
    git(repo, "config", "core.looseCompression", "9")
    store = await face.GitStore.open(repo)
    assert await stored_size(store, repo, "b") < len(TEXT) // 10


@pytest.mark.parametrize("level", [-1, 10, 42, 1.5, 9.0, "9", True, "fast"])
async def test_compression_out_of_range_is_a_value_error_and_nothing_is_made(face, repo, level):
    with pytest.raises((ValueError, TypeError), match="compression"):
        await face.GitStore.open(repo, compression=level)
    assert not repo.exists()
    store = await face.GitStore.open(repo)
    before = (repo / "config").read_bytes()
    with pytest.raises((ValueError, TypeError), match="compression"):
        await face.GitStore.open(repo, compression=level)
    assert (repo / "config").read_bytes() == before
    assert await tip(store)


# --- big_file_threshold


@pytest.mark.parametrize("size", [0, 1, 512 << 20, (1 << 63) - 1])
async def test_threshold_is_written_to_the_configuration(face, git, repo, size):
    await face.GitStore.open(repo, big_file_threshold=size)
    assert git(repo, "config", "core.bigFileThreshold") == str(size)
    await face.GitStore.open(repo, big_file_threshold=7)
    assert git(repo, "config", "core.bigFileThreshold") == "7"
    await face.GitStore.open(repo)
    assert git(repo, "config", "core.bigFileThreshold") == "7"


@pytest.mark.parametrize("size", [-1, True, "1m", 1.5, 7.0, 1 << 63])
async def test_threshold_out_of_range_is_an_error_and_nothing_is_made(face, repo, size):
    with pytest.raises((ValueError, TypeError), match="big_file_threshold"):
        await face.GitStore.open(repo, big_file_threshold=size)
    assert not repo.exists()


async def test_options_leave_the_rest_of_the_configuration_alone(face, git, repo):
    await face.GitStore.open(repo)
    config = repo / "config"
    text = (
        config.read_text() + '# mine\n[alias]\n\tx = "log -1" ; here\n[core]\n\tautocrlf = false\n'
    )
    config.write_text(text)
    await face.GitStore.open(repo, compression=3, big_file_threshold=1000)
    await face.GitStore.open(repo, compression=4)
    assert git(repo, "config", "core.compression") == "4"
    assert git(repo, "config", "--get-all", "core.compression") == "4"
    assert git(repo, "config", "alias.x") == "log -1"
    assert git(repo, "config", "core.autocrlf") == "false"
    assert git(repo, "config", "core.logAllRefUpdates") == "always"
    kept = [line for line in config.read_text().splitlines() if "ompression" not in line]
    assert [line for line in kept if "bigFile" not in line] == text.splitlines()


async def test_configuration_that_git_holds_locked_is_named(face, repo):
    await face.GitStore.open(repo)
    (repo / "config.lock").touch()
    with pytest.raises(LockedError, match=r"config\.lock"):
        await face.GitStore.open(repo, compression=1)
    (repo / "config.lock").unlink()
    await face.GitStore.open(repo, compression=1)


# --- durable


@pytest.fixture
def synced(monkeypatch):
    """Count what is synced to disk, by kind."""
    counts = {"files": 0, "directories": 0}
    real = {name: getattr(os, name) for name in ("fsync", "fdatasync") if hasattr(os, name)}

    def counting(sync):
        def count(descriptor):
            is_directory = os.path.isdir(f"/proc/self/fd/{descriptor}")
            counts["directories" if is_directory else "files"] += 1
            return sync(descriptor)

        return count

    for name, sync in real.items():
        monkeypatch.setattr(os, name, counting(sync))
    return counts


async def syncs_of_a_write(store, synced, name):
    fs = await main(store)
    synced.update(files=0, directories=0)
    await fs.write(f"d/{name}", name.encode())
    return dict(synced)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
async def test_durable_writes_sync_every_object_and_directory(face, repo, synced):
    store = await face.GitStore.open(repo)
    usual = await syncs_of_a_write(store, synced, "usual")
    durable = await face.GitStore.open(repo, durable=True)
    all_of_it = await syncs_of_a_write(durable, synced, "durable")
    # The ref is always synced; a durable write syncs blob, two trees and commit as well.
    assert usual["files"] >= 1
    assert all_of_it["files"] >= usual["files"] + 4
    assert all_of_it["directories"] > usual["directories"]
    again = await syncs_of_a_write(store, synced, "usual again")
    assert again["files"] < all_of_it["files"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
async def test_loose_objects_are_synced_when_git_is_configured_so(face, git, repo, synced):
    store = await face.GitStore.open(repo)
    usual = await syncs_of_a_write(store, synced, "usual")
    git(repo, "config", "core.fsync", "loose-object")
    store = await face.GitStore.open(repo)
    configured = await syncs_of_a_write(store, synced, "configured")
    assert configured["files"] >= usual["files"] + 4


async def test_durable_stores_do_everything_that_others_do(face, git, repo):
    store = await face.GitStore.open(repo, durable=True)
    fs = await (await main(store)).write("a", b"1")
    async with fs.batch() as batch:
        for number in range(120):
            await batch.write(f"d/{number}", b"%d" % number)
    fs = await batch.fs.undo()
    fs = await fs.redo()
    await store.branches.set("x/y", fs)
    await store.tags.set("v1", fs)
    await store.notes.commits.set(fs, "note")
    await store.branches.delete("x/y")
    await store.branches.set_current("main")
    assert await store.gc() >= 0
    assert len(await fs.ls(recursive=True)) == 121
    assert git(repo, "rev-parse", "main") == fs.commit_hash


# --- in memory


async def test_memory_store_does_everything_that_others_do(face):
    store = await face.GitStore.memory(branch="trunk", author="Ann", email="ann@x")
    fs = await store.branches["trunk"]
    assert fs.message == "Initialize trunk"
    assert await store.branches.current_name == "trunk"
    fs = await fs.write("d/a", b"1")
    assert (fs.author_name, fs.author_email) == ("Ann", "ann@x")
    async with fs.batch() as batch:
        await batch.write("b", TEXT)
        await batch.write("big", bytes(3 << 20))
    fs = batch.fs
    assert await fs.read("b", offset=30, size=5) == TEXT[30:35]
    assert await fs.size("big") == 3 << 20
    async with fs.open("big") as file:
        assert len(await file.read()) == 3 << 20
    await store.tags.set("v1", fs)
    await store.notes.commits.set("trunk", "note")
    assert await store.notes.commits["v1"] == "note"
    fs = await (await fs.undo()).redo()
    assert [s.message for s in await collect(fs.log())] == [
        "Batch: +2",
        "+ d/a",
        "Initialize trunk",
    ]
    assert await store.pack() == 0
    assert await store.gc() == 0
    await store.close()
    assert await fs.read("d/a") == b"1"


async def test_memory_store_without_a_branch(face):
    store = await face.GitStore.memory(branch=None)
    assert await store.branches.count() == 0
    assert await store.branches.current_name is None
    with pytest.raises(RefNotFoundError):
        await store.branches["main"]


async def test_memory_store_leaves_nothing_on_disk(face, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    store = await face.GitStore.memory()
    async with (await main(store)).writer("big") as file:
        for _ in range(20):
            await file.write(bytes(1 << 18))
    assert await file.fs.size("big") == 20 << 18
    assert list(tmp_path.iterdir()) == []


# --- pack and gc


async def test_pack_moves_loose_objects_into_one_pack(face, disk_store, repo, git):
    fs = await main(disk_store)
    for number in range(10):
        fs = await fs.write(f"d/{number}", b"%d" % number)
    loose = int(git(repo, "count-objects").split()[0])
    assert loose > 20
    assert await disk_store.pack() == loose
    assert await disk_store.pack() == 0
    assert git(repo, "count-objects") == "0 objects, 0 kilobytes"
    assert len(list((repo / "objects/pack").glob("*.pack"))) == 1
    assert len(await fs.ls("d")) == 10
    assert len(await collect((await main(await face.GitStore.open(repo))).log())) == 11


async def test_gc_keeps_what_nothing_refers_to(face, disk_store, repo):
    fs = await (await main(disk_store)).write("a", b"only here")
    squashed = await fs.squash()
    oid = await fs.object_hash("a")
    await disk_store.branches.delete("main")
    for _ in range(2):
        await disk_store.gc()
    store = await face.GitStore.open(repo)
    assert await store.read_by_hash(oid) == b"only here"
    assert await (await store.fs(squashed.commit_hash)).read("a") == b"only here"


async def test_gc_of_an_empty_repository_is_nothing(face, repo):
    store = await face.GitStore.open(repo, branch=None)
    assert await store.gc() == 0
    assert await store.pack() == 0
