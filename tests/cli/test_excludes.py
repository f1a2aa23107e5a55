"""What is left out of copies from disk: contract 1.10."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Vost
from vost_sync import GitStore


@pytest.mark.parametrize("dest", [":", ":q", ":q/"])
@pytest.mark.parametrize("pattern", ["*.pyc", "a.pyc", "/a.pyc"])
def test_single_file_is_matched_by_its_own_name_wherever_it_lands(
    vost: Vost, store: GitStore, here: Path, dest: str, pattern: str
) -> None:
    (here / "d").mkdir()
    (here / "d/a.pyc").touch()
    assert vost("cp", "-n", "--exclude", pattern, "d/a.pyc", dest) == ""
    vost("cp", "--exclude", pattern, "d/a.pyc", dest)
    assert store.branches["main"].ls() == []


@pytest.mark.parametrize("pattern", ["q", "d/a.pyc", "/d/a.pyc", "a.pyc/"])
def test_single_file_is_not_matched_by_where_it_is_or_lands(
    vost: Vost, store: GitStore, here: Path, pattern: str
) -> None:
    (here / "d").mkdir()
    (here / "d/a.pyc").touch()
    vost("cp", "--exclude", pattern, "d/a.pyc", ":q")
    assert store.branches["main"].ls() == ["q"]
