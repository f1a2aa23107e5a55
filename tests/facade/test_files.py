"""Readers and writers of the blocking API are real ``io`` objects."""

from __future__ import annotations

import csv
import gc
import io
import json
import zipfile

import pytest

from vost_sync import FS, GitStore, StaleSnapshotError
from vost_sync.files import BatchTextWriter, BatchWriter, Reader, TextReader, Writer

LINES = b"one\ntwo\r\nthr\xc3\xa9e\n"


@pytest.fixture(params=["memory", "disk"])
def fs(request, tmp_path) -> FS:
    disk = request.param == "disk"
    store = GitStore.open(tmp_path / "r.git") if disk else GitStore.memory()
    return store.branches["main"].write("a.txt", LINES)


def test_reader_is_a_seekable_buffered_reader(fs):
    with fs.open("a.txt") as reader:
        assert isinstance(reader, Reader)
        assert isinstance(reader, io.BufferedReader)
        assert (reader.readable(), reader.writable(), reader.seekable()) == (True, False, True)
        assert reader.name == "a.txt"
        assert reader.size() == len(LINES)
        assert reader.readline() == b"one\n"
        assert reader.peek(3)[:3] == b"two"
        assert reader.seek(-4, io.SEEK_END) == len(LINES) - 4
        assert reader.read() == LINES[-4:]
        assert reader.read(1) == b""
        assert reader.seek(1) == 1
        assert reader.tell() == 1
        buffer = bytearray(2)
        assert reader.readinto(buffer) == 2
        assert bytes(buffer) == b"ne"
        assert repr(reader) == "Reader('a.txt', at 3)"
    assert reader.closed
    assert repr(reader) == "Reader('a.txt', closed)"
    with pytest.raises(ValueError):
        reader.read()


def test_reader_reads_more_than_it_buffers(fs):
    content = bytes(range(256)) * 4096
    with fs.write("big", content).open("big") as reader:
        assert b"".join(iter(lambda: reader.read(100_000), b"")) == content
        reader.seek(500_000)
        assert reader.read(10) == content[500_000:500_010]


def test_text_reader_leaves_line_ends_untouched(fs):
    with fs.open("a.txt", "r") as reader:
        assert isinstance(reader, TextReader)
        assert list(reader) == ["one\n", "two\r\n", "thr\u00e9e\n"]
    with fs.open("a.txt", "r", encoding="latin-1") as reader:
        assert reader.read() == LINES.decode("latin-1")


def test_reader_is_accepted_where_files_are(fs):
    fs = fs.write("t.json", b'{"a": 1}').write("t.csv", b"1,2\n")
    with fs.open("t.json") as reader:
        assert json.load(reader) == {"a": 1}
    with io.TextIOWrapper(fs.open("t.csv"), newline="") as text:
        assert list(csv.reader(text)) == [["1", "2"]]


@pytest.mark.parametrize(
    "path, mode, error",
    [
        ("missing", "rb", FileNotFoundError),
        ("missing", "r", FileNotFoundError),
        ("", "rb", ValueError),
        ("a.txt/x", "rb", NotADirectoryError),
        ("a.txt", "rt", ValueError),
        ("a.txt", "wb", ValueError),
    ],
)
def test_open_fails_at_once(fs, path, mode, error):
    with pytest.raises(error):
        fs.open(path, mode)


def test_open_of_a_directory_fails(fs):
    with pytest.raises(IsADirectoryError):
        fs.write("d/x", b"").open("d")


def test_open_of_an_unknown_encoding_fails(fs):
    with pytest.raises(LookupError):
        fs.open("a.txt", "r", encoding="no-such")


def test_writer_commits_when_it_is_closed(fs):
    with fs.writer("b.bin") as writer:
        assert isinstance(writer, Writer)
        assert isinstance(writer, io.BufferedIOBase)
        assert (writer.readable(), writer.writable(), writer.seekable()) == (False, True, False)
        assert writer.name == "b.bin"
        assert writer.write(b"ab") == 2
        assert writer.write(bytearray(b"c")) == 1
        assert writer.write(memoryview(b"d")) == 1
        writer.writelines([b"e", b"f"])
        writer.flush()
        assert writer.fs is None
    assert writer.closed
    assert writer.fs.read("b.bin") == b"abcdef"
    assert writer.fs is writer.fs
    assert writer.fs.parent.commit_hash == fs.commit_hash
    writer.close()


