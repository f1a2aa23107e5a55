"""`fs.open`: contract section 23, seekable readers of bytes and readers of text."""

from __future__ import annotations

import io
import os
import random
from pathlib import PurePosixPath

import pytest

from tests.support.faces import ASYNC_FACES, BLOCKING, collect, face_id, unwrapped
from vost import FileType

DATA = bytes(range(256)) * 2560  # 640 KiB: several times what a reader fetches at once


@pytest.fixture(params=["loose", "packed", "incompressible"])
def layout(request):
    """Say how the file lies in the repository: each is read in another way."""
    return request.param


async def stored(store, layout):
    data = random.Random(1).randbytes(len(DATA)) if layout == "incompressible" else DATA
    fs = await (await store.branches["main"]).write("dir/f", data)
    if layout == "packed":
        assert await store.pack() > 0
    return fs, data


async def test_reading_to_the_end(disk_store, layout):
    fs, data = await stored(disk_store, layout)
    async with fs.open("dir/f") as f:
        assert await f.read() == data
        assert await f.read() == b""
        assert await f.read(10) == b""


async def test_reading_piece_by_piece(disk_store, layout):
    fs, data = await stored(disk_store, layout)
    pieces = []
    async with fs.open("dir/f", "rb") as f:
        for size in (1, 2, 0, 100, 70_000, 300_000, 2_000_000):
            assert f.tell() == sum(map(len, pieces))
            pieces.append(await f.read(size))
    assert [len(piece) for piece in pieces] == [1, 2, 0, 100, 70_000, 300_000, len(data) - 370_103]
    assert b"".join(pieces) == data


async def test_seeking_from_the_start_from_here_and_from_the_end(disk_store, layout):
    fs, data = await stored(disk_store, layout)
    async with fs.open("dir/f") as f:
        assert await f.seek(1000) == 1000
        assert await f.read(10) == data[1000:1010]
        assert await f.seek(-10, os.SEEK_CUR) == 1000
        assert await f.read(5) == data[1000:1005]
        assert await f.seek(90, os.SEEK_CUR) == f.tell() == 1095
        assert await f.read(5) == data[1095:1100]
        assert await f.seek(-7, os.SEEK_END) == len(data) - 7
        assert await f.read() == data[-7:]
        assert await f.seek(0) == 0
        assert await f.read(3) == data[:3]
        assert await f.seek(600_000) == 600_000
        assert await f.read(3) == data[600_000:600_003]


async def test_random_access_equals_slices(store):
    fs = await (await store.branches["main"]).write("f", DATA)
    chance = random.Random(7)
    async with fs.open("f") as f:
        for _ in range(60):
            at, size = chance.randrange(len(DATA) + 50), chance.randrange(5000)
            await f.seek(at)
            assert await f.read(size) == DATA[at : at + size]


async def test_positions_behind_the_end_read_nothing(store):
    fs = await (await store.branches["main"]).write("f", b"12345")
    async with fs.open("f") as f:
        assert await f.seek(100) == f.tell() == 100
        assert await f.read() == b""
        assert await f.read(5) == b""
        assert await f.seek(-1, os.SEEK_END) == 4
        assert await f.read() == b"5"


async def test_bad_seeks_are_refused_and_change_nothing(store):
    fs = await (await store.branches["main"]).write("f", b"12345")
    async with fs.open("f") as f:
        await f.seek(2)
        for offset, whence in ((-1, os.SEEK_SET), (-3, os.SEEK_CUR), (-6, os.SEEK_END), (0, 9)):
            with pytest.raises(ValueError):
                await f.seek(offset, whence)
        assert f.tell() == 2
        assert await f.read() == b"345"


async def test_readinto_fills_what_there_is(store):
    fs = await (await store.branches["main"]).write("f", b"0123456789")
    async with fs.open("f") as f:
        buffer = bytearray(4)
        assert await f.readinto(buffer) == 4
        assert buffer == b"0123"
        view = memoryview(bytearray(8))
        assert await f.readinto(view) == 6
        assert bytes(view) == b"456789\0\0"
        assert await f.readinto(buffer) == 0
        assert buffer == b"0123"


async def test_reading_all_is_spelled_in_three_ways(store):
    fs = await (await store.branches["main"]).write("f", b"abc")
    for arguments in ((), (-1,), (None,)):
        async with fs.open("f") as f:
            assert await f.read(*arguments) == b"abc"


