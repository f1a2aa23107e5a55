"""Fixtures of the contract's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.readme_worlds import make_world
from tests.support.gitcli import assert_fsck_clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.readme_worlds import World
    from tests.support.gitcli import Git


@pytest.fixture
def world(
    request: pytest.FixtureRequest, tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Give the test the world of a block, as its working directory; git judges it afterwards.

    The name of the block is the argument ``block`` of the test.
    """
    monkeypatch.chdir(tmp_path)
    made = make_world(request.getfixturevalue("block"), tmp_path, git)
    yield made
    if made.repository.exists():
        assert_fsck_clean(made.repository)
        temporary = [path for path in made.repository.rglob("tmp_*") if path.is_file()]
        locks = [path for path in made.repository.rglob("*.lock") if path.name != "vost.lock"]
        assert (temporary, locks) == ([], [])
