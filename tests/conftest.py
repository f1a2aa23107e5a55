"""What every test gets: both event loops, a watch on blocking calls, Hypothesis' profiles, git."""

from __future__ import annotations

import inspect
import os
import shutil
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.gitcli import Git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# `ci` is for every run; `nightly` searches for a long time (VOST_HYPOTHESIS_PROFILE=nightly).
# A shared machine is sometimes slow, so no example has a deadline: pytest's timeout stands.
settings.register_profile(
    "ci", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("VOST_HYPOTHESIS_PROFILE", "ci"))


def pytest_configure() -> None:
    """Listen to Ctrl-C even where the shell that began it all ignores it, as for background jobs.

    Child processes inherit that, and tests of interrupts would interrupt nothing.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {}), id="asyncio"),
        pytest.param(("trio", {}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run every async test on both event loops."""
    backend: tuple[str, dict[str, Any]] = request.param
    return backend


@pytest.fixture(autouse=True)
def _nothing_blocks_the_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an asyncio test in which vost makes a blocking call on the event loop.

    Blocking tests and trio are left alone: blockbuster knows asyncio's loop only. What a test
    itself reads or writes on the loop does not count. ``@pytest.mark.blocking_ok("why")`` is for
    tests that block on purpose, such as the blocking API inside a running loop.
    """
    if not _runs_on_asyncio(request) or request.node.get_closest_marker("blocking_ok"):
        yield
        return
    blockbuster = pytest.importorskip("blockbuster")
    with blockbuster.blockbuster_ctx(["vost", "vost_sync"]):
        yield


def _runs_on_asyncio(request: pytest.FixtureRequest) -> bool:
    function = getattr(request.node, "obj", None)
    # Hypothesis wraps the coroutine function and keeps the original beside it.
    function = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    if not inspect.iscoroutinefunction(function):
        return False
    callspec = getattr(request.node, "callspec", None)
    return callspec is not None and callspec.params.get("anyio_backend", ("",))[0] == "asyncio"


@pytest.fixture
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    """Give the test real git: ``git(path, "log", "--oneline")`` returns what it prints."""
    if shutil.which("git") is None:
        # Where continuous integration runs, git is installed: a skip there would hide a gap.
        if os.environ.get("CI"):
            pytest.fail("git is not installed: .ci/run installs it")
        pytest.skip("git is not installed")
    return Git(tmp_path_factory.mktemp("home"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an empty home directory, for code that looks there."""
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    return directory
