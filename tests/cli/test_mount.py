"""``vost mount`` where it refuses: nothing is mounted here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.commands import Vost
from vost_sync import GitStore

NOT_INSTALLED = "FUSE support not installed. Install with: pip install vost[fuse]"

try:
    import mfusepy  # noqa: F401
except (ImportError, OSError):
    pytestmark = pytest.mark.skip("mfusepy or libfuse is not installed")


def test_without_mfusepy_it_says_what_to_install_first_of_all(
    vost: Vost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mfusepy", None)
    assert vost.fails("mount", "nowhere") == NOT_INSTALLED


@pytest.mark.slow
def test_without_libfuse_it_says_the_same(
    vost: Vost, monkeypatch: pytest.MonkeyPatch, store: GitStore
) -> None:
    monkeypatch.setenv("FUSE_LIBRARY_NAME", "no-such-library")
    ran = vost.process("mount", "nowhere")
    assert (ran.code, ran.out, ran.err) == (1, "", f"Error: {NOT_INSTALLED}\n")


def test_a_mountpoint_that_is_no_directory(vost: Vost, store: GitStore, here: Path) -> None:
    message = f"Mountpoint is not a directory: {here}"
    assert vost.fails("mount", "nowhere") == f"{message}/nowhere"
    Path("file").touch()
    assert vost.fails("mount", "./x/../file") == f"{message}/file"


def test_a_mountpoint_that_is_not_empty(vost: Vost, store: GitStore, here: Path) -> None:
    Path("d/below").mkdir(parents=True)
    assert vost.fails("mount", "d") == f"Mountpoint is not empty: {here}/d"


def test_the_repository_and_the_snapshot_must_exist(
    vost: Vost, repository: Path, here: Path
) -> None:
    os.mkdir("d")
    assert vost.fails("mount", "d") == f"Repository not found: {repository}"
    GitStore.open(repository).close()
    assert vost.fails("mount", "--ref", "nope", "d") == "Unknown ref: nope"
    assert vost.fails("mount", "-b", "nope", "d") == "Branch not found: nope"
    assert vost.fails("mount", "--match", "x", "d") == "No matching commits found"


def test_the_help_names_all_options(vost: Vost) -> None:
    text = vost("mount", "--help")
    for option in ("--follow", "--foreground", "--debug", "--nothreads", "--allow-other"):
        assert option in text
    for option in ("--ref", "--path", "--match", "--before", "--back", "--branch"):
        assert option in text
