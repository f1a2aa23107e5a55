"""Real mounts where the machine allows them; each is unmounted, whatever becomes of the test."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.commands import TIMEOUT, Vost
from vost_sync import GitStore

Mount = Callable[..., Path]

_MNT_DETACH = 2
_MS_NOSUID_NODEV = 6


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Name the place of the repository; it need not exist."""
    return tmp_path / "r.git"


@pytest.fixture
def store(repository: Path) -> Iterator[GitStore]:
    """Make the repository, with an empty branch ``main``."""
    with GitStore.open(repository) as store:
        yield store


@pytest.fixture
def vost(repository: Path) -> Vost:
    """Give the test the command, on ``repository``."""
    return Vost(repository)


@pytest.fixture(scope="session")
def fuse(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip the test where nothing can be mounted, and say why."""
    reason = _why_not(tmp_path_factory.mktemp("probe"))
    if reason:
        pytest.skip(f"nothing can be mounted here: {reason}")


def _why_not(directory: Path) -> str:
    """Return what is in the way of a mount; ``""``: nothing. Nothing of ours is asked."""
    try:
        import_module("mfusepy")
    except (ImportError, OSError) as error:
        return str(error)
    try:
        descriptor = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        return f"/dev/fuse: {error.strerror}"
    try:
        if os.geteuid():
            return "" if _fusermount() else "fusermount is not installed"
        libc = ctypes.CDLL(None, use_errno=True)
        data = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0".encode()
        target = os.fsencode(directory)
        if libc.mount(b"probe", target, b"fuse", _MS_NOSUID_NODEV, data):
            return f"mount: {os.strerror(ctypes.get_errno())}"
        libc.umount2(target, _MNT_DETACH)
        return ""
    finally:
        os.close(descriptor)


def _fusermount() -> str | None:
    return shutil.which("fusermount3") or shutil.which("fusermount")


def unmount(place: Path, *, lazily: bool = False) -> None:
    """Unmount as a user does."""
    options = ["-u", *(["-z"] if lazily else [])]
    command = [_fusermount() or "fusermount", *options, str(place)]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until it is so; the time that a test may take is the limit."""
    while not condition():
        time.sleep(0.005)


@pytest.fixture
def mountpoint(fuse: None, tmp_path: Path) -> Iterator[Path]:
    """Give the test an empty directory to mount at; what is mounted there is unmounted."""
    place = tmp_path / "mnt"
    place.mkdir()
    yield place
    if os.path.ismount(place):
        unmount(place, lazily=True)


@pytest.fixture
def mounted(vost: Vost, mountpoint: Path) -> Mount:
    """Mount in the background and return where: ``mounted("--ref", "v1")``."""

    def mount(*args: str) -> Path:
        ran = vost.process("mount", *args, mountpoint)
        assert (ran.code, ran.out) == (0, ""), ran
        assert ran.err.startswith("Mounting ")
        assert ran.err.count("\n") == 1
        return mountpoint

    return mount
