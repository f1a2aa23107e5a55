"""Imports: what an archive becomes, what is reported, and what is said of wrong ones."""

from __future__ import annotations

import io
import stat
import tarfile

import pytest

from tests.support.archives import (
    Pipe,
    directory,
    file,
    hard_link,
    link,
    other,
    tar,
    zip_info,
    zip_link,
    zipped,
)
from tests.support.snapshots import changed, contents, tip, types
from vost import StaleSnapshotError, WriteEntry


async def imported(store, data, dest="", **options):
    return await (await store.branches["main"]).archive_in(io.BytesIO(data), dest, **options)


def warned(fs):
    return [(warning.path, warning.error) for warning in fs.changes.warnings]


def both(*names_and_data):
    """Return the same files as a zip and as a tar."""
    files = [file(name, data) for name, data in names_and_data]
    return [zipped(*names_and_data), tar(*files), tar(*files, compression="gz")]


# --- one commit


async def test_an_archive_is_laid_over_the_snapshot_in_one_commit(store):
    fs = await (await store.branches["main"]).apply({"keep": b"1", "same": b"2", "old": b"3"})
    for data in both(("same", b"2"), ("old", b"new"), ("d/added", b"4")):
        done = await fs.archive_in(io.BytesIO(data))
        assert changed(done.changes) == {"add": ["d/added"], "update": ["old"]}
        assert done.message == "Batch ar: +1 ~1"
        assert (await done.parent).commit_hash == fs.commit_hash
        expected = {"keep": b"1", "same": b"2", "old": b"new", "d/added": b"4"}
        assert await contents(done) == expected
        fs = await done.undo()


async def test_the_message_and_parents_are_as_for_other_writes(store):
    first = await store.branches["main"]
    other_parent = await (await store.branches.create("other")).write("x", b"1")
    for data in both(("f", b"1")):
        fs = await (await store.branches.create("b")).archive_in(
            io.BytesIO(data), message="{op}: {default}", parents=[other_parent]
        )
        assert fs.message == "ar: + f"
        await store.branches.delete("b")
    with pytest.raises(KeyError, match="nonsense"):
        await first.archive_in(io.BytesIO(data), message="{nonsense}")
    assert await tip(store) == first.commit_hash


@pytest.mark.parametrize("dest", ["in/to", "/in/to/", "./in/./to"])
async def test_a_destination_is_a_directory(store, dest):
    for data in both(("f", b"1"), ("d/g", b"2")):
        fs = await imported(store, data, dest)
        assert await contents(fs) == {"in/to/f": b"1", "in/to/d/g": b"2"}


async def test_a_wrong_destination_is_refused_before_the_archive_is_looked_for(store, tmp_path):
    fs = await store.branches["main"]
    for dest in ("../x", "a//b", "x/.git", "a\0b"):
        with pytest.raises(ValueError):
            await fs.archive_in(tmp_path / "missing.zip", dest)


async def test_a_destination_in_the_way_gives_way(store):
    fs = await (await store.branches["main"]).apply({"d": b"a file", "e/x": b"a directory"})
    done = await fs.archive_in(io.BytesIO(zipped(("d/x", b"1"), ("e", b"2"))))
    assert await contents(done) == {"d/x": b"1", "e": b"2"}
    assert sorted(entry.path for entry in done.changes.delete) == ["d", "e/x"]


@pytest.mark.parametrize(
    "name, error, words",
    [
        ("e", IsADirectoryError, "Is a directory: in/e"),
        ("e/x", IsADirectoryError, "Is a directory: in/e/x"),
        ("d/x", NotADirectoryError, "Not a directory: in/d"),
        ("d/x/y", NotADirectoryError, "Not a directory: in/d"),
        ("l/x", NotADirectoryError, "Not a directory: in/l"),
    ],
)
async def test_nothing_gives_way_when_that_is_asked_for(store, name, error, words):
    there = {"in/d": b"a file", "in/l": WriteEntry(target="e"), "in/e/x/y": b"in directories"}
    fs = await (await store.branches["main"]).apply(there)
    for data in both(("new", b"1"), (name, b"2")):
        with pytest.raises(error) as raised:
            await fs.archive_in(io.BytesIO(data), "in", replace=False)
        assert str(raised.value) == words
    assert await tip(store) == fs.commit_hash
    for data in both(("d", b"1"), ("l", b"2"), ("e/x/y", b"3"), ("e/z/new", b"4")):
        done = await fs.archive_in(io.BytesIO(data), "in", replace=False)
        expected = {"in/d": b"1", "in/l": b"2", "in/e/x/y": b"3", "in/e/z/new": b"4"}
        assert await contents(done) == expected
        fs = await done.undo()


