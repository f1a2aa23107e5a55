"""What real git has put into trees, commits and tags, read as Git means it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.interop.building import (
    commit_files,
    commit_tree,
    set_ref,
    store_object,
    store_tree,
)
from tests.support.faces import collect
from tests.support.gitcli import assert_fsck_clean
from tests.support.localtrees import make_tree
from vost import (
    FileType,
    GitStore,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git


def listed(git: Git, repository: Path, revision: str) -> dict[str, str]:
    """Return path and blob id of every file, as ``git ls-tree`` has them."""
    raw = git.raw(repository, "ls-tree", "-r", "-z", revision)
    found = {}
    for line in raw.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        found[os.fsdecode(name)] = head.split()[2].decode()
    return found


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


async def test_submodule_moves_with_its_directory(git: Git, with_submodule: Path) -> None:
    store = await GitStore.open(with_submodule)
    fs = await store.branches["main"]
    fs = await fs.move("lib", "vendor/lib", recursive=True)
    assert fs.changes is not None
    assert [entry.path for entry in fs.changes.add] == ["vendor/lib/readme", "vendor/lib/sub"]
    assert f"160000 commit {'12' * 20}\tvendor/lib/sub" in git(
        with_submodule, "ls-tree", "-r", "main"
    )
    fs = await fs.move("vendor/lib/", "deep/er", recursive=True)
    assert f"160000 commit {'12' * 20}\tdeep/er/sub" in git(with_submodule, "ls-tree", "-r", "main")
    await store.close()
    assert_fsck_clean(with_submodule)


async def test_submodule_can_be_moved_and_removed_by_its_name(
    git: Git, with_submodule: Path
) -> None:
    store = await GitStore.open(with_submodule)
    fs = await store.branches["main"]
    assert await fs.glob("lib/*", submodules=True) == ["lib/readme", "lib/sub"]
    assert await fs.glob("lib/./s*", submodules=True) == ["lib/./sub"]
    listing = await fs.entries("lib/./s*", glob=True)
    assert [(entry.path, entry.kind) for entry in listing.entries] == [("lib/sub", "commit")]
    with pytest.raises(IsADirectoryError, match="lib/sub"):
        await fs.move("f", "lib/sub", strict=True)
    with pytest.raises(NotADirectoryError, match="lib/sub"):
        await fs.move("f", "lib/sub/f", strict=True)

    fs = await fs.move("lib/sub", "there")

    assert fs.changes is not None
    assert [entry.path for entry in fs.changes.add] == ["there"]
    assert [entry.path for entry in fs.changes.delete] == ["lib/sub"]
    assert f"160000 commit {'12' * 20}\tthere" in git(with_submodule, "ls-tree", "main")
    fs = await fs.remove("there")
    assert fs.changes is not None
    assert [(each.path, each.type) for each in fs.changes.delete] == [("there", FileType.TREE)]
    assert fs.message == "- there"
    assert "160000" not in git(with_submodule, "ls-tree", "-r", "main")
    await store.close()
    assert_fsck_clean(with_submodule)


async def test_submodule_is_left_out_of_copies_with_a_warning(
    git: Git, with_submodule: Path
) -> None:
    store = await GitStore.open(with_submodule)
    fs = await store.branches["main"]
    for sources, names in (("lib", ["n/lib/sub"]), ("lib/", ["n/sub"])):
        for preview in (True, False):
            copied = await fs.copy_from_ref(fs, sources, "n", dry_run=preview)
            assert copied.changes is not None
            assert [warning.path for warning in copied.changes.warnings] == names
            assert len(copied.changes.add) == 1
        fs = copied
    assert "160000" not in git(with_submodule, "ls-tree", "-r", "main:n")
    await store.close()
    assert_fsck_clean(with_submodule)


@pytest.mark.parametrize("way", ["disk", "repository"])
async def test_submodule_is_replaced_by_a_copy_that_is_not_strict(
    git: Git, with_submodule: Path, tmp_path: Path, way: str
) -> None:
    store = await GitStore.open(with_submodule)
    fs = await store.branches["main"]
    local = tmp_path / "local"
    make_tree(local, {"file/sub": b"1", "below/sub/x": b"1"})
    other = await (await store.branches.create("other")).copy_in(f"{local}/", "")
    for source in ("file/", "below/"):
        for preview in (True, False):
            if way == "disk":
                done = await fs.copy_in(f"{local}/{source}", "lib", dry_run=preview)
            else:
                done = await fs.copy_from_refs([other], [source], "lib", dry_run=preview)
            assert done.changes is not None
            changes = {entry.path.removeprefix("lib/") for entry in done.changes.update}
            assert changes == ({"sub"} if source == "file/" else set()), done.changes
        assert "160000" not in git(with_submodule, "ls-tree", "-r", done.commit_hash)
        git(with_submodule, "update-ref", "refs/heads/main", fs.commit_hash)
        fs = await store.branches["main"]
    await store.close()
    assert_fsck_clean(with_submodule)


async def test_hostile_names_are_not_copied(bare: Path) -> None:
    blob = store_object(bare, "blob", b"x")
    inner = store_tree(bare, [(b"100644", b"config", blob)])
    middle = store_tree(bare, [(b"40000", b".git", inner)])
    commit_tree(bare, store_tree(bare, [(b"40000", b"d", middle)]))
    async with await GitStore.open(bare) as store:
        fs = await store.branches["main"]
        for preview in (True, False):
            with pytest.raises(ValueError, match=r"\.git"):
                await fs.copy_from_ref(fs, "d", "n", dry_run=preview)
        assert (await store.branches["main"]).commit_hash == fs.commit_hash


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
    for level in range(51):
        text = f"object {oid}\ntype {kind}\ntag t{level}\ntagger T <t@x> 1 +0000\n\nm\n"
        oid, kind = store_object(bare, "tag", text.encode()), "tag"
        if level in (49, 50):
            set_ref(bare, f"refs/tags/level{level + 1}", oid)

    store = await GitStore.open(bare)

    assert (await store.tags["level50"]).commit_hash == commit
    with pytest.raises(ValueError, match="level51"):
        await store.tags["level51"]


async def test_branch_at_a_tag_object_or_blob_is_a_clear_error(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    (bare / "refs/heads/odd").write_text(git(bare, "rev-parse", "main:a") + "\n")
    store = await GitStore.open(bare)

    with pytest.raises(ValueError, match="Branch 'odd' does not point to a commit"):
        await store.branches["odd"]
    assert (await store.branches["main"]).ref_name == "main"