async def test_iterating_yields_all_bytes(disk_store, layout):
    """Pieces in the async face, lines in the blocking one, as files of Python have them."""
    fs, data = await stored(disk_store, layout)
    async with fs.open("dir/f") as f:
        await f.seek(17)
        pieces = await collect(f)
    assert len(pieces) > 1
    assert b"".join(pieces) == data[17:]


async def test_what_a_reader_knows_of_itself(store):
    fs = await (await store.branches["main"]).write("dir/f", b"12345")
    async with fs.open("dir/f") as f:
        assert await f.size() == 5
        assert f.name == "dir/f"
        assert (f.readable(), f.writable(), f.seekable(), f.closed) == (True, False, True, False)
        await f.read(2)
        assert repr(f) == "Reader('dir/f', at 2)"
    assert f.closed
    assert repr(f) == "Reader('dir/f', closed)"


async def test_a_closed_reader_reads_no_more(store):
    fs = await (await store.branches["main"]).write("f", b"12345")
    async with fs.open("f") as f:
        await f.read(1)
    await f.close()
    await f.close()
    for call in (lambda: f.read(), lambda: f.seek(0), lambda: f.readinto(bytearray(1))):
        with pytest.raises(ValueError, match="closed"):
            await call()
    with pytest.raises(ValueError, match="closed"):
        f.tell()


async def test_a_reader_survives_a_failing_block(store):
    fs = await (await store.branches["main"]).write("f", b"12345")
    with pytest.raises(ZeroDivisionError):
        async with fs.open("f") as f:
            raise ZeroDivisionError
    assert f.closed


async def test_several_readers_of_one_file_do_not_disturb_each_other(disk_store, layout):
    fs, data = await stored(disk_store, layout)
    async with fs.open("dir/f") as one, fs.open("dir/f") as two:
        assert await one.read(300_000) == data[:300_000]
        assert await two.read(10) == data[:10]
        assert await one.read(10) == data[300_000:300_010]
        assert await two.read() == data[10:]


async def test_a_reader_keeps_its_snapshot(store):
    fs = await (await store.branches["main"]).write("f", b"old")
    async with fs.open("f") as f:
        await (await fs.write("f", b"new")).remove("f")
        assert await f.read() == b"old"


async def test_a_reader_outlives_a_repack(disk_store, repo, git):
    fs = await (await disk_store.branches["main"]).write("f", DATA)
    async with fs.open("f") as f:
        assert await f.read(1000) == DATA[:1000]
        git(repo, "repack", "-adq")
        git(repo, "prune-packed", "-q")
        assert await f.read(500_000) == DATA[1000:501_000]
        await f.seek(5)
        assert await f.read(5) == DATA[5:10]


async def test_empty_files_links_and_executables_are_opened_too(store):
    fs = await store.branches["main"]
    fs = await fs.write("empty", b"")
    fs = await fs.write("run", b"#!", mode=FileType.EXECUTABLE)
    fs = await fs.write_symlink("link", "run")
    for path, data in (("empty", b""), ("run", b"#!"), ("link", b"run")):
        async with fs.open(path) as f:
            assert await f.size() == len(data)
            assert await f.read() == data
            assert await f.read(1) == b""


async def test_paths_of_any_kind_are_opened(store):
    fs = await (await store.branches["main"]).write("d/f", b"1")
    for path in ("/d/f", "d/./f", "d/f/", PurePosixPath("d/f")):
        async with fs.open(path) as f:
            assert await f.read() == b"1"
        async with fs.open(path, "r") as f:
            assert await f.read() == "1"


@pytest.mark.parametrize("mode", ["rb", "r"])
async def test_what_cannot_be_opened_is_refused(store, mode):
    fs = await (await store.branches["main"]).write("d/f", b"1")
    for path, error in (
        ("missing", FileNotFoundError),
        ("d/missing", FileNotFoundError),
        ("d", IsADirectoryError),
        ("d/f/x", NotADirectoryError),
        ("", ValueError),
        ("/", ValueError),
        ("..", ValueError),
        ("a\0b", ValueError),
        (None, TypeError),
        (b"d/f", TypeError),
    ):
        with pytest.raises(error):
            async with fs.open(path, mode):
                pytest.fail(f"opened {path!r}")


async def test_modes_that_write_are_refused_at_the_call(store):
    fs = await (await store.branches["main"]).write("f", b"1")
    for mode in ("w", "wb", "a", "r+", "rb+", "rt", "", "x"):
        with pytest.raises(ValueError, match="mode"):
            fs.open("f", mode)


# --- text


