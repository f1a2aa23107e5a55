"""Malformed and forged objects and refs: typed errors that name the place, and no crash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.building import (
    commit_files,
    commit_tree,
    set_ref,
    store_object,
    store_tree,
)
from tests.support.faces import collect
from vost import (
    CorruptObjectError,
    GitError,
    GitStore,
    MissingObjectError,
    VostError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost import FS

# What the documented behaviour allows besides our own tree of errors (each leaf of which is also
# one of these): nothing of dulwich, zlib, struct, and no IndexError.
DOCUMENTED = (VostError, ValueError, FileNotFoundError, KeyError)


@pytest.fixture
def blob(git: Git, bare: Path) -> str:
    """Give the test a sound blob."""
    return store_object(bare, "blob", b"content")


async def open_main(path: Path) -> FS:
    return await (await GitStore.open(path)).branches["main"]


async def ask_everything(fs: FS, path: str) -> dict[str, object]:
    """Ask a snapshot all there is to ask about a path; return the answers and the errors."""
    asked: dict[str, Callable[[], Any]] = {
        "read": lambda: fs.read(path),
        "range": lambda: fs.read(path, offset=1, size=2),
        "text": lambda: fs.read_text(path),
        "many": lambda: fs.read_many([path]),
        "readlink": lambda: fs.readlink(path),
        "exists": lambda: fs.exists(path),
        "is_dir": lambda: fs.is_dir(path),
        "type": lambda: fs.file_type(path),
        "hash": lambda: fs.object_hash(path),
        "size": lambda: fs.size(path),
        "stat": lambda: fs.stat(path),
        "ls": lambda: fs.ls(path),
        "deep": lambda: fs.ls(path, recursive=True),
        "listdir": lambda: fs.listdir(path),
        "walk": lambda: collect(fs.walk(path)),
        "glob": lambda: fs.glob("**"),
        "log": lambda: collect(fs.log(path)),
        "dry": lambda: fs.remove(path, recursive=True, dry_run=True),
    }
    answers: dict[str, object] = {}
    for name, ask in asked.items():
        try:
            answers[name] = await ask()
        except DOCUMENTED as error:
            answers[name] = error
    for name, answer in answers.items():
        assert not isinstance(answer, UnicodeError), (name, answer)
        assert type(answer).__module__ in ("vost", "builtins"), (name, answer)
    return answers


# -- trees ----------------------------------------------------------------------------------

# Well-formed trees with names that no path can spell, and which must never reach a disk.
ODD_NAMES = {
    "dotgit": [b".git"],
    "dotgit in capitals": [b".GIT", b".git"],
    "ntfs short name": [b"git~1"],
    "dot": [b"."],
    "dotdot": [b".."],
    "slash": [b"a/b"],
    "climbing": [b"../up"],
    "absolute": [b"/etc/passwd"],
    "backslash": [b"a\\b"],
    "line end": [b"a\nb"],
    "looks like an entry": [b"40000 x"],
    "very long": [b"n" * 5000],
    "not utf-8": [b"\xff\xfe", b"\xed\xa0\x80"],
    "duplicates": [b"a", b"a"],
    "unsorted": [b"z", b"m", b"a"],
    "unsorted, many": [b"%d" % (number * 7919 % 100) for number in range(100)],
}


@pytest.mark.parametrize("names", ODD_NAMES.values(), ids=ODD_NAMES.keys())
@pytest.mark.parametrize("kind", ["file", "directory"])
async def test_tree_with_odd_names_lists_or_fails_with_our_errors(
    git: Git, bare: Path, blob: str, names: list[bytes], kind: str
) -> None:
    below = store_tree(bare, [(b"100644", b"inside", blob)])
    mode, oid = (b"100644", blob) if kind == "file" else (b"40000", below)
    odd = store_tree(bare, [(mode, name, oid) for name in names])
    top = store_tree(bare, [(b"40000", b"d", odd), (b"100644", b"sound", blob)])
    commit_tree(bare, top)
    fs = await open_main(bare)

    answers = await ask_everything(fs, "d")
    assert answers["ls"] == [os.fsdecode(name) for name in names]
    for name in names[:5]:
        await ask_everything(fs, f"d/{os.fsdecode(name)}")
    assert await fs.read("sound") == b"content"

    # Writing beside it keeps it, writing into it keeps the rest; the branch stays readable.
    fs = await fs.write("more", b"1")
    assert await fs.ls("d") == answers["ls"]
    fs = await fs.write("d/new", b"2")
    assert await fs.read("d/new") == b"2"
    assert {os.fsdecode(name) for name in names} | {"new"} == set(await fs.ls("d"))
    fs = await fs.remove("d", recursive=True)
    assert await fs.ls() == ["more", "sound"]
    assert git(bare, "rev-parse", "main") == fs.commit_hash
    assert git(bare, "ls-tree", "--name-only", "main").splitlines() == ["more", "sound"]


async def test_names_that_lead_elsewhere_cannot_be_asked_for(
    git: Git, bare: Path, blob: str
) -> None:
    below = store_tree(bare, [(b"100644", b"x", blob)])
    entries = [(b"40000", b"..", below), (b"40000", b".git", below), (b"40000", b"a/b", below)]
    commit_tree(bare, store_tree(bare, entries))
    fs = await open_main(bare)

    for path in ("..", "../x", "d/../x"):
        with pytest.raises(ValueError, match=r"\.\."):
            await fs.read(path)
    assert await fs.read(".git/x") == b"content"
    with pytest.raises(ValueError, match=r"\.git"):
        await fs.write(".git/x", b"changed")
    with pytest.raises(FileNotFoundError, match="a/b/x"):
        await fs.read("a/b/x")


MALFORMED = {
    "empty name": b"100644 \0" + bytes(20),
    "no mode": b" name\0" + bytes(20),
    "letters for a mode": b"rw-r-- name\0" + bytes(20),
    "mode with an eight": b"100848 name\0" + bytes(20),
    "negative mode": b"-100644 name\0" + bytes(20),
    "endless mode": b"1" * 5000 + b" name\0" + bytes(20),
    "cut off in the mode": b"1006",
    "cut off in the name": b"100644 nam",
    "cut off in the id": b"100644 name\0" + bytes(19),
    "one byte too many": b"100644 name\0" + bytes(20) + b"x",
    "text": b"this is no tree at all\n" * 50,
    "zeros": bytes(500),
    "good start, bad end": b"".join(b"100644 f%03d\0" % n + bytes(20) for n in range(200)) + b"40",
    "bad start, good end": b"x" + b"".join(b"100644 f%03d\0" % n + bytes(20) for n in range(200)),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_tree_is_a_corrupt_object_at_its_path(
    git: Git, bare: Path, blob: str, raw: bytes
) -> None:
    bad = store_object(bare, "tree", raw)
    top = store_tree(bare, [(b"40000", b"d", bad), (b"100644", b"sound", blob)])
    commit_tree(bare, top)
    fs = await open_main(bare)

    assert await fs.exists("d")
    assert await fs.object_hash("d") == bad
    for path in ("d", "d/x", "d/x/y"):
        answers = await ask_everything(fs, path)
        about = ("ls", "listdir", "walk", "deep") if path == "d" else ("read", "exists", "stat")
        for name in about:
            error = answers[name]
            assert isinstance(error, CorruptObjectError), (path, name, error)
            assert "'d" in str(error), (path, name, error)
            assert bad in str(error), (path, name, error)
    with pytest.raises(CorruptObjectError, match=bad):
        await fs.write("d/new", b"1")
    with pytest.raises(CorruptObjectError, match=bad):
        await fs.remove("d", recursive=True)
    assert git(bare, "rev-parse", "main") == fs.commit_hash
    assert await (await fs.write("new", b"1")).read("sound") == b"content"
    fs = await (await GitStore.open(bare)).branches["main"]
    assert await (await fs.apply(removes=["d"])).ls() == ["new", "sound"]


async def test_malformed_root_is_a_corrupt_object(git: Git, bare: Path) -> None:
    bad = store_object(bare, "tree", b"100644 name\0short")
    commit_tree(bare, bad)
    fs = await open_main(bare)

    for path in ("", "x", "x/y"):
        for error in (await ask_everything(fs, path)).values():
            if isinstance(error, GitError):
                assert bad in str(error)
    with pytest.raises(CorruptObjectError, match=f"root directory.*{bad}"):
        await fs.ls()
    with pytest.raises(CorruptObjectError, match=bad):
        await fs.write("x", b"1")
    assert (await fs.squash()).tree_hash == bad


@pytest.mark.parametrize(
    "mode, points_at",
    [
        (b"40000", "blob"),
        (b"40000", "commit"),
        (b"100644", "tree"),
        (b"100644", "commit"),
        (b"120000", "tree"),
        (b"40000", "nothing"),
        (b"100644", "nothing"),
        (b"40000", "zero"),
    ],
)
async def test_entry_that_points_at_another_kind_of_object_is_a_git_error(
    git: Git, bare: Path, blob: str, mode: bytes, points_at: str
) -> None:
    tree = store_tree(bare, [(b"100644", b"x", blob)])
    targets = {
        "blob": blob,
        "tree": tree,
        "commit": commit_tree(bare, tree, branch=None),
        "nothing": "12" * 20,
        "zero": "00" * 20,
    }
    commit_tree(bare, store_tree(bare, [(mode, b"odd", targets[points_at])]))
    fs = await open_main(bare)

    answers = await ask_everything(fs, "odd")

    error = answers["ls" if mode == b"40000" else "read"]
    assert isinstance(error, GitError)
    assert "'odd'" in str(error)
    assert targets[points_at] in str(error)
    assert answers["exists"] is True
    assert await fs.ls() == ["odd"]
    if mode == b"40000":
        with pytest.raises(GitError, match=targets[points_at]):
            await fs.write("odd/x", b"1")
    else:
        assert await (await fs.write("odd/x", b"1")).read("odd/x") == b"1"


# More directories than Python's stack has frames.
DEPTH = 1100


async def test_trees_nested_deeper_than_the_stack(git: Git, bare: Path, blob: str) -> None:
    oid = blob
    for level in range(DEPTH):
        oid = store_tree(bare, [(b"40000" if level else b"100644", b"d", oid)])
    commit_tree(bare, oid)
    fs = await open_main(bare)
    deepest = "/".join(["d"] * DEPTH)

    assert await fs.read(deepest) == b"content"
    assert await fs.ls(recursive=True) == [deepest]
    assert len(await collect(fs.walk())) == DEPTH
    fs = await fs.write(deepest, b"changed")
    assert git.raw(bare, "cat-file", "blob", f"main:{deepest}") == b"changed"


# -- commits, tags, refs ---------------------------------------------------------------------

WHO = b"W <w@x> 1 +0000"
BAD_COMMITS = {
    "empty": b"",
    "no tree": b"author %s\ncommitter %s\n\nm\n" % (WHO, WHO),
    "tree is no id": b"tree xyz\nauthor %s\ncommitter %s\n\nm\n" % (WHO, WHO),
    "short id": b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee490\nauthor %s\n\nm\n" % WHO,
    "parent is no id": (
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent nobody\nauthor %s\n\nm\n" % WHO
    ),
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("raw", BAD_COMMITS.values(), ids=BAD_COMMITS.keys())
async def test_malformed_commit_is_a_corrupt_object_at_its_branch(
    git: Git, bare: Path, raw: bytes
) -> None:
    oid = store_object(bare, "commit", raw)
    set_ref(bare, "refs/heads/main", oid)
    set_ref(bare, "refs/tags/t", oid)
    store = await GitStore.open(bare)

    for ask in (
        lambda: store.branches["main"],
        lambda: store.branches.get("main"),
        lambda: store.branches.current,
        lambda: store.tags["t"],
        lambda: store.fs("main"),
        lambda: store.fs(oid),
        lambda: store.branches.items(),
        lambda: store.notes.commits.set("main", "x"),
    ):
        with pytest.raises(CorruptObjectError, match=oid):
            await _awaited(ask())
    with pytest.raises(CorruptObjectError, match="Branch 'main'"):
        await store.branches["main"]
    assert await store.branches.keys() == ["main"]
    assert await store.branches.count() == 1
    await store.branches.delete("main")
    assert await store.branches.create("main")


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


async def test_commit_without_author_or_message_is_readable(git: Git, bare: Path) -> None:
    tree = store_tree(bare, [])
    oid = store_object(bare, "commit", b"tree %s" % tree.encode())
    set_ref(bare, "refs/heads/main", oid)
    fs = await open_main(bare)

    assert (fs.message, fs.author_name, fs.author_email) == ("", "", "")
    assert fs.time.timestamp() == 0
    assert await fs.ls() == []
    assert (await fs.write("a", b"1")).message == "+ a"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"object 123\ntype commit\ntag t\n\n",
        b"type commit\nobject " + b"1" * 40 + b"\n\n",
        b"object " + b"1" * 40 + b"\ntype wagon\ntag t\n\n",
        b"\0" * 100,
    ],
)
async def test_malformed_tag_object_is_a_corrupt_object_at_its_tag(
    git: Git, bare: Path, raw: bytes
) -> None:
    oid = store_object(bare, "tag", raw)
    set_ref(bare, "refs/tags/t", oid)
    store = await GitStore.open(bare)

    with pytest.raises(CorruptObjectError, match=f"Tag 't'.*{oid}"):
        await store.tags["t"]
    assert await store.tags.contains("t")
    await store.tags.delete("t")


async def test_tag_of_a_missing_object_names_tag_and_object(git: Git, bare: Path) -> None:
    missing = "12" * 20
    tag = store_object(bare, "tag", f"object {missing}\ntype commit\ntag t\n\n".encode())
    set_ref(bare, "refs/tags/t", tag)
    store = await GitStore.open(bare)

    with pytest.raises(MissingObjectError, match=f"Tag 't'.*{missing}") as caught:
        await store.tags["t"]
    assert isinstance(caught.value, KeyError)
    assert not isinstance(caught.value, type(None))


async def test_branch_at_a_missing_object_is_no_missing_branch(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    missing = "12" * 20
    set_ref(bare, "refs/heads/lost", missing)
    store = await GitStore.open(bare)

    with pytest.raises(MissingObjectError, match=f"Branch 'lost'.*{missing}"):
        await store.branches["lost"]
    with pytest.raises(MissingObjectError, match="lost"):
        await store.branches.get("lost")
    assert await store.branches.contains("lost")
    assert await store.branches.keys() == ["lost", "main"]
    await store.branches.set("lost", await store.branches["main"])
    assert await (await store.branches["lost"]).read("a") == b"1"


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage\n", b"ref: nowhere\n", b"ref: refs/../../x\n", b"1" * 39 + b"\n", b"\0" * 41],
)
async def test_damaged_ref_file_is_an_error_that_names_it(
    git: Git, bare: Path, content: bytes
) -> None:
    commit_files(git, bare, {"a": b"1"})
    (bare / "refs/heads/bad").write_bytes(content)
    store = await GitStore.open(bare)

    with pytest.raises(GitError, match="refs/heads/bad"):
        await store.branches["bad"]
    fs = await store.branches["main"]
    assert await (await fs.write("b", b"2")).read("a") == b"1"


async def test_symbolic_refs_in_a_circle_end(git: Git, bare: Path) -> None:
    (bare / "refs/heads/a").write_text("ref: refs/heads/b\n")
    (bare / "refs/heads/b").write_text("ref: refs/heads/a\n")
    (bare / "HEAD").write_text("ref: refs/heads/a\n")
    store = await GitStore.open(bare)

    with pytest.raises(GitError, match="refs/heads/a"):
        await store.branches["a"]
    with pytest.raises(GitError, match="refs/heads/a"):
        await store.branches.current_name


async def test_damaged_packed_refs_are_an_error_that_names_the_file(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    git(bare, "pack-refs", "--all")
    path = bare / "packed-refs"
    path.write_bytes(path.read_bytes().replace(b" refs/heads/main", b"x refs/heads/main"))
    store = await GitStore.open(bare)

    with pytest.raises(GitError, match="packed-refs"):
        await store.branches["main"]


async def test_nonsense_in_a_reflog_is_passed_over(git: Git, bare: Path) -> None:
    commit_files(git, bare, {"a": b"1"})
    store = await GitStore.open(bare)
    fs = await (await store.branches["main"]).write("b", b"2")
    log = bare / "logs/refs/heads/main"
    log.write_bytes(b"nonsense\n\xff\xfe\n" + log.read_bytes() + b"0" * 40 + b" cut of")

    entries = await store.branches.reflog("main")

    assert [entry.message for entry in entries] == ["commit: + b"]
    undone = await fs.undo()
    assert (await undone.redo()).commit_hash == fs.commit_hash


async def test_reflog_that_names_missing_commits_makes_redo_a_history_error(
    git: Git, bare: Path
) -> None:
    commit_files(git, bare, {"a": b"1"})
    store = await GitStore.open(bare)
    fs = await (await store.branches["main"]).write("b", b"2")
    log = bare / "logs/refs/heads/main"
    log.write_text(f"{'12' * 20} {fs.commit_hash} X <x@x> 1 +0000\tforged\n")

    with pytest.raises(ValueError, match="12" * 20):
        await fs.redo()
    assert git(bare, "rev-parse", "main") == fs.commit_hash


async def test_reflog_that_names_a_tree_does_not_move_the_branch_there(
    git: Git, bare: Path
) -> None:
    commit_files(git, bare, {"a": b"1"})
    store = await GitStore.open(bare)
    fs = await (await store.branches["main"]).write("b", b"2")
    log = bare / "logs/refs/heads/main"
    log.write_text(f"{fs.tree_hash} {fs.commit_hash} X <x@x> 1 +0000\tforged\n")

    with pytest.raises((ValueError, GitError)):
        await fs.redo()
    assert git(bare, "rev-parse", "main") == fs.commit_hash


# -- maintenance and notes ----------------------------------------------------------------------


@pytest.mark.parametrize("raw", [MALFORMED["text"], MALFORMED["cut off in the id"]])
async def test_gc_and_pack_pass_over_malformed_objects(
    git: Git, bare: Path, blob: str, raw: bytes
) -> None:
    bad = store_object(bare, "tree", raw)
    top = store_tree(bare, [(b"40000", b"d", bad), (b"100644", b"sound", blob)])
    commit_tree(bare, top)
    store_object(bare, "tag", b"not a tag")
    store = await GitStore.open(bare)

    await store.pack()
    await store.gc()

    fs = await store.branches["main"]
    assert await fs.read("sound") == b"content"
    assert await fs.object_hash("d") == bad
    assert git(bare, "cat-file", "-t", bad) == "tree"


async def test_notes_ref_that_is_no_commit_is_a_git_error_that_names_it(
    git: Git, bare: Path
) -> None:
    commit_files(git, bare, {"a": b"1"})
    set_ref(bare, "refs/notes/commits", git(bare, "rev-parse", "main:a"))
    store = await GitStore.open(bare)

    with pytest.raises(GitError, match="refs/notes/commits"):
        await store.notes.commits.keys()
    with pytest.raises(GitError, match="refs/notes/commits"):
        await store.notes.commits.set("main", "x")


async def test_strange_entries_of_a_notes_tree_are_passed_over_and_kept(
    git: Git, bare: Path
) -> None:
    tip = commit_files(git, bare, {"a": b"1"})
    text = store_object(bare, "blob", b"note\n")
    below = store_tree(bare, [(b"100644", tip[2:].encode(), text)])
    entries = [
        (b"40000", tip[:2].encode(), below),
        (b"100644", b"readme", text),
        (b"100644", b"A" * 40, text),
        (b"40000", b"zz", below),
        (b"160000", b"module", "12" * 20),
    ]
    entries.sort(key=lambda entry: entry[1])
    root = store_tree(bare, entries)
    commit = commit_tree(bare, root, branch=None)
    set_ref(bare, "refs/notes/commits", commit)
    store = await GitStore.open(bare)
    notes = store.notes.commits

    assert await notes.items() == [(tip, "note\n")]
    await notes.set(tip, "changed")
    assert await notes.items() == [(tip, "changed")]
    names = git(bare, "ls-tree", "--name-only", "refs/notes/commits").splitlines()
    assert names == sorted([tip, "readme", "A" * 40, "zz", "module"])
