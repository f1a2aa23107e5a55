"""Pack indexes that are too large for the other tests: mapped, crowded, with 64-bit offsets."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from vost._storage.damage import DamagedDataError
from vost._storage.packindex import PackIndex, index_parts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def entries() -> dict[bytes, int]:
    chance = random.Random(1)
    oids = [b"\xaa" + chance.randbytes(19) for _ in range(12_000)]
    oids += [b"\xab" + chance.randbytes(19) for _ in range(300)]
    oids += [b"\xff" * 20, bytes(20)]
    return {oid: (12 + number * (1 << 20)) << 32 | number for number, oid in enumerate(oids)}


@pytest.fixture
def path(tmp_path: Path, entries: dict[bytes, int]) -> Path:
    data = b"".join(index_parts(entries, b"c" * 20))
    path = tmp_path / "pack.idx"
    path.write_bytes(data + hashlib.sha1(data).digest())
    return path


def test_crowded_mapped_index_finds_every_entry(path: Path, entries: dict[bytes, int]) -> None:
    index = PackIndex(str(path))
    assert index.is_mapped
    assert index.count == len(entries)
    assert index.pack_checksum == b"c" * 20
    for oid, value in entries.items():
        assert index.find(oid) == value >> 32
    order = [index.oid_of(number) for number in index.numbers_by_offset()]
    assert order == list(entries)
    assert [index.crc_of(number) for number in index.numbers_by_offset()] == [
        value & 0xFFFFFFFF for value in entries.values()
    ]


def test_absent_ids_are_not_found(path: Path, entries: dict[bytes, int]) -> None:
    index = PackIndex(str(path))
    chance = random.Random(2)
    absent = [bytes([first]) + chance.randbytes(19) for first in (0, 0xA9, 0xAA, 0xAB, 0xFF) * 200]
    # The second half of one id and the first half of the next one: found, but not as an id.
    ordered = sorted(entries)
    across = b"".join(ordered)
    absent += [across[at + 10 : at + 30] for at in range(0, 20_000, 20)]
    absent += [b"\xaa" + bytes(19), b"\xaa" + b"\xff" * 19, b"\xab" + b"\xff" * 19]
    assert [oid for oid in absent if index.find(oid) is not None] == []


def test_ids_between_are_those_of_a_sorted_list(path: Path, entries: dict[bytes, int]) -> None:
    index = PackIndex(str(path))
    ordered = sorted(entries)
    chance = random.Random(3)
    for _ in range(20):
        low, high = sorted(chance.sample(ordered, 2))
        expected = [oid for oid in ordered if low <= oid <= high]
        assert list(index.iter_between(low, high)) == expected
    assert list(index.iter_between(bytes(20), b"\xff" * 20)) == ordered


@pytest.mark.parametrize("number", [0x7FFFFFFF, 50_000])
def test_large_offset_that_is_not_there_is_damage(
    path: Path, entries: dict[bytes, int], number: int
) -> None:
    data = bytearray(path.read_bytes())
    table = 8 + 1024 + 24 * len(entries)
    data[table : table + 4] = (1 << 31 | number).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(DamagedDataError, match="offset"):
        PackIndex(str(path)).find(bytes(20))


def test_impossible_offset_is_damage(path: Path, entries: dict[bytes, int]) -> None:
    data = bytearray(path.read_bytes())
    table = 8 + 1024 + 24 * len(entries)
    large = table + 4 * len(entries)
    data[table : table + 4] = (1 << 31).to_bytes(4, "big")
    data[large : large + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(DamagedDataError, match="impossible"):
        PackIndex(str(path)).find(bytes(20))
