"""What the tests of living together with git share."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.gitcli import Git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def _empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    home = tmp_path_factory.mktemp("template-home")
    return Git(home).init(home / "empty.git")


@pytest.fixture
def bare(git: Git, _empty_repository: Path, tmp_path: Path) -> Path:
    """Give the test an empty bare repository that git made; ``HEAD`` names ``main``."""
    path: Path = shutil.copytree(_empty_repository, tmp_path / "repo.git")
    return path
