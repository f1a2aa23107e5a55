"""Copying out of forged trees, and into destinations that somebody plays games with.

Whatever is in the tree or happens in the destination: nothing outside of it is written or removed.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from tests.interop.building import commit_files, commit_tree, store_object, store_tree
from tests.support.disktrees import disk, make_disk
from vost import CorruptObjectError, GitStore, MissingObjectError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost import FS, Progress

# Names that must never reach a disk.
DANGEROUS = (
    b".",
    b"..",
    b"../victim",
    b"a/b",
    b"/etc/vost",
    b"..\\..\\x/",
    b".git",
    b".GIT",
    b".Git ",
    b".git.",
    b"git~1",
    b"GIT~1",
    b".git::$INDEX_ALLOCATION",
    b".git\\hooks",
    b"x\\.git",
    ".gi\u200ct".encode(),
    "\ufeff.git".encode(),
)
HARMLESS = (b"a\\b", b"..\\x", b"C:x", b"aux", b"nul.txt", b"a\nb", b"\xff\xfe", b"...", b".gitx")


async def open_main(path: Path) -> FS:
    return await (await GitStore.open(path)).branches["main"]


@pytest.fixture
def blob(bare: Path) -> str:
    """Give the test a sound blob."""
    return store_object(bare, "blob", b"content")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Name a destination that exists, beside something that must not change."""
    make_disk(tmp_path / "victim", {"x": b"untouched", "deep/y": b"untouched too"})
    return make_disk(tmp_path / "out", {"mine": b"mine", "d/old": b"old"})


@pytest.fixture(autouse=True)
def _victim(out: Path, tmp_path: Path):
    yield
    assert disk(tmp_path / "victim") == {"x": b"untouched", "deep/y": b"untouched too"}
    assert {path.name for path in tmp_path.iterdir()} <= {"out", "victim", "repo.git", "home"}


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DANGEROUS, ids=repr)
@pytest.mark.parametrize("mode", [b"100644", b"40000", b"120000"])
async def test_a_dangerous_name_fails_the_whole_copy_before_the_first_write(
    bare: Path, blob: str, out: Path, name: bytes, mode: bytes
) -> None:
    below = store_tree(bare, [(b"100644", b"inside", blob)])
    odd = store_tree(bare, [(mode, name, below if mode == b"40000" else blob)])
    top = [(b"100644", b"sound", blob), (b"40000", b"z", odd)]
    commit_tree(bare, store_tree(bare, top))
    fs = await open_main(bare)
    before = disk(out)

    for call in (fs.copy_out, fs.sync_out):
        for options in ({}, {"dry_run": True}, {"ignore_errors": True}):
            with pytest.raises(ValueError, match="z/") as caught:
                await call("", out, **options)
            assert repr(os.fsdecode(name))[1:-1] in str(caught.value)
    with pytest.raises(ValueError, match="z/"):
        await fs.copy_out("z/", out / "new")
    assert disk(out) == before
    await fs.copy_out("sound", out)
    assert disk(out) == before | {"sound": b"content"}


@pytest.mark.parametrize("source", [".git", "d/.git", "d/./.GIT/x", ".git/./hooks/"])
async def test_a_dangerous_name_is_refused_as_a_landing_too(
    bare: Path, blob: str, out: Path, source: str
) -> None:
    hooks = store_tree(bare, [(b"100755", b"x", blob)])
    dotgit = store_tree(bare, [(b"40000", b"hooks", hooks), (b"100755", b"x", blob)])
    d = store_tree(bare, [(b"40000", b".GIT", dotgit), (b"40000", b".git", dotgit)])
    commit_tree(bare, store_tree(bare, [(b"40000", b".git", dotgit), (b"40000", b"d", d)]))
    fs = await open_main(bare)
    before = disk(out)

    if source.startswith(".git/."):
        await fs.copy_out(source, out)  # lands without its .git
        assert disk(out) == before | {"x": b"*content"}
        return
    with pytest.raises(ValueError, match=r"(?i)\.git"):
        await fs.copy_out(source, out)
    assert disk(out) == before