async def test_what_changes_nothing_is_no_commit(store):
    fs = await (await store.branches["main"]).write("f", b"1")
    assert fs.changes is not None
    for data in both(("f", b"1")):
        same = await fs.archive_in(io.BytesIO(data))
        assert (same.commit_hash, same.changes) == (fs.commit_hash, None)
    data = tar(file("f", b"1"), other("fifo", tarfile.FIFOTYPE))
    same = await fs.archive_in(io.BytesIO(data))
    assert same.commit_hash == fs.commit_hash
    assert [path for path, _ in warned(same)] == ["fifo"]
    assert same.changes.in_sync
    assert await tip(store) == fs.commit_hash


async def test_a_stale_snapshot_is_refused(store):
    fs = await store.branches["main"]
    await fs.write("x", b"1")
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await fs.archive_in(io.BytesIO(tar(file("f"))))


async def test_many_small_members_become_one_pack(disk_store, repo):
    files = [(f"d{index % 10}/f{index}", b"%d" % index) for index in range(500)]
    fs = await imported(disk_store, zipped(*files))
    assert await contents(fs) == dict(files)
    assert len(list((repo / "objects" / "pack").glob("*.pack"))) == 1


# --- what members become


async def test_modes_are_plain_or_executable_and_special_bits_are_dropped(store):
    modes = {"r": 0o444, "u": 0o100, "g": 0o610, "o": 0o601, "s": 0o4755, "none": 0}
    expected = {
        "r": "blob",
        "u": "executable",
        "g": "executable",
        "o": "executable",
        "s": "executable",
        "none": "blob",
    }
    fs = await imported(store, tar(*[file(name, b"", mode) for name, mode in modes.items()]))
    assert await types(fs) == expected
    infos = [(zip_info(name, stat.S_IFREG | mode), b"") for name, mode in modes.items()]
    assert await types(await imported(store, zipped(*infos), "zip")) == {
        **expected,
        **{f"zip/{name}": kind for name, kind in expected.items()},
    }


async def test_zip_members_without_unix_modes_are_plain_files(store):
    info = zip_info("f", 0)
    info.create_system = 0
    fs = await imported(store, zipped((info, b"1"), ("d/", b"")))
    assert await types(fs) == {"f": "blob"}


async def test_links_are_links_with_the_text_that_they_have(store):
    target = b"d/\xc3\xa9 and more"
    fs = await imported(store, zipped(zip_link("z", target), ("f", b"")))
    assert await fs.readlink("z") == target.decode()
    fs = await imported(store, tar(link("t", target.decode()), link("sub/up", "../f")))
    assert await types(fs) == {"f": "blob", "sub/up": "link", "t": "link", "z": "link"}
    assert await fs.readlink("t") == target.decode()
    assert await fs.readlink("sub/up") == "../f"


async def test_directories_are_skipped_and_dots_dropped(store):
    members = [directory("./"), directory("./d"), file("./d/./f", b"1"), directory("empty/x")]
    for data in (
        tar(*members),
        zipped(("./", b""), ("d/", b""), ("./d/./f", b"1"), ("empty/x/", b"")),
    ):
        fs = await imported(store, data)
        assert await contents(fs) == {"d/f": b"1"}
        assert fs.changes is None or warned(fs) == []


async def test_devices_and_fifos_are_skipped_with_a_warning(store):
    data = tar(
        file("f", b"1"),
        other("d/null", tarfile.CHRTYPE),
        other("disk", tarfile.BLKTYPE),
        other("fifo", tarfile.FIFOTYPE),
        other("label", b"V"),
    )
    fs = await imported(store, data)
    assert await contents(fs) == {"f": b"1"}
    assert [path for path, _ in warned(fs)] == ["d/null", "disk", "fifo", "label"]
    assert all("skipping" in text for _, text in warned(fs))
    special = [(zip_info("fifo", stat.S_IFIFO | 0o644), b""), ("g", b"2")]
    fs = await imported(store, zipped(*special))
    assert [path for path, _ in warned(fs)] == ["fifo"]
    assert await fs.ls() == ["f", "g"]


async def test_names_with_git_directories_are_left_out_with_a_warning(store):
    names = ["f", ".git/config", "d/.GIT/hooks/x", "git~1", ".gitignore"]
    for data in both(*[(name, b"1") for name in names]):
        fs = await imported(store, data, message="again")
        assert sorted(await contents(fs)) == [".gitignore", "f"]
        assert [path for path, _ in warned(fs)] == names[1:4]
        fs = await fs.apply(removes=["f", ".gitignore"])


