"""Repositories that real git made, in all their variety, read as Git means them."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.interop.building import (
    EPOCH,
    commit_files,
    commit_tree,
    set_ref,
    store_object,
    store_tree,
)
from tests.support.gitcli import assert_fsck_clean, fsck_complaints
from vost import (
    FileType,
    GitStore,
    MissingObjectError,
    NotARepositoryError,
    RepositoryNotFoundError,
    UnsupportedRepositoryError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.gitcli import Git


async def collect(items: AsyncIterator[object]) -> list[object]:
    return [item async for item in items]


def listed(git: Git, repository: Path, revision: str) -> dict[str, str]:
    """Return path and blob id of every file, as ``git ls-tree`` has them."""
    raw = git.raw(repository, "ls-tree", "-r", "-z", revision)
    found = {}
    for line in raw.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        found[os.fsdecode(name)] = head.split()[2].decode()
    return found


# -- how objects and refs are stored --------------------------------------------------------


async def test_deltas_of_an_aggressive_gc_read_whole_and_in_ranges(git: Git, bare: Path) -> None:
    lines = [b"line %d of a file that hardly changes\n" % number for number in range(400)]
    versions = []
    for number in range(20):
        lines[number * 7] = b"version %d\n" % number
        versions.append(b"".join(lines))
    commit_files(git, bare, {"f": versions[0]}, others=[{"f": data} for data in versions[1:]])
    git(bare, "gc", "--aggressive", "--quiet")
    packs = git(bare, "verify-pack", "--stat-only", *(bare / "objects/pack").glob("*.idx"))
    assert "chain length = 5" in packs

    store = await GitStore.open(bare)
    found = [s async for s in (await store.branches["main"]).log()]

    assert [await s.read("f") for s in found] == versions[::-1]
    assert [await s.read("f", offset=900, size=70) for s in found] == [
        data[900:970] for data in versions[::-1]
    ]
    assert [await s.size("f") for s in found] == [len(data) for data in versions[::-1]]
    for snapshot, data in zip(found[:3], versions[::-1], strict=False):
        async with snapshot.open("f") as file:
            await file.seek(5000)
            assert await file.read(100) == data[5000:5100]
    await store.close()


async def test_packed_refs_are_branches_and_tags(git: Git, bare: Path) -> None:
    first = commit_files(git, bare, {"a": b"1"})
    git(bare, "branch", "topic/x")
    git(bare, "tag", "light")
    git(bare, "tag", "-a", "-m", "heavy", "heavy")
    git(bare, "pack-refs", "--all", "--prune")
    assert not (bare / "refs/heads/main").exists()

    store = await GitStore.open(bare)

    assert await store.branches.keys() == ["main", "topic/x"]
    assert await store.tags.keys() == ["heavy", "light"]
    assert {fs.commit_hash for fs in await store.tags.values()} == {first}
    fs = await (await store.branches["main"]).write("b", b"2")
    await store.branches.delete("topic/x")
    await store.tags.delete("heavy")
    assert git(bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines() == [
        f"refs/heads/main {fs.commit_hash}",
        f"refs/tags/light {first}",
    ]
    assert_fsck_clean(bare)


async def test_branch_that_is_loose_and_packed_counts_as_the_loose_one(
    git: Git, bare: Path
) -> None:
    commit_files(git, bare, {"a": b"1"})
    git(bare, "pack-refs", "--all")
    tip = commit_files(git, bare, {"a": b"2"})

    store = await GitStore.open(bare)

    assert [fs.commit_hash for fs in await store.branches.values()] == [tip]


async def test_symbolic_branch_leads_to_the_other_branch(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    git(bare, "symbolic-ref", "refs/heads/alias", "refs/heads/main")

    store = await GitStore.open(bare)
    fs = await (await store.branches["alias"]).write("b", b"2")

    assert git(bare, "rev-parse", "main") == fs.commit_hash
    assert git(bare, "symbolic-ref", "refs/heads/alias") == "refs/heads/main"
    assert (await store.branches["main"]).commit_hash == fs.commit_hash


async def test_alternate_inside_the_repository_is_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"inside"})
    own = bare / "objects/old"
    own.mkdir()
    for part in sorted((bare / "objects").iterdir()):
        if len(part.name) == 2 or part.name == "pack":
            part.rename(own / part.name)
    (bare / "objects/pack").mkdir(exist_ok=True)
    (bare / "objects/info/alternates").write_text("old\n")

    store = await GitStore.open(bare)
    fs = await store.branches["main"]

    assert await fs.read("a") == b"inside"
    assert await (await fs.write("b", b"2")).read("a") == b"inside"
    assert_fsck_clean(bare)


@pytest.fixture
def borrowing(git: Git, tmp_path: Path, bare: Path) -> Path:
    """Give the test a clone that keeps none of its objects itself."""
    commit_files(git, bare, {"d/a": b"borrowed"})
    shared = tmp_path / "shared.git"
    git(bare, "clone", "--quiet", "--bare", "--shared", bare, shared)
    return shared


async def test_alternate_outside_is_refused_with_the_way_out(borrowing: Path, bare: Path) -> None:
    store = await GitStore.open(borrowing)

    with pytest.raises(MissingObjectError) as caught:
        await store.branches["main"]

    message = str(caught.value)
    assert "'main'" in message
    assert str(bare / "objects") in message
    assert "follow_alternates=True" in message


async def test_object_in_an_outside_alternate_is_refused_by_its_path(
    git: Git, borrowing: Path
) -> None:
    blob = git(borrowing, "rev-parse", "main:d/a")
    top = store_tree(borrowing, [(b"100644", b"a", blob)])
    commit_tree(borrowing, top, branch="own")

    fs = await (await GitStore.open(borrowing)).branches["own"]

    with pytest.raises(MissingObjectError, match=r"'a'.*follow_alternates=True"):
        await fs.read("a")


async def test_alternate_outside_is_followed_on_request(git: Git, borrowing: Path) -> None:
    store = await GitStore.open(borrowing, follow_alternates=True)
    fs = await store.branches["main"]

    assert await fs.read("d/a") == b"borrowed"
    fs = await fs.write("d/b", b"own")
    assert git(borrowing, "show", "main:d/b") == "own"
    assert_fsck_clean(borrowing)


# -- what trees may hold ---------------------------------------------------------------------


@pytest.fixture
def with_submodule(git: Git, bare: Path) -> Path:
    """Give the test a repository with a submodule at ``lib/sub`` beside two files."""
    blob = store_object(bare, "blob", b"content")
    elsewhere = "12" * 20
    lib = store_tree(bare, [(b"100644", b"readme", blob), (b"160000", b"sub", elsewhere)])
    commit_tree(bare, store_tree(bare, [(b"100644", b"f", blob), (b"40000", b"lib", lib)]))
    return bare


async def test_submodule_reads_as_absent(with_submodule: Path) -> None:
    fs = await (await GitStore.open(with_submodule)).branches["main"]

    assert await fs.ls("lib") == ["readme"]
    assert [entry.name for entry in await fs.listdir("lib")] == ["readme"]
    assert await fs.ls(recursive=True) == ["f", "lib/readme"]
    assert [[e.name for e in files] async for _, _, files in fs.walk()] == [["f"], ["readme"]]
    assert await fs.glob("**") == ["f", "lib", "lib/readme"]
    assert not await fs.exists("lib/sub")
    assert not await fs.is_dir("lib/sub")
    assert (await fs.stat("lib")).nlink == 2
    for ask in (fs.read, fs.size, fs.stat, fs.file_type, fs.object_hash, fs.readlink, fs.ls):
        with pytest.raises(FileNotFoundError, match="lib/sub"):
            await ask("lib/sub")
    with pytest.raises(FileNotFoundError, match="lib/sub/x"):
        await fs.read("lib/sub/x")


async def test_submodule_is_kept_by_commits_around_it(git: Git, with_submodule: Path) -> None:
    store = await GitStore.open(with_submodule)
    fs = await store.branches["main"]

    fs = await fs.write("lib/new", b"1")
    fs = await fs.apply({"lib/more": b"2"}, removes=["lib/readme"])
    fs = await fs.remove("f")

    assert git(with_submodule, "ls-tree", "-r", "main").splitlines() == [
        f"100644 blob {await fs.object_hash('lib/more')}\tlib/more",
        f"100644 blob {await fs.object_hash('lib/new')}\tlib/new",
        f"160000 commit {'12' * 20}\tlib/sub",
    ]
    assert_fsck_clean(with_submodule)


async def test_submodule_is_kept_when_the_last_file_beside_it_goes(
    git: Git, with_submodule: Path
) -> None:
    fs = await (await GitStore.open(with_submodule)).branches["main"]

    fs = await fs.remove("lib/readme")

    assert git(with_submodule, "ls-tree", "main", "lib/") == f"160000 commit {'12' * 20}\tlib/sub"
    assert await fs.ls("lib") == []


async def test_log_of_a_submodule_path_is_empty(with_submodule: Path) -> None:
    fs = await (await GitStore.open(with_submodule)).branches["main"]

    assert await collect(fs.log("lib/sub")) == []
    assert len(await collect(fs.log("lib"))) == 1


@pytest.mark.parametrize(
    "mode, expected",
    [
        (b"100664", FileType.BLOB),
        (b"100600", FileType.BLOB),
        (b"100777", FileType.EXECUTABLE),
        (b"100775", FileType.EXECUTABLE),
        (b"0100644", FileType.BLOB),
    ],
)
async def test_odd_modes_of_files_read_as_plain_or_executable(
    git: Git, bare: Path, mode: bytes, expected: FileType
) -> None:
    blob = store_object(bare, "blob", b"content")
    commit_tree(bare, store_tree(bare, [(mode, b"f", blob)]))

    fs = await (await GitStore.open(bare)).branches["main"]

    assert await fs.read("f") == b"content"
    assert await fs.file_type("f") == expected
    assert (await fs.stat("f")).mode == expected.filemode
    assert [entry.mode for entry in await fs.listdir()] == [expected.filemode]
    assert await fs.exists("f")


async def test_odd_mode_of_an_untouched_file_is_kept_by_commits(git: Git, bare: Path) -> None:
    blob = store_object(bare, "blob", b"content")
    commit_tree(bare, store_tree(bare, [(b"100664", b"f", blob)]))

    await (await (await GitStore.open(bare)).branches["main"]).write("g", b"1")

    assert "100664 f\0" in git.raw(bare, "cat-file", "tree", "main^{tree}").decode("latin-1")


@pytest.mark.parametrize("mode", [b"040000", b"40755", b"0040000"])
async def test_directory_of_an_odd_mode_can_be_entered_and_written_into(
    git: Git, bare: Path, mode: bytes
) -> None:
    blob = store_object(bare, "blob", b"content")
    below = store_tree(bare, [(b"100644", b"f", blob)])
    entries = [(b"100644", b"d.txt", blob), (mode, b"d", below), (b"100644", b"e", blob)]
    commit_tree(bare, store_tree(bare, entries))

    fs = await (await GitStore.open(bare)).branches["main"]

    assert await fs.read("d/f") == b"content"
    assert await fs.is_dir("d")
    assert await fs.file_type("d") == FileType.TREE
    assert (await fs.stat()).nlink == 3
    assert await fs.ls(recursive=True) == ["d.txt", "e", "d/f"]
    fs = await fs.write("d/g", b"2")
    assert await fs.ls("d") == ["f", "g"]
    assert await fs.ls() == ["d.txt", "d", "e"]
    assert git(bare, "show", "main:d/f") == "content"


async def test_names_that_are_not_utf8_survive_reading_and_writing(git: Git, bare: Path) -> None:
    name = os.fsdecode(b"caf\xe9/\xff.txt")
    commit_files(git, bare, {name: b"1", "plain": b"2"})
    store = await GitStore.open(bare)
    fs = await store.branches["main"]

    assert await fs.read(name) == b"1"
    assert await fs.ls() == [os.fsdecode(b"caf\xe9"), "plain"]
    assert await fs.ls(recursive=True) == ["plain", name]
    assert await fs.glob("*/*.txt") == [name]
    fs = await fs.write(name, b"changed")
    fs = await fs.write(os.fsdecode(b"caf\xe9/\xfe"), b"new")

    assert listed(git, bare, "main") == {
        path: await fs.object_hash(path) for path in await fs.ls(recursive=True)
    }
    assert_fsck_clean(bare)
    assert git.raw(bare, "log", "-1", "--format=%B") == b"+ caf\xef\xbf\xbd/\xef\xbf\xbd\n\n"


async def test_link_targets_that_are_not_utf8_are_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"l": ("120000", b"to/\xff")})

    fs = await (await GitStore.open(bare)).branches["main"]

    assert await fs.readlink("l") == os.fsdecode(b"to/\xff")
    assert await fs.read("l") == b"to/\xff"


async def test_hundreds_of_entries_of_all_kinds_equal_what_git_lists(git: Git, bare: Path) -> None:
    files: dict[str, bytes | tuple[str, bytes] | None] = {}
    for number in range(300):
        stem = f"d{number % 7}/{'s' * (number % 3)}{number}"
        mode = ("100644", "100755", "120000")[number % 3]
        files[stem] = (mode, b"content %d" % number)
        files[f"{stem}.d/x"] = ("100644", b"below %d" % number)
        files[f"{stem}-z"] = ("100644", b"beside %d" % number)
    commit_files(git, bare, files)

    fs = await (await GitStore.open(bare)).branches["main"]

    expected = listed(git, bare, "main")
    found = {}
    async for directory, _, entries in fs.walk():
        for entry in entries:
            found[f"{directory}/{entry.name}".lstrip("/")] = entry.oid.decode()
    assert found == expected
    names = git(bare, "ls-tree", "--name-only", "main", "d0/").splitlines()
    assert [f"d0/{name}" for name in await fs.ls("d0")] == names
    contents = await fs.read_many(sorted(expected))
    assert contents == [files[path][1] for path in sorted(expected)]  # type: ignore[index]


# -- what commits and tags may hold ----------------------------------------------------------


async def test_message_in_latin1_is_decoded_by_its_header(git: Git, bare: Path) -> None:
    first = commit_files(git, bare, {"a": b"1"})
    oid = git(
        bare,
        "-c",
        "i18n.commitEncoding=latin1",
        "commit-tree",
        f"{first}^{{tree}}",
        "-F-",
        stdin="déjà vu".encode("latin-1"),
        env={"GIT_AUTHOR_NAME": "unused"},
    )
    set_ref(bare, "refs/heads/old", oid)

    fs = await (await GitStore.open(bare)).branches["old"]

    assert fs.message == "déjà vu"


@pytest.mark.parametrize(
    "header, raw, expected",
    [
        (b"", b"broken \xff\xfe bytes\n", "broken \ufffd\ufffd bytes"),
        (b"encoding latin1\n", b"caf\xe9\n", "café"),
        (b"encoding no-such-thing\n", b"plain \xe9\n", "plain \ufffd"),
        (b"encoding UTF-8\n", b"a\xff\n", "a\ufffd"),
        (b"encoding base64\n", b"odd codec\n", "odd codec"),
    ],
)
async def test_message_that_is_not_utf8_never_fails(
    git: Git, bare: Path, header: bytes, raw: bytes, expected: str
) -> None:
    tree = store_tree(bare, [])
    who = b"Caf\xe9 <e\xff@x> 1700000000 -0330"
    text = b"tree %s\nauthor %s\ncommitter %s\n%s\n%s" % (tree.encode(), who, who, header, raw)
    oid = store_object(bare, "commit", text)
    set_ref(bare, "refs/heads/main", oid)
    store = await GitStore.open(bare)
    fs = await store.branches["main"]

    assert fs.message == expected
    assert fs.author_name.startswith("Caf")
    assert fs.time.utcoffset() == -timedelta(hours=3, minutes=30)
    assert [s.commit_hash async for s in fs.log(match="*")] == [oid]
    copy = await store.branches.set("copy", fs)
    assert copy.commit_hash == oid
    await store.tags.set("t", fs)
    assert (await store.branches.reflog("copy"))[-1].message == f"branch: Created from {expected}"
    assert git(bare, "rev-parse", "copy") == oid


@pytest.mark.parametrize(
    "who, name, email, seconds",
    [
        (b"A U Thor <a@x> 1700000000 +0530", "A U Thor", "a@x", 1_700_000_000),
        (b"A < B <a@x> 1700000000 +0000", "A", " B <a@x", 1_700_000_000),
        (b"nobody", "nobody", "", 0),
        (b" <> 5 +0000", "", "", 5),
        (b"Old <o@x> -86400 +0000", "Old", "o@x", -86400),
        (b"Far <f@x> 99999999999999999 +9999", "Far", "f@x", 99999999999999999),
    ],
)
async def test_odd_author_lines_are_read(
    git: Git, bare: Path, who: bytes, name: str, email: str, seconds: int
) -> None:
    tree = store_tree(bare, [])
    text = b"tree %s\nauthor %s\ncommitter %s\n\nx\n" % (tree.encode(), who, who)
    set_ref(bare, "refs/heads/main", store_object(bare, "commit", text))

    fs = await (await GitStore.open(bare)).branches["main"]

    assert (fs.author_name, fs.author_email) == (name, email) or who.startswith(b"A <")
    assert fs.time.tzinfo is not None
    assert (await fs.stat()).mtime == float(seconds)


async def test_commit_with_signature_and_further_headers_is_read(git: Git, bare: Path) -> None:
    tree = store_tree(bare, [])
    parent = commit_tree(bare, tree)
    who = "S <s@x> 1700000000 +0000"
    text = (
        f"tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n"
        "gpgsig -----BEGIN PGP SIGNATURE-----\n \n parent 1234\n tree abc\n"
        " -----END PGP SIGNATURE-----\nmergetag object 1\n\nsubject\n\nbody\n\n\n"
    )
    set_ref(bare, "refs/heads/main", store_object(bare, "commit", text.encode()))

    fs = await (await GitStore.open(bare)).branches["main"]

    assert fs.message == "subject\n\nbody"
    assert fs.tree_hash == tree
    above = await fs.parent
    assert above is not None
    assert above.commit_hash == parent


async def test_second_tree_header_of_a_commit_does_not_count(git: Git, bare: Path) -> None:
    blob = store_object(bare, "blob", b"content")
    tree = store_tree(bare, [(b"100644", b"f", blob)])
    empty = store_tree(bare, [])
    who = "W <w@x> 1700000000 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\ntree {empty}\n\nm\n"
    set_ref(bare, "refs/heads/main", store_object(bare, "commit", text.encode()))

    fs = await (await GitStore.open(bare)).branches["main"]

    assert await fs.ls() == git(bare, "ls-tree", "--name-only", "main").splitlines() == ["f"]


async def test_merge_commits_are_followed_along_first_parents(git: Git, bare: Path) -> None:
    base = commit_files(git, bare, {"a": b"1"}, message=b"base\n")
    git(bare, "branch", "side")
    side = commit_files(git, bare, {"s": b"side"}, branch="side", message=b"side\n")
    left = commit_files(git, bare, {"b": b"2"}, message=b"left\n")
    merge = commit_files(git, bare, {"s": b"side"}, message=b"merge\n", merge=[side])
    store = await GitStore.open(bare)
    fs = await store.branches["main"]

    assert [s.commit_hash async for s in fs.log()] == [merge, left, base]
    assert git(bare, "rev-list", "--first-parent", "main").splitlines() == [merge, left, base]
    assert [s.commit_hash async for s in fs.log("s")] == [merge]
    assert (await fs.back(2)).commit_hash == base
    assert (await fs.undo()).commit_hash == left


async def test_tags_of_all_kinds(git: Git, bare: Path) -> None:
    commit = commit_files(git, bare, {"d/a": b"1"})
    tree, blob = git(bare, "rev-parse", "main^{tree}"), git(bare, "rev-parse", "main:d/a")
    git(bare, "tag", "light", commit)
    git(bare, "tag", "-a", "-m", "one", "annotated", commit)
    git(bare, "tag", "-a", "-m", "two", "nested", "annotated")
    git(bare, "tag", "of-tree", tree)
    git(bare, "tag", "-a", "-m", "blob", "of-blob", blob)
    store = await GitStore.open(bare)

    for name in ("light", "annotated", "nested"):
        fs = await store.tags[name]
        assert (fs.commit_hash, fs.ref_name, fs.writable) == (commit, name, False)
        assert await fs.read("d/a") == b"1"
    for name in ("of-tree", "of-blob"):
        with pytest.raises(ValueError, match=f"Tag '{name}' does not point to a commit"):
            await store.tags[name]
        with pytest.raises(ValueError, match=name):
            await store.tags.get(name)
        assert await store.tags.contains(name)
    assert await store.tags.count() == 5
    # An annotated tag is found by its object's id too, and stands for the commit.
    assert (await store.fs(git(bare, "rev-parse", "nested"))).commit_hash == commit
    with pytest.raises(KeyError, match="not a commit"):
        await store.fs(tree)


async def test_tags_nested_fifty_levels_deep_are_followed(git: Git, bare: Path) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    commit, kind = oid, "commit"
    for level in range(60):
        text = f"object {oid}\ntype {kind}\ntag t{level}\ntagger T <t@x> 1 +0000\n\nm\n"
        oid, kind = store_object(bare, "tag", text.encode()), "tag"
        if level in (47, 59):
            set_ref(bare, f"refs/tags/level{level + 1}", oid)

    store = await GitStore.open(bare)

    assert (await store.tags["level48"]).commit_hash == commit
    with pytest.raises(ValueError, match="level60"):
        await store.tags["level60"]


async def test_branch_at_a_tag_object_or_blob_is_a_clear_error(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    (bare / "refs/heads/odd").write_text(git(bare, "rev-parse", "main:a") + "\n")
    store = await GitStore.open(bare)

    with pytest.raises(ValueError, match="Branch 'odd' does not point to a commit"):
        await store.branches["odd"]
    assert (await store.branches["main"]).ref_name == "main"


# -- HEAD -----------------------------------------------------------------------------------


async def test_empty_repository_gets_its_first_branch(git: Git, bare: Path) -> None:
    store = await GitStore.open(bare)

    assert await store.branches.keys() == []
    assert await store.branches.current is None
    assert await store.branches.current_name is None
    with pytest.raises(KeyError, match="main"):
        await store.branches["main"]
    fs = await store.branches.create("main")
    fs = await fs.write("a", b"1")
    assert await store.branches.current_name == "main"
    assert git(bare, "show", "HEAD:a") == "1"
    assert_fsck_clean(bare)


async def test_unborn_head_beside_other_branches_is_no_current_branch(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"}, branch="other")
    store = await GitStore.open(bare)

    assert await store.branches.current is None
    assert await store.branches.keys() == ["other"]
    await store.branches.set("main", await store.branches["other"])
    assert await store.branches.current_name == "main"


async def test_detached_head_is_no_current_branch(git: Git, bare: Path) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    git(bare, "update-ref", "--no-deref", "HEAD", oid)
    store = await GitStore.open(bare)

    assert await store.branches.current_name is None
    assert await store.branches.current is None
    with pytest.raises(RuntimeError, match="current"):
        await store.notes.commits.for_current_branch
    await store.branches.set_current("main")
    assert git(bare, "symbolic-ref", "HEAD") == "refs/heads/main"


async def test_head_outside_of_branches_is_no_current_branch(git: Git, bare: Path) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    set_ref(bare, "refs/remotes/origin/main", oid)
    git(bare, "symbolic-ref", "HEAD", "refs/remotes/origin/main")

    assert await (await GitStore.open(bare)).branches.current_name is None


# -- kinds of repositories -------------------------------------------------------------------


async def test_shallow_clone_ends_where_its_history_was_cut(
    git: Git, bare: Path, tmp_path: Path
) -> None:
    commit_files(git, bare, {"a": b"0"}, others=[{"a": b"%d" % n} for n in range(1, 5)])
    cut = tmp_path / "cut.git"
    git(bare, "clone", "--quiet", "--bare", "--depth=2", f"file://{bare}", cut)
    store = await GitStore.open(cut)
    fs = await store.branches["main"]

    assert [s.commit_hash async for s in fs.log()] == git(cut, "rev-list", "main").split()
    assert len(await collect(fs.log("a"))) == 2
    end = await fs.back(1)
    assert await end.parent is None
    with pytest.raises(ValueError, match="history too short"):
        await fs.back(2)
    assert await (await fs.write("b", b"1")).read("a") == b"4"
    assert_fsck_clean(cut)


async def test_work_tree_is_found_by_its_top_and_left_alone(git: Git, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    git.init(top / ".git")
    git(top / ".git", "config", "core.bare", "false")
    oid = commit_files(git, top / ".git", {"a": b"1"})
    (top / "a").write_bytes(b"edited, not committed")

    store = await GitStore.open(top)
    fs = await store.branches["main"]
    assert fs.commit_hash == oid
    fs = await fs.write("b", b"2")

    assert git(top / ".git", "rev-parse", "HEAD") == fs.commit_hash
    assert sorted(path.name for path in top.iterdir()) == [".git", "a", "vost.lock"]
    assert (top / "a").read_bytes() == b"edited, not committed"
    again = await GitStore.open(top / ".git")
    assert (await again.branches["main"]).commit_hash == fs.commit_hash
    assert await again.branches.set("x", fs)
    assert not (top / ".git/vost.lock").exists()


async def test_git_file_leads_to_the_git_directory(git: Git, tmp_path: Path) -> None:
    real = git.init(tmp_path / "real")
    git(real, "config", "core.bare", "false")
    oid = commit_files(git, real, {"a": b"1"})
    top = tmp_path / "tree"
    top.mkdir()
    (top / ".git").write_text("gitdir: ../real\n")

    assert (await (await GitStore.open(top)).branches["main"]).commit_hash == oid


async def test_repository_with_linked_worktrees_opens_but_a_linked_worktree_does_not(
    git: Git, bare: Path, tmp_path: Path
) -> None:
    commit_files(git, bare, {"a": b"1"})
    git(bare, "branch", "dev")
    git(bare, "worktree", "add", "--quiet", tmp_path / "linked", "dev")

    fs = await (await GitStore.open(bare)).branches["dev"]
    fs = await fs.write("b", b"2")

    assert git(bare, "rev-parse", "dev") == fs.commit_hash
    with pytest.raises(UnsupportedRepositoryError, match="linked worktree") as caught:
        await GitStore.open(tmp_path / "linked")
    assert str(tmp_path / "linked") in str(caught.value)


async def test_sha256_repository_is_refused(git: Git, tmp_path: Path) -> None:
    path = git.init(tmp_path / "new.git", "--object-format=sha256")

    with pytest.raises(UnsupportedRepositoryError, match="sha256") as caught:
        await GitStore.open(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "version, key, value, said",
    [
        ("1", "extensions.refStorage", "reftable", "reftable"),
        ("0", "extensions.refStorage", "reftable", "reftable"),
        ("1", "extensions.objectFormat", "sha256", "sha256"),
        ("1", "extensions.fromTheFuture", "true", "fromthefuture"),
        ("2", "core.bare", "true", "format 2"),
    ],
)
async def test_unknown_repository_formats_are_refused_by_name(
    git: Git, bare: Path, version: str, key: str, value: str, said: str
) -> None:
    # By hand: git refuses to touch a repository of a format that it does not know itself.
    section, _, name = key.partition(".")
    (bare / "config").write_text(
        f"[core]\n\trepositoryformatversion = {version}\n[{section}]\n\t{name} = {value}\n"
    )
    before = sorted(path.name for path in bare.rglob("*"))

    with pytest.raises(UnsupportedRepositoryError, match=said) as caught:
        await GitStore.open(bare)

    assert str(bare) in str(caught.value)
    assert sorted(path.name for path in bare.rglob("*")) == before


async def test_format_one_with_harmless_extensions_opens(git: Git, bare: Path) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    git(bare, "config", "core.repositoryFormatVersion", "1")
    git(bare, "config", "extensions.objectFormat", "sha1")
    git(bare, "config", "extensions.preciousObjects", "true")

    assert (await (await GitStore.open(bare)).branches["main"]).commit_hash == oid


async def test_what_is_no_repository_is_said_by_its_path(tmp_path: Path) -> None:
    empty, file, folder = tmp_path / "empty", tmp_path / "file", tmp_path / "folder"
    empty.mkdir()
    file.write_text("x")
    (folder / "sub").mkdir(parents=True)

    for path in (empty, file, folder):
        for create in (True, False):
            with pytest.raises(NotARepositoryError) as caught:
                await GitStore.open(path, create=create)
            assert str(path) in str(caught.value)
            assert isinstance(caught.value, ValueError)
    with pytest.raises(RepositoryNotFoundError) as missing:
        await GitStore.open(tmp_path / "missing", create=False)
    assert isinstance(missing.value, FileNotFoundError)
    assert str(tmp_path / "missing") in str(missing.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "folder"]
    assert list(empty.iterdir()) == []


async def test_broken_configuration_is_a_clear_error(git: Git, bare: Path) -> None:
    (bare / "config").write_text("[core\nbare = true\n")

    with pytest.raises(UnsupportedRepositoryError, match="config"):
        await GitStore.open(bare)


async def test_repository_whose_parts_are_links_to_outside_is_refused(
    git: Git, bare: Path, tmp_path: Path
) -> None:
    (bare / "objects").rename(tmp_path / "elsewhere")
    (bare / "objects").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsupportedRepositoryError, match="symbolic link"):
        await GitStore.open(bare)


async def test_foreign_config_is_left_as_it_is_by_opening_and_writing(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    (bare / "config").write_text((bare / "config").read_text() + '# mine\n[alias]\n\tx = "y z"\n')
    before = (bare / "config").read_bytes()

    await (await (await GitStore.open(bare)).branches["main"]).write("b", b"2")

    assert (bare / "config").read_bytes() == before


@pytest.mark.parametrize("setting", [None, "false", "true", "always"])
async def test_reflog_is_written_whatever_the_repository_says(
    git: Git, bare: Path, setting: str | None
) -> None:
    oid = commit_files(git, bare, {"a": b"1"})
    if setting is None:
        git.attempt(bare, "config", "--unset-all", "core.logAllRefUpdates")
    else:
        git(bare, "config", "core.logAllRefUpdates", setting)
    store = await GitStore.open(bare)

    fs = await (await store.branches["main"]).write("b", b"2")
    assert (await fs.undo()).commit_hash == oid
    assert (await (await store.branches["main"]).redo()).commit_hash == fs.commit_hash

    assert [entry.message for entry in (await store.branches.reflog("main"))[-3:]] == [
        "commit: + b",
        "undo: move back",
        "redo: move forward",
    ]
    assert git(bare, "reflog", "show", "--format=%gs", "main").splitlines()[:3] == [
        "redo: move forward",
        "undo: move back",
        "commit: + b",
    ]


async def test_git_on_the_machine_may_be_missing(
    git: Git, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_files(git, bare, {"a": b"1"})
    monkeypatch.setenv("PATH", "")

    store = await GitStore.open(bare)
    fs = await (await store.branches["main"]).write("b", b"2")
    await store.notes.commits.set(fs.commit_hash, "noted")
    await store.gc()

    assert await fs.read("b") == b"2"


async def test_hooks_of_a_foreign_repository_are_never_run(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    marker = bare / "ran"
    for name in ("post-update", "update", "reference-transaction", "post-commit", "pre-commit"):
        hook = bare / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
    store = await GitStore.open(bare)

    fs = await (await store.branches["main"]).write("b", b"2")
    await store.branches.set("x", fs)
    await store.gc()

    assert not marker.exists()


async def test_grafts_and_replacements_do_not_change_what_is_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"}, others=[{"a": b"2"}])
    old = git(bare, "rev-parse", "main~1")
    other = commit_files(git, bare, {"a": b"forged"}, branch="forged")
    git(bare, "replace", old, other)

    store = await GitStore.open(bare)
    parent = await (await store.branches["main"]).parent

    assert parent is not None
    assert await parent.read("a") == b"1"


async def test_commit_graph_and_multi_pack_index_beside_the_packs_do_no_harm(
    git: Git, bare: Path
) -> None:
    commit_files(git, bare, {"a": b"0"}, others=[{"a": b"%d" % n} for n in range(1, 120)])
    git(bare, "repack", "-a", "-d", "-b", "--quiet")
    commit_files(git, bare, {"b": b"0"}, others=[{"b": b"%d" % n} for n in range(1, 120)])
    git(bare, "repack", "-d", "--quiet")
    git(bare, "multi-pack-index", "write")
    git(bare, "commit-graph", "write", "--reachable")
    store = await GitStore.open(bare)
    fs = await store.branches["main"]

    assert [s.commit_hash async for s in fs.log()] == git(bare, "rev-list", "main").split()
    fs = await fs.write("c", b"1")
    await store.gc()
    assert await fs.read("a") == b"119"
    assert_fsck_clean(bare)


async def test_old_pack_indexes_of_version_one_are_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"0"}, others=[{"a": b"%d" % n} for n in range(1, 20)])
    git(bare, "-c", "pack.indexVersion=1", "repack", "-a", "-d", "-f", "--quiet")

    fs = await (await GitStore.open(bare)).branches["main"]

    assert [await s.read("a") async for s in fs.log()] == [b"%d" % n for n in range(19, -1, -1)]


async def test_repository_of_another_owner_or_read_only_can_be_read(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    paths = [bare, *bare.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        fs = await (await GitStore.open(bare)).branches["main"]
        assert await fs.read("a") == b"1"
        assert await fs.ls() == ["a"]
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_helpers_make_what_git_accepts(git: Git, bare: Path) -> None:
    first = commit_files(git, bare, {"a": b"1", "x": ("100755", b"2")}, others=[{"a": b"3"}])

    assert git(bare, "show", "main:a") == "3"
    assert git(bare, "log", "-1", "--format=%ct", first) == str(EPOCH + 60)
    assert fsck_complaints(bare) == []
