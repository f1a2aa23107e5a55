"""Memory, descriptors, forks and speed: what must not grow, leak or break."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.objects_on_disk import BLOB, make_repository, write
from vost._model.objects import ObjectType
from vost._storage.bigobjects import encode_object
from vost._storage.deflate import Deflater, Inflater
from vost._storage.diskobjects import DiskObjects
from vost._storage.handles import FileHandle
from vost._storage.stored import StoredEncoder, StoredReader, is_stored, store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r.git")


@pytest.fixture
def objects(repository: Path) -> DiskObjects:
    return DiskObjects(repository / "objects")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def megabytes(count: int, *, compressible: bool) -> Iterator[bytes]:
    piece = random.Random(1).randbytes(MIB)
    if compressible:
        piece = piece.translate(bytes(48 + byte % 10 for byte in range(256)))
    for number in range(count):
        yield number.to_bytes(8, "big") + piece[8:]


@pytest.mark.parametrize("compressible", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_large_objects_go_in_and_out_in_bounded_memory(
    objects: DiskObjects, compressible: bool, packed: bool
) -> None:
    count = 48
    tracemalloc.start()
    try:
        writer = objects.writer()
        for number in range(100 * packed):
            writer.add(BLOB, b"%d" % number)
        size = count * MIB
        oid = writer.add_stream(BLOB, size, megabytes(count, compressible=compressible))
        writer.flush()
        writer.release()
        read = 0
        with objects.open_stream(oid) as stream:
            while data := stream.read(100_000):
                read += len(data)
        end = objects.get_range(oid, size - 100, 100)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    *_, last = megabytes(count, compressible=compressible)
    assert (read, end) == (size, last[-100:])
    assert peak < 16 * MIB


@pytest.mark.parametrize("packed", [True, False])
def test_range_of_a_stored_object_reads_little(
    objects: DiskObjects, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 48
    writer = objects.writer()
    for number in range(100 * packed):
        writer.add(BLOB, b"%d" % number)
    oid = writer.add_stream(BLOB, count * MIB, megabytes(count, compressible=False))
    writer.flush()
    sizes: list[int] = []
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        data = pread(descriptor, size, offset)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counted)
    assert len(objects.get_range(oid, count * MIB - 100, 100)) == 100
    assert 0 < sum(sizes) < 256 * 1024


def test_number_of_open_files_stays_the_same(repository: Path, objects: DiskObjects) -> None:
    oids = write(objects, [b"%d" % number * 1000 for number in range(100)])
    loose = write(objects, [random.Random(1).randbytes(300_000)])
    before = open_files()
    for number in range(2000):
        handle = DiskObjects(repository / "objects")
        assert handle.get(oids[number % 100])[0] is BLOB
        stream = handle.open_stream(loose[0])
        stream.read(10)
        if number % 50 == 0:
            writer = handle.writer()
            writer.add(BLOB, b"%d" % number)
            writer.flush()
    del handle, stream, writer
    assert open_files() <= before


def test_child_after_fork_can_go_on(objects: DiskObjects) -> None:
    oids = write(objects, [b"%d" % number * 1000 for number in range(100)])
    loose = write(objects, [b"hello"])
    writer = objects.writer()
    for number in range(120):
        writer.add(BLOB, b"parent %d" % number)
    held = threading.Event()
    done = threading.Event()

    def hold_every_lock() -> None:
        with objects._packs._lock, objects._bases._lock, objects._handles._lock:
            held.set()
            done.wait(20)

    with objects.open_stream(oids[99]) as stream:
        thread = threading.Thread(target=hold_every_lock)
        thread.start()
        held.wait(20)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                objects.close()
                assert objects.get(oids[50]) == (BLOB, b"50" * 1000)
                assert objects.get(loose[0]) == (BLOB, b"hello")
                assert stream.read(10_000) == b"99" * 1000
                assert objects.has_many([bytes(20)]) == set()
                mine = write(objects, [b"child %d" % number for number in range(120)])
                assert objects.has_many(mine) == set(mine)
                # What the parent is writing is not the child's to discard.
                writer.discard()
                status = 0
            finally:
                os._exit(status)
        done.set()
        thread.join()
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert stream.read(10_000) == b"99" * 1000
    oid = writer.add(BLOB, b"parent at last")
    writer.flush()
    writer.release()
    assert objects.get(oid) == (BLOB, b"parent at last")


WITHOUT_ISAL = """
import sys
sys.modules["isal"] = None
from pathlib import Path
from vost._model.objects import ObjectType
from vost._storage.diskobjects import DiskObjects
objects = DiskObjects(Path(sys.argv[1]))
contents = [b"", b"hello", b"text " * 50_000, bytes(range(256)) * 2000]
writer = objects.writer()
oids = [writer.add(ObjectType.BLOB, data) for data in contents]
oids.append(writer.add_stream(ObjectType.BLOB, 5_000_000, [b"12345" * 1_000_000]))
writer.flush()
assert [objects.get(oid)[1] for oid in oids] == [*contents, b"12345" * 1_000_000]
assert objects.get_range(oids[4], 4_999_999, 9) == b"5"
objects.open_stream(oids[4]).read(3)
path = objects._loose.path_of(oids[1])
import os
os.chmod(path, 0o644)
open(path, "r+b").write(b"damage")
from vost._model.errors import CorruptObjectError
try:
    objects.get(oids[1])
