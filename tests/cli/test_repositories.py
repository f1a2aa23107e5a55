"""`vost init`, `destroy`, `gc`, `pack`: contract section 2, D4, D5."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost_sync import GitStore


def test_init_makes_a_bare_repository_with_one_empty_branch(
    vost: Vost, repository: Path, git: Git
) -> None:
    assert vost("init") == ""
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    logged = git(repository, "log", "--format=%s by %an <%ae>")
    assert logged == "Initialize main by vost <vost@localhost>"
    assert git(repository, "ls-tree", "HEAD") == ""
    assert git(repository, "rev-parse", "--is-bare-repository") == "true"


def test_init_names_the_branch_and_makes_parents(tmp_path: Path, vost: Vost, git: Git) -> None:
    path = tmp_path / "far/down/new.git"
    assert vost.attempt("-v", "-r", path, "init", "-b", "trunk").err == f"Initialized {path}\n"
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/trunk"


@pytest.mark.parametrize(
    "name, message",
    [
        ("a:b", "Invalid ref name 'a:b': contains colon"),
        ("a b", "Invalid ref name: 'a b'"),
        ("x.lock", "Invalid ref name: 'x.lock'"),
        ("HEAD", "Invalid ref name: 'HEAD'"),
    ],
)
def test_init_refuses_a_bad_branch_before_anything_is_made(
    vost: Vost, repository: Path, name: str, message: str
) -> None:
    assert vost.fails("init", "-b", name) == message
    assert not repository.exists()


def test_existing_repository_is_made_anew_only_by_force(vost: Vost, repository: Path) -> None:
    vost("init")
    vost("write", "file", input="x")
    assert vost.fails("init") == f"Repository already exists: {repository}"
    assert vost("cat", "file") == "x"
    vost("init", "-f")
    assert vost.fails("cat", "file") == "File not found: file"


@pytest.mark.parametrize("command", [["init", "-f"], ["destroy", "-f"], ["destroy"]])
@pytest.mark.parametrize("kind", ["directory", "work tree", "file", "link"])
def test_nothing_but_a_bare_repository_is_ever_deleted(
    vost: Vost, repository: Path, tmp_path: Path, git: Git, command: list[str], kind: str
) -> None:
    if kind == "directory":
        repository.mkdir()
        (repository / "mine").write_text("x")
    elif kind == "work tree":
        git(repository / ".git", "init", "-q", str(repository))
        (repository / "mine").write_text("x")
    elif kind == "file":
        repository.write_text("x")
    else:
        GitStore.open(tmp_path / "real.git")
        repository.symlink_to(tmp_path / "real.git")
    before = sorted(tmp_path.rglob("*"))
    assert vost.fails(*command) == f"Not a bare repository: {repository}"
    assert sorted(tmp_path.rglob("*")) == before


def test_init_may_take_an_empty_directory_by_force(vost: Vost, repository: Path) -> None:
    repository.mkdir()
    assert vost.fails("init") == f"Repository already exists: {repository}"
    vost("init", "-f")
    assert vost("write", "f", input="x") == ""


def test_fresh_repository_can_be_destroyed_without_force(vost: Vost, repository: Path) -> None:
    vost("init")
    assert vost.attempt("-v", "destroy").err == f"Destroyed {repository}\n"
    assert not repository.exists()
    assert vost.fails("destroy") == f"Repository not found: {repository}"
    assert vost.fails("destroy", "-f") == f"Repository not found: {repository}"


@pytest.mark.parametrize("content", ["file", "emptied", "tag", "note", "other branch"])
def test_repository_with_anything_in_it_is_destroyed_only_by_force(
    vost: Vost, repository: Path, store: GitStore, content: str
) -> None:
    main = store.branches["main"]
    if content == "file":
        main.write("f", b"x")
    elif content == "emptied":
        main.write("f", b"x").remove("f")
    elif content == "tag":
        store.tags["v1"] = main
    elif content == "note":
        store.notes.commits[main] = "a note"
    else:
        store.branches["other"] = main.write("f", b"x")
        store.branches["main"] = main
    assert vost.fails("destroy") == "Repository is not empty. Use -f to destroy."
    assert repository.exists()
    vost("destroy", "-f")
    assert not repository.exists()


@pytest.mark.parametrize("command", ["gc", "pack"])
def test_loose_objects_are_packed(vost: Vost, repository: Path, git: Git, command: str) -> None:
    vost("write", "f", input="x")
    loose = int(git(repository, "count-objects").split()[0])
    assert loose > 0
    assert vost.attempt("-v", command).err == f"{command}: packed {loose} object(s)\n"
    assert git(repository, "count-objects").split()[0] == "0"
    assert vost("cat", "f") == "x"
    assert vost(command) == ""


@pytest.mark.parametrize("command", ["gc", "pack", "destroy", "cat x"])
def test_missing_repository_is_not_found(vost: Vost, repository: Path, command: str) -> None:
    assert vost.fails(*command.split()) == f"Repository not found: {repository}"
    assert not repository.exists()


def test_gc_help_says_what_it_does(vost: Vost) -> None:
    text = " ".join(vost("gc", "--help").split())
    assert "garbage collection" in text
    assert "pack loose objects" in text


@pytest.mark.parametrize("command", ["gc", "cat x"])
def test_what_is_no_repository_is_said_to_be_none(
    vost: Vost, repository: Path, command: str
) -> None:
    repository.mkdir()
    (repository / "x").touch()
    assert vost.fails(*command.split()) == f"Not a git repository: {repository}"
    assert os.listdir(repository) == ["x"]
