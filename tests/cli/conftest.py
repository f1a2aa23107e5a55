"""A repository, an empty current directory, and the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Vost
from vost_sync import GitStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.delenv("VOST_REPO", raising=False)
    return directory


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Name the place of the repository; it need not exist."""
    return tmp_path / "r.git"


@pytest.fixture
def vost(repository: Path) -> Vost:
    """Give the test the command, on ``repository``."""
    return Vost(repository)


@pytest.fixture
def store(repository: Path) -> GitStore:
    """Make the repository, with an empty branch ``main``."""
    return GitStore.open(repository)


@pytest.fixture
def submodule(store: GitStore, repository: Path, git: Git) -> str:
    """Put a submodule at ``sub`` and ``lib/inner``, beside ``a.txt``; return the id that it has."""
    fs = store.branches["main"].write("a.txt", b"a")
    commit, blob = fs.commit_hash, fs.object_hash("a.txt")
    link = f"160000 commit {commit}"
    lib = git(repository, "mktree", "--missing", stdin=f"{link}\tinner\n")
    lines = f"100644 blob {blob}\ta.txt\n{link}\tsub\n040000 tree {lib}\tlib\n"
    tree = git(repository, "mktree", "--missing", stdin=lines)
    made = git(repository, "commit-tree", tree, "-p", "main", "-m", "with submodules")
    git(repository, "update-ref", "refs/heads/main", made)
    return commit
