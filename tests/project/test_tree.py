"""The top level of the repository holds nothing but what belongs there."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support.sources import ROOT

DIRECTORIES = {".ci", "docs", "examples", "tests", "vost", "vost_sync"}
FILES = {
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "pyproject.toml",
}


def strangers(paths: list[str]) -> list[str]:
    """Return the paths, relative to the top, that do not belong into the repository."""
    return [
        path
        for path in paths
        if (path.split("/")[0] not in DIRECTORIES if "/" in path else path not in FILES)
    ]


def tracked_files() -> list[str]:
    """Return what git tracks or would add: everything that is not ignored."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone, or git is not installed")
    listing = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listing.stdout.split("\0") if path]


def test_top_level_holds_only_what_belongs_there() -> None:
    assert strangers(tracked_files()) == []


def test_every_package_directory_has_an_init_file() -> None:
    packages = {path.parent for top in ("vost", "vost_sync") for path in (ROOT / top).rglob("*.py")}
    assert [path for path in sorted(packages) if not (path / "__init__.py").is_file()] == []


@pytest.mark.parametrize("path", ["notes.txt", "src/vost/fs.py", "setup.py", "vost.py", "uv.lock"])
def test_check_finds_strangers(path: str) -> None:
    assert strangers(["README.md", path]) == [path]


def test_required_files_exist() -> None:
    missing = [name for name in sorted(FILES | DIRECTORIES) if not (ROOT / name).exists()]
    assert missing == []
