"""The README's tour of the command line prints what is printed there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gitcli import clean_environment
from tests.support.sources import ROOT

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d\d:\d\d")
ID = re.compile(r"\b[0-9a-f]{7}\b")


def steps() -> list[tuple[str, str]]:
    """Return the command lines of the tour, each with what is printed after it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tour,) = re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    parts = re.split(r"^\$ ", tour, flags=re.MULTILINE)[1:]
    return [(line, printed) for line, _, printed in (part.partition("\n") for part in parts)]


def without_what_changes(text: str) -> str:
    """Return output with times and ids of commits replaced."""
    return ID.sub("ID", TIME.sub("TIME", text))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_tour_prints_what_the_readme_says(tmp_path: Path) -> None:
    place, home = tmp_path / "empty", tmp_path / "home"
    place.mkdir()
    home.mkdir()
    environment = clean_environment(home)
    environment.pop("VOST_REPO", None)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    # One shell for all of it, for what is exported must last; a mark tells the outputs apart.
    script = "\n".join(f"{line}\necho '<mark>'" for line, _ in steps())
    ran = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script}"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = ran.stdout.split("<mark>\n")[:-1]
    assert [
        (line, without_what_changes(output))
        for (line, _), output in zip(steps(), printed, strict=True)
    ] == [(line, without_what_changes(expected)) for line, expected in steps()]
