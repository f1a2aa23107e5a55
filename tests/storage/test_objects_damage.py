"""Damaged and malicious files: a typed error or the right bytes, never anything else."""

from __future__ import annotations

import random
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.storage.objects_on_disk import (
    BLOB,
    copy,
    delta,
    forge_pack,
    make_repository,
    pack_with_git,
    versions,
    write,
)
from vost._model.errors import CorruptObjectError, ObjectNotFoundError
from vost._model.objects import hash_object, oid_from_hex
from vost._storage.diskobjects import DiskObjects
from vost._storage.packwrite import entry_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost._model.objects import Oid

A, B, C = (bytes([byte]) * 20 for byte in (0xAA, 0xBB, 0xCC))
OFS, REF = 6, 7


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r.git")


@pytest.fixture
def objects(repository: Path) -> DiskObjects:
    return DiskObjects(repository / "objects")


def read_all(repository: Path, contents: dict[Oid, bytes]) -> int:
    """Read everything in every way and return how many objects are unreadable.

    Whatever is verified must be right; a header or a range may differ, but not blow up.
    """
    objects = DiskObjects(repository / "objects")
    failures = 0
    messages: list[tuple[str, str]] = []
    for oid, data in contents.items():
        try:
            assert objects.get(oid) == (BLOB, data)
            with objects.open_stream(oid) as stream:
                assert stream.read(len(data) + 1) == data
        except (CorruptObjectError, ObjectNotFoundError) as error:
            failures += 1
            messages.append((oid.hex(), str(error)))
        for read in (
            lambda oid=oid: objects.header(oid),
            lambda oid=oid: objects.get_range(oid, 10, 20),
            lambda oid=oid: objects.get_range(oid, 70_000, None),
        ):
            with suppress(CorruptObjectError, ObjectNotFoundError):
                read()
    objects.has_many(contents)
    assert all(name in message for name, message in messages)
    return failures


def damage(path: Path, chance: random.Random) -> None:
    """Flip a bit, overwrite a few bytes with zeros or random ones, or cut the file off."""
    data = bytearray(path.read_bytes())
    # Headers are the interesting parts and are near the ends.
    near = chance.choice([40, 1100, len(data)])
    at = chance.randrange(min(near, len(data))) * chance.choice([1, -1])
    kind = chance.choice(["flip", "zero", "random", "cut"])
    if kind == "flip":
        data[at] ^= 1 << chance.randrange(8)
    elif kind == "zero":
        data[at] = 0
    elif kind == "random":
        data[at : at + 8 if at + 8 else None] = chance.randbytes(8)
    else:
        del data[at:]
    path.write_bytes(data)


def store_loose(git: Git, repository: Path) -> dict[Oid, bytes]:
    contents = [b"", b"hello", b"text " * 9000, random.Random(1).randbytes(200_000)]
    objects = DiskObjects(repository / "objects")
    return dict(zip(write(objects, contents), contents, strict=True))


def store_packed(git: Git, repository: Path) -> dict[Oid, bytes]:
    contents = [b"%d " % number * number for number in range(110)]
    contents.append(random.Random(2).randbytes(200_000))
    objects = DiskObjects(repository / "objects")
    return dict(zip(write(objects, contents), contents, strict=True))


def store_deltas(git: Git, repository: Path) -> dict[Oid, bytes]:
    contents = versions(15)
    objects = DiskObjects(repository / "objects")
    oids = write(objects, contents)
    pack_with_git(git, repository, oids)
    for oid in oids:
        objects.remove_loose(oid)
    return dict(zip(oids, contents, strict=True))