async def test_names_that_are_not_utf8_keep_their_bytes(store):
    fs = await imported(store, tar(file("t\udce9", b"1")))
    assert await fs.ls() == ["t\udce9"]
    # What Info-ZIP writes on Unix: the bytes of the name, and no claim that they are UTF-8.
    for placeholder, raw, name in (("zz", b"\xc3\xa9", "\u00e9"), ("yy", b"\xe9y", "\udce9y")):
        fs = await imported(store, zipped((placeholder, b"2")).replace(placeholder.encode(), raw))
        assert name in await fs.ls()
    # And what DOS wrote: code page 437.
    dos = zip_info("xx")
    dos.create_system = 0
    fs = await imported(store, zipped((dos, b"3")).replace(b"xx", b"\x81x"))
    assert "\u00fcx" in await fs.ls()


async def test_backslashes_stay_and_are_warned_of(store):
    names = ["..\\..\\x", "C:\\x", "c:/x"]
    for data in both(*[(name, b"1") for name in names]):
        fs = await imported(store, data, message="again")
        assert await fs.ls(recursive=True) == names
        assert [path for path, _ in warned(fs)] == names
        fs = await fs.apply(removes=names)


# --- hard links


async def test_hard_links_are_copies_executable_if_their_target_was(store):
    data = tar(
        file("d/run", b"#!", 0o755),
        hard_link("again", "d/run", mode=0),
        hard_link("d/third", "./again"),
        link("ln", "again"),
        hard_link("ln2", "ln"),
    )
    for source in (io.BytesIO(data), Pipe(data)):
        fs = await (await store.branches["main"]).archive_in(source)
        assert await types(fs) == {
            "again": "executable",
            "d/run": "executable",
            "d/third": "executable",
            "ln": "link",
            "ln2": "link",
        }
        assert await fs.read("d/third") == b"#!"
        assert await fs.readlink("ln2") == "again"


async def test_a_hard_link_before_its_target_needs_a_seekable_archive(store):
    data = tar(hard_link("first", "later"), file("f", b"1"), file("later", b"2", 0o755))
    text = "skipping hard link (unresolvable in streaming mode): first -> later"
    fs = await (await store.branches["main"]).archive_in(Pipe(data))
    assert await contents(fs) == {"f": b"1", "later": b"2"}
    assert warned(fs) == [("first", text)]
    fs = await fs.archive_in(io.BytesIO(data))
    assert await fs.read("first") == b"2"
    assert (await types(fs))["first"] == "executable"
    assert warned(fs) == []


async def test_a_hard_link_to_nothing_is_skipped_with_a_warning(store):
    data = tar(file("f", b"1"), hard_link("l", "absent"), hard_link("self", "self"))
    for source in (io.BytesIO(data), Pipe(data)):
        fs = await (await store.branches["main"]).archive_in(source, message="again")
        assert await contents(fs) == {"f": b"1"}
        assert [path for path, _ in warned(fs)] == ["l", "self"]
        assert "skipping hard link" in warned(fs)[0][1]
    with pytest.raises(ValueError, match="no files"):
        await fs.archive_in(io.BytesIO(tar(hard_link("l", "absent"))))


# --- not strict


async def test_what_is_suspicious_is_taken_when_asked_for(store):
    data = tar(
        file("/abs/f", b"1"),
        file("//two", b"2"),
        link("out", "../secret"),
        link("etc", "/etc/passwd"),
        file("twice", b"old", 0o755),
        file("./twice", b"new"),
    )
    fs = await imported(store, data, strict=False)
    assert await contents(fs) == {
        "abs/f": b"1",
        "etc": b"/etc/passwd",
        "out": b"../secret",
        "twice": b"new",
        "two": b"2",
    }
    assert (await types(fs))["twice"] == "blob"
    assert fs.message == "Batch ar: +5"  # the double counts once
    assert [path for path, _ in warned(fs)] == ["out", "etc"]
    assert "../secret" in warned(fs)[0][1]


async def test_the_last_of_two_members_wins_in_a_zip_too(store):
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped(("/a", b"old"), ("b", b"1"), ("/a", b"new"))
    fs = await imported(store, data, strict=False)
    assert await contents(fs) == {"a": b"new", "b": b"1"}


@pytest.mark.parametrize(
    "names, left",
    [
        (["d", "d/x"], ["d/x"]),
        (["d/x", "d/y", "d"], ["d"]),
        (["d", "d/x", "d"], ["d"]),
        (["d/x", "d", "d/y"], ["d/y"]),
    ],
)
async def test_of_a_file_and_a_directory_the_last_wins_with_a_warning(store, names, left):
    data = tar(*[file(name, name.encode()) for name in names])
    fs = await imported(store, data, strict=False)
    assert await fs.ls(recursive=True) == left
    assert {path for path, _ in warned(fs)} <= set(names)
    assert "both a file and a directory" in warned(fs)[0][1]


async def test_an_empty_directory_takes_nothing_away(store):
    data = tar(file("d", b"1"), directory("d"), directory("d/e"))
    fs = await imported(store, data, strict=False)
    assert await contents(fs) == {"d": b"1"}


