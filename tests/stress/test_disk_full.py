"""On a full disk writes fail cleanly, everything can be read, and freed space is all it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.sources import ROOT

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("write", "batch", "writer", "from_file", "notes")
_SCRIPT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


@pytest.fixture(scope="module")
def unshare(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that runs another one where it may mount, and the mounts end with it."""
    path = shutil.which("unshare")
    if path is None or sys.platform != "linux":
        pytest.skip("unshare is not installed: no small disk can be mounted")
    command = (
        [path, "--mount"] if os.geteuid() == 0 else [path, "--user", "--map-root-user", "--mount"]
    )
    trial = subprocess.run(
        [*command, "sh", "-c", _SCRIPT, "sh", "1m", tmp_path_factory.mktemp("trial"), "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {trial.stderr.strip()}")
    return command


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_full_disk_loses_nothing_and_recovers(
    kind: str, unshare: list[str], tmp_path: Path
) -> None:
    disk, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
    disk.mkdir()
    elsewhere.mkdir()
    child = [sys.executable, "-W", "error", "-m", "tests.stress.children.full_disk"]
    result = subprocess.run(
        [*unshare, "sh", "-c", _SCRIPT, "sh", "11m", disk, *child, kind, disk, elsewhere],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr, result.stderr
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "done"
    print(kind, result.stdout)


@pytest.mark.slow
def test_copy_to_a_full_disk_leaves_whole_files_and_completes_later(
    unshare: list[str], tmp_path: Path
) -> None:
    disk, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
    disk.mkdir()
    elsewhere.mkdir()
    child = [sys.executable, "-W", "error", "-m", "tests.stress.children.full_disk_export"]
    result = subprocess.run(
        [*unshare, "sh", "-c", _SCRIPT, "sh", "11m", disk, *child, disk, elsewhere],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr, result.stderr
    assert result.stdout == "done\n"
