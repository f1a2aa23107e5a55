"""What goes out as an archive comes in again the same, in every format and from every source."""

from __future__ import annotations

import io
import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.archives import FORMATS, Drain, Pipe
from tests.support.faces import collect
from tests.support.snapshots import contents, types
from vost import FileType, WriteEntry
from vost._model.paths import is_dotgit

LONG = "x" * 150

TREE = {
    "a.txt": b"alpha",
    "a-before-the-directory-a": b"",
    "empty": b"",
    "run": WriteEntry(b"#!/bin/sh\n", mode=FileType.EXECUTABLE),
    "a/inside": b"1",
    "a/link": WriteEntry(target="../a.txt"),
    "a/long-link": WriteEntry(target=f"{LONG}/{LONG}"),
    f"{LONG}/{LONG}/{LONG}": b"a long way down",
    "d/é/日本": "é日本".encode(),
    "d/\udcff\udcfe not UTF-8": b"bytes",
    "d/with\nnewline and \t tab": b"odd",
    "d/ blanks ": b"around",
    "big": random.Random(1).randbytes(1_200_000),  # more than a stream's threshold
    "shrinks": b"all work and no play\n" * 8000,
}


async def branch(store, name="in"):
    return await store.branches.create(name)


@pytest.mark.parametrize("format", FORMATS)
async def test_a_snapshot_goes_out_to_a_file_and_comes_in_again(store, tmp_path, format):
    fs = await (await store.branches["main"]).apply(TREE)
    path = tmp_path / f"out.{format}"
    assert await fs.archive_out(path) is None
    back = await (await branch(store)).archive_in(path)
    assert back.tree_hash == fs.tree_hash
    assert await contents(back) == await contents(fs)
    assert await types(back) == await types(fs)
    assert back.changes.warnings == []
    assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")] == []


@pytest.mark.parametrize("format", FORMATS)
async def test_pieces_are_what_the_file_gets_and_pipes_are_as_good_as_files(
    store, tmp_path, format
):
    fs = await (await store.branches["main"]).apply(TREE)
    await fs.archive_out(tmp_path / "out", format=format)
    pieces = await collect(fs.archive(format))
    data = b"".join(pieces)
    assert data == (tmp_path / "out").read_bytes()
    assert {len(piece) for piece in pieces[:-1]} == {1 << 16}
    assert 0 < len(pieces[-1]) <= 1 << 16
    drain = Drain()
    await fs.archive_out(drain, format=format)
    assert bytes(drain.got) == data
    assert not drain.closed
    pipe = Pipe(pieces)
    back = await (await branch(store)).archive_in(pipe, format=format.partition(".")[0])
    assert back.tree_hash == fs.tree_hash
    assert not pipe.closed
    assert pipe.taken == len(data)  # who writes to a pipe is not cut off


@pytest.mark.parametrize("format", FORMATS)
async def test_the_format_is_seen_in_the_data_whatever_the_name(store, tmp_path, format):
    fs = await (await store.branches["main"]).apply({"f": b"1"})
    path = tmp_path / "misnamed.zip"
    await fs.archive_out(path, format=format)
    assert (await (await branch(store)).archive_in(path)).tree_hash == fs.tree_hash
    with path.open("rb") as file:
        again = await (await branch(store, "file")).archive_in(file)
        assert not file.closed
    assert again.tree_hash == fs.tree_hash
    bare = await (await branch(store, "pipe")).archive_in(Pipe(path.read_bytes()))
    assert bare.tree_hash == fs.tree_hash


@pytest.mark.parametrize(
    "name, format",
    [
        ("x.zip", "zip"),
        ("x.ZIP", "zip"),
        ("x.tar", "tar"),
        ("x.tar.gz", "tar.gz"),
        ("x.tgz", "tar.gz"),
        ("x.Tar.Bz2", "tar.bz2"),
        ("x.tbz2", "tar.bz2"),
        ("x.tar.xz", "tar.xz"),
        ("x.TXZ", "tar.xz"),
    ],
)
async def test_the_extension_decides_what_is_written(store, tmp_path, name, format):
    fs = await (await store.branches["main"]).apply({"f": b"1"})
    await fs.archive_out(str(tmp_path / name))
    assert (tmp_path / name).read_bytes() == b"".join(await collect(fs.archive(format)))