async def test_a_tar_without_an_end_mark_is_taken_when_asked_for(store):
    data = tar(file("f", b"1"))[:1024]
    with pytest.raises(ValueError, match=r"Not a valid tar archive: it breaks off.*strict=False"):
        await imported(store, data)
    fs = await imported(store, data, strict=False)
    assert await contents(fs) == {"f": b"1"}
    assert "end mark" in warned(fs)[0][1]


# --- errors


async def test_a_missing_archive_and_a_directory_are_said_so(store, tmp_path):
    fs = await store.branches["main"]
    with pytest.raises(FileNotFoundError, match=r"missing\.zip"):
        await fs.archive_in(tmp_path / "missing.zip")
    for options in ({}, {"format": "tar"}):
        with pytest.raises(IsADirectoryError):
            await fs.archive_in(str(tmp_path), **options)


@pytest.mark.parametrize(
    "name, data, words",
    [
        ("x.zip", b"garbage", r"^Not a valid zip file: .*x\.zip"),
        ("x.zip", b"", r"^Not a valid zip file: .*x\.zip"),
        ("x.ZIP", b"PK\x03\x04 and then nothing", r"^Not a valid zip file: .*x\.ZIP"),
        ("x.tar", b"garbage", r"^Not a valid tar archive: "),
        ("x.tar", b"", r"^Not a valid tar archive: .*empty"),
        ("x.tar", b"g" * 2000, r"^Not a valid tar archive: "),
        ("x.tgz", b"\x1f\x8b\x08 and then nothing", r"^Not a valid tar archive: "),
        ("x.tgz", b"\x1f\x8b", r"^Not a valid tar archive: .*breaks off"),
        ("x", b"BZh9garbage", r"^Not a valid tar archive: "),
        ("x", b"\xfd7zXZ\0garbage", r"^Not a valid tar archive: "),
        ("x.tar.zst", b"\x28\xb5\x2f\xfdzstd", r"^Not a valid tar archive: zstd is not supp"),
        ("x.tar", b"\x28\xb5\x2f\xfdzstd", r"^Not a valid tar archive: zstd is not supp"),
        ("x.dat", b"garbage", r"^Cannot detect archive format from extension: .*x\.dat"),
        ("x.tar.zst", b"garbage", r"^Cannot detect archive format from extension"),
        ("x", b"", r"^Cannot detect archive format from extension"),
    ],
)
async def test_what_is_no_archive_is_said_so(store, tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    fs = await store.branches["main"]
    with pytest.raises(ValueError, match=words):
        await fs.archive_in(tmp_path / name)
    assert await tip(store) == fs.commit_hash


async def test_a_format_that_is_named_is_insisted_on(store):
    zip_data, tar_data, packed = both(("f", b"1"))
    for data in (tar_data, packed):
        with pytest.raises(ValueError, match="Not a valid zip file"):
            await imported(store, data, format="zip")
    with pytest.raises(ValueError, match="Not a valid tar archive: it is a zip file"):
        await imported(store, zip_data, format="tar.gz")
    # How a tar is compressed is seen in the data.
    assert await contents(await imported(store, packed, format="tar.xz")) == {"f": b"1"}


async def test_a_zip_behind_other_data_is_read_if_its_name_says_so(store, tmp_path):
    path = tmp_path / "self-extracting.zip"
    path.write_bytes(b"#!/bin/sh\nexec unzip $0\n" + zipped(("f", b"1")))
    assert await contents(await (await store.branches["main"]).archive_in(path)) == {"f": b"1"}


async def test_an_archive_without_files_is_refused(store):
    for data, words in (
        (zipped(("d/", b"")), "^Zip file contains no files"),
        (tar(directory("d")), "^Tar archive contains no files"),
        (tar(file(".git/config", b"1")), "^Tar archive contains no files"),
    ):
        with pytest.raises(ValueError, match=words):
            await imported(store, data)


async def test_wrong_arguments_are_refused(store, tmp_path):
    fs = await store.branches["main"]
    for wrong in (None, 3, b"x.zip", ["x.zip"]):
        with pytest.raises(TypeError, match="source must be"):
            await fs.archive_in(wrong)
    with pytest.raises(TypeError, match="binary"):
        await fs.archive_in(io.StringIO("text"))
    for options in ({"max_size": -1}, {"max_members": -1}):
        with pytest.raises(ValueError, match=r"must be >= 0"):
            await fs.archive_in(io.BytesIO(tar(file("f"))), **options)
    with pytest.raises(TypeError):
        await fs.archive_in(io.BytesIO(tar(file("f"))), max_size="1")


async def test_links_already_there_are_replaced_and_not_followed(store):
    fs = await (await store.branches["main"]).apply({"x": WriteEntry(target="/tmp")})
    done = await fs.archive_in(io.BytesIO(tar(file("x/f", b"1"))))
    assert await contents(done) == {"x/f": b"1"}
