"""The examples run as users run them, and print what they promise."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gitcli import Git, clean_environment
from tests.support.sources import ROOT

EXAMPLES = ROOT / "examples"

SECONDS = r"\d+\.\d\d s"
SHA = r"[0-9a-f]{7}"

# What each example prints, line by line. Figures are of the machine: only their form counts.
PRINTED = {
    "archives.py": (
        r"imported: 'Batch ar: \+2', \['bin', 'config\.ini'\]",
        r"exporting: 2 of 2 files",
        r"exported app\.zip; the same snapshot again gives the same bytes: True",
        r"refused: Unsafe member name in the stream: '\.\./\.\./etc/cron\.d/evil'",
        r"nothing of it is there: True",
    ),
    "async_app.py": (
        rf"imported (?P<files>\d+) files in one commit in {SECONDS}: 'Batch import: \+(?P=files)'",
        rf"read back \d+\.\d MB, every byte equal, in {SECONDS}",
        r"edited: \['\+ lib/NOTES\.txt', 'Batch import: \+\d+'\]",
        rf"undone: the branch is at {SHA} again",
        r"tagged: \['v1\.0'\]",
        r"git log:",
        rf"  {SHA} vost: \+ lib/NOTES\.txt",
        rf"  {SHA} vost: Batch import: \+\d+",
        rf"  {SHA} vost: Initialize main",
        r"git ls-tree -r: the same \d+ paths",
        r"git fsck --strict: clean",
        r"heartbeat: \d+ ticks, longest delay \d+\.\d ms, 99th percentile \d+\.\d ms",
    ),
    "backup_folder.py": (
        rf"{SHA} 3 new, 0 changed, 0 gone",
        rf"{SHA} 0 new, 1 changed, 1 gone",
        rf"{SHA} nothing to do",
        r"restored: \{'letter\.txt': 10, 'photos/cat\.jpg': 256\}",
        r"as it was first: \{'draft\.txt': 9, 'letter\.txt': 12, 'photos/cat\.jpg': 256\}",
    ),
    "backup_folder_async.py": (
        rf"first backup: (?P<files>\d+) files in {SECONDS}",
        rf"nothing new: 0 files in {SECONDS}",
        rf"restored \d+ files in {SECONDS}",
        r"progress: copying, (?P<done>\d+) of (?P=done)",
        r"heartbeat: \d+ ticks, 99 of 100 at most -?\d+\.\d ms late",
    ),
    "concurrent_writers.py": (
        r"4 processes counted to 40: nothing was lost",
        r"it took \d+ attempts; \d+ found that somebody had been faster",
    ),
    "mirror.py": (
        r"planned: \['refs/heads/main', 'refs/notes/commits', 'refs/tags/v1'\]",
        r"backed up: 3 refs; again: 0",
        r"bundle: # v2 git bundle",
        r"restored: refs/heads/main",
        r"v1 is back: b'first\\n'",
        r"from the bundle: b'second\\n'",
        r"reflog: restore: /data\.bundle",
    ),
    "quickstart.py": (
        rf"imported (?P<files>\d+) files in one commit in {SECONDS}: 'Batch import: \+(?P=files)'",
        rf"read back \d+\.\d MB, every byte equal, in {SECONDS}",
        r"edited: \['Zen is for later', '\+ lib/NOTES\.txt'\]",
        rf"undone: the branch is at {SHA} again",
        r"redone: nothing was lost",
        rf"tagged: FS\(ref_name='v1\.0', commit={SHA}, readonly\) of \d+ Python files",
        r"git log:",
        rf"  {SHA} Ada: Zen is for later",
        rf"  {SHA} Ada: \+ lib/NOTES\.txt",
        rf"  {SHA} Ada: Batch import: \+\d+",
        rf"  {SHA} Ada: Initialize main",
        r"git ls-tree -r: the same \d+ paths",
        r"git fsck --strict: clean",
    ),
    "review.py": (
        r"3 reviews in NoteNamespace\('reviews', len=3\)",
        r"'Hello, world!': approved by Ada",
        r"'Hello, world': too short",
        r"'Hello': too short",
        r"published: Hello, world!",
    ),
    "serve_in_an_app.py": (
        r'health: \{"branches":1\}',
        rf"uploaded in commit {SHA}",
        r"read back: Hello!",
        r"root: \['README\.md', 'inbox'\]",
        r"the page for browsers shows the README: True",
        r"cloned: \['README\.md', 'inbox'\]",
    ),
}

# These two import the standard library of the Python that runs them.
LARGE = {"async_app.py", "quickstart.py"}

SLOW = {*LARGE, "backup_folder_async.py", "concurrent_writers.py", "serve_in_an_app.py"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in PRINTED],
)
def test_example_prints_what_it_promises_and_leaves_nothing(
    name: str, tmp_path: Path, git: Git
) -> None:
    before = files_of_the_project()
    lines = run(EXAMPLES / name, tmp_path, git.home)
    wrong = [
        (line, pattern)
        for line, pattern in zip(lines, PRINTED[name], strict=False)
        if not re.fullmatch(pattern, line)
    ]
    assert wrong == []
    assert len(lines) == len(PRINTED[name])
    if name in LARGE:
        imported = re.match(r"imported (\d+)", lines[0])
        assert imported is not None
        assert int(imported[1]) > 500, "a real tree"
    if name == "async_app.py":
        ticks = re.search(r"heartbeat: (\d+) ticks", lines[-1])
        assert ticks is not None
        # Had the calls blocked the loop, it would have ticked once or twice between them.
        assert int(ticks[1]) > 20
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cwd", "scratch"]
    assert files_of_the_project() == before


def run(script: Path, directory: Path, home: Path) -> list[str]:
    """Run a script, with warnings as errors, and return the lines that it prints."""
    (directory / "cwd").mkdir()
    (directory / "scratch").mkdir()
    result = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=directory / "cwd",
        env=clean_environment(home)
        | {
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(directory / "scratch"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert result.stderr == ""
    assert result.returncode == 0
    return result.stdout.splitlines()


def files_of_the_project() -> list[str]:
    """Return what lies in the project's top directory and among the examples."""
    top = [path.name for path in ROOT.iterdir() if not path.name.startswith(".")]
    return sorted(top) + sorted(path.name for path in EXAMPLES.rglob("*"))


def test_every_example_is_tested() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(PRINTED)


@pytest.mark.parametrize("name", sorted(LARGE))
def test_example_does_without_git(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("example", EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = module.ask_git(tmp_path / "data.git")
    if inspect.isawaitable(asked):
        asyncio.run(asked)
    assert capsys.readouterr().out == "git is not installed: nobody to ask\n"