def test_text_writer_takes_text_and_does_not_translate(fs):
    with fs.writer("t.txt", "w") as writer:
        assert isinstance(writer, io.TextIOBase)
        assert (writer.encoding, writer.errors) == ("utf-8", "strict")
        assert writer.write("é\r\n") == 4
        print("line", file=writer)
    assert writer.fs.read("t.txt") == "é\r\nline\n".encode()


def test_writer_refuses_the_other_kind(fs):
    with pytest.raises(TypeError, match="expected bytes"):
        fs.writer("x").write("text")
    with pytest.raises(TypeError, match="expected str"):
        fs.writer("x", "w").write(b"bytes")


def test_writer_refuses_work_after_close(fs):
    with fs.writer("x") as writer:
        pass
    with pytest.raises(ValueError):
        writer.write(b"x")
    with pytest.raises(ValueError):
        writer.flush()
    with pytest.raises(ValueError), writer:
        pass


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_writer_discards_when_its_block_raises(fs, mode):
    with pytest.raises(ZeroDivisionError), fs.writer("x", mode) as writer:
        raise ZeroDivisionError
    assert writer.closed
    assert writer.fs is None
    assert not fs.exists("x")
    fs.write("y", b"the branch has not moved")


def test_writer_that_is_dropped_commits_nothing(fs):
    writer = fs.writer("x")
    writer.write(b"x")
    del writer
    gc.collect()
    fs.write("y", b"the branch has not moved")


def test_writer_that_is_discarded_commits_nothing(fs):
    writer = fs.writer("x")
    writer.write(b"x")
    writer.discard()
    writer.close()
    assert writer.closed
    assert writer.fs is None


def test_writer_stays_open_when_its_close_fails(fs):
    writer = fs.writer("x")
    fs.write("y", b"the branch moves")
    with pytest.raises(StaleSnapshotError):
        writer.close()
    assert not writer.closed
    assert writer.fs is None


def test_writer_is_accepted_where_files_are(fs):
    with fs.writer("t.json", "w") as writer:
        json.dump({"a": [1, None]}, writer)
    with writer.fs.writer("t.csv", "w") as writer:
        csv.writer(writer).writerows([[1, "é"], [2, ""]])
    with writer.fs.writer("t.zip") as writer, zipfile.ZipFile(writer, "w") as archive:
        archive.writestr("inner", b"content")
    with writer.fs.writer("t.txt") as writer, io.TextIOWrapper(writer, "utf-16") as text:
        text.write("wide")
    final = writer.fs
    assert json.loads(final.read("t.json")) == {"a": [1, None]}
    assert final.read_text("t.csv") == "1,é\r\n2,\r\n"
    assert final.read_text("t.txt", "utf-16") == "wide"
    with final.open("t.zip") as reader, zipfile.ZipFile(reader) as archive:
        assert archive.read("inner") == b"content"


def test_batch_writers_stage_files(fs):
    with fs.batch() as batch:
        with batch.writer("b") as binary:
            assert isinstance(binary, BatchWriter)
            binary.write(b"1")
        with batch.writer("t", "w") as text:
            assert isinstance(text, BatchTextWriter)
            text.write("2")
        with pytest.raises(ZeroDivisionError), batch.writer("no"):
            raise ZeroDivisionError
    assert batch.fs.ls() == ["a.txt", "b", "t"]
    assert (batch.fs.read("b"), batch.fs.read("t")) == (b"1", b"2")


def test_batch_writer_closed_after_its_batch_fails(fs):
    with fs.batch() as batch:
        writer = batch.writer("b")
    with pytest.raises(RuntimeError, match="Batch is closed"):
        writer.close()


@pytest.mark.parametrize("mode", ["r", "a", "wt", ""])
def test_writer_refuses_other_modes(fs, mode):
    with pytest.raises(ValueError):
        fs.writer("x", mode)
    with pytest.raises(ValueError):
        fs.batch().writer("x", mode)