@pytest.mark.parametrize(
    "pattern,store,rounds",
    [
        ("objects/??/*", store_loose, 100),
        ("objects/pack/*.pack", store_packed, 12),
        ("objects/pack/*.idx", store_packed, 12),
        ("objects/pack/*.pack", store_deltas, 40),
        ("objects/pack/*.idx", store_deltas, 40),
    ],
    ids=["loose", "pack", "index", "delta-pack", "delta-index"],
)
def test_damaged_file_gives_typed_error_or_right_bytes(
    git: Git,
    repository: Path,
    pattern: str,
    store: Callable[[Git, Path], dict[Oid, bytes]],
    rounds: int,
) -> None:
    contents = store(git, repository)
    assert read_all(repository, contents) == 0
    failures = []
    for seed in range(rounds):
        chance = random.Random(seed)
        path = chance.choice(sorted(repository.glob(pattern)))
        sound = path.read_bytes()
        path.chmod(0o644)
        damage(path, chance)
        failures.append(read_all(repository, contents))
        path.write_bytes(sound)
    assert any(failures)
    # Most damage hits one object, and the others stay readable.
    assert min(failures) < len(contents) // 2


def test_good_copy_is_found_behind_a_damaged_one(repository: Path, objects: DiskObjects) -> None:
    [oid] = write(objects, [b"hello"])
    pack = objects.pack_writer()
    pack.add(oid, BLOB, b"hello")
    path = f"{pack.finish()}.pack"
    pack.release()
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[-23] ^= 1
    repository.joinpath(path).chmod(0o644)
    with open(path, "wb") as file:
        file.write(data)
    assert objects.get(oid) == (BLOB, b"hello")
    objects.remove_loose(oid)
    with pytest.raises(CorruptObjectError, match=f"{oid.hex()} is damaged in .*{path}"):
        objects.get(oid)


def bomb(start: bytes) -> bytes:
    """Return a zlib stream that inflates to 300 MB, made of as many equal pieces."""
    compressor = zlib.compressobj(9)
    head = compressor.compress(start + bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    piece = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return head + piece * 299


# -- loose objects ----------------------------------------------------------------------


def put_loose(repository: Path, oid: Oid, data: bytes) -> None:
    path = repository / "objects" / oid.hex()[:2] / oid.hex()[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"blob 5",
        b"blob\0hello",
        b"blob 5\0hell",
        b"blob 5\0hello!",
        b"blob 05\0hello",
        b"blob -5\0hello",
        b"blob 5 \0hello",
        b"blob 99999999999999999999999\0hello",
        b"blob 1000000000000\0hello",
        b"BLOB 5\0hello",
        b"bloc 5\0hello",
        b"blob 5\0HELLO",
        b"x" * 100_000,
    ],
)
def test_malformed_loose_object_is_corrupt(
    repository: Path, objects: DiskObjects, raw: bytes
) -> None:
    oid = hash_object(BLOB, b"hello")
    put_loose(repository, oid, zlib.compress(raw))
    with pytest.raises(CorruptObjectError, match=oid.hex()):
        objects.get(oid)


@pytest.mark.parametrize("data", [b"", b"x", b"not zlib at all" * 3000, zlib.compress(b"a")[:-5]])
def test_loose_object_that_is_no_zlib_stream_is_corrupt(
    repository: Path, objects: DiskObjects, data: bytes
) -> None:
    put_loose(repository, A, data)
    for read in (objects.get, objects.header, objects.open_stream):
        with pytest.raises(CorruptObjectError, match="aaaa"):
            read(A)


@pytest.mark.parametrize("declared", [5, 20_000, 1 << 40])
def test_loose_bomb_is_refused_quickly(
    repository: Path, objects: DiskObjects, declared: int
) -> None:
    put_loose(repository, A, bomb(b"blob %d\0" % declared))
    with pytest.raises(CorruptObjectError):
        objects.get(A)
    with pytest.raises(CorruptObjectError), objects.open_stream(A) as stream:
        while stream.read(1 << 20):
            pass


def test_fanout_that_is_a_file_holds_no_objects(repository: Path, objects: DiskObjects) -> None:
    (repository / "objects/aa").write_text("")
    with pytest.raises(ObjectNotFoundError):
        objects.get(A)
    assert objects.has_many([A]) == set()
    assert list(objects.iter_prefix("")) == []


# -- packs ------------------------------------------------------------------------------

HELLO = entry_header(BLOB, 5) + zlib.compress(b"hello")
NOTHING = delta(5, 5, copy(5))
SAME = zlib.compress(NOTHING)