@pytest.mark.parametrize("format", FORMATS)
async def test_an_empty_snapshot_is_an_empty_archive_which_holds_no_files(store, format):
    fs = await store.branches["main"]
    data = b"".join(await collect(fs.archive(format)))
    with pytest.raises(ValueError, match="no files"):
        await fs.archive_in(io.BytesIO(data))


@pytest.mark.parametrize("format", FORMATS)
async def test_a_part_is_exported_with_names_relative_to_it(store, format):
    fs = await (await store.branches["main"]).apply({"a/b/c": b"1", "a/b/d/e": b"2", "x": b"3"})
    for path, expected in (
        ("a/b", {"c": b"1", "d/e": b"2"}),
        ("/a/", {"b/c": b"1", "b/d/e": b"2"}),
        ("a/b/c", {"c": b"1"}),
    ):
        data = b"".join(await collect(fs.archive(format, path=path)))
        name = path.strip("/").replace("/", "-")
        back = await (await branch(store, f"part-{name}")).archive_in(io.BytesIO(data))
        assert await contents(back) == expected


async def test_a_read_only_snapshot_can_be_exported_but_not_imported_to(store, tmp_path):
    fs = await (await store.branches["main"]).write("f", b"1")
    await store.tags.set("v1", fs)
    tag = await store.tags["v1"]
    await tag.archive_out(tmp_path / "v1.zip")
    with pytest.raises(PermissionError, match="read-only"):
        await tag.archive_in(tmp_path / "missing.zip")
    back = await (await branch(store)).archive_in(tmp_path / "v1.zip")
    assert back.tree_hash == fs.tree_hash


@pytest.mark.parametrize("name", ["BZh9", "PK\x03\x04", "\x1f\udc8b\b"])
async def test_a_name_that_looks_like_another_format_deceives_nobody(store, name):
    fs = await (await store.branches["main"]).apply({name: b"1"})
    data = b"".join(await collect(fs.archive("tar")))
    assert (await (await branch(store)).archive_in(io.BytesIO(data))).tree_hash == fs.tree_hash


# --- any tree

_NAME = st.one_of(
    st.text(min_size=1, max_size=12),
    st.binary(min_size=1, max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.sampled_from(["a", "b", "c.d", "-x", LONG, "con", "a\\b", "C:x"]),
).filter(
    lambda name: (
        not set("/\0") & set(name)
        and name not in {".", ".."}
        and not is_dotgit(name)
        and not any(0xD800 <= ord(c) < 0xDC80 or 0xDCFF < ord(c) < 0xE000 for c in name)
    )
)
_TARGET = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
_FILE = st.one_of(
    st.binary(max_size=2000),
    st.binary(max_size=10).map(lambda data: WriteEntry(data, mode=FileType.EXECUTABLE)),
    _TARGET.map(lambda target: WriteEntry(target=target)),
)
_TREE = st.dictionaries(st.lists(_NAME, min_size=1, max_size=3).map("/".join), _FILE, max_size=8)


def without_conflicts(tree):
    """Return the part of a tree in which no file is also a directory."""
    kept = {}
    for path, entry in tree.items():
        raw = path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        clash = any(raw.startswith(f"{one}/") or one.startswith(f"{raw}/") for one in kept)
        if raw not in kept and not clash:
            kept[raw] = entry
    return kept


@given(tree=_TREE, format=st.sampled_from(FORMATS), through_pipe=st.booleans())
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_tree_comes_back_the_same(face, tree, format, through_pipe):
    if not (tree := without_conflicts(tree)):
        return
    async with await face.GitStore.memory() as store:
        fs = await (await store.branches["main"]).apply(tree)
        data = b"".join(await collect(fs.archive(format)))
        source = Pipe(data) if through_pipe else io.BytesIO(data)
        # Not strict: links may lead anywhere.
        back = await (await branch(store)).archive_in(source, strict=False)
        assert await contents(back) == await contents(fs)
        assert back.tree_hash == fs.tree_hash