async def test_names_that_only_other_systems_mind_are_copied(
    bare: Path, blob: str, out: Path
) -> None:
    commit_tree(bare, store_tree(bare, [(b"100644", name, blob) for name in sorted(HARMLESS)]))
    fs = await open_main(bare)
    await fs.sync_out("", out)
    assert sorted(os.listdir(os.fsencode(out))) == sorted(HARMLESS)
    assert (await fs.sync_out("", out)).changes is None


# -- trees -------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [b"120000", b"40000"])
async def test_a_link_and_a_directory_of_one_name_do_not_lead_out(
    bare: Path, blob: str, out: Path, tmp_path: Path, first: bytes
) -> None:
    target = store_object(bare, "blob", os.fsencode(tmp_path / "victim"))
    below = store_tree(bare, [(b"100644", b"x", blob)])
    entries = [(b"120000", b"l", target), (b"40000", b"l", below)]
    entries.sort(key=lambda entry: entry[0] != first)
    commit_tree(bare, store_tree(bare, entries))
    fs = await open_main(bare)

    report = (await fs.copy_out("", out)).changes

    assert report is not None
    assert [warning.path for warning in report.warnings] == ["l"]
    assert os.path.islink(out / "l") == (first == b"120000")
    await fs.sync_out("", out)
    assert set(disk(out)) == ({"l"} if first == b"120000" else {"l/x"})


async def test_names_that_differ_in_case_only_do_not_lead_out(
    bare: Path, blob: str, out: Path, tmp_path: Path
) -> None:
    target = store_object(bare, "blob", os.fsencode(tmp_path / "victim"))
    below = store_tree(bare, [(b"100644", b"x", blob)])
    commit_tree(bare, store_tree(bare, [(b"120000", b"X", target), (b"40000", b"x", below)]))
    fs = await open_main(bare)
    await fs.copy_out("", out)
    assert disk(out)["x/x"] == b"content"


async def test_submodules_are_left_out_with_a_warning_and_what_is_at_their_place_stays(
    bare: Path, blob: str, out: Path
) -> None:
    entries = [(b"100644", b"a", blob), (b"160000", b"module", "12" * 20)]
    sub = store_tree(bare, [(b"160000", b"inner", "34" * 20)])
    commit_tree(bare, store_tree(bare, [*entries, (b"40000", b"only", sub)]))
    make_disk(out, {"module/checkout": b"precious"})
    fs = await open_main(bare)

    for call in (fs.copy_out, fs.sync_out):
        report = (await call("", out)).changes
        assert report is not None
        assert [warning.path for warning in report.warnings] == ["module", "only/inner"]
        assert "submodule" in report.warnings[0].error
    assert disk(out) == {"a": b"content", "module/checkout": b"precious"}


async def test_odd_modes_count_as_plain_and_executable_files(
    bare: Path, blob: str, out: Path
) -> None:
    entries = [
        (b"100664", b"a", blob),
        (b"100775", b"b", blob),
        (b"104755", b"c", blob),
        (b"100777", b"d", blob),
    ]
    commit_tree(bare, store_tree(bare, entries))
    fs = await open_main(bare)
    await fs.sync_out("", out)
    modes = {name: stat.S_IMODE(os.lstat(out / name).st_mode) for name in "abcd"}
    assert (modes["b"], modes["c"], modes["d"]) == (0o755, 0o755, 0o755)
    assert modes["a"] & 0o7111 == 0
    assert (await fs.sync_out("", out)).changes is None


async def test_empty_trees_create_no_directory(bare: Path, blob: str, out: Path) -> None:
    empty = store_tree(bare, [])
    nested = store_tree(bare, [(b"40000", b"e", empty)])
    entries = [(b"100644", b"a", blob), (b"40000", b"e", empty), (b"40000", b"n", nested)]
    commit_tree(bare, store_tree(bare, entries))
    make_disk(out, {"n": b"a file where only an empty directory is wanted"})
    fs = await open_main(bare)
    await fs.copy_out("", out)
    assert set(disk(out)) == {"a", "n", "mine", "d/old"}
    await fs.sync_out("", out)
    assert disk(out) == {"a": b"content"}


