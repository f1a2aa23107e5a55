"""Fixtures of the scenarios: the faces, the storages, and git as the judge afterwards.

``tests/support/faces.py`` says how to write a scenario.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import vost
from tests.support.faces import ASYNC_FACES, BLOCKING, Backend, Face, drive, face_id, wrapped
from tests.support.gitcli import assert_fsck_clean
from vost._offload import inline

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# Names that only unfinished work has; the writers' lock and the intent file stay for good.
_TEMPORARY = re.compile(r"tmp_.*|.*\.tmp|.*\.lock|vost\.ref-.*")
_PERMANENT = frozenset({"vost.lock"})


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of this directory."""
    config.addinivalue_line(
        "markers", "damages(what): a scenario after which git fsck has something to complain about"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the storage in memory under asyncio alone, unless ``VOST_EVERY_COMBINATION`` is set.

    Faces lie above the seam and storages below it: each pair of them is not more than each of both.
    """
    if os.environ.get("VOST_EVERY_COMBINATION"):
        return
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        face = parameters.get("anyio_backend", ("asyncio",))[0]
        is_extra = parameters.get("storage") == "memory" and face != "asyncio"
        (dropped if is_extra else kept).append(item)
    if dropped:
        items[:] = kept
        config.hook.pytest_deselected(items=dropped)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run the scenarios of the blocking face without an event loop."""
    if pyfuncitem.funcargs.get("anyio_backend") != BLOCKING:
        return (yield)
    owner, name = pyfuncitem, "obj"
    if hasattr(pyfuncitem.obj, "hypothesis"):
        owner, name = pyfuncitem.obj.hypothesis, "inner_test"
    before = getattr(owner, name)
    # Hypothesis' tests keep what anyio put there for the face before.
    original = getattr(before, "_anyio_original_func", before)
    if not inspect.iscoroutinefunction(original):
        return (yield)

    @functools.wraps(original)
    def driven(*args: Any, **kwargs: Any) -> None:
        drive(original(*args, **kwargs))

    del driven.__wrapped__  # type: ignore[attr-defined]  # or it counts as a coroutine function
    setattr(owner, name, driven)
    try:
        return (yield)
    finally:
        setattr(owner, name, before)


@pytest.fixture(params=(*ASYNC_FACES, BLOCKING), ids=face_id)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Run every scenario on both event loops and on the blocking face."""
    backend: Backend = request.param
    return backend


@pytest.fixture
def face(anyio_backend: Backend) -> Face:
    """Give the scenario the package under test."""
    name = anyio_backend[0]
    package = importlib.import_module("vost_sync") if name == "blocking" else vost
    return Face(name, package)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Name the place of ``disk_store``, and of ``store`` if it is on disk."""
    return tmp_path / "repo.git"


@pytest.fixture(params=["disk", "memory"])
def storage(request: pytest.FixtureRequest) -> str:
    """Run the scenario on both storages."""
    kind: str = request.param
    return kind


@pytest.fixture
def store(face: Face, storage: str, repo: Path) -> Iterator[Any]:
    """Give the scenario an empty store with a branch ``main``, on disk or in memory."""
    yield from _opened(face, repo if storage == "disk" else None)


@pytest.fixture
def disk_store(face: Face, repo: Path) -> Iterator[Any]:
    """Give the scenario an empty store with a branch ``main``, on disk at ``repo``."""
    yield from _opened(face, repo)


@pytest.fixture(autouse=True)
def _sound_repositories(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("damages"):
        return
    for path in sorted(tmp_path.glob("*.git")):
        if shutil.which("git"):
            assert_fsck_clean(path)
        assert leftovers(path) == []


def leftovers(repository: Path) -> list[str]:
    """Return the temporary files and lock files in a repository, relative to it."""
    return sorted(
        path.relative_to(repository).as_posix()
        for path in repository.rglob("*")
        if _TEMPORARY.fullmatch(path.name) and path.name not in _PERMANENT
    )


def _opened(face: Face, path: Path | None) -> Iterator[Any]:
    # Without a loop: the test's own is not running yet, and a store does not belong to one.
    with inline():
        opener = face.package.GitStore
        made = opener.memory() if path is None else opener.open(path)
        store = made if face.is_blocking else drive(made)
    yield wrapped(store)
    with inline():
        closed = store.close()
        if not face.is_blocking:
            drive(closed)
