"""Hostile archives: refused before anything is committed, soon, naming archive and member."""

from __future__ import annotations

import gzip
import io
import os
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile

import pytest

from tests.support.archives import (
    Pipe,
    directory,
    file,
    hard_link,
    link,
    tar,
    zip_info,
    zip_link,
    zipped,
)
from tests.support.faces import ASYNC_FACES, face_id
from tests.support.snapshots import contents, tip
from vost import ArchiveError

on_one_face = pytest.mark.parametrize("anyio_backend", ASYNC_FACES[:1], ids=face_id)

GOOD = file("good", b"1")


async def refused(store, data, words, *, strict=(True, False), **options):
    """Check that an archive is refused, from a file and from a pipe, and changes nothing."""
    fs = await store.branches["main"]
    for is_strict in strict:
        for make in (io.BytesIO, Pipe):
            with pytest.raises(ArchiveError, match=words) as info:
                await fs.archive_in(make(data), strict=is_strict, **options)
            assert isinstance(info.value, ValueError)
    assert await tip(store) == fs.commit_hash
    assert await fs.ls() == []


# --- names

# What is refused in any case.
UNSAFE = {
    "climbs": "../evil",
    "climbs later": "a/../../evil",
    "goes up and down": "a/../b",
    "ends in dots": "a/..",
    "only dots": "..",
    "empty segment": "a//b",
    "too long": "d/" * 2100 + "f",
}
# What is refused in strict mode only.
SUSPICIOUS = {"absolute": "/etc/passwd", "twice absolute": "//etc/passwd", "root": "/x"}


@pytest.mark.parametrize("case", UNSAFE)
async def test_unsafe_names_are_refused(store, case):
    name = UNSAFE[case]
    shown = r"Unsafe member name in the stream: '" + name[:200].replace(".", r"\.")
    await refused(store, zipped(("good", b"1"), (name, b"2")), shown)
    await refused(store, tar(GOOD, file(name, b"2")), shown)
    await refused(store, tar(GOOD, link(name, "good")), shown)
    await refused(store, tar(GOOD, hard_link(name, "good")), shown)
    if case != "empty segment":
        await refused(store, tar(GOOD, directory(name)), shown)


@pytest.mark.parametrize("case", SUSPICIOUS)
async def test_absolute_names_are_refused_in_strict_mode(store, case):
    name = SUSPICIOUS[case]
    shown = f"Unsafe member name in the stream: '{name}'"
    await refused(store, zipped(("good", b"1"), (name, b"2")), shown, strict=[True])
    await refused(store, tar(GOOD, file(name, b"2")), shown, strict=[True])
    await refused(store, tar(GOOD, directory(name)), shown, strict=[True])


async def test_the_message_names_the_archive(store, tmp_path):
    path = tmp_path / "bad.tar"
    path.write_bytes(tar(file("../evil")))
    with pytest.raises(ValueError) as info:
        await (await store.branches["main"]).archive_in(path)
    assert str(info.value) == f"Unsafe member name in {path}: '../evil'"


async def test_a_name_with_nul_is_refused(store):
    await refused(store, zipped(("good", b""), ("evXil", b"")).replace(b"evX", b"ev\0"), r"\\x00")
    info = tarfile.TarInfo("x")
    info.pax_headers = {"path": "ev\0il"}
    await refused(store, tar(GOOD, (info, b"")), r"\\x00")


async def test_a_pax_header_cannot_smuggle_a_name_in(store):
    info = tarfile.TarInfo("harmless")
    info.pax_headers = {"path": "../evil"}
    await refused(store, tar(GOOD, (info, b"")), r"'\.\./evil'")


# --- links

LINKS_OUT = {
    "l": ["..", "../x", "/etc/passwd", "/", "a/../..", "./../x", "a/../b", "//x", "x/.."],
    "d/l": ["../..", "../../x", "./.././../x", "/x"],
}
LINKS_IN = {"l": ["x", ".", "./a/./b", "a//b", "...", "..x", ""], "d/e/l": ["..", "../..", "../x"]}


