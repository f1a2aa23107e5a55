"""What is left out of copies from disk: contract 1.10."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost_sync import GitStore


@pytest.mark.parametrize("dest", [":", ":q", ":q/"])
@pytest.mark.parametrize("pattern", ["*.pyc", "a.pyc", "/a.pyc"])
def test_single_file_is_matched_by_its_own_name_wherever_it_lands(
    vost: Vost, store: GitStore, here: Path, dest: str, pattern: str
) -> None:
    (here / "d").mkdir()
    (here / "d/a.pyc").touch()
    assert vost("cp", "-n", "--exclude", pattern, "d/a.pyc", dest) == ""
    vost("cp", "--exclude", pattern, "d/a.pyc", dest)
    assert store.branches["main"].ls() == []


@pytest.mark.parametrize("pattern", ["q", "d/a.pyc", "/d/a.pyc", "a.pyc/"])
def test_single_file_is_not_matched_by_where_it_is_or_lands(
    vost: Vost, store: GitStore, here: Path, pattern: str
) -> None:
    (here / "d").mkdir()
    (here / "d/a.pyc").touch()
    vost("cp", "--exclude", pattern, "d/a.pyc", ":q")
    assert store.branches["main"].ls() == ["q"]


@pytest.mark.parametrize("pattern", ["**", "r*", "r.git/*", "r.git/**", "*"])
def test_pattern_does_not_match_the_repository_or_what_it_consists_of(
    vost: Vost, here: Path, pattern: str
) -> None:
    store = GitStore.open("r.git")
    (here / "r.txt").touch()
    ran = vost.attempt("-r", "r.git", "cp", pattern, ":")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "WARNING: r.git: Left out: it is the repository itself\n"
    assert store.branches["main"].ls() == ([] if pattern.startswith("r.git") else ["r.txt"])


def test_pattern_matches_the_files_of_a_work_tree(vost: Vost, here: Path, git: Git) -> None:
    git(here / "wt/.git", "init", "-q", "-b", "main", str(here / "wt"))
    GitStore.open("wt").branches.create("main")
    (here / "wt/f").touch()
    assert vost("-r", "wt", "cp", "wt/f*", ":") == ""
    assert vost("-r", "wt", "ls") == "f\n"
    ran = vost.attempt("-r", "wt", "cp", "wt/", ":")
    assert ran.err.startswith("WARNING: wt/.git: Left out: ")


@pytest.mark.parametrize("command", ["cp ./ :", "cp {here}/ :", "sync . :", "cp . :d"])
@pytest.mark.parametrize("name", ["r.git", "deep/r.git", "deep/../r.git/"])
def test_new_repository_in_what_is_copied_is_called_by_its_name(
    vost: Vost, here: Path, command: str, name: str
) -> None:
    (here / "f").touch()
    (here / "deep").mkdir()
    typed = command.format(here=here).split()
    first = vost.attempt("-r", name, *typed)
    assert (first.code, first.out) == (0, "")
    assert first.err.endswith("/r.git: Left out: it is the repository itself\n")
    assert vost.attempt("-r", name, *typed).err == first.err
