"""`vost note`: contract sections 4.3, 9.1, 9.3, D19, D20; git reads and writes the same notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost_sync import FS, GitStore

ABSENT = "a" * 40


@pytest.fixture
def commits(store: GitStore) -> list[FS]:
    """Make three commits on ``main``; ``dev`` and the tag ``v1`` are at the second."""
    first = store.branches["main"]
    second = first.write("f", b"1")
    third = second.write("f", b"2")
    store.branches["dev"] = second
    store.branches["feature/x"] = second
    store.tags["v1"] = second
    return [first, second, third]


@pytest.mark.parametrize(
    "target, number",
    [
        ([], 2),
        ([":"], 2),
        (["main"], 2),
        (["main:"], 2),
        (["dev"], 1),
        (["dev:"], 1),
        (["v1"], 1),
        (["feature/x:"], 1),
        (["~1"], 1),
        (["~2:"], 0),
        (["main~1"], 1),
        (["main~2:"], 0),
        (["v1~1"], 0),
    ],
)
def test_note_is_for_the_commit_that_the_target_names(
    vost: Vost, store: GitStore, commits: list[FS], target: list[str], number: int
) -> None:
    assert vost("note", "set", *target, "text") == ""
    commit = commits[number].commit_hash
    assert store.notes.commits[commit] == "text"
    assert vost("note", "get", *target) == "text"
    assert vost("note", "get", commit) == "text"
    assert vost("note", "list") == f"{commit}\n"
    assert vost("note", "delete", *target) == ""
    assert vost("note", "list") == ""


def test_commit_of_a_note_need_not_exist(vost: Vost, store: GitStore) -> None:
    vost("note", "set", ABSENT, "text")
    assert vost("note", "get", ABSENT) == "text"
    assert vost.fails("note", "get", f"{ABSENT}~1") == f"Unknown ref: {ABSENT}"


@pytest.mark.parametrize(
    "text", ["", "two\nlines\n", "ünï", "\x1b[31mred", "not utf-8 \udcff", "-x", "n" * 5000]
)
def test_text_is_kept_exactly_and_git_shows_it(
    vost: Vost, repository: Path, commits: list[FS], git: Git, text: str
) -> None:
    vost("note", "set", "--", "main", text)
    assert vost("note", "get") == text
    blob = git(repository, "notes", "list", "main")
    size = len(text.encode("utf-8", "surrogateescape"))
    assert git(repository, "cat-file", "-s", blob) == str(size)


def test_note_is_overwritten(vost: Vost, commits: list[FS]) -> None:
    vost("note", "set", "one")
    vost("note", "set", "main", "two")
    assert vost("note", "get") == "two"


def test_notes_of_git_are_read(vost: Vost, repository: Path, commits: list[FS], git: Git) -> None:
    git(repository, "notes", "add", "-m", "by git", "main")
    assert vost("note", "get") == "by git\n"


def test_changes_are_commits_as_git_makes_them(
    vost: Vost, repository: Path, commits: list[FS], git: Git
) -> None:
    vost("note", "set", "text")
    vost("note", "delete")
    short = commits[2].commit_hash[:7]
    assert git(repository, "log", "--format=%s", "refs/notes/commits").splitlines() == [
        f"Notes removed by 'git notes' on {short}",
        f"Notes added by 'git notes' on {short}",
    ]


def test_namespaces_are_apart(vost: Vost, store: GitStore, commits: list[FS]) -> None:
    vost("note", "set", "review", "-N", "team/reviews")
    assert vost("note", "list") == ""
    commit = commits[2].commit_hash
    assert vost("note", "list", "--namespace", "team/reviews") == f"{commit}\n"
    assert vost("note", "get", "-N", "team/reviews") == "review"
    assert vost("note", "get-current", "-N", "team/reviews") == "review"
    assert list(store.notes) == ["team/reviews"]


def test_list_has_machine_formats(vost: Vost, commits: list[FS]) -> None:
    assert vost("note", "list", "--format", "json") == "[]\n"
    assert vost("note", "list", "--format", "jsonl") == ""
    ids = sorted(fs.commit_hash for fs in commits)
    for commit in ids:
        vost("note", "set", commit, "text")
    assert vost("note", "list") == "".join(f"{commit}\n" for commit in ids)
    quoted = [f'"{commit}"' for commit in ids]
    assert vost("note", "list", "--format", "json") == f"[{', '.join(quoted)}]\n"
    assert vost("note", "list", "--format", "jsonl").splitlines() == quoted


def test_current_branch_has_commands_of_its_own(
    vost: Vost, store: GitStore, commits: list[FS]
) -> None:
    short = commits[2].commit_hash[:7]
    message = f"No note for HEAD ({short}) in namespace 'commits'"
    assert vost.fails("note", "get-current") == message
    assert vost.fails("note", "get") == message
    ran = vost.attempt("-v", "note", "set-current", "text")
    assert (ran.out, ran.err) == ("", f"Note set for HEAD ({short})\n")
    assert vost("note", "get-current") == "text"
    store.branches.current = "dev"
    assert commits[1].commit_hash[:7] in vost.fails("note", "get-current")
    del store.branches["dev"]
    del store.branches["main"]
    assert vost.fails("note", "get-current") == "Branch not found: main"


def test_verbose_names_the_target_as_typed(vost: Vost, commits: list[FS]) -> None:
    for target in (commits[0].commit_hash, "dev:", "v1", "~1"):
        assert vost.attempt("-v", "note", "set", target, "x").err == f"Note set for {target}\n"
        ran = vost.attempt("-v", "note", "delete", target)
        assert ran.err == f"Note deleted for {target}\n"


@pytest.mark.parametrize(
    "target, message",
    [
        ("nope", "Cannot resolve 'nope': not a commit hash, branch, or tag"),
        ("nope:", "Cannot resolve 'nope:': not a commit hash, branch, or tag"),
        ("main:file", "Cannot resolve 'main:file': not a commit hash, branch, or tag"),
        (":file", "Cannot resolve ':file': not a commit hash, branch, or tag"),
        ("", "Cannot resolve '': not a commit hash, branch, or tag"),
        ("A" * 40, f"Cannot resolve '{'A' * 40}': not a commit hash, branch, or tag"),
        ("a" * 39, f"Cannot resolve '{'a' * 39}': not a commit hash, branch, or tag"),
        ("nope~1", "Cannot resolve 'nope~1': not a commit hash, branch, or tag"),
        ("main~9", "Cannot go back 9 commits — history too short"),
        ("main~x", "Invalid ancestor suffix '~x' — must be a positive integer"),
        ("main~0", "Invalid ancestor '~0' — use 'main' instead"),
    ],
)
@pytest.mark.parametrize("command", [["get"], ["delete"], ["set"]])
def test_target_that_names_no_commit_is_refused(
    vost: Vost, store: GitStore, commits: list[FS], command: list[str], target: str, message: str
) -> None:
    text = ["text"] if command == ["set"] else []
    assert vost.fails("note", *command, target, *text) == message
    assert list(store.notes) == []


@pytest.mark.parametrize("command", ["get", "delete"])
@pytest.mark.parametrize("target", [ABSENT, "dev", "dev:", ":", "~1"])
def test_absent_note_is_an_error(vost: Vost, commits: list[FS], command: str, target: str) -> None:
    message = vost.fails("note", command, target, "-N", "other")
    assert message == f"No note for {target} in namespace 'other'"


@pytest.mark.parametrize("command", [["get"], ["set", "x"], ["delete"], ["list"], ["get-current"]])
@pytest.mark.parametrize("namespace", ["a b", "x.lock", "a:b", "", "../x"])
def test_bad_namespace_is_refused(
    vost: Vost, store: GitStore, command: list[str], namespace: str
) -> None:
    message = vost.fails("note", *command, "-N", namespace)
    assert message.startswith("Invalid ref name")
    assert repr(namespace) in message
    assert list(store.notes) == []


def test_tag_on_what_is_no_commit_has_no_note(
    vost: Vost, store: GitStore, repository: Path, git: Git
) -> None:
    git(repository, "tag", "odd", git(repository, "hash-object", "-w", "--stdin", stdin="x"))
    assert vost.fails("note", "set", "odd", "x") == "Tag odd does not point to a commit"


def test_wrong_number_of_arguments(vost: Vost, store: GitStore) -> None:
    message = vost.fails("note", "set", "main", "two", "words")
    assert message == "Usage: vost note set [TARGET] TEXT"
    assert vost.attempt("note", "set").code == 2
    assert vost.attempt("note", "get", "main", "more").code == 2
    assert vost.attempt("note", "set-current").code == 2


def test_group_alone_shows_its_help(vost: Vost, store: GitStore) -> None:
    ran = vost.attempt("note")
    assert (ran.code, ran.out) == (2, "")
    for command in ("get", "set", "delete", "list", "get-current", "set-current"):
        assert f"\n  {command} " in ran.err


@pytest.mark.parametrize("place", range(3))
def test_repository_option_works_everywhere(
    vost: Vost, tmp_path: Path, commits: list[FS], place: int
) -> None:
    vost("note", "set", "main", "text")
    arguments: list[str | Path] = ["note", "get", "main"]
    arguments[place:place] = ["--repo", vost.repository]
    assert Vost(tmp_path / "other.git")(*arguments) == "text"


@pytest.mark.parametrize("command", ["get", "set x", "delete", "list", "get-current"])
def test_missing_repository_is_not_made(vost: Vost, repository: Path, command: str) -> None:
    assert vost.fails("note", *command.split()) == f"Repository not found: {repository}"
    assert not repository.exists()


@pytest.mark.slow
def test_writers_at_once_keep_each_note(vost: Vost, store: GitStore) -> None:
    keys = [f"{number:040x}" for number in range(3)]
    writers = [vost.start("note", "set", key, "text") for key in keys]
    assert [writer.communicate(timeout=60)[1] for writer in writers] == [b""] * 3
    assert store.notes.commits.keys() == set(keys)