async def test_links_that_may_lead_outside_are_refused_in_strict_mode(store):
    for name, targets in LINKS_OUT.items():
        for target in targets:
            for data in (tar(GOOD, link(name, target)), zipped(zip_link(name, target.encode()))):
                with pytest.raises(ArchiveError, match="lead outside") as info:
                    await (await store.branches["main"]).archive_in(io.BytesIO(data))
                assert repr(name) in str(info.value)
                assert repr(target) in str(info.value)
    assert await (await store.branches["main"]).ls() == []


async def test_links_that_stay_inside_are_taken(store):
    for name, targets in LINKS_IN.items():
        for target in targets:
            fs = await store.branches["main"]
            done = await fs.archive_in(io.BytesIO(tar(link(name, target))))
            assert await done.readlink(name) == target
            await done.undo()


async def test_a_link_target_with_nul_is_refused(store):
    await refused(store, zipped(zip_link("l", b"a\0b")), "'l' has NUL")


async def test_hard_links_to_the_outside_are_refused_in_strict_mode(store):
    for target in ("../x", "/etc/passwd", "a/../../x"):
        data = tar(GOOD, hard_link("l", target))
        await refused(store, data, "'l' -> .* leads outside", strict=[True])
        fs = await (await store.branches["main"]).archive_in(io.BytesIO(data), strict=False)
        assert await fs.ls() == ["good"]
        assert len(fs.changes.warnings) == 1
        await fs.undo()


# --- doubles


async def test_doubles_are_refused_in_strict_mode(store):
    for names in (["a", "a"], ["a", "./a"], ["d/a", "b", "d/./a"]):
        data = tar(*[file(name) for name in names])
        await refused(store, data, "Duplicate member in the stream: ", strict=[True])
    await refused(store, tar(file("a"), link("a", "b")), "Duplicate member", strict=[True])
    await refused(store, tar(file("a"), hard_link("a", "a")), "Duplicate member", strict=[True])
    data = zipped(("a", b"1"), ("b", b"2")).replace(b"b", b"a")
    await refused(store, data, "Duplicate member in the stream: 'a'", strict=[True])


@pytest.mark.parametrize(
    "members",
    [
        [file("d"), file("d/x")],
        [file("d/x"), file("d")],
        [link("d", "e"), file("d/x")],
        [file("d/e/x"), link("d", "e")],
        [file("d"), directory("d/e")],
        [file("d"), directory("d")],
        [directory("d"), file("d")],
    ],
)
async def test_a_file_that_is_a_directory_of_another_member_is_refused_in_strict_mode(
    store, members
):
    words = "'d' is both a file and a directory"
    await refused(store, tar(*members), words, strict=[True])


async def test_endless_changes_between_file_and_directory_are_refused(store):
    data = tar(*[file(name) for _ in range(600) for name in ("d", "d/x")])
    await refused(store, data, "'d' is both a file and a directory", strict=[False])


# --- damage


@on_one_face
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
async def test_archives_that_break_off_are_refused_wherever(face, kind):
    """Every length, but for the padding behind the end."""
    noise = random.Random(1).randbytes(700)
    files = [("a", noise), ("d/b", noise[:512]), ("c", b"")]
    compression = kind.partition(".")[2]
    if kind == "zip":
        data = zipped(*files)
        lengths = range(len(data))
    else:
        data = tar(*[file(*one) for one in files], compression=compression)
        lengths = range(0, 4096 + 512, 7) if kind == "tar" else range(len(data))
    async with await face.GitStore.memory() as store:
        fs = await store.branches["main"]
        whole = await fs.archive_in(io.BytesIO(data))
        assert len(await whole.ls(recursive=True)) == 3
        await whole.undo()
        for length in lengths:
            if kind == "tar" and length >= 3584:
                continue
            with pytest.raises(ArchiveError, match=r"^Not a valid (zip file|tar archive): "):
                await fs.archive_in(io.BytesIO(data[:length]), format=kind)
        assert await tip(store) == fs.commit_hash