@pytest.mark.parametrize("kind", ["tree", "commit", "nothing"])
@pytest.mark.parametrize("mode", [b"100644", b"120000"])
async def test_entries_that_point_at_something_else_are_git_errors_at_their_path(
    bare: Path, blob: str, out: Path, mode: bytes, kind: str
) -> None:
    tree = store_tree(bare, [(b"100644", b"x", blob)])
    oid = {"tree": tree, "commit": commit_tree(bare, tree), "nothing": "12" * 20}[kind]
    commit_tree(bare, store_tree(bare, [(b"100644", b"a", blob), (mode, b"mine", oid)]))
    fs = await open_main(bare)
    with pytest.raises((CorruptObjectError, MissingObjectError), match="'mine'"):
        await fs.sync_out("", out)
    assert disk(out) == {"mine": b"mine", "d/old": b"old", "a": b"content"}
    report = (await fs.copy_out("", out, ignore_errors=True)).changes
    assert report is not None
    assert [error.path for error in report.errors] == [str(out / "mine")]


@pytest.mark.parametrize("target", [b"a\0b", b"", b"x" * 5000, b"x" * 200_000])
async def test_link_targets_that_no_system_takes_are_errors_of_that_link(
    bare: Path, blob: str, out: Path, target: bytes
) -> None:
    link = store_object(bare, "blob", target)
    commit_tree(bare, store_tree(bare, [(b"100644", b"a", blob), (b"120000", b"l", link)]))
    fs = await open_main(bare)
    with pytest.raises(OSError) as caught:
        await fs.copy_out("", out)
    assert caught.value.filename == str(out / "l")
    report = (await fs.sync_out("", out, ignore_errors=True)).changes
    assert report is not None
    assert [error.path for error in report.errors] == [str(out / "l")]
    assert disk(out) == {"a": b"content"}


async def test_trees_nested_deeper_than_the_stack_are_copied_and_removed(
    bare: Path, blob: str, out: Path
) -> None:
    oid = blob
    for level in range(1100):
        oid = store_tree(bare, [(b"40000" if level else b"100644", b"d", oid)])
    commit_tree(bare, oid)
    fs = await open_main(bare)
    deepest = "/".join(["d"] * 1100)
    report = (await fs.copy_out("", out)).changes
    assert report is not None
    assert [entry.path for entry in report.add] == [deepest]
    assert (out / deepest).read_bytes() == b"content"
    assert (await fs.copy_out("", out)).changes is None
    await fs.copy_out([], out, delete=True)
    assert disk(out) == {}


async def test_trees_nested_deeper_than_any_path_are_an_error_not_a_crash(
    bare: Path, blob: str, out: Path
) -> None:
    oid = blob
    for level in range(3000):
        oid = store_tree(bare, [(b"40000" if level else b"100644", b"dd", oid)])
    commit_tree(bare, oid)
    fs = await open_main(bare)
    before = disk(out)
    with pytest.raises(OSError, match="too long"):
        await fs.copy_out("", out)
    assert disk(out) == before
    report = (await fs.copy_out("", out, dry_run=True, ignore_errors=True)).changes
    assert report is not None
    assert len(report.errors) == 1


# -- games in the destination ------------------------------------------------------------------

SWAPPED = {"d/x": b"1", "d/sub/y": b"2", "top": b"3"}


def at_the_moment(phase: str, deed):
    """Return a progress callback that does something once, when a phase is over or begins."""
    done = []

    def callback(progress: Progress) -> None:
        if not done and progress.phase == phase and progress.total is not None:
            done.append(True)
            deed()

    return callback


def swap(path: Path, target: Path) -> None:
    """Put a link where a directory was."""
    path.rename(path.with_name("moved away"))
    path.symlink_to(target)


@pytest.mark.parametrize("where", ["d", "d/sub"])
@pytest.mark.parametrize("call", ["copy_out", "sync_out"])
async def test_a_link_swapped_in_after_planning_is_not_followed(
    git: Git, bare: Path, out: Path, tmp_path: Path, where: str, call: str
) -> None:
    commit_files(git, bare, SWAPPED)
    make_disk(out, {"d/x": b"old", "d/sub/y": b"old", "d/sub/extra": b"old"})
    fs = await open_main(bare)
    callback = at_the_moment("planning", lambda: swap(out / where, tmp_path / "victim"))
    with pytest.raises(OSError) as caught:
        await getattr(fs, call)("", out, progress=callback)
    assert str(out / "d") in caught.value.filename
    assert os.readlink(out / where) == str(tmp_path / "victim")


