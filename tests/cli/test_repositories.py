"""`vost init`, `destroy`, `gc`, `pack`: contract section 2, D4, D5."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import TIMEOUT, Vost, command_line
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


@pytest.mark.parametrize(
    "content",
    ["file", "emptied", "tag", "note", "other branch", "second branch", "refs/stash", "refs/x/y"],
)
def test_repository_with_anything_in_it_is_destroyed_only_by_force(
    vost: Vost, repository: Path, store: GitStore, git: Git, content: str
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
    elif content == "second branch":
        store.branches.create("second")
    elif content.startswith("refs/"):
        git(repository, "update-ref", content, "main")
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


def test_error_names_what_was_to_be_made(vost: Vost, here: Path) -> None:
    (here / "file").touch()
    assert vost.fails("-r", "file/r.git", "init") == "Cannot make file/r.git: Not a directory"
    (here / "readonly").mkdir(mode=0o555)
    for command in (["init"], ["cp", "file", ":"]):
        if os.geteuid():  # whom permissions do not hold for
            message = "Cannot make readonly/r.git: Permission denied"
            assert vost.fails("-r", "readonly/r.git", *command) == message
        name = "x" * 300
        assert vost.fails("-r", name, *command) == f"Cannot make {name}: File name too long"
    assert sorted(os.listdir(here)) == ["file", "readonly"]


@pytest.mark.parametrize("command", [["init", "-f"], ["destroy", "-f"]])
@pytest.mark.parametrize("end", ["/", "//", "/.", "/./"])
def test_slash_behind_a_link_does_not_make_it_a_directory(
    vost: Vost, tmp_path: Path, command: list[str], end: str
) -> None:
    GitStore.open(tmp_path / "real.git")
    (tmp_path / "link").symlink_to("real.git")
    path = f"{tmp_path}/link{end}"
    assert vost.fails("-r", path, *command) == f"Not a bare repository: {path}"
    assert GitStore.open(tmp_path / "real.git", create=False).branches["main"].ls() == []


def test_repository_that_is_checked_is_the_one_that_is_deleted(
    vost: Vost, tmp_path: Path, here: Path
) -> None:
    (tmp_path / "far/down").mkdir(parents=True)
    GitStore.open(tmp_path / "far/r.git").branches["main"].write("mine", b"x")
    (here / "link").symlink_to(tmp_path / "far/down")
    GitStore.open(here / "r.git")
    # The library takes names as they are written; the system would follow the link.
    vost("-r", "link/../r.git", "destroy")
    assert not (here / "r.git").exists()
    assert GitStore.open(tmp_path / "far/r.git").branches["main"].ls() == ["mine"]


def test_init_may_take_the_empty_current_directory_by_force(vost: Vost, here: Path) -> None:
    vost("-r", ".", "init", "-f")
    assert vost("-r", ".", "branch") == "main\n"
    assert sorted(os.listdir(here.parent)) == ["here"]
    vost("-r", ".", "write", "f", input="x")
    message = "Cannot replace the current directory: leave it, and give the path to it"
    assert vost.fails("-r", ".", "init", "-f") == message
    assert vost("-r", ".", "cat", "f") == "x"
    assert sorted(os.listdir(here.parent)) == ["here"]


def test_init_does_not_take_what_another_program_has_just_made(
    vost: Vost, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def too_late(source: str, target: str, **handles: int) -> None:
        if os.fspath(target) == str(repository):
            monkeypatch.undo()
            GitStore.open(repository).branches["main"].write("theirs", b"x")
        rename(source, target, **handles)

    monkeypatch.setattr(os, "rename", too_late)
    assert vost.fails("init") == f"Repository already exists: {repository}"
    assert GitStore.open(repository).branches["main"].ls() == ["theirs"]
    assert sorted(os.listdir(repository.parent)) == ["here", "r.git"]


def test_failed_exchange_leaves_the_old_repository(
    vost: Vost, repository: Path, store: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branches["main"].write("f", b"x")
    rename = os.rename

    def refused(source: str, target: str, **handles: int) -> None:
        if os.fspath(target) == str(repository) and source.endswith(".tmp"):
            raise PermissionError(13, "Permission denied", source)
        rename(source, target, **handles)

    monkeypatch.setattr(os, "rename", refused)
    assert vost.fails("init", "-f").startswith("Permission denied: ")
    monkeypatch.undo()
    assert vost("cat", "f") == "x"
    assert sorted(os.listdir(repository.parent)) == ["here", "r.git"]


KILL = """
import os, signal, sys

kind, number = os.environ["KILL_AT"].split()
left = int(number)

def count(event, args):
    global left
    if event == kind:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
"""


def killed(repository: Path, kind: str, number: int, *command: str) -> bool:
    """Run a command that is killed at the n-th event of a kind; return whether it lived."""
    hooks = repository.parent / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(KILL)
    words = command_line("-r", repository, *command)
    environment = os.environ | {"PYTHONPATH": str(hooks), "KILL_AT": f"{kind} {number}"}
    return subprocess.run(words, env=environment, timeout=TIMEOUT, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [["init", "-f"], ["destroy", "-f"]])
@pytest.mark.parametrize("kind", ["os.rename", "os.remove", "os.rmdir", "shutil.rmtree"])
def test_kill_leaves_the_old_repository_or_the_new_or_none(
    repository: Path, git: Git, command: list[str], kind: str
) -> None:
    # All renames, and of what removes one file after the other some.
    for number in range(1, 99) if kind == "os.rename" else (1, 2, 3, 5, 9, 17, 33, 65, 129):
        if not repository.exists():
            GitStore.open(repository).branches["main"].write("f", b"x")
        lived = killed(repository, kind, number, *command)
        if repository.exists():
            git(repository, "fsck", "--strict", "--no-dangling")
            assert GitStore.open(repository, create=False).branches["main"].ls() in (["f"], [])
        if lived:
            break
        for left in repository.parent.glob(".r.git.*"):
            assert left.name.endswith((".old", ".tmp"))
    else:
        pytest.fail("it is killed for ever")
    assert (command[0] == "destroy") is not repository.exists()
