"""Packs from elsewhere: what git makes is understood, what is hostile is refused in time."""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interop.building import commit_files
from tests.support.gitcli import Git
from vost import CorruptObjectError, GitError, MissingObjectError
from vost._model.objects import ObjectType, Oid, hash_object, oid_to_hex
from vost._storage.handles import FileHandle
from vost._storage.memoryobjects import MemoryObjects
from vost._storage.packreceive import ReceivedPack
from vost._storage.packwrite import entry_header

BLOB = ObjectType.BLOB
OFS, REF = 6, 7


def nothing(*_: object) -> None:
    """Take a report or a check."""


def received(path: Path, data: bytes, objects: MemoryObjects | None = None) -> ReceivedPack:
    path.write_bytes(data)
    pack = ReceivedPack(FileHandle(str(path)))
    pack.resolve(objects or MemoryObjects(), nothing, nothing)
    return pack


def pack_of(*entries: bytes, count: int | None = None) -> bytes:
    body = struct.pack(">4sII", b"PACK", 2, len(entries) if count is None else count)
    body += b"".join(entries)
    return body + hashlib.sha1(body).digest()


def whole(data: bytes, kind: int = BLOB, size: int | None = None) -> bytes:
    return entry_header(kind, len(data) if size is None else size) + zlib.compress(data)


def named_delta(base: Oid, delta: bytes) -> bytes:
    return entry_header(REF, len(delta)) + base + zlib.compress(delta)


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def insert(base_size: int, text: bytes) -> bytes:
    """Return a delta whose result is ``text`` (up to 127 bytes)."""
    return number(base_size) + number(len(text)) + bytes((len(text),)) + text


def contents(pack: ReceivedPack) -> dict[Oid, bytes]:
    found = {}
    for kind, size, chunks in pack.contents():
        data = b"".join(chunks)
        assert len(data) == size
        found[hash_object(kind, data)] = data
    assert sorted(found) == sorted(entry.oid for entry in pack.entries())
    return found


@pytest.mark.parametrize(
    "options", [(), ("--delta-base-offset",), ("--delta-base-offset", "--thin")]
)
@pytest.mark.slow
def test_pack_of_git_is_understood(tmp_path: Path, git: Git, options: tuple[str, ...]) -> None:
    source = git.init(tmp_path / "source.git")
    text = b"".join(b"line %d\n" % n for n in range(3000))
    commit_files(
        git,
        source,
        {"text": text, "large": os.urandom(3 << 20)},
        others=[{"text": text[n * 9 :] + b"%d" % n} for n in range(30)],
    )
    git(source, "tag", "-a", "-m", "t", "v1", "main")
    have = git(source, "rev-parse", "main~9")
    thin = "--thin" in options
    wanted = "main\n^main~9\n" if thin else "main\nv1\n"
    data = git.raw(source, "pack-objects", "--revs", "--stdout", "-q", *options, stdin=wanted)
    objects = MemoryObjects()
    if thin:
        known = git(source, "rev-list", "--objects", have).splitlines()
        writer = objects.writer()
        for line in known:
            oid = line.split(" ")[0]
            kind = git(source, "cat-file", "-t", oid)
            content = git.raw(source, "cat-file", kind, oid)
            writer.add(ObjectType.from_label(kind.encode()), content)
        writer.flush()
    pack = received(tmp_path / "p", data, objects)
    listed = git(source, "rev-list", "--objects", *(["main", "^main~9"] if thin else ["--all"]))
    expected = {line.split(" ")[0] for line in listed.splitlines()}
    if not thin:
        expected.add(git(source, "rev-parse", "v1"))
    assert {oid_to_hex(oid) for oid in contents(pack)} == expected
    assert bool(pack.outside_bases) is thin
    assert any(entry.base for entry in pack.entries())


@given(st.lists(st.binary(max_size=200), unique=True, max_size=12), st.randoms())
def test_deltas_of_any_shape_are_resolved(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes], random: object
) -> None:
    path = tmp_path_factory.mktemp("packs") / "p"
    texts = [text for text in texts if 0 < len(text) < 100]
    entries = []
    for position, text in enumerate(texts):
        if position and random.random() < 0.7:  # type: ignore[attr-defined]
            base = random.choice(texts[:position])  # type: ignore[attr-defined]
            oid = hash_object(BLOB, base)
            entries.append(named_delta(oid, insert(len(base), text)))
        else:
            entries.append(whole(text))
    random.shuffle(entries)  # type: ignore[attr-defined]
    assert sorted(contents(received(path, pack_of(*entries))).values()) == sorted(texts)


