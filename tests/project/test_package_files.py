"""What is no Python but belongs to the package comes with it: templates, style sheet, script."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.sources import ROOT

FILES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "vost").rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc")
)


def git(*arguments: str) -> list[str]:
    """Return the lines that git prints about this repository."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()


def test_there_are_templates_and_static_files() -> None:
    kinds = {name.rpartition(".")[2] for name in FILES}
    assert kinds >= {"html", "css", "js", "svg", "typed"}


def test_all_of_it_is_in_the_wheel() -> None:
    """hatch takes every file of a package that Git does not ignore."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    assert git("check-ignore", "--", *FILES) == []
    assert set(FILES) <= set(git("ls-files", "--", "vost"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wheel = re.search(r"\[tool\.hatch\.build\.targets\.wheel\]\n((?:[^\[\n].*\n)*)", project)
    assert wheel is not None
    assert wheel[1] == 'packages = ["vost", "vost_sync"]\n'
    assert not re.search(r"\[tool\.hatch\.build(\]|\.targets\.wheel\.)", project)