async def test_a_link_swapped_in_for_a_directory_that_is_removed_is_not_followed(
    git: Git, bare: Path, out: Path, tmp_path: Path
) -> None:
    commit_files(git, bare, {"top": b"3"})
    make_disk(out, {"deep/y": b"old"})
    fs = await open_main(bare)
    callback = at_the_moment("planning", lambda: swap(out / "deep", tmp_path / "victim"))
    result = await fs.sync_out("", out, progress=callback, ignore_errors=True)
    assert result.changes is not None
    assert [error.path for error in result.changes.errors] == [str(out / "deep/y")]
    assert disk(tmp_path / "victim/deep") == {"y": b"untouched too"}


async def test_a_link_swapped_in_for_a_new_directory_is_not_followed(
    git: Git, bare: Path, out: Path, tmp_path: Path
) -> None:
    commit_files(git, bare, {"new/sub/x": b"1"})
    fs = await open_main(bare)
    callback = at_the_moment("planning", lambda: (out / "new").symlink_to(tmp_path / "victim"))
    with pytest.raises(OSError):
        await fs.copy_out("", out, progress=callback)
    assert os.readlink(out / "new") == str(tmp_path / "victim")


async def test_links_planted_at_the_names_of_temporary_files_are_not_followed(
    git: Git, bare: Path, out: Path, tmp_path: Path
) -> None:
    from vost._transfer.localtree import LocalTree

    commit_files(git, bare, SWAPPED | {"mine": b"new"})
    fs = await open_main(bare)
    with LocalTree.open(str(out)) as tree:
        prefix, _, number = tree._temporary().rpartition(".")
    planted = [f"{prefix}.{int(number, 16) + ahead:x}" for ahead in range(1, 30)]
    for name in planted:
        (out / name).symlink_to(tmp_path / "victim/x")
    await fs.copy_out("", out)
    for name in planted:
        assert os.path.islink(out / name)
        (out / name).unlink()
    assert disk(out) == SWAPPED | {"mine": b"new", "d/old": b"old"}


async def test_special_files_are_replaced_and_named_never_opened(
    git: Git, bare: Path, out: Path
) -> None:
    commit_files(git, bare, SWAPPED)
    make_disk(out, {"d/x": "special", "other": "special"})
    listener = socket.socket(socket.AF_UNIX)
    before = os.getcwd()
    os.chdir(out)  # the names of sockets are short
    listener.bind("top")
    os.chdir(before)
    fs = await open_main(bare)
    report = (await fs.sync_out("", out)).changes
    listener.close()
    assert report is not None
    assert disk(out) == SWAPPED
    named = {os.path.relpath(warning.path, out): warning.error for warning in report.warnings}
    assert named.keys() == {"d/x", "other", "top"}
    assert "socket" in named["top"]


async def test_leftovers_of_dead_processes_are_swept_and_others_kept(
    git: Git, bare: Path, out: Path
) -> None:
    from vost._transfer.localtree import LocalTree

    commit_files(git, bare, SWAPPED)
    fs = await open_main(bare)
    with LocalTree.open(str(out)) as tree:
        mine = tree._temporary()
    marker, machine, _, number = mine.rsplit(".", 3)
    dead = f"{marker}.{machine}.{(1 << 22) + 5:x}.{number}"  # no system counts so far
    far = f"{marker}.{'0' * 8}.1.1"
    make_disk(out, {dead: b"half", f"d/{dead}/x": b"half", f"d/{dead}/e": "empty", mine: b"1"})
    make_disk(out, {far: b"2", ".vost-tmp.note": b"3"})
    for dry_run in (True, False):
        report = (await fs.copy_out("", out, dry_run=dry_run)).changes
        assert report is not None
        assert report.delete == []
    kept = {mine: b"1", far: b"2"}
    assert disk(out) == SWAPPED | kept | {"mine": b"mine", "d/old": b"old", ".vost-tmp.note": b"3"}
    make_disk(out, {f"d/{dead}/x": b"half"})
    await fs.sync_out("", out)
    assert disk(out) == SWAPPED | kept