def test_empty_pack_is_fine(tmp_path: Path) -> None:
    assert len(received(tmp_path / "p", pack_of())) == 0


CYCLE = [
    named_delta(hash_object(BLOB, b"b"), insert(1, b"a")),
    named_delta(hash_object(BLOB, b"a"), insert(1, b"b")),
]


@pytest.mark.parametrize(
    "data, error",
    [
        (b"", CorruptObjectError),
        (b"PACK", CorruptObjectError),
        (b"PACK" + b"\0" * 40, CorruptObjectError),
        (pack_of(whole(b"x"))[:-1], CorruptObjectError),
        (pack_of(whole(b"x"))[:-1] + b"?", CorruptObjectError),
        (pack_of(whole(b"x"), count=2), CorruptObjectError),
        (pack_of(whole(b"x"), count=0), CorruptObjectError),
        (pack_of(whole(b"x"), count=2**32 - 1), CorruptObjectError),
        (pack_of(whole(b"x"), b"trailing"), CorruptObjectError),
        (pack_of(whole(b"x"), whole(b"x")), CorruptObjectError),
        (pack_of(whole(b"x", size=2)), CorruptObjectError),
        (pack_of(whole(b"xyz", size=2)), CorruptObjectError),
        (pack_of(whole(b"x", size=2**60)), CorruptObjectError),
        (pack_of(whole(b"x", kind=5)), CorruptObjectError),
        (pack_of(whole(b"x", kind=0)), CorruptObjectError),
        (pack_of(entry_header(3, 5) + b"no zlib stream"), CorruptObjectError),
        (pack_of(whole(b"x")[:-3]), CorruptObjectError),
        (pack_of(b"\xff" * 30), CorruptObjectError),
        (pack_of(b"\x80"), CorruptObjectError),
        (pack_of(entry_header(OFS, 3) + b"\0" + zlib.compress(b"abc")), CorruptObjectError),
        (pack_of(entry_header(OFS, 3) + b"\x7f" + zlib.compress(b"abc")), CorruptObjectError),
        (pack_of(whole(b"x"), entry_header(OFS, 3) + b"\x02" + zlib.compress(b"abc")), GitError),
        (pack_of(whole(b"x"), named_delta(hash_object(BLOB, b"x"), b"")), CorruptObjectError),
        (pack_of(whole(b"x"), named_delta(hash_object(BLOB, b"x"), b"\x02\x01\x01y")), GitError),
        (pack_of(named_delta(b"\1" * 20, insert(1, b"y"))), MissingObjectError),
        (pack_of(*CYCLE), MissingObjectError),
        (pack_of(whole(b"z"), *CYCLE), MissingObjectError),
    ],
    ids=range(27),
)
def test_malformed_pack_is_refused(tmp_path: Path, data: bytes, error: type[Exception]) -> None:
    started = time.monotonic()
    with pytest.raises(error):
        received(tmp_path / "p", data)
    assert time.monotonic() - started < 5


def test_delta_that_claims_to_be_huge_is_refused_without_memory(tmp_path: Path) -> None:
    base = b"x" * 60_000
    copy_all = b"\xb0\x60\xea"  # copy 60,000 bytes from the start of the base
    for copies in (10, 20_000):
        delta = number(len(base)) + number(len(base) * copies) + copy_all * copies
        data = pack_of(whole(base), named_delta(hash_object(BLOB, base), delta))
        tracemalloc.start()
        try:
            if copies == 10:
                assert len(contents(received(tmp_path / "p", data))) == 2
            else:
                with pytest.raises(CorruptObjectError, match="too many"):
                    received(tmp_path / "p", data)
                assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.slow
def test_object_that_inflates_a_thousandfold_takes_no_memory(tmp_path: Path) -> None:
    data = pack_of(whole(bytes(100 << 20)))
    assert len(data) < 1 << 20
    tracemalloc.start()
    try:
        pack = received(tmp_path / "p", data)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert [entry.size for entry in pack.entries()] == [100 << 20]


def test_long_chain_of_deltas_is_resolved_without_recursion(tmp_path: Path) -> None:
    texts = [b"%d" % n for n in range(3000)]
    entries = [whole(texts[0])]
    for before, text in itertools.pairwise(texts):
        entries.append(named_delta(hash_object(BLOB, before), insert(len(before), text)))
    assert len(contents(received(tmp_path / "p", pack_of(*reversed(entries))))) == 3000
