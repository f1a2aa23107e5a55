"""Writers of snapshots and of batches: contract section 11."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import PurePosixPath

import pytest

from tests.support.faces import ASYNC_FACES, BLOCKING, collect, drive, face_id, unwrapped
from tests.support.snapshots import contents, tip, types
from vost import ChangeReport, FileEntry, FileType, GitStore, StaleSnapshotError
from vost._engine.contents import Place
from vost._engine.spool import Spool
from vost._model.objects import ObjectType, hash_object
from vost._offload import inline


async def main(store):
    return await store.branches["main"]


class SnapshotSide:
    """Opens writers of a snapshot; closing one commits."""

    def __init__(self, fs):
        self.fs = fs

    def writer(self, *args):
        return self.fs.writer(*args)

    async def result(self, writer):
        return writer.fs


class BatchSide:
    """Opens writers of a batch; closing one stages."""

    def __init__(self, fs):
        self.batch = fs.batch()

    def writer(self, *args):
        return self.batch.writer(*args)

    async def result(self, writer):
        return await self.batch.commit()


@pytest.fixture(params=[SnapshotSide, BatchSide])
def side(request):
    """Prove what both kinds of writers have in common for each of them."""
    return request.param


# --- what both kinds have in common


async def test_pieces_become_one_file(store, side):
    opened = side(await main(store))
    async with opened.writer("d/f") as f:
        assert await f.write(b"one ") == 4
        assert await f.write(bytearray(b"two ")) == 4
        assert await f.write(memoryview(b"three")[1:]) == 4
        assert await f.write(b"") == 0
    fs = await opened.result(f)
    assert await contents(fs) == {"d/f": b"one two hree"}
    assert fs.message == "+ d/f"
    assert fs.changes == ChangeReport(add=[FileEntry("d/f", FileType.BLOB)])


async def test_text_is_stored_in_utf8_with_its_line_ends(store, side):
    opened = side(await main(store))
    async with opened.writer("t", "w") as f:
        assert await f.write("é\r\n") == 4
        assert await f.write("") == 0
        assert await f.write("ü\n") == 3
    assert await (await opened.result(f)).read("t") == "é\r\nü\n".encode()


async def test_content_of_any_size_is_stored_exactly(store, side):
    piece = os.urandom(300_000)
    opened = side(await main(store))
    async with opened.writer("big", "wb") as f:
        for _ in range(9):
            assert await f.write(piece) == len(piece)
    assert await (await opened.result(f)).read("big") == piece * 9


async def test_many_small_pieces(store, side):
    opened = side(await main(store))
    async with opened.writer("f") as f:
        for index in range(2000):
            await f.write(b"%d\n" % index)
    expected = b"".join(b"%d\n" % index for index in range(2000))
    assert await (await opened.result(f)).read("f") == expected


async def test_a_writer_without_content_makes_an_empty_file(store, side):
    opened = side(await main(store))
    async with opened.writer("empty") as f:
        pass
    assert await contents(await opened.result(f)) == {"empty": b""}


async def test_writers_make_plain_files(store, side):
    fs = await (await main(store)).write("f", b"x", mode=FileType.EXECUTABLE)
    opened = side(fs)
    async with opened.writer("f") as f:
        await f.write(b"x")
    assert await types(await opened.result(f)) == {"f": "blob"}


async def test_what_a_writer_knows_of_itself(store, side):
    for mode in ("w", "wb"):
        f = side(await main(store)).writer("f", mode)
        assert (f.readable(), f.writable(), f.seekable(), f.closed) == (False, True, False, False)
        await f.discard()
        assert f.closed


async def test_closing_twice_does_nothing_more(store, side):
    opened = side(await main(store))
    f = opened.writer("f")
    await f.write(b"1")
    await f.close()
    assert f.closed
    await f.close()
    fs = await opened.result(f)
    assert await contents(fs) == {"f": b"1"}
    await f.close()
    assert len(await collect(fs.log())) == 2


async def test_closing_inside_the_block_leaves_nothing_to_the_exit(store, side):
    opened = side(await main(store))
    async with opened.writer("f") as f:
        await f.write(b"1")
        await f.close()
    assert len(await collect((await opened.result(f)).log())) == 2


async def test_writing_after_closing_is_a_value_error(store, side):
    opened = side(await main(store))
    for mode, data in (("wb", b"x"), ("w", "x")):
        f = opened.writer("f", mode)
        await f.discard()
        with pytest.raises(ValueError, match="closed"):
            await f.write(data)


async def test_an_exception_in_the_block_stores_nothing(store, side):
    before = await main(store)
    opened = side(before)
    with pytest.raises(ZeroDivisionError):
        async with opened.writer("f") as f:
            await f.write(os.urandom(2 << 20))
            raise ZeroDivisionError
    assert f.closed
    if side is SnapshotSide:
        assert f.fs is None
    else:
        assert await opened.result(f) is before
    assert await tip(store) == before.commit_hash
    await f.close()
    assert await tip(store) == before.commit_hash


async def test_wrong_types_name_what_is_expected(store, side):
    for mode, wrong, expected, good in (
        ("w", (b"bytes", bytearray(b"x"), 5, None), "expected str", "good"),
        ("wb", ("text", 5, None, ["x"]), "expected bytes", b"good"),
    ):
        opened = side(await main(store))
        async with opened.writer(f"in-{mode}", mode) as f:
            for data in wrong:
                with pytest.raises(TypeError, match=expected):
                    await f.write(data)
            await f.write(good)
        assert await (await opened.result(f)).read(f"in-{mode}") == b"good"


async def test_text_that_cannot_be_encoded_is_refused(store, side):
    opened = side(await main(store))
    async with opened.writer("t", "w") as f:
        with pytest.raises(UnicodeEncodeError):
            await f.write("\ud800")
        await f.write("ok")
    assert await (await opened.result(f)).read("t") == b"ok"


async def test_other_modes_are_refused_at_the_call(store, side):
    opened = side(await main(store))
    for mode in ("r", "rb", "a", "ab", "x", "wt", "w+", "", None, "bw"):
        with pytest.raises(ValueError, match="mode"):
            opened.writer("f", mode)


async def test_bad_paths_are_refused(store, side):
    opened = side(await main(store))
    for path, error in (
        ("", ValueError),
        ("/", ValueError),
        ("..", ValueError),
        ("a\0b", ValueError),
        (".git/hooks/x", ValueError),
        (b"f", TypeError),
        (None, TypeError),
    ):
        with pytest.raises(error):
            async with opened.writer(path):
                pytest.fail(f"opened {path!r}")


async def test_paths_may_be_spelled_in_any_way(store, side):
    for path in ("/d/f/", "./d/f", PurePosixPath("d/f")):
        opened = side(await main(store))
        async with opened.writer(path) as f:
            await f.write(b"1")
        assert await contents(await opened.result(f)) == {"d/f": b"1"}


async def test_what_was_written_is_kept_as_it_was_at_the_call(store, side):
    buffer = bytearray(b"before")
    opened = side(await main(store))
    async with opened.writer("f") as f:
        await f.write(buffer)
        buffer[:] = b"after!"
    assert await (await opened.result(f)).read("f") == b"before"


# --- writers of a snapshot


async def test_fs_is_the_new_snapshot_once_closed(store):
    before = await main(store)
    async with before.writer("f") as f:
        await f.write(b"1")
        assert f.fs is None
        assert await tip(store) == before.commit_hash
    assert f.fs.commit_hash == await tip(store)
    assert (f.fs.ref_name, f.fs.writable) == ("main", True)
    assert (await f.fs.parent).commit_hash == before.commit_hash
    assert f.fs is f.fs


async def test_a_writer_that_changes_nothing_gives_the_same_snapshot(store):
    fs = await (await main(store)).write("f", b"1")
    async with fs.writer("f") as f:
        await f.write(b"1")
    assert f.fs is fs


async def test_read_only_snapshots_refuse_before_anything_else(face, store):
    fs = await main(store)
    for frozen in (await store.tags.set("v1", fs), face.FS(store, fs.commit_hash.encode())):
        for path, mode in (("f", "wb"), ("f", "nope"), ("..", "w")):
            with pytest.raises(PermissionError, match="read-only"):
                frozen.writer(path, mode)


async def test_a_close_that_fails_leaves_the_writer_open(store):
    fs = await main(store)
    f = fs.writer("f")
    await f.write(b"1")
    await fs.write("other", b"")
    for _ in range(2):
        with pytest.raises(StaleSnapshotError, match="advanced"):
            await f.close()
        assert not f.closed
        assert f.fs is None
    await f.write(b"2")
    await store.branches.set("main", fs)
    await f.close()
    assert await f.fs.read("f") == b"12"


async def test_a_large_close_that_fails_can_be_repeated_too(store):
    """The content lies in a file by then: it must be read from its start again."""
    data = os.urandom(3 << 20)
    fs = await main(store)
    f = fs.writer("f")
    await f.write(data)
    await fs.write("other", b"")
    with pytest.raises(StaleSnapshotError):
        await f.close()
    await f.write(b"more")
    await store.branches.set("main", fs)
    await f.close()
    assert await f.fs.read("f") == data + b"more"


async def test_leaving_the_block_on_a_stale_snapshot_raises(store):
    fs = await main(store)
    f = fs.writer("f")
    with pytest.raises(StaleSnapshotError):
        async with f:
            await f.write(b"1")
            await fs.write("other", b"")
    assert f.fs is None
    assert not f.closed
    await f.discard()
    assert f.closed


async def test_several_writers_of_one_snapshot_the_second_is_stale(store):
    fs = await main(store)
    one, two = fs.writer("a"), fs.writer("b")
    await one.write(b"1")
    await two.write(b"2")
    await one.close()
    with pytest.raises(StaleSnapshotError):
        await two.close()
    await two.discard()


async def test_a_writer_replaces_a_directory_and_passes_through_a_file(store):
    fs = await (await main(store)).apply({"d/x": b"1", "a": b"2"})
    async with fs.writer("d") as f:
        await f.write(b"file")
    async with f.fs.writer("a/b") as f:
        await f.write(b"below")
    assert await contents(f.fs) == {"a/b": b"below", "d": b"file"}


# --- writers of a batch


async def test_files_of_several_writers_are_one_commit(store):
    async with (await main(store)).batch() as batch:
        async with batch.writer("a") as f:
            await f.write(b"1")
            async with batch.writer("b", "w") as g:
                await g.write("2")
        await batch.write("c", b"3")
        assert not hasattr(f, "fs")
    assert await contents(batch.fs) == {"a": b"1", "b": b"2", "c": b"3"}
    assert batch.fs.message == "Batch: +3"


async def test_the_last_operation_counts_when_the_writer_is_closed(store):
    async with (await main(store)).batch() as batch:
        f = batch.writer("f")
        await f.write(b"from the writer")
        await batch.write("f", b"from write")
        await f.close()
        async with batch.writer("g") as g:
            await g.write(b"x")
        await batch.remove("g")
    assert await contents(batch.fs) == {"f": b"from the writer"}


async def test_a_writer_that_is_closed_after_its_batch_is_a_runtime_error(store):
    batch = (await main(store)).batch()
    f = batch.writer("f")
    await f.write(b"1")
    await batch.commit()
    with pytest.raises(RuntimeError, match="Batch is closed"):
        await f.close()
    assert not f.closed
    assert await batch.fs.ls() == []
    await f.discard()
    assert f.closed


async def test_a_failing_writer_leaves_its_batch_open(store):
    async with (await main(store)).batch() as batch:
        await batch.write("a", b"1")
        with pytest.raises(ZeroDivisionError):
            async with batch.writer("b") as f:
                await f.write(b"2")
                raise ZeroDivisionError
    assert await contents(batch.fs) == {"a": b"1"}


def test_what_was_spooled_is_complete_after_a_read_of_it_was_cut_short():
    """A close that is cancelled while it streams leaves the writer open, to be written on."""
    with inline():
        objects = drive(GitStore.memory())._repository.objects
    data = os.urandom(3 << 20)
    spool = Spool(None)
    spool.append(data)
    spool.write_out()

    def cancel() -> None:
        raise ZeroDivisionError

    first, second = objects.writer(), objects.writer()
    with pytest.raises(ZeroDivisionError):
        spool.content(0o100644).store(Place(objects, first, cancel))
    first.discard()
    spool.append(b"more")
    entry = spool.content(0o100644).store(Place(objects, second, lambda: None))
    assert entry.oid == hash_object(ObjectType.BLOB, data + b"more")
    second.discard()
    spool.close()


# --- only in one face


@pytest.mark.parametrize("anyio_backend", [BLOCKING], ids=face_id)
async def test_blocking_writers_are_real_io_objects(store):
    with unwrapped(await main(store)).writer("data.json", "w") as f:
        assert isinstance(f, io.TextIOBase)
        json.dump({"a": [1, 2]}, f)
    with f.fs.writer("rows.csv", "w") as f:
        csv.writer(f).writerows([["x", "y"], [1, 2]])
    with f.fs.writer("wrapped", "wb") as f:
        assert isinstance(f, io.BufferedIOBase)
        text = io.TextIOWrapper(f, encoding="utf-16-le", newline="\r\n")
        text.write("é\n")
        text.flush()
        text.detach()
    assert f.fs.read_text("data.json") == '{"a": [1, 2]}'
    assert f.fs.read("rows.csv") == b"x,y\r\n1,2\r\n"
    assert f.fs.read_text("wrapped", "utf-16-le") == "é\r\n"


@pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
async def test_async_writers_can_be_used_without_a_block(store):
    f = (await main(store)).writer("f")
    await f.write(b"1")
    await f.close()
    assert await f.fs.read("f") == b"1"