def reads(objects: DiskObjects, oid: Oid) -> list[Callable[[], object]]:
    return [
        lambda: objects.get(oid),
        lambda: objects.header(oid),
        lambda: objects.get_range(oid, 0, 2),
        lambda: objects.open_stream(oid),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry_header(0, 5) + zlib.compress(b"hello"), id="type 0"),
        pytest.param(entry_header(5, 5) + zlib.compress(b"hello"), id="type 5"),
        pytest.param(b"\xb0" + b"\xff" * 200, id="endless size"),
        pytest.param(entry_header(BLOB, 1 << 60) + zlib.compress(b"hello"), id="huge size"),
        pytest.param(entry_header(OFS, len(NOTHING)) + b"\0" + SAME, id="base is itself"),
        pytest.param(entry_header(OFS, len(NOTHING)) + b"\xff" * 60, id="endless distance"),
        pytest.param(
            entry_header(OFS, len(NOTHING)) + b"\x05" + SAME, id="base in the pack header"
        ),
        pytest.param(
            entry_header(OFS, len(NOTHING)) + b"\xff\x7f" + SAME, id="base before the pack"
        ),
        pytest.param(entry_header(REF, len(NOTHING)) + C + SAME, id="base missing"),
        pytest.param(entry_header(REF, len(NOTHING)) + A + SAME, id="base is itself by id"),
    ],
)
def test_malformed_entry_is_corrupt(repository: Path, objects: DiskObjects, entry: bytes) -> None:
    forge_pack(repository, [(A, entry)])
    for read in reads(objects, A):
        with pytest.raises(CorruptObjectError, match="aaaa"):
            read()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x05", id="sizes break off"),
        pytest.param(b"\xff" * 30, id="endless size"),
        pytest.param(delta(6, 5, copy(5)), id="other base"),
        pytest.param(delta(5, 5, copy(6)), id="copies too much"),
        pytest.param(delta(5, 9, copy(5)), id="too short"),
        pytest.param(delta(5, 4, copy(5)), id="too long"),
        pytest.param(delta(5, 5, b"\x00"), id="reserved operation"),
        pytest.param(delta(5, 5, b"\x7fab"), id="inserts too much"),
        pytest.param(delta(5, 1 << 60, copy(5)), id="huge result"),
        pytest.param(delta(5, 1 << 31, copy(5)), id="large result"),
        pytest.param(delta(5, 5, copy(5)), id="content of another id"),
    ],
)
@pytest.mark.parametrize("by_id", [True, False])
def test_malformed_delta_is_corrupt(
    repository: Path, objects: DiskObjects, data: bytes, by_id: bool
) -> None:
    hello = hash_object(BLOB, b"hello")
    reference = hello if by_id else bytes([len(HELLO)])
    entry = entry_header(REF if by_id else OFS, len(data)) + reference + zlib.compress(data)
    forge_pack(repository, [(hello, HELLO), (A, entry)])
    with pytest.raises(CorruptObjectError, match="aaaa"):
        objects.get(A)
    assert objects.get(hello) == (BLOB, b"hello")


def test_cycle_of_deltas_is_corrupt(repository: Path, objects: DiskObjects) -> None:
    forge_pack(
        repository,
        [
            (A, entry_header(REF, len(NOTHING)) + B + SAME),
            (B, entry_header(REF, len(NOTHING)) + A + SAME),
        ],
    )
    for read in reads(objects, B):
        with pytest.raises(CorruptObjectError, match="no end"):
            read()


@pytest.mark.parametrize("length,sound", [(300, True), (4200, False)])
def test_long_chain_of_deltas(
    repository: Path, objects: DiskObjects, length: int, sound: bool
) -> None:
    hello = hash_object(BLOB, b"hello")
    step = entry_header(OFS, len(NOTHING)) + b"\x12" + SAME
    step = step[:1] + bytes([len(step)]) + step[2:]
    first = entry_header(OFS, len(NOTHING)) + bytes([len(HELLO)]) + SAME
    entries = [(b"%020d" % number, step) for number in range(length)]
    entries[0] = entries[0][0], first
    entries[-1] = hello, step
    forge_pack(repository, [(A, HELLO), *entries])
    if sound:
        assert objects.get(hello) == (BLOB, b"hello")
        assert objects.header(hello) == (BLOB, 5)
    else:
        with pytest.raises(CorruptObjectError, match="no end"):
            objects.get(hello)
        with pytest.raises(CorruptObjectError, match="no end"):
            objects.header(hello)


