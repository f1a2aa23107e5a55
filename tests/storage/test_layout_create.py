"""Making repositories: complete at once, or not at all, however many try."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.storage.refs_children import MAIN, change, open_refs
from tests.support.gitcli import assert_fsck_clean
from tests.support.sources import ROOT
from vost._model.errors import InvalidRefNameError, NotARepositoryError
from vost._storage.layout import create, discover
from vost._storage.protocols import RefUpdate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git


def nothing(git_dir: Path) -> None:
    """Prepare nothing."""


def test_new_repository_is_one_for_git(tmp_path: Path, git: Git) -> None:
    path = tmp_path / "missing/parents/r.git"
    layout = create(path, head="dev", prepare=nothing)
    assert layout == discover(path)
    assert layout.bare
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/dev"
    assert git(path, "rev-parse", "--is-bare-repository") == "true"
    listed = git(path, "config", "--file", path / "config", "--list").splitlines()
    assert sorted(listed) == [
        "core.bare=true",
        "core.filemode=true",
        "core.logallrefupdates=always",
        "core.repositoryformatversion=0",
        "gc.reflogexpire=never",
        "gc.reflogexpireunreachable=never",
    ]
    assert_fsck_clean(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["r.git"]


@pytest.mark.parametrize("name", ["r" * 255, "ä" * 127])
def test_name_may_be_as_long_as_names_can_be(tmp_path: Path, name: str) -> None:
    layout = create(tmp_path / name, head="main", prepare=nothing)
    assert layout == discover(tmp_path / name)


def test_repository_without_branches_points_at_master(tmp_path: Path, git: Git) -> None:
    create(tmp_path / "r.git", head=None, prepare=nothing)
    assert git(tmp_path / "r.git", "symbolic-ref", "HEAD") == "refs/heads/master"


def test_prepared_commit_is_there_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "r.git"

    def prepare(git_dir: Path) -> None:
        assert not path.exists()
        refs = open_refs(git_dir)
        change(refs, RefUpdate(MAIN, None, b"a" * 20, None))
        refs.close()

    layout = create(path, head="main", prepare=prepare)
    assert open_refs(layout.git_dir).get("HEAD") == b"a" * 20


def test_failed_preparation_leaves_nothing(tmp_path: Path) -> None:
    def prepare(git_dir: Path) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        create(tmp_path / "r.git", head="main", prepare=prepare)
    assert list(tmp_path.iterdir()) == []


def test_bad_branch_name_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidRefNameError):
        create(tmp_path / "parent/r.git", head="a b", prepare=nothing)
    assert list(tmp_path.iterdir()) == []


def test_existing_repository_is_returned_untouched(tmp_path: Path) -> None:
    create(tmp_path / "r.git", head="main", prepare=nothing)
    calls: list[Path] = []
    layout = create(tmp_path / "r.git", head="other", prepare=calls.append)
    assert calls == []
    assert open_refs(layout.git_dir).get_symbolic("HEAD") == MAIN


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", ["file", "empty", "full"])
def test_what_is_in_the_way_stays(tmp_path: Path, kind: str, late: bool) -> None:
    path = tmp_path / "r.git"

    def obstruct(git_dir: Path | None = None) -> None:
        if kind == "file":
            path.write_text("precious", encoding="ascii")
        else:
            path.mkdir()
        if kind == "full":
            (path / "x").touch()

    if not late:
        obstruct()
    with pytest.raises(NotARepositoryError):
        create(path, head="main", prepare=obstruct if late else nothing)
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.git"]
    assert not (path / "HEAD").exists()


def test_faster_creator_wins(tmp_path: Path) -> None:
    path = tmp_path / "r.git"
    layout = create(
        path, head="slow", prepare=lambda _: create(path, head="fast", prepare=nothing) and None
    )
    assert open_refs(layout.git_dir).get_symbolic("HEAD") == "refs/heads/fast"
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.git"]


@pytest.mark.slow
def test_racing_creators_all_succeed(tmp_path: Path, git: Git) -> None:
    path = tmp_path / "deep/r.git"
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.storage.refs_children", "create", path],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    said = [child.communicate(timeout=60)[1] for child in children]
    assert [child.returncode for child in children] == [0] * 8, said
    assert [entry.name for entry in path.parent.iterdir()] == ["r.git"]
