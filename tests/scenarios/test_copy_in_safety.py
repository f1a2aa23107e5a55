"""What copying in must never do: follow, block, believe, half-do (contract 12.8, D45-D47)."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.scenarios.conftest import leftovers
from tests.support.localtrees import Link, local_contents, make_tree
from tests.support.snapshots import contents, problems, tip, typed_contents
from vost import ExcludeFilter, FileType

unprivileged = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


async def main(store, files=None):
    fs = await store.branches["main"]
    return await fs.apply(files) if files else fs


# --- links


async def test_links_are_followed_if_that_is_asked_for(store, tmp_path):
    tree = {"real/a": b"1", "link": Link("real"), "file": Link("real/a"), "real/up": Link("a")}
    local = make_tree(tmp_path / "L", tree)
    fs = await (await main(store)).copy_in(f"{local}/", "", follow_symlinks=True)
    assert await typed_contents(fs) == dict.fromkeys(
        ("real/a", "real/up", "link/a", "link/up", "file"), ("blob", b"1")
    )


async def test_a_directory_that_is_reached_twice_is_copied_twice(store, tmp_path):
    """D46: only the way that leads to a directory matters, not where else it was seen."""
    local = make_tree(tmp_path / "L", {"real/a": b"1", "link": Link("real")})
    fs = await main(store, {"real/a": b"1", "link/a": b"1"})
    for delete in (False, True):
        done = await fs.copy_in(f"{local}/", "", follow_symlinks=True, delete=delete)
        assert (done.commit_hash, done.changes) == (fs.commit_hash, None)


async def test_circles_of_links_end(store, tmp_path):
    tree = {"d/f": b"1", "d/back": Link(".."), "d/self": Link("."), "x": Link("d")}
    local = make_tree(tmp_path / "L", tree)
    fs = await (await main(store)).copy_in(f"{local}/", "", follow_symlinks=True)
    assert await contents(fs) == {"d/f": b"1", "x/f": b"1"}
    warned = problems(fs.changes)["warnings"]
    assert sorted(warned) == [
        f"{local}/{path}" for path in ("d/back", "d/self", "x/back", "x/self")
    ]


async def test_a_dangling_link_is_stored_and_an_error_if_it_is_to_be_followed(store, tmp_path):
    local = make_tree(tmp_path / "L", {"f": b"1", "l": Link("nowhere"), "loop": Link("loop")})
    fs = await main(store, {"l": b"old"})
    with pytest.raises(OSError, match=r"L/l"):
        await fs.copy_in(f"{local}/", "", follow_symlinks=True)
    assert await tip(store) == fs.commit_hash
    done = await fs.copy_in(f"{local}/", "", follow_symlinks=True, ignore_errors=True, delete=True)
    assert await contents(done) == {"f": b"1", "l": b"old"}
    assert problems(done.changes) == {"errors": [f"{local}/l", f"{local}/loop"]}
    done = await done.copy_in(f"{local}/", "")
    assert await typed_contents(done) == local_contents(local)


async def test_links_out_of_the_source_are_data(store, tmp_path):
    make_tree(tmp_path / "secret", {"key": b"s3cret"})
    local = make_tree(tmp_path / "L", {"out": Link("../secret"), "abs": Link("/etc")})
    fs = await (await main(store)).copy_in(local, "")
    assert await typed_contents(fs) == {
        "L/abs": ("link", b"/etc"),
        "L/out": ("link", b"../secret"),
    }


# --- what is no file


async def test_special_files_are_named_and_never_opened(store, tmp_path):
    """D47: opening a FIFO would wait for a writer for ever."""
    local = make_tree(tmp_path / "L", {"f": b"1"})
    os.mkfifo(local / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(local / "socket"))
        fs = await main(store)
        for options in ({}, {"delete": True}, {"follow_symlinks": True}, {"dry_run": True}):
            done = await fs.copy_in(f"{local}/", "d", **options)
            assert sorted(problems(done.changes)["warnings"]) == [
                f"{local}/fifo",
                f"{local}/socket",
            ]
            assert "FIFO" in str(done.changes.warnings)
            assert "socket" in str(done.changes.warnings)
            if "dry_run" not in options:
                assert await contents(done) == {"d/f": b"1"}
                fs = await (await store.branches["main"]).remove("d", recursive=True)
        for name in ("fifo", "socket"):
            with pytest.raises(OSError, match=name):
                await fs.copy_in(local / name, "d")
    with pytest.raises(OSError, match="device"):
        await fs.copy_in("/dev/null", "d")
    with pytest.raises(NotADirectoryError):
        await fs.sync_in(local / "fifo", "d")


async def test_only_warnings_are_reported_without_a_commit(store, tmp_path):
    local = tmp_path / "L"
    local.mkdir()
    os.mkfifo(local / "fifo")
    fs = await main(store)
    done = await fs.copy_in(f"{local}/", "d")
    assert done.commit_hash == fs.commit_hash
    assert problems(done.changes) == {"warnings": [f"{local}/fifo"]}
    assert done.changes.in_sync


async def test_what_git_never_stores_is_left_out_with_a_warning(store, tmp_path):
    local = make_tree(
        tmp_path / "L", {"f": b"1", ".git/config": b"x", "sub/.GIT": b"y", "g/git~1/h": b"z"}
    )
    fs = await (await main(store)).copy_in(local, "", follow_symlinks=True)
    assert await contents(fs) == {"L/f": b"1"}
    assert sorted(problems(fs.changes)["warnings"]) == [
        f"{local}/{path}" for path in (".git", "g/git~1", "sub/.GIT")
    ]
    again = await fs.sync_in(local, "L")
    assert again.commit_hash == fs.commit_hash
    assert len(again.changes.warnings) == 3
    for source in (local / ".git", f"{local}/sub/.GIT", f"{local}/./.git/config"):
        with pytest.raises(ValueError, match=r"(?i)\.git"):
            await fs.copy_in(source, "")


# --- errors


@unprivileged
async def test_an_unreadable_file_is_an_error_that_names_it(store, tmp_path):
    local = make_tree(tmp_path / "L", {"f": b"1", "locked": b"2", "d/g": b"3"})
    (local / "locked").chmod(0)
    (local / "d").chmod(0)
    fs = await main(store, {"L/locked": b"old", "L/d/g": b"old", "L/gone": b"old"})
    try:
        with pytest.raises(PermissionError, match=r"L/(locked|d)"):
            await fs.copy_in(local, "")
        assert await tip(store) == fs.commit_hash
        plan = await fs.copy_in(local, "", delete=True, ignore_errors=True, dry_run=True)
        done = await fs.copy_in(local, "", delete=True, ignore_errors=True)
    finally:
        (local / "d").chmod(0o755)
    assert plan.changes == done.changes
    assert await contents(done) == {"L/f": b"1", "L/locked": b"old", "L/d/g": b"old"}
    assert sorted(problems(done.changes)["errors"]) == [f"{local}/d", f"{local}/locked"]


async def test_missing_sources_are_reported_and_the_rest_is_copied(store, tmp_path):
    local = make_tree(tmp_path / "L", {"f": b"1"})
    fs = await main(store, {"d/missing/x": b"keep", "d/z": b"0"})
    sources = [f"{tmp_path}/missing", f"{local}/f", f"{local}/f/"]
    plan = await fs.copy_in(sources, "d", ignore_errors=True, dry_run=True)
    assert problems(plan.changes) == {"errors": [sources[0], sources[2]]}
    done = await fs.copy_in(sources, "d", ignore_errors=True)
    assert await contents(done) == {"d/missing/x": b"keep", "d/f": b"1", "d/z": b"0"}
    assert problems(done.changes) == {"errors": [sources[0], sources[2]]}
    assert done.message == "+ d/f"


async def test_a_missing_source_does_not_delete_what_it_would_have_brought(store, tmp_path):
    local = make_tree(tmp_path / "L", {"f": b"1"})
    files = {"d/missing/x": b"keep", "d/z": b"0", "d/sub/y": b"keep"}
    fs = await main(store, files)
    done = await fs.copy_in(
        [f"{tmp_path}/missing", f"{local}/f", f"{tmp_path}/b/./sub/nothing"],
        "d",
        ignore_errors=True,
        delete=True,
    )
    assert await contents(done) == {"d/missing/x": b"keep", "d/f": b"1"}
    done = await (await done.undo()).copy_in(
        [f"{tmp_path}/missing/.", f"{local}/f"], "d", ignore_errors=True, delete=True
    )
    assert await contents(done) == files | {"d/f": b"1"}


async def test_a_missing_source_does_not_delete_the_file_that_a_directory_would_replace(
    store, tmp_path
):
    local = make_tree(tmp_path / "L", {"f": b"1", "sub": None})
    fs = await main(store, {"d": b"keep", "e/sub": b"keep", "e/old": b"0", "g/sub/old": b"keep"})
    missing = f"{tmp_path}/missing"
    options = {"ignore_errors": True, "delete": True}
    for sources, dest in ((f"{missing}/.", "d"), (f"{missing}/./sub/deep/", "e")):
        with pytest.raises(RuntimeError, match=r"^All files failed to copy"):
            await fs.copy_in(sources, dest, **options)
        plan = await fs.copy_in(sources, dest, dry_run=True, **options)
        assert plan.changes.in_sync
    done = await fs.copy_in([f"{missing}/./sub/deep/", f"{local}/f"], "e", **options)
    expected = {"d": b"keep", "e/f": b"1", "e/sub": b"keep", "g/sub/old": b"keep"}
    assert await contents(done) == expected
    done = await done.copy_in([f"{missing}/sub", f"{local}/"], "g", **options)
    assert await contents(done) == expected | {"g/f": b"1"}
    done = await done.copy_in([f"{missing}/.", f"{local}/f"], "d", **options)
    assert set(await contents(done)) == {"d/f", "e/f", "e/sub", "g/f", "g/sub/old"}


async def test_a_circle_of_one_link_fails_alone(store, tmp_path):
    local = make_tree(tmp_path / "L", {"f": b"1", "l": Link("l")})
    fs = await main(store, {"l": b"keep", "old": b"0"})
    options = {"follow_symlinks": True, "ignore_errors": True, "delete": True}
    for sources, exclude in (
        (f"{local}/", ExcludeFilter(patterns=["nothing"])),
        ([f"{local}/", f"{local}/f"], None),
    ):
        done = await fs.copy_in(sources, "", exclude=exclude, **options)
        assert await contents(done) == {"f": b"1", "l": b"keep"}
        assert problems(done.changes)["errors"] == [f"{local}/l"]
        fs = await done.undo()
    with pytest.raises(OSError, match="L/l"):
        await fs.copy_in([f"{local}/", f"{local}/f"], "", follow_symlinks=True)


async def test_everything_failed_only_if_nothing_went_well(store, tmp_path):
    """D45: an unchanged file went well."""
    local = make_tree(tmp_path / "L", {"f": b"1"})
    fs = await main(store, {"d/f": b"1", "d/old": b"0"})
    missing = f"{tmp_path}/missing"
    for options in ({}, {"delete": True}):
        for sources in (missing, [missing, f"{missing}/"], [f"{local}/f/"]):
            with pytest.raises(RuntimeError, match=r"^All files failed to copy"):
                await fs.copy_in(sources, "d", ignore_errors=True, **options)
            plan = await fs.copy_in(sources, "d", ignore_errors=True, dry_run=True, **options)
            assert plan.changes.in_sync
            assert plan.changes.errors
    assert await tip(store) == fs.commit_hash
    done = await fs.copy_in([missing, f"{local}/f"], "d", ignore_errors=True)
    assert done.commit_hash == fs.commit_hash
    assert problems(done.changes) == {"errors": [missing]}
    make_tree(tmp_path / "empty", {})
    done = await fs.copy_in([missing, f"{tmp_path}/empty"], "d", ignore_errors=True)
    assert done.commit_hash == fs.commit_hash
    assert problems(done.changes) == {"errors": [missing]}
    with pytest.raises(ValueError):
        await fs.copy_in([missing, "x/.git"], "d", ignore_errors=True)


# The first report comes before the first file is opened, when its directory was listed already:
# a callback that changes the disk then does what a program beside us might do at that moment.


async def test_a_file_that_vanishes_is_an_error_not_empty(disk_store, tmp_path):
    """D6: and nothing is deleted on that account."""
    local = make_tree(tmp_path / "L", {"f": b"1"})
    fs = await main(disk_store, {"f": b"old", "other": b"0"})

    def vanish(report):
        (local / "f").unlink(missing_ok=True)

    with pytest.raises(FileNotFoundError, match=r"L/f"):
        await fs.sync_in(local, "", progress=vanish)
    assert await tip(disk_store) == fs.commit_hash
    make_tree(local, {"f": b"1"})
    done = await fs.sync_in(local, "", progress=vanish, ignore_errors=True)
    assert await contents(done) == {"f": b"old"}
    assert problems(done.changes) == {"errors": [f"{local}/f"]}


async def test_a_directory_that_vanishes_is_an_error_not_empty(disk_store, tmp_path):
    local = make_tree(tmp_path / "L", {"f": b"1", "d/g": b"1"})
    fs = await main(disk_store, {"d/g": b"old", "d/h": b"old"})

    def vanish(report):
        shutil.rmtree(local / "d", ignore_errors=True)

    with pytest.raises(FileNotFoundError, match=r"L/d"):
        await fs.sync_in(local, "", progress=vanish)
    assert await tip(disk_store) == fs.commit_hash
    make_tree(local, {"d/g": b"1"})
    done = await fs.sync_in(local, "", progress=vanish, ignore_errors=True)
    assert await contents(done) == {"f": b"1", "d/g": b"old", "d/h": b"old"}
    assert problems(done.changes) == {"errors": [f"{local}/d"]}


async def test_a_file_that_becomes_a_link_or_a_fifo_is_not_followed(disk_store, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"s3cret")
    local = make_tree(tmp_path / "L", {"f": b"1"})
    fs = await main(disk_store)

    def to_link(report):
        (local / "f").unlink()
        (local / "f").symlink_to(secret)

    def to_fifo(report):
        (local / "f").unlink()
        os.mkfifo(local / "f")

    for swap in (to_link, to_fifo):
        (local / "f").unlink()
        (local / "f").write_bytes(b"1")
        with pytest.raises(OSError, match=r"L/f"):
            await fs.copy_in(f"{local}/", "", progress=swap)
    assert await tip(disk_store) == fs.commit_hash


async def test_a_directory_that_becomes_a_link_is_not_followed(disk_store, tmp_path):
    make_tree(tmp_path / "secret", {"g": b"s3cret"})
    local = make_tree(tmp_path / "L", {"d/g": b"1", "e/g": b"1"})

    def swap(report):
        for name in ("d", "e"):  # one of them is being read already, the other one is next
            if not (local / name).is_symlink():
                (local / name).rename(tmp_path / f"moved-{name}")
                (local / name).symlink_to(tmp_path / "secret")

    fs = await main(disk_store)
    with pytest.raises(OSError, match=r"replaced while it was copied: .*L/[de]"):
        await fs.copy_in(f"{local}/", "", progress=swap)
    assert await tip(disk_store) == fs.commit_hash


async def test_a_file_that_cannot_be_read_is_named_and_kept(store, tmp_path):
    """/proc/self/mem answers with an input/output error, whoever asks."""
    tree = {"f": b"1", "bad": Link("/proc/self/mem"), "d/bad": Link("/proc/self/mem")}
    local = make_tree(tmp_path / "L", tree)
    fs = await main(store, {"bad": b"old", "d/bad": b"old", "gone": b"old"})
    options = {"follow_symlinks": True, "delete": True}
    with pytest.raises(OSError, match=r"Input/output error.*bad"):
        await fs.copy_in(f"{local}/", "", **options)
    assert await tip(store) == fs.commit_hash
    plan = await fs.copy_in(f"{local}/", "", ignore_errors=True, dry_run=True, **options)
    done = await fs.copy_in(f"{local}/", "", ignore_errors=True, **options)
    assert plan.changes == done.changes
    assert await contents(done) == {"f": b"1", "bad": b"old", "d/bad": b"old"}
    assert problems(done.changes) == {"errors": [f"{local}/bad", f"{local}/d/bad"]}


# --- what is no plain tree of files in the repository


async def test_submodules_stay_what_they_are(disk_store, repo, git, tmp_path):
    fs = await main(disk_store, {"d/f": b"1"})
    made = f"160000 commit {fs.commit_hash}\tsub\n100644 blob {await fs.object_hash('d/f')}\tf\n"
    inner = git(repo, "mktree", "--missing", stdin=made).strip()
    outer = git(repo, "mktree", stdin=f"040000 tree {inner}\td\n").strip()
    commit = git(
        repo,
        *("-c", "user.name=a", "-c", "user.email=b"),
        *("commit-tree", outer, "-p", fs.commit_hash, "-m", "foreign"),
    ).strip()
    git(repo, "update-ref", "refs/heads/main", commit)
    local = make_tree(tmp_path / "L", {"g": b"2"})
    fs = await (await main(disk_store)).sync_in(local, "d")
    assert await contents(fs) == {"d/g": b"2"}
    assert "160000" in git(repo, "ls-tree", f"{fs.commit_hash}:d")


async def test_nothing_temporary_is_left_after_an_error(disk_store, repo, git, tmp_path):
    local = make_tree(tmp_path / "L", {f"f{number:04}": b"%d" % number for number in range(300)})
    (local / "zz").symlink_to("nowhere")
    fs = await main(disk_store)
    before = git(repo, "count-objects", "-v")
    with pytest.raises(FileNotFoundError):
        await fs.copy_in(f"{local}/", "", follow_symlinks=True)
    assert leftovers(repo) == []
    assert git(repo, "count-objects", "-v") == before
    assert await tip(disk_store) == fs.commit_hash


async def test_a_copy_of_a_file_that_the_system_makes_up(store):
    """Files of /proc have no size: what can be read is their content."""
    fs = await (await main(store)).copy_in("/proc/self/status", "d")
    assert (await fs.read("d/status")).startswith(b"Name:")


async def test_a_dry_run_leaves_the_repository_alone(disk_store, repo, tmp_path):
    local = make_tree(tmp_path / "L", {f"f{number}": b"%d" % number for number in range(200)})
    fs = await main(disk_store)
    before = {path: path.stat().st_mtime_ns for path in Path(repo).rglob("*")}
    plan = await fs.copy_in(local, "", dry_run=True, mode=FileType.EXECUTABLE)
    assert plan.changes.total == 200
    assert {path: path.stat().st_mtime_ns for path in Path(repo).rglob("*")} == before