except CorruptObjectError:
    print("fine")
"""


def test_standard_zlib_takes_the_place_of_isal(repository: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_ISAL, repository / "objects"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("fine\n", "")


def test_no_helper_thread_is_left_when_the_size_is_wrong(objects: DiskObjects) -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="add up"):
        objects.writer().add_stream(BLOB, 50 * MIB, megabytes(20, compressible=True))
    assert threading.active_count() == before


@given(
    st.lists(st.integers(0, 200_000), max_size=6),
    st.integers(0, 400_000),
    st.integers(1, 300_000),
)
def test_stored_streams_equal_what_zlib_reads(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], offset: int, step: int
) -> None:
    data = random.Random(sum(sizes)).randbytes(sum(sizes))
    encoder = StoredEncoder(len(data))
    encoded = b""
    at = 0
    for size in sizes:
        encoded += encoder.feed(data[at : at + size]) if size else b""
        at += size
    encoded += encoder.finish()
    assert encoded == store(data)
    assert zlib.decompress(encoded) == data
    path = tmp_path_factory.getbasetemp() / "stored"
    path.write_bytes(b"before" + encoded + b"after")
    handle = FileHandle(str(path))
    stored = is_stored(handle, 6, handle.size, len(data))
    assert stored == (len(data) > 65_535)
    for reader in [Inflater(handle, 6, handle.size)] + stored * [
        StoredReader(handle, 6, len(data))
    ]:
        reader.skip(min(offset, len(data)))
        parts = iter(lambda reader=reader: reader.read(step), b"")
        assert b"".join(parts) == data[offset:]


@given(st.integers(0, 9) | st.none(), st.booleans(), st.integers(0, 300_000), st.binary())
def test_deflated_data_is_what_it_was(
    compression: int | None, is_tree: bool, size: int, seed: bytes
) -> None:
    data = random.Random(seed).randbytes(size) if len(seed) % 2 else (seed + b".") * size
    data = data[:300_000]
    kind = ObjectType.TREE if is_tree else BLOB
    deflater = Deflater(compression)
    assert zlib.decompress(deflater.deflate(kind, data)) == data
    parts: list[bytes] = []
    chunks = [data[:1000], data[1000:]]
    encode_object(kind, len(data), chunks, deflater=deflater, prefix=b"head", sink=parts.append)
    assert zlib.decompress(b"".join(parts)) == b"head" + data