@on_one_face
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
async def test_damaged_archives_raise_nothing_else(face, kind):
    """Any byte may be any other: it is an import or an ArchiveError, in bounded time."""
    chance = random.Random(kind)
    long = "long" * 40
    if kind == "zip":
        data = zipped(("a", b"alpha" * 50), zip_link("l", b"a"), (f"d/{long}", b"beta"))
    else:
        data = tar(
            file("a", b"alpha" * 50),
            link("l", "a"),
            hard_link("h", "a"),
            file(f"d/{long}", b"beta"),
            compression=kind.partition(".")[2],
        )[: 1 << 14]
        data = data[:8192] if kind == "tar" else data
    async with await face.GitStore.memory() as store:
        fs = await store.branches["main"]
        outcomes = set()
        for _ in range(400):
            damaged = bytearray(data)
            for _ in range(chance.choice((1, 1, 3))):
                damaged[chance.randrange(len(data))] = chance.randrange(256)
            try:
                done = await fs.archive_in(
                    io.BytesIO(damaged), format=kind, strict=chance.random() < 0.5, max_size=1 << 20
                )
            except ArchiveError:
                outcomes.add("refused")
                continue
            outcomes.add("taken")
            if done.commit_hash != fs.commit_hash:
                await done.undo()
        assert "refused" in outcomes


async def test_a_damaged_header_in_the_middle_is_no_end(store):
    data = bytearray(tar(file("a"), file("b"), file("c")))
    data[512 + 3] ^= 1  # in the name of the second, so that its checksum is wrong
    await refused(store, bytes(data), "^Not a valid tar archive: the header at byte 512 is damaged")


async def test_a_checksum_behind_the_end_is_looked_at(store):
    data = bytearray(tar(GOOD, compression="gz"))
    data[-5] ^= 1  # gzip's own checksum
    await refused(store, bytes(data), "^Not a valid tar archive: bad gz data")
    info = zip_info("stored")
    info.compress_type = zipfile.ZIP_STORED
    data = zipped((info, b"content")).replace(b"content", b"CONTENT")
    await refused(store, data, r"^Not a valid zip file: the stream \('stored'")


def patched_sizes(data, size):
    """Change the declared size of the only member of a zip in both of its headers."""
    patched = bytearray(data)
    for start in (22, data.rindex(b"PK\x01\x02") + 24):
        patched[start : start + 4] = struct.pack("<I", size)
    return bytes(patched)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
async def test_a_zip_member_that_lies_about_its_size_is_refused(store, method):
    info = zip_info("liar")
    info.compress_type = method
    data = zipped((info, b"0123456789" * 10_007))
    for size in (0, 1, 100_069, 100_071, 1 << 31):
        await refused(
            store, patched_sizes(data, size), r"^Not a valid zip file: the stream \('liar'"
        )


async def test_an_encrypted_member_is_refused(store):
    data = bytearray(zipped(("f", b"1")))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    await refused(store, bytes(data), "'f' .*encrypted")


async def test_an_unknown_compression_is_refused(store):
    data = bytearray(zipped(("f", b"1")))
    data[8] = 97
    data[data.index(b"PK\x01\x02") + 10] = 97
    await refused(store, bytes(data), r"^Not a valid zip file: the stream \('f'")


