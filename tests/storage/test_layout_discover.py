"""Finding repositories, and refusing what cannot be used, with a way out."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.gitcli import clean_environment
from vost._model.errors import (
    NotARepositoryError,
    RepositoryNotFoundError,
    UnsupportedRepositoryError,
)
from vost._storage.layout import RepositoryLayout, discover

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git


def init(git: Git, *args: object) -> None:
    """Have git make a repository with a work tree."""
    command = ["git", "init", "--quiet", *map(str, args)]
    subprocess.run(command, env=clean_environment(git.home), check=True)


@pytest.fixture
def bare(tmp_path: Path, git: Git) -> Path:
    return git.init(tmp_path / "r.git")


@pytest.fixture
def work_tree(tmp_path: Path, git: Git) -> Path:
    root = tmp_path / "tree"
    init(git, root)
    return root


def test_bare_repository_is_found(bare: Path) -> None:
    expected = RepositoryLayout(git_dir=bare, lock_path=bare / "vost.lock", bare=True, root=bare)
    assert discover(bare) == expected
    assert discover(str(bare)) == expected


def test_relative_path_becomes_absolute(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare.parent)
    assert discover("r.git/").git_dir == bare


def test_work_tree_has_its_lock_in_its_root(work_tree: Path) -> None:
    expected = RepositoryLayout(
        git_dir=work_tree / ".git", lock_path=work_tree / "vost.lock", bare=False, root=work_tree
    )
    assert discover(work_tree) == expected
    assert discover(work_tree / ".git") == expected


def test_git_file_is_followed(tmp_path: Path, git: Git) -> None:
    root, elsewhere = tmp_path / "tree", tmp_path / "elsewhere"
    init(git, root, f"--separate-git-dir={elsewhere}")
    layout = discover(root)
    assert (layout.git_dir, layout.root, layout.bare) == (elsewhere, root, False)
    (root / ".git").write_text("gitdir: ../elsewhere\n", encoding="ascii")
    assert discover(root).git_dir == elsewhere
    shutil.rmtree(elsewhere)
    with pytest.raises(NotARepositoryError, match="elsewhere"):
        discover(root)


def test_linked_worktree_is_refused(bare: Path, tmp_path: Path, git: Git) -> None:
    tree = git(bare, "hash-object", "-w", "-t", "tree", "--stdin")
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", "-m", "x", tree))
    git(bare, "worktree", "add", tmp_path / "linked", "-b", "other", "main")
    with pytest.raises(UnsupportedRepositoryError, match="linked worktree"):
        discover(tmp_path / "linked")


def test_nothing_there_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RepositoryNotFoundError) as caught:
        discover(tmp_path / "none")
    assert caught.value.filename == str(tmp_path / "none")
    assert caught.value.errno == 2
    assert str(tmp_path / "none") in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "empty", "other", "dangling", "odd .git", "partial"])
def test_other_things_are_no_repository(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thing"
    if kind == "file":
        path.touch()
    elif kind == "dangling":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
    if kind == "other":
        (path / "x").touch()
    elif kind == "odd .git":
        (path / ".git").write_text("nonsense", encoding="ascii")
    elif kind == "partial":
        (path / "objects").mkdir()
        (path / "HEAD").touch()
    with pytest.raises(NotARepositoryError) as caught:
        discover(path)
    assert str(path) in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize("name", ["objects", "refs", "HEAD"])
def test_parts_that_are_links_to_elsewhere_are_refused(
    bare: Path, tmp_path: Path, name: str
) -> None:
    (bare / name).rename(tmp_path / name)
    (bare / name).symlink_to(tmp_path / name)
    with pytest.raises(UnsupportedRepositoryError, match="symbolic link"):
        discover(bare)
    (bare / name).unlink()
    (tmp_path / name).rename(bare / f"real-{name}")
    (bare / name).symlink_to(f"real-{name}")
    assert discover(bare).git_dir == bare


def test_head_that_is_a_link_of_old_times_is_accepted(bare: Path) -> None:
    (bare / "HEAD").unlink()
    (bare / "HEAD").symlink_to("refs/heads/main")
    assert discover(bare).git_dir == bare


def test_repository_behind_a_link_is_found(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(bare)
    layout = discover(tmp_path / "alias")
    assert layout.lock_path.parent.samefile(bare)


@pytest.mark.parametrize(
    "config, named",
    [
        ("[core]\nrepositoryformatversion = 2\n", "format 2"),
        ("[core]\nrepositoryformatversion = 1\n[extensions]\nobjectFormat = sha256\n", "sha256"),
        ("[core]\nrepositoryformatversion = 1\n[extensions]\nrefStorage = reftable\n", "reftable"),
        ("[core]\nrepositoryformatversion = 1\n[extensions]\nmagic = on\n", "magic"),
        ("[extensions]\nobjectFormat = sha256\n", "sha256"),
        ("[core\nbroken", "malformed"),
    ],
)
def test_unknown_format_is_refused_by_name(bare: Path, config: str, named: str) -> None:
    (bare / "config").write_text(config, encoding="ascii")
    with pytest.raises(UnsupportedRepositoryError) as caught:
        discover(bare)
    assert named in str(caught.value)
    assert "git" in str(caught.value)


def test_sha256_repository_of_git_is_refused(tmp_path: Path, git: Git) -> None:
    path = git.init(tmp_path / "sha256.git", "--object-format=sha256")
    with pytest.raises(UnsupportedRepositoryError, match="SHA-1"):
        discover(path)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "[core]\nrepositoryformatversion = 1\n[extensions]\nobjectFormat = sha1\n",
        "[core]\nrepositoryformatversion = 1\n[extensions]\nnoop = 1\npreciousObjects = true\n",
        "[core]\nrepositoryformatversion = 1\n[extensions]\npartialClone = origin\n",
        "[core]\nrepositoryformatversion = 1\n[extensions]\nworktreeConfig = true\n",
        "[core]\nrepositoryformatversion = 1\n[extensions]\nrelativeWorktrees = true\n",
        "[core]\nrepositoryformatversion = 0\n[extensions]\nmagic = on\n",
    ],
)
def test_known_formats_are_accepted(bare: Path, config: str) -> None:
    (bare / "config").write_text(config, encoding="ascii")
    assert discover(bare).git_dir == bare


def test_missing_configuration_is_an_empty_one(bare: Path) -> None:
    (bare / "config").unlink()
    assert discover(bare).bare
