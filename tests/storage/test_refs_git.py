"""Git sees our refs and reflogs, and we see Git's; each respects the other's locks."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.storage.refs_children import MAIN, change, open_refs
from tests.support.gitcli import Git, assert_fsck_clean
from tests.support.sources import ROOT
from vost._model.errors import Busy, InvalidRefNameError
from vost._model.objects import oid_from_hex
from vost._storage.protocols import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vost._model.objects import Oid
    from vost._storage.diskrefs import DiskRefs


@pytest.fixture
def git_dir(tmp_path: Path, git: Git) -> Path:
    return git.init(tmp_path / "r.git")


@pytest.fixture
def refs(git_dir: Path) -> Iterator[DiskRefs]:
    refs = open_refs(git_dir)
    yield refs
    refs.close()
    assert [path.name for path in git_dir.rglob("*.lock")] in ([], ["vost.lock"])


@pytest.fixture
def commits(git_dir: Path, git: Git) -> list[Oid]:
    """Three commits, each on top of the one before."""
    return [oid_from_hex(text) for text in make_chain(git, git_dir, 3)]


def make_chain(git: Git, git_dir: Path, length: int) -> list[str]:
    """Make commits, each on top of the one before, and return their ids."""
    stream = "".join(
        f"commit refs/chain/{number}\nmark :{number}\ncommitter A <a@b> {number} +0000\ndata 1\nx\n"
        + (f"from :{number - 1}\n" if number > 1 else "")
        for number in range(1, length + 1)
    )
    marks = git_dir / "marks"
    git(git_dir, "fast-import", "--quiet", f"--export-marks={marks}", stdin=stream)
    made = dict(line[1:].split() for line in marks.read_text("ascii").splitlines())
    for number in range(1, length + 1):
        git_dir.joinpath(f"refs/chain/{number}").unlink()
    git_dir.joinpath("refs/chain").rmdir()
    marks.unlink()
    return [made[str(number)] for number in range(1, length + 1)]


def test_git_reads_what_we_write(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid]
) -> None:
    one, two, _ = commits
    change(refs, RefUpdate(MAIN, None, one, "commit: first"))
    change(refs, RefUpdate(MAIN, one, two, "commit: second\nline"))
    change(refs, RefUpdate("refs/heads/feature/é", None, one, "branch: Created"))
    change(refs, RefUpdate("refs/tags/v1", None, one, "tag"))
    assert git(git_dir, "for-each-ref", "--format=%(refname) %(objectname)") == "\n".join(
        [
            f"refs/heads/feature/é {one.hex()}",
            f"{MAIN} {two.hex()}",
            f"refs/tags/v1 {one.hex()}",
        ]
    )
    log = git(git_dir, "reflog", "show", "--date=raw", "--format=%H %gd %gn <%ge> %gs", "main")
    assert log.splitlines() == [
        f"{two.hex()} main@{{1700000000 +0000}} Ada <ada@example.org> commit: second line",
        f"{one.hex()} main@{{1700000000 +0000}} Ada <ada@example.org> commit: first",
    ]
    assert git(git_dir, "rev-parse", "main@{1}") == one.hex()
    with refs.locked():
        refs.set_symbolic("HEAD", "refs/heads/feature/é")
    assert git(git_dir, "symbolic-ref", "HEAD") == "refs/heads/feature/é"
    assert_fsck_clean(git_dir)


def test_we_read_what_git_writes(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid]
) -> None:
    one, two, three = commits
    git(git_dir, "config", "core.logAllRefUpdates", "always")
    git(git_dir, "update-ref", "-m", "by git", MAIN, one.hex())
    git(git_dir, "update-ref", MAIN, two.hex())
    git(git_dir, "tag", "-a", "-m", "note", "v1", one.hex())
    git(git_dir, "symbolic-ref", "HEAD", "refs/heads/other")
    tag = oid_from_hex(git(git_dir, "rev-parse", "v1"))
    assert refs.list("refs/") == {MAIN: two, "refs/tags/v1": tag}
    assert refs.get_symbolic("HEAD") == "refs/heads/other"
    entries = refs.reflog(MAIN) or []
    assert [(entry.new_sha, entry.message) for entry in entries] == [
        (one.hex(), "by git"),
        (two.hex(), ""),
    ]
    assert {entry.committer for entry in entries} == {"Git Test <git@test.example>"}

    git(git_dir, "pack-refs", "--all")
    assert not (git_dir / MAIN).exists()
    assert refs.list("refs/") == {MAIN: two, "refs/tags/v1": tag}
    assert refs.get(MAIN) == two
    change(refs, RefUpdate(MAIN, two, three, "ours"))
    assert refs.list("refs/heads/") == {MAIN: three}
    assert git(git_dir, "rev-parse", "main") == three.hex()
    assert_fsck_clean(git_dir)


def test_packed_ref_is_deleted_from_the_pack(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid]
) -> None:
    one, two, _ = commits
    for name in ("a/b", "c", "d"):
        git(git_dir, "update-ref", f"refs/heads/{name}", one.hex())
    git(git_dir, "tag", "-a", "-m", "peeled", "t1", one.hex())
    git(git_dir, "tag", "-a", "-m", "peeled", "t2", one.hex())
    tag = oid_from_hex(git(git_dir, "rev-parse", "t1"))
    git(git_dir, "pack-refs", "--all")
    git(git_dir, "update-ref", "refs/heads/c", two.hex())

    change(
        refs,
        RefUpdate("refs/heads/c", two, None, "x"),
        RefUpdate("refs/heads/a/b", one, None, "x"),
        RefUpdate("refs/tags/t1", tag, None, "x"),
    )
    left = git(git_dir, "for-each-ref", "--format=%(refname)").splitlines()
    assert left == list(refs.list("refs/")) == ["refs/heads/d", "refs/tags/t2"]
    packed = (git_dir / "packed-refs").read_text("ascii").splitlines()
    assert packed[0].startswith("# pack-refs with:")
    assert [line[:1] for line in packed[-1:]] == ["^"]
    assert len(packed) == 4
    assert git(git_dir, "rev-parse", "t2^{}") == one.hex()
    assert_fsck_clean(git_dir)


def test_branch_that_git_deleted_is_gone(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid]
) -> None:
    change(refs, RefUpdate(MAIN, None, commits[0], "x"))
    change(refs, RefUpdate("refs/heads/a/b", None, commits[0], "x"))
    git(git_dir, "branch", "-D", "a/b")
    assert refs.get("refs/heads/a/b") is None
    assert refs.reflog("refs/heads/a/b") is None
    change(refs, RefUpdate("refs/heads/a", None, commits[0], "x"))
    git(git_dir, "branch", "-D", "a")
    change(refs, RefUpdate("refs/heads/a/b/c", None, commits[0], "x"))
    assert_fsck_clean(git_dir)


@pytest.mark.parametrize("new, existing", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")])
def test_clash_with_a_packed_ref_is_refused(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid], new: str, existing: str
) -> None:
    git(git_dir, "update-ref", f"refs/heads/{existing}", commits[0].hex())
    git(git_dir, "pack-refs", "--all")
    with pytest.raises(InvalidRefNameError) as caught:
        change(refs, RefUpdate(f"refs/heads/{new}", None, commits[0], "x"))
    assert f"refs/heads/{existing}" in str(caught.value)
    assert not (git_dir / "refs/heads/a").exists()


def test_lock_of_git_makes_us_wait_and_stays(
    refs: DiskRefs, git_dir: Path, commits: list[Oid]
) -> None:
    change(refs, RefUpdate(MAIN, None, commits[0], "x"))
    lock = git_dir / "refs/heads/main.lock"
    lock.touch()
    (git_dir / "refs/heads/main~pid.lock").write_text("pid 4711\n", encoding="ascii")
    with pytest.raises(Busy) as caught:
        change(
            refs,
            RefUpdate("refs/heads/early", None, commits[0], "x"),
            RefUpdate(MAIN, commits[0], commits[1], "x"),
        )
    assert caught.value.patience == 1.0
    assert str(lock) in caught.value.what
    assert "process 4711" in caught.value.what
    status = lock.stat()
    assert caught.value.which == (status.st_ino, status.st_mtime_ns)
    assert "seconds" in caught.value.what
    assert lock.exists()
    assert refs.list("refs/") == {MAIN: commits[0]}
    lock.unlink()
    (git_dir / "refs/heads/main~pid.lock").unlink()
    change(refs, RefUpdate(MAIN, commits[0], commits[1], "x"))


@pytest.mark.parametrize(
    "name, attempt",
    [
        ("HEAD", lambda refs, _: refs.set_symbolic("HEAD", "refs/heads/x")),
        (
            "packed-refs",
            lambda refs, old: refs.compare_and_set(
                [RefUpdate(MAIN, old, None)], identity="a <b>", time=1
            ),
        ),
    ],
)
def test_other_locks_of_git_are_respected(
    refs: DiskRefs,
    git_dir: Path,
    commits: list[Oid],
    name: str,
    attempt: Callable[[DiskRefs, Oid], None],
) -> None:
    change(refs, RefUpdate(MAIN, None, commits[0], "x"))
    lock = git_dir / f"{name}.lock"
    lock.touch()
    with refs.locked(), pytest.raises(Busy, match=lock.name):
        attempt(refs, commits[0])
    assert lock.exists()
    assert refs.get("HEAD") == commits[0]
    lock.unlink()


def test_git_cannot_move_a_ref_that_we_have_locked(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(refs, RefUpdate(MAIN, None, commits[0], "x"))
    outcome: list[int] = []
    rename = os.replace

    def replace(source: str, target: str) -> None:
        result = git.attempt(git_dir, "update-ref", MAIN, commits[2].hex())
        outcome.append(result.returncode)
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    change(refs, RefUpdate(MAIN, commits[0], commits[1], "x"))
    assert outcome == [128]
    assert refs.get(MAIN) == commits[1]


def test_directories_that_git_left_empty_are_no_obstacle(
    refs: DiskRefs, git_dir: Path, commits: list[Oid]
) -> None:
    (git_dir / "refs/heads/a/b/c").mkdir(parents=True)
    (git_dir / "logs/refs/heads/a/b").mkdir(parents=True)
    change(refs, RefUpdate("refs/heads/a", None, commits[0], "x"))
    assert [entry.message for entry in refs.reflog("refs/heads/a") or ()] == ["x"]


@pytest.mark.parametrize("new", [1, None])
def test_empty_directory_in_place_of_a_packed_ref_is_no_obstacle(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid], new: int | None
) -> None:
    git(git_dir, "update-ref", "refs/heads/a", commits[0].hex())
    git(git_dir, "pack-refs", "--all")
    (git_dir / "refs/heads/a/b").mkdir(parents=True)
    value = None if new is None else commits[new]
    change(refs, RefUpdate("refs/heads/a", commits[0], value, "x"))
    assert refs.get("refs/heads/a") == value


def test_detached_head_is_an_id(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid]
) -> None:
    git(git_dir, "update-ref", "--no-deref", "HEAD", commits[1].hex())
    assert refs.get_symbolic("HEAD") is None
    assert refs.get("HEAD") == commits[1]
    with refs.locked():
        refs.set_symbolic("HEAD", MAIN)
    assert git(git_dir, "symbolic-ref", "HEAD") == MAIN


def test_remote_head_is_followed_in_a_listing(
    refs: DiskRefs, git_dir: Path, git: Git, commits: list[Oid]
) -> None:
    git(git_dir, "update-ref", "refs/remotes/origin/main", commits[0].hex())
    git(git_dir, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    git(git_dir, "pack-refs", "--all")
    assert refs.list("refs/remotes/") == {
        "refs/remotes/origin/HEAD": commits[0],
        "refs/remotes/origin/main": commits[0],
    }


def run_children(git_dir: Path, chain: Path, *jobs: tuple[str, int]) -> None:
    """Run child processes at the same time and fail if one of them does."""
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.storage.refs_children", what, git_dir, chain, str(steps)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for what, steps in jobs
    ]
    said = [child.communicate(timeout=100)[1] for child in children]
    assert [child.returncode for child in children] == [0] * len(children), said


@pytest.mark.slow
def test_processes_and_git_that_count_together_lose_no_update(
    tmp_path: Path, git_dir: Path, git: Git
) -> None:
    """Two processes through vost and two through git move main 100 times each."""
    chain = make_chain(git, git_dir, 401)
    git(git_dir, "update-ref", MAIN, chain[0])
    file = tmp_path / "chain"
    file.write_text("\n".join(chain), encoding="ascii")
    run_children(git_dir, file, ("vost", 100), ("git", 100), ("vost", 100), ("git", 100))
    assert git(git_dir, "rev-parse", "main") == chain[400]
    entries = open_refs(git_dir).reflog(MAIN) or []
    ours = [entry for entry in entries if entry.message == "count"]
    assert len(ours) == 200
    assert_fsck_clean(git_dir)


@pytest.mark.slow
def test_readers_see_a_ref_at_all_times_while_it_is_packed(
    refs: DiskRefs, tmp_path: Path, git_dir: Path, git: Git
) -> None:
    """A reader that misses a ref, or sees it go back, would be libgit2#3561."""
    chain = make_chain(git, git_dir, 120)
    git(git_dir, "update-ref", MAIN, chain[0])
    git(git_dir, "update-ref", "refs/heads/deep/er/still", chain[0])
    file = tmp_path / "chain"
    file.write_text("\n".join(chain), encoding="ascii")
    places = {oid_from_hex(text): index for index, text in enumerate(chain)}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.refs_children", "git", git_dir, file, "60"], cwd=ROOT
    )
    seen = 0
    while child.poll() is None:
        value = refs.get(MAIN)
        assert value is not None
        assert places[value] >= seen
        seen = places[value]
        listed = refs.list("refs/heads/")
        assert list(listed) == ["refs/heads/deep/er/still", MAIN]
        assert places[listed[MAIN]] >= seen
        seen = places[listed[MAIN]]
    assert child.returncode == 0
    assert refs.get(MAIN) == oid_from_hex(chain[60])