async def test_text_is_read_whole_and_in_pieces_of_characters(store):
    text = "héllo wörld\r\n€uro\r" * 20_000
    fs = await (await store.branches["main"]).write_text("t", text)
    async with fs.open("t", "r") as f:
        assert await f.read() == text
        assert await f.read() == ""
    async with fs.open("t", "r") as f:
        pieces = [await f.read(size) for size in (1, 3, 0, 100_000, 10)]
        assert [len(piece) for piece in pieces] == [1, 3, 0, 100_000, 10]
        assert "".join(pieces) + await f.read(-1) == text


async def test_text_is_read_by_lines_with_their_ends_untranslated(store):
    text = "one\ntwo\r\n\nth\rree"
    fs = await (await store.branches["main"]).write_text("t", text)
    lines = ["one\n", "two\r\n", "\n", "th\rree"]
    async with fs.open("t", "r") as f:
        assert await f.readline() == lines[0]
        assert await collect(f) == lines[1:]
        assert await f.readline() == ""
    long = "x" * 300_000 + "\n" + "y" * 200_000
    fs = await fs.write_text("long", long)
    async with fs.open("long", "r") as f:
        assert [len(line) for line in await collect(f)] == [300_001, 200_000]


async def test_reading_and_lines_can_be_mixed(store):
    fs = await (await store.branches["main"]).write_text("t", "abc\ndef\nghi")
    async with fs.open("t", "r") as f:
        assert await f.read(2) == "ab"
        assert await f.readline() == "c\n"
        assert await f.read(1) == "d"
        assert await f.read() == "ef\nghi"


async def test_characters_that_are_cut_by_a_boundary_are_put_together(store):
    text = "a" + "€" * 150_000  # three bytes each: every fetch ends within one
    fs = await (await store.branches["main"]).write_text("t", text)
    async with fs.open("t", "r") as f:
        assert await f.read() == text


async def test_other_encodings_and_undecodable_text(store):
    fs = await (await store.branches["main"]).write_text("t", "é\nü", encoding="utf-16")
    async with fs.open("t", "r", encoding="utf-16") as f:
        assert await collect(f) == ["é\n", "ü"]
    fs = await fs.write("bad", b"ok\n\xff\xfe")
    async with fs.open("bad", "r", encoding="latin-1") as f:
        assert await f.read() == "ok\nÿþ"
    with pytest.raises(UnicodeDecodeError):
        async with fs.open("bad", "r") as f:
            await f.read()
    fs = await fs.write("cut", "é".encode()[:1])
    with pytest.raises(UnicodeDecodeError):
        async with fs.open("cut", "r") as f:
            await f.read()


async def test_an_unknown_encoding_is_refused(store):
    fs = await (await store.branches["main"]).write("t", b"1")
    with pytest.raises(LookupError):
        async with fs.open("t", "r", encoding="no-such"):
            pytest.fail("opened")


async def test_a_closed_text_reader_reads_no_more(store):
    fs = await (await store.branches["main"]).write("t", b"one\ntwo\nthree")
    for lines in (0, 1, 3):
        async with fs.open("t", "r") as f:
            assert f.name == "t"
            assert not f.closed
            assert len([await f.readline() for _ in range(lines)]) == lines
        assert f.closed
        await f.close()
        for call in (f.read, f.readline, lambda f=f: f.read(1)):
            with pytest.raises(ValueError, match="closed"):
                await call()


# --- only in one face


@pytest.mark.parametrize("anyio_backend", [BLOCKING], ids=face_id)
async def test_blocking_readers_are_real_io_objects(store):
    fs = await (await store.branches["main"]).write("t", b"one\r\ntwo\nthree")
    real = unwrapped(fs)
    with real.open("t") as f:
        assert isinstance(f, io.BufferedReader)
        assert list(f) == [b"one\r\n", b"two\n", b"three"]
    with real.open("t") as f, io.TextIOWrapper(f, encoding="ascii") as text:
        assert text.read() == "one\ntwo\nthree"
    with real.open("t", "r") as f:
        assert isinstance(f, io.TextIOBase)
        assert f.readlines() == ["one\r\n", "two\n", "three"]


@pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
async def test_async_readers_find_their_file_on_the_first_step(store):
    fs = await (await store.branches["main"]).write("f", b"12345")
    f = fs.open("f")
    assert await f.seek(2) == 2
    assert await f.read() == b"345"
    await f.close()
    with pytest.raises(FileNotFoundError):
        await fs.open("missing").read()