async def test_overlapping_members_are_refused(store):
    """One kernel of data behind many names: terabytes from kilobytes (CVE-2024-0450)."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(100_000))
        twin = archive.getinfo("a")
        archive.filelist.append(twin)
    await refused(store, buffer.getvalue(), "overlaps", strict=[False])


# --- bombs


async def test_the_limit_of_size_is_exact(store):
    files = [("a", bytes(600)), ("b", bytes(400))]
    for data in (zipped(*files), tar(*[file(*one) for one in files], compression="gz")):
        fs = await (await store.branches["main"]).archive_in(io.BytesIO(data), max_size=1000)
        assert len(await contents(fs)) == 2
        await fs.undo()
        await refused(store, data, "Archive too large: .*999 bytes.*'b'.*max_size=", max_size=999)
        fs = await (await store.branches["main"]).archive_in(io.BytesIO(data), max_size=None)
        await fs.undo()


async def test_the_limit_of_members_is_exact_and_counts_directories(store):
    for data in (
        zipped(("a", b""), ("b", b""), ("d/", b"")),
        tar(file("a"), file("b"), directory("d")),
    ):
        fs = await (await store.branches["main"]).archive_in(io.BytesIO(data), max_members=3)
        await fs.undo()
        await refused(store, data, "Archive too large: .*2 members.*max_members=", max_members=2)
        fs = await (await store.branches["main"]).archive_in(io.BytesIO(data), max_members=None)
        await fs.undo()


def zeros_bomb(size):
    """Return a compressed tar with a member of zeros, without its end."""
    info = tarfile.TarInfo("bomb")
    info.size = size
    yield gzip.compress(info.tobuf(tarfile.GNU_FORMAT))
    zeros = gzip.compress(bytes(16 << 20))
    while True:
        yield zeros


def header_bomb(kind):
    """Return a compressed tar whose first header says that gigabytes of a name follow."""
    info = tarfile.TarInfo("././@LongLink")
    info.type = kind
    info.size = 4 << 30
    yield gzip.compress(info.tobuf(tarfile.GNU_FORMAT))
    zeros = gzip.compress(b"a" * (16 << 20))
    while True:
        yield zeros


@on_one_face
async def test_bombs_are_refused_soon_and_in_little_memory(face, tmp_path):
    deep = [file(f"{index}/" + "d/" * 2000 + "f") for index in range(300)]
    holes = tarfile.TarInfo("holes")
    holes.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    holes.pax_headers |= {"GNU.sparse.name": "holes", "GNU.sparse.realsize": str(1 << 60)}
    sparse_map = b"1\n0\n512\n".ljust(512, b"\0") + bytes(512)
    holes.size = len(sparse_map)
    endless = tarfile.TarInfo("endless")
    endless.pax_headers = {**holes.pax_headers, "GNU.sparse.realsize": "1"}
    endless.size = 512
    bombs = {
        "declared": (Pipe(zeros_bomb(1 << 40)), "'bomb'"),
        "real": (Pipe(zeros_bomb(1 << 33)), "'bomb'"),
        "long name": (Pipe(header_bomb(tarfile.GNUTYPE_LONGNAME)), "too large"),
        "pax": (Pipe(header_bomb(tarfile.XHDTYPE)), "too large"),
        "deep": (io.BytesIO(tar(*deep, compression="gz")), "the names .* take more"),
        "sparse": (io.BytesIO(tar((holes, sparse_map))), "'holes'"),
        "map": (io.BytesIO(tar((endless, b"9" * 512), compression="gz")), "Not a valid tar"),
    }
    async with await face.GitStore.memory() as store:
        fs = await store.branches["main"]
        for bomb, words in bombs.values():
            tracemalloc.start()
            try:
                with pytest.raises(ArchiveError, match=words):
                    await fs.archive_in(bomb, max_size=1 << 26, max_members=100_000)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert peak < 100 << 20
        assert await tip(store) == fs.commit_hash


@on_one_face
async def test_a_zip_with_too_many_entries_is_refused_before_it_is_parsed(face):
    data = zipped(*[(f"{index}", b"") for index in range(30_000)])
    async with await face.GitStore.memory() as store:
        fs = await store.branches["main"]
        tracemalloc.start()
        try:
            with pytest.raises(ArchiveError, match="100 members"):
                await fs.archive_in(io.BytesIO(data), max_members=100)
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


@on_one_face
async def test_a_zip_from_a_pipe_is_not_spooled_without_end(disk_store, repo):
    fs = await disk_store.branches["main"]

    def endless():
        yield zipped(("f", b""))
        while True:
            yield os.urandom(1 << 20)

    pipe = Pipe(endless())
    with pytest.raises(ArchiveError, match="max_size="):
        await fs.archive_in(pipe, format="zip", max_size=1 << 20, max_members=10)
    assert pipe.taken < 4 << 20


@on_one_face
async def test_a_bzip2_member_is_inflated_little_by_little(face):
    info = zip_info("zeros")
    info.compress_type = zipfile.ZIP_BZIP2
    data = zipped((info, bytes(120 << 20)))  # in a hundred bytes
    async with await face.GitStore.memory() as store:
        fs = await store.branches["main"]
        tracemalloc.start()
        try:
            with pytest.raises(ArchiveError, match="'zeros'"):
                await fs.archive_in(io.BytesIO(patched_sizes(data, 1000)))
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


async def test_a_link_of_a_megabyte_is_none(store):
    data = zipped((zip_info("l", stat.S_IFLNK | 0o777), b"x" * ((1 << 20) + 1)))
    await refused(store, data, "'l'")
