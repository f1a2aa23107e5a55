"""What the stress tests share: the seed, the fork server, and when the long ones run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stress.forkserver import ForkServer

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long runs out unless the command line asks for them by their marker."""
    if "stress" in config.getoption("markexpr"):
        return
    long = [
        item for item in items if item.get_closest_marker("stress") and HERE in item.path.parents
    ]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def seed() -> int:
    """Where random choices start: the same ones every day, others on request."""
    return int(os.environ.get("VOST_STRESS_SEED", "20"))


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """A warm process that forks the children to be killed or disturbed."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def strace() -> str:
    """The path of strace, which stops processes at a chosen system call."""
    path = shutil.which("strace")
    if path is None or sys.platform != "linux":
        if os.environ.get("CI"):
            pytest.fail("strace is not installed: .ci/run installs it")
        pytest.skip("strace is not installed: no fault can be injected at a chosen system call")
    return path
