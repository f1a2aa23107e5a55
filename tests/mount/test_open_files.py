"""Open files are read by range, in any order, in bounded memory."""

from __future__ import annotations

import gc
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vost.mount import openfiles
from vost.mount.openfiles import OpenFile, OpenFiles
from vost_sync import FS, GitStore

SIZE = 2_500_001
REQUEST = 1 << 17


def content(name: str) -> bytes:
    source = random.Random(name)
    if name == "noise":
        return source.randbytes(SIZE)
    return b"".join(b"%08d %s\n" % (n, source.choice([b"a", b"bb"])) for n in range(SIZE // 8))


@pytest.fixture(scope="module", params=["noise", "text"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenFile:
    path = tmp_path_factory.mktemp("large") / "r.git"
    fs = GitStore.open(path).branches["main"].write("f", content(request.param))
    return opened(fs, "f")


def opened(fs: FS, path: str) -> OpenFile:
    return OpenFile(fs, path, fs.stat(path))


@settings(max_examples=15)
@given(st.data())
def test_reads_in_any_order_return_what_is_there(large: OpenFile, data: st.DataObject) -> None:
    expected = large.fs.read("f")
    places = st.integers(0, len(expected) + 10)
    for offset in data.draw(st.lists(places, min_size=1, max_size=6)):
        size = data.draw(st.sampled_from([1, 4096, REQUEST, 3 * REQUEST]))
        for at in range(offset, offset + 3 * size, size):
            assert large.read(size, at) == expected[at : at + size]


def test_what_the_kernel_reads_ahead_may_arrive_out_of_order(
    large: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = large.fs.read("f")
    large.rest()
    requests = list(range(0, len(expected), REQUEST))
    for first in range(0, len(requests) - 1, 2):
        requests[first], requests[first + 1] = requests[first + 1], requests[first]
    opened_at: list[str] = []
    open_reader = FS.open
    monkeypatch.setattr(
        FS, "open", lambda self, path: (opened_at.append(path), open_reader(self, path))[1]
    )
    for at in requests:
        assert large.read(REQUEST, at) == expected[at : at + REQUEST]
    assert opened_at == ["f"]  # it was one stream from front to back


def test_only_the_last_bytes_of_a_large_file_are_kept(large: OpenFile) -> None:
    large.rest()
    most = 0
    for at in range(0, large.status.size, REQUEST):
        large.read(REQUEST, at)
        stream = large._content
        assert isinstance(stream, openfiles._Stream)
        most = max(most, sum(map(len, stream._window.pieces)))
    assert openfiles.PIECE <= most <= openfiles.KEPT + openfiles.PIECE


def test_many_threads_read_one_file(large: OpenFile) -> None:
    expected = large.fs.read("f")

    def read(number: int) -> bytes:
        return large.read(REQUEST, number * 25_000)

    with ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(read, range(100))):
            assert found == expected[number * 25_000 : number * 25_000 + REQUEST]


def test_files_that_are_read_hold_a_bounded_number_of_streams(
    store: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openfiles, "MAX_READING", 4)
    size = openfiles.SMALL + 1
    with store.branches["main"].batch() as batch:
        for number in range(12):
            batch.write(f"f{number}", os.urandom(size))
    fs = store.branches["main"]
    files = OpenFiles()
    numbers = [files.add(opened(fs, f"f{number}")) for number in range(12)]
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for part in range(0, size, REQUEST):
        for place, number in enumerate(numbers):
            expected = fs.read(f"f{place}", offset=part, size=REQUEST)
            assert files.read(number, REQUEST, part) == expected
    reading = [file for file in files._files.values() if file._content is not None]
    assert len(reading) == 4
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 4 + 2
    files.clear()
    gc.collect()
    assert all(file._content is None for file in reading)


def test_too_many_open_files_are_refused(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openfiles, "MAX_OPEN", 2)
    fs = store.branches["main"].write("f", b"x")
    files = OpenFiles()
    files.add(opened(fs, "f"))
    number = files.add(opened(fs, "f"))
    with pytest.raises(OSError, match="Too many open files in system"):
        files.add(opened(fs, "f"))
    files.remove(number)
    files.add(opened(fs, "f"))


def test_damage_in_the_middle_of_a_file_fails_that_read_and_no_other(
    store: GitStore, repository: Path
) -> None:
    fs = store.branches["main"].write("f", content("noise"))
    name = fs.object_hash("f")
    path = repository / "objects" / name[:2] / name[2:]
    path.chmod(0o644)
    file = opened(fs, "f")
    assert len(file.read(REQUEST, 0)) == REQUEST
    os.truncate(path, SIZE // 2)
    with pytest.raises(Exception, match="damaged"):
        for at in range(0, SIZE, REQUEST):
            file.read(REQUEST, at)
    assert len(file.read(REQUEST, 0)) == REQUEST