@pytest.mark.parametrize("declared", [5, 20_000, 100_000])
def test_packed_bomb_is_refused_quickly(
    repository: Path, objects: DiskObjects, declared: int
) -> None:
    entry = entry_header(BLOB, declared) + bomb(b"")
    forge_pack(repository, [(A, entry)])
    with pytest.raises(CorruptObjectError):
        objects.get(A)


def test_index_that_names_missing_offsets_is_corrupt(
    repository: Path, objects: DiskObjects
) -> None:
    forge_pack(repository, [(A, HELLO), (B, HELLO)])
    [path] = repository.glob("objects/pack/*.idx")
    data = bytearray(path.read_bytes())
    table = 8 + 1024 + 2 * 24
    data[table : table + 4] = b"\xff\xff\xff\xff"
    data[table + 4 : table + 8] = b"\x7f\xff\xff\xff"
    path.write_bytes(data)
    for oid in (A, B):
        for read in reads(objects, oid):
            with pytest.raises(CorruptObjectError, match=oid.hex()):
                read()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:100],
        lambda data: data[:-1],
        lambda data: data + bytes(8),
        lambda data: b"\xfftOc\0\0\0\3" + data[8:],
        lambda data: data[:8] + b"\xff\xff\xff\xff" + data[12:],
        lambda data: data[:-25] + b"x" + data[-24:],
    ],
)
def test_malformed_index_is_corrupt_and_does_not_hide_other_packs(
    repository: Path, objects: DiskObjects, change: Callable[[bytes], bytes]
) -> None:
    forge_pack(repository, [(A, HELLO)])
    [path] = repository.glob("objects/pack/*.idx")
    path.write_bytes(change(path.read_bytes()))
    hello = hash_object(BLOB, b"hello")
    forge_pack(repository, [(hello, HELLO), (B, HELLO)])
    assert objects.get(hello) == (BLOB, b"hello")
    with pytest.raises(CorruptObjectError, match="aaaa"):
        objects.get(A)


@pytest.mark.parametrize("change", [lambda d: b"", lambda d: b"KCAP" + d[4:], lambda d: d[:-1]])
def test_malformed_pack_is_corrupt(
    repository: Path, objects: DiskObjects, change: Callable[[bytes], bytes]
) -> None:
    forge_pack(repository, [(A, HELLO)])
    [path] = repository.glob("objects/pack/*.pack")
    path.write_bytes(change(path.read_bytes()))
    for read in reads(objects, A):
        with pytest.raises(CorruptObjectError, match="aaaa"):
            read()


def test_stored_stream_with_a_false_block_is_corrupt(
    repository: Path, objects: DiskObjects
) -> None:
    data = random.Random(5).randbytes(400_000)
    [oid] = write(objects, [data])
    path = repository / "objects" / oid.hex()[:2] / oid.hex()[2:]
    raw = bytearray(path.read_bytes())
    raw[2 + 3 * 65540] ^= 1
    path.chmod(0o644)
    path.write_bytes(raw)
    assert objects.get_range(oid, 70_000, 10) == data[70_000:70_010]
    assert objects.get_range(oid, 399_990, None) == data[399_990:]
    for offset in (100_000, 2 * 65_535 + 60_000, 3 * 65_535):
        with pytest.raises(CorruptObjectError, match="stored block 3"):
            objects.get_range(oid, offset, 140_000)
    with pytest.raises(CorruptObjectError), objects.open_stream(oid) as stream:
        while stream.read(50_000):
            pass


def test_unknown_id_with_damaged_index_is_no_plain_not_found(
    repository: Path, objects: DiskObjects
) -> None:
    forge_pack(repository, [(A, HELLO)])
    [path] = repository.glob("objects/pack/*.idx")
    path.write_bytes(b"")
    missing = oid_from_hex("12" * 20)
    with pytest.raises(CorruptObjectError, match=r"1212.*\.idx"):
        objects.get(missing)
