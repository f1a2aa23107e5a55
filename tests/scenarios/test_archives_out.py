"""Exports: what is in the archive, reproducible bytes, and files that are all or nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from datetime import datetime, timezone

import pytest

from tests.interop.building import commit_tree, store_object, store_tree
from tests.support.archives import FORMATS, Drain
from tests.support.clocks import stop_clock
from tests.support.faces import collect
from vost import FileType, GitError, WriteEntry

TREE = {
    "b.txt": b"beta",
    "run": WriteEntry(b"#!/bin/sh\n", mode=FileType.EXECUTABLE),
    "ln": WriteEntry(target="b.txt"),
    "a/x": b"1",
    "a.b": b"2",
}
NOON = 1_700_000_001  # 2023-11-14 22:13:21 UTC


async def exported(fs, format, path=""):
    return b"".join(await collect(fs.archive(format, path=path)))


async def filled(store, seconds=NOON):
    stop_clock(store, seconds)
    return await (await store.branches["main"]).apply(TREE)


# --- what is in it


async def test_zip_members_have_unix_modes_the_commits_time_and_the_order_of_a_walk(store):
    fs = await filled(store)
    with zipfile.ZipFile(io.BytesIO(await exported(fs, "zip"))) as archive:
        infos = archive.infolist()
        assert [info.filename for info in infos] == await fs.ls(recursive=True)
        assert {info.create_system for info in infos} == {3}
        assert {info.compress_type for info in infos} == {zipfile.ZIP_DEFLATED}
        assert {info.date_time for info in infos} == {(2023, 11, 14, 22, 13, 20)}
        modes = {info.filename: info.external_attr >> 16 for info in infos}
        assert modes["b.txt"] == 0o100644
        assert modes["run"] == 0o100755
        assert modes["ln"] == 0o120000
        assert archive.read("ln") == b"b.txt"
        assert archive.testzip() is None


async def test_tar_members_belong_to_nobody_and_have_the_commits_time(store):
    fs = await filled(store)
    with tarfile.open(fileobj=io.BytesIO(await exported(fs, "tar"))) as archive:
        infos = archive.getmembers()
        assert [info.name for info in infos] == await fs.ls(recursive=True)
        assert {(info.uid, info.gid, info.uname, info.gname) for info in infos} == {(0, 0, "", "")}
        assert {info.mtime for info in infos} == {NOON}
        modes = {info.name: info.mode for info in infos}
        assert modes == {"b.txt": 0o644, "run": 0o755, "ln": 0o777, "a/x": 0o644, "a.b": 0o644}
        assert archive.getmember("ln").linkname == "b.txt"
        assert archive.getmember("ln").issym()


@pytest.mark.parametrize("format", FORMATS)
async def test_the_size_of_a_plain_tar_is_whole_records(store, format):
    fs = await filled(store)
    data = await exported(fs, format)
    unpack = {"tar.gz": gzip.decompress, "tar.bz2": bz2.decompress, "tar.xz": lzma.decompress}
    if format != "zip":
        plain = unpack.get(format, bytes)(data)
        assert len(plain) % 10240 == 0
        assert plain == await exported(fs, "tar")


@pytest.mark.parametrize(
    "seconds, in_zip, in_tar",
    [
        (0, (1980, 1, 1, 0, 0, 0), 0),
        (315_532_799, (1980, 1, 1, 0, 0, 0), 315_532_799),
        (315_532_803, (1980, 1, 1, 0, 0, 2), 315_532_803),
        (4_354_819_199, (2107, 12, 31, 23, 59, 58), 4_354_819_199),
        (10**10, (2107, 12, 31, 23, 59, 58), 0o77777777777),
    ],
)
async def test_times_stay_in_the_range_of_the_format(store, seconds, in_zip, in_tar):
    fs = await filled(store, seconds)
    with zipfile.ZipFile(io.BytesIO(await exported(fs, "zip"))) as archive:
        assert archive.getinfo("run").date_time == in_zip
    with tarfile.open(fileobj=io.BytesIO(await exported(fs, "tar"))) as archive:
        assert archive.getmember("run").mtime == in_tar


async def test_gzip_says_neither_name_nor_time(store, tmp_path):
    fs = await filled(store)
    await fs.archive_out(tmp_path / "secret-name.tgz")
    data = (tmp_path / "secret-name.tgz").read_bytes()
    assert data[:3] == b"\x1f\x8b\x08"
    assert data[3] == 0  # no name, no comment
    assert data[4:8] == bytes(4)  # no time
    assert b"secret-name" not in data


@pytest.mark.parametrize("format", FORMATS)
async def test_the_same_snapshot_gives_the_same_bytes(face, store, tmp_path, format):
    fs = await filled(store)
    async with await face.GitStore.memory() as other:
        stop_clock(other, NOON)
        twin = await other.branches["main"]
        for path, entry in reversed(TREE.items()):
            twin = await twin.apply({path: entry})
        assert await exported(twin, format) == await exported(fs, format)
    stop_clock(store, NOON + 10)
    assert await exported(await fs.write("new", b""), format) != await exported(fs, format)


async def test_names_are_utf8_or_the_bytes_that_they_are(store):
    fs = await (await store.branches["main"]).apply({"é": b"1", "\udce9": b"2", "e": b"3"})
    data = await exported(fs, "zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        flags = {info.orig_filename: info.flag_bits & 0x800 for info in archive.infolist()}
    assert flags == {"e": 0, "é": 0x800, b"\xe9".decode("cp437"): 0}
    tarred = await exported(fs, "tar")
    with tarfile.open(fileobj=io.BytesIO(tarred), errors="surrogateescape") as archive:
        assert sorted(archive.getnames()) == ["e", "é", "\udce9"]


# --- arguments


@pytest.mark.parametrize("name", ["x", "x.rar", "x.tar.zst", "x.gz", "zip", "x.zip.txt"])
async def test_an_unknown_extension_is_refused_and_nothing_is_made(store, tmp_path, name):
    fs = await store.branches["main"]
    with pytest.raises(ValueError, match="Cannot detect archive format from extension: ") as info:
        await fs.archive_out(tmp_path / name)
    assert name in str(info.value)
    assert "format=" in str(info.value)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("format", ["rar", "ZIP", "", "tar.zst", ".zip", "gz"])
async def test_an_unknown_format_is_refused(store, tmp_path, format):
    fs = await store.branches["main"]
    for call in (
        lambda: fs.archive_out(tmp_path / "x.zip", format=format),
        lambda: collect(fs.archive(format)),
        lambda: fs.archive_in(tmp_path / "x.zip", format=format),
    ):
        with pytest.raises(ValueError, match=r"unknown archive format .*'tar\.xz'"):
            await call()
    assert not (tmp_path / "x.zip").exists()


async def test_targets_that_cannot_be_written_to_are_refused(store, tmp_path):
    fs = await store.branches["main"]
    (tmp_path / "d.zip").mkdir()
    with pytest.raises(IsADirectoryError, match=r"d\.zip"):
        await fs.archive_out(tmp_path / "d.zip")
    with pytest.raises(FileNotFoundError, match="missing"):
        await fs.archive_out(tmp_path / "missing" / "x.zip")
    with pytest.raises(TypeError, match="binary"):
        await fs.archive_out(io.StringIO(), format="zip")
    with pytest.raises(ValueError, match="Cannot detect archive format"):
        await fs.archive_out(io.BytesIO())
    for wrong in (None, 3, b"x.zip"):
        with pytest.raises(TypeError, match="target must be"):
            await fs.archive_out(wrong, format="zip")
    assert os.listdir(tmp_path / "d.zip") == []


@pytest.mark.parametrize("path, error", [("no", FileNotFoundError), ("../x", ValueError)])
async def test_a_part_that_does_not_exist_is_refused(store, tmp_path, path, error):
    fs = await store.branches["main"]
    with pytest.raises(error):
        await fs.archive_out(tmp_path / "x.zip", path=path)
    with pytest.raises(error):
        await collect(fs.archive("zip", path=path))
    assert not (tmp_path / "x.zip").exists()


async def test_a_file_object_names_its_format(store, tmp_path):
    fs = await filled(store)
    with (tmp_path / "x.tgz").open("wb") as file:
        await fs.archive_out(file)
    assert (tmp_path / "x.tgz").read_bytes() == await exported(fs, "tar.gz")


# --- all or nothing


async def test_a_failed_export_leaves_the_old_file_and_nothing_else(disk_store, repo, tmp_path):
    fs = await (await disk_store.branches["main"]).apply({"a": b"1", "b": os.urandom(300_000)})
    place = tmp_path / "place"
    place.mkdir()
    old = place / "old.zip"
    old.write_bytes(b"the old one")
    oid = await fs.object_hash("b")
    blob = repo / "objects" / oid[:2] / oid[2:]
    whole = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(whole[:-200_000])
    try:
        for format in FORMATS:
            with pytest.raises(Exception, match=r"'b'"):
                await fs.archive_out(old, format=format)
            assert old.read_bytes() == b"the old one"
            assert os.listdir(place) == ["old.zip"]
    finally:
        blob.write_bytes(whole)
    await disk_store.close()
    await fs.archive_out(old)
    assert zipfile.is_zipfile(old)


async def test_a_file_object_that_fails_says_why(store):
    fs = await (await store.branches["main"]).write("b", os.urandom(300_000))
    with pytest.raises(OSError, match="the drain is full"):
        await fs.archive_out(Drain(limit=100_000), format="tar")


async def test_an_old_file_is_replaced_and_keeps_its_permissions(store, tmp_path):
    fs = await filled(store)
    old = tmp_path / "x.tar"
    old.write_bytes(b"old" * 100_000)
    old.chmod(0o640)
    elsewhere = tmp_path / "hard-link"
    elsewhere.hardlink_to(old)
    await fs.archive_out(old)
    assert old.read_bytes() == await exported(fs, "tar")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert elsewhere.read_bytes() == b"old" * 100_000
    fresh = tmp_path / "fresh.tar"
    await fs.archive_out(fresh)
    assert stat.S_IMODE(fresh.stat().st_mode) & 0o111 == 0
    assert stat.S_IMODE(fresh.stat().st_mode) & 0o400


async def test_a_link_is_replaced_and_not_written_through(store, tmp_path):
    fs = await filled(store)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "x.tar").symlink_to(victim)
    (tmp_path / "y.tar").symlink_to(tmp_path / "nowhere")
    await fs.archive_out(tmp_path / "x.tar")
    await fs.archive_out(tmp_path / "y.tar")
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()
    for name in ("x.tar", "y.tar"):
        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_bytes() == await exported(fs, "tar")


async def test_a_device_is_written_to_as_it_is(store):
    fs = await filled(store)
    await fs.archive_out("/dev/null", format="zip")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


async def test_an_open_file_is_written_to_as_it_is(store, tmp_path):
    fs = await filled(store)
    with (tmp_path / "redirected").open("wb") as file:
        await fs.archive_out(f"/dev/fd/{file.fileno()}", format="tar")
    assert (tmp_path / "redirected").read_bytes() == await exported(fs, "tar")


# --- foreign repositories


BLOB = "56a6051ca2b02b04ef92d5150c9ef600403cb1de"  # of b"1"


async def foreign(face, repo, git, *entries):
    """Return a snapshot whose root tree holds exactly these entries."""
    git.init(repo)
    store_object(repo, "blob", b"1")
    commit_tree(repo, store_tree(repo, entries))
    return await (await face.GitStore.open(repo)).branches["main"]


@pytest.mark.damages("its trees hold names that git refuses")
@pytest.mark.parametrize(
    "name",
    [b"..", b".", b".git", b".GIT", b"git~1", b"/etc/passwd", b"a/b", b"../x"],
)
async def test_dangerous_names_make_the_export_fail(face, repo, git, tmp_path, name):
    fs = await foreign(face, repo, git, (b"100644", b"A", BLOB), (b"100644", name, BLOB))
    for format in ("zip", "tar"):
        with pytest.raises(ValueError) as info:
            await fs.archive_out(tmp_path / "x", format=format)
        assert repr(name.decode()) in str(info.value)
        pieces = []
        with pytest.raises(ValueError):
            async for piece in fs.archive(format):
                pieces.append(piece)
        assert pieces == []  # not even a beginning
    assert not (tmp_path / "x").exists()


@pytest.mark.damages("a directory has a name that git refuses")
async def test_dangerous_names_of_directories_count_too(face, repo, git, tmp_path):
    git.init(repo)
    store_object(repo, "blob", b"1")
    inner = store_tree(repo, [(b"100644", b"hook", BLOB)])
    outer = store_tree(repo, [(b"40000", b".git", inner)])
    commit_tree(repo, store_tree(repo, [(b"40000", b"d", outer)]))
    fs = await (await face.GitStore.open(repo)).branches["main"]
    with pytest.raises(ValueError, match=r"'d/\.git'"):
        await fs.archive_out(tmp_path / "x.zip")


@pytest.mark.damages("a tree has one name twice")
async def test_a_link_that_is_also_a_directory_makes_the_export_fail(face, repo, git, tmp_path):
    git.init(repo)
    store_object(repo, "blob", b"1")
    target = store_object(repo, "blob", b"/tmp/evil")
    inner = store_tree(repo, [(b"100644", b"f", BLOB)])
    commit_tree(repo, store_tree(repo, [(b"120000", b"x", target), (b"40000", b"x", inner)]))
    fs = await (await face.GitStore.open(repo)).branches["main"]
    with pytest.raises(ValueError, match="'x'"):
        await fs.archive_out(tmp_path / "x.tar")


@pytest.mark.damages("modes that only old versions of git wrote")
async def test_odd_modes_are_files_and_submodules_are_left_out(face, repo, git, tmp_path):
    fs = await foreign(
        face,
        repo,
        git,
        (b"100664", b"group", BLOB),
        (b"104755", b"setuid", BLOB),
        (b"160000", b"submodule", "1" * 40),
    )
    await fs.archive_out(tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as archive:
        assert {info.name: info.mode for info in archive} == {"group": 0o644, "setuid": 0o755}
    await fs.archive_out(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes == {"group": 0o100644, "setuid": 0o100755}


@pytest.mark.parametrize(
    "target, words",
    [(b"\xff\xfe", "Symlink target for ln is not valid UTF-8"), (b"a\0b", "'ln'.*NUL")],
)
@pytest.mark.parametrize("format", ["zip", "tar"])
@pytest.mark.damages("the target of a link")
async def test_links_that_cannot_be_archived_make_the_export_fail(
    face, repo, git, tmp_path, target, words, format
):
    git.init(repo)
    oid = store_object(repo, "blob", target)
    blob = store_object(repo, "blob", bytes(300_000))
    commit_tree(repo, store_tree(repo, [(b"100644", b"a", blob), (b"120000", b"ln", oid)]))
    fs = await (await face.GitStore.open(repo)).branches["main"]
    with pytest.raises(ValueError, match=words):
        await fs.archive_out(tmp_path / "x", format=format)
    with pytest.raises(ValueError, match=words):
        async for _ in fs.archive(format, path=""):
            pytest.fail("not even a beginning")
    with pytest.raises(ValueError, match=words):
        await fs.archive_out(tmp_path / "x", format=format, path="ln")
    assert not (tmp_path / "x").exists()


@pytest.mark.damages("what its tree names is missing or no blob")
@pytest.mark.parametrize("name, words", [("gone", "'d/x' is damaged"), ("tree", "not a blob")])
async def test_damage_makes_the_export_fail_and_is_named(face, repo, git, tmp_path, name, words):
    git.init(repo)
    tree = store_tree(repo, [])
    inner = store_tree(repo, [(b"100644", b"x", tree if name == "tree" else "1" * 40)])
    commit_tree(repo, store_tree(repo, [(b"40000", b"d", inner)]))
    fs = await (await face.GitStore.open(repo)).branches["main"]
    for format in ("zip", "tar"):
        with pytest.raises(GitError, match=words) as info:
            await fs.archive_out(tmp_path / "x", format=format)
        assert "'d/x'" in str(info.value)
    assert not (tmp_path / "x").exists()


# --- progress


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
async def test_progress_ends_at_the_total(store, tmp_path, format):
    fs = await filled(store)
    seen = []
    await fs.archive_out(tmp_path / "x", format=format, progress=seen.append)
    last = seen[-1]
    assert (last.phase, last.done, last.total) == ("exporting", len(TREE), len(TREE))
    assert last.bytes == 4 + 10 + 5 + 1 + 1
    streamed = []
    await collect(fs.archive(format, progress=streamed.append))
    assert streamed[-1] == last
    back = []
    fs = await (await store.branches.create("in")).archive_in(tmp_path / "x", progress=back.append)
    assert (back[-1].phase, back[-1].done, back[-1].total) == ("importing", len(TREE), len(TREE))
    assert back[-1].bytes == (21 if format == "zip" else 16)  # in a tar, a link has no content


@pytest.mark.parametrize("format", ["zip", "tar"])
async def test_progress_goes_on_within_a_large_file(store, tmp_path, format, monkeypatch):
    monkeypatch.setattr("vost._offload._REPORT_INTERVAL", 0.0)
    fs = await (await store.branches["main"]).write("large", os.urandom(1 << 20))
    seen = []
    await fs.archive_out(tmp_path / "x", format=format, progress=seen.append)
    assert {(report.done, report.path) for report in seen[:-1]} == {(0, "large")}
    sizes = [report.bytes for report in seen]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 3
    back = []
    fs = await (await store.branches.create("in")).archive_in(tmp_path / "x", progress=back.append)
    sizes = [report.bytes for report in back]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 3


def test_the_stamp_of_these_tests_is_what_they_say():
    assert datetime.fromtimestamp(NOON, timezone.utc).isoformat() == "2023-11-14T22:13:21+00:00"
