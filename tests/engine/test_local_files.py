"""Reading local files: whole and as they were, or an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vost._engine.localfiles import STREAM_THRESHOLD, HashingSink, ReadFile, read_into
from vost._model.objects import ObjectType, hash_object


def nothing() -> None:
    """Stand for a check that finds no cancellation."""


def read(path: Path, check: Callable[[], None] = nothing, sink: object = None) -> ReadFile:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read_into(descriptor, str(path), sink or HashingSink(), check)  # type: ignore[arg-type]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("size", [0, 1, 5000, STREAM_THRESHOLD, STREAM_THRESHOLD + 1, 3_000_000])
def test_the_id_is_that_of_the_content(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "f").write_bytes(data)
    found = read(tmp_path / "f")
    assert found.oid == hash_object(ObjectType.BLOB, data)
    assert found.status.st_size == size
    assert found.lasting


@pytest.mark.parametrize("change", ["grow", "shrink", "overwrite"])
def test_a_large_file_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, change: str
) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(2 << 20))
    os.utime(path, (1_000_000_000, 1_000_000_000))

    def meddle() -> None:
        if change == "overwrite":
            with path.open("r+b") as file:
                file.write(b"new")
        else:
            os.truncate(path, 3 << 20 if change == "grow" else 1 << 20)

    with pytest.raises(OSError, match="changed while it was read"):
        read(path, meddle)


@pytest.mark.parametrize("change", [b"", b"longer than before", b"abc"])
def test_a_small_file_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, change: bytes
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"123")
    os.utime(path, (1_000_000_000, 1_000_000_000))

    class Meddling(HashingSink):
        def add(self, object_type: ObjectType, data: bytes) -> bytes:
            path.write_bytes(change)
            return super().add(object_type, data)

    with pytest.raises(OSError, match="changed while it was read"):
        read(path, sink=Meddling())


def test_what_the_system_makes_up_is_read_but_not_lasting() -> None:
    found = read(Path("/proc/self/status"))
    assert not found.lasting


def test_a_directory_and_a_fifo_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    descriptor = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="FIFO"):
        read_into(descriptor, "fifo", HashingSink(), nothing)
    os.close(descriptor)


def test_chunks_that_do_not_add_up_are_refused() -> None:
    for chunks in ([b"ab"], [b"abc", b"d"], []):
        with pytest.raises(ValueError, match="add up"):
            HashingSink().add_stream(ObjectType.BLOB, 3, chunks)
