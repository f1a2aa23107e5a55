"""`vost backup` and `restore`: contract 4.5, 9.1 (bundles, refs), 9.3, D8, D18, D19, D28."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost_sync import GitStore


@pytest.fixture
def filled(store: GitStore) -> GitStore:
    """Make a repository with two branches, a tag and a note."""
    main = store.branches["main"].write("f", b"one")
    store.branches["dev"] = main
    store.tags["v1"] = main
    store.notes.commits[main] = "a note"
    return store


def refs(git: Git, path: Path | str) -> list[str]:
    """Return ids and names of all refs of a repository."""
    return git(Path(path), "for-each-ref", "--format=%(objectname) %(refname)").splitlines()


def short(git: Git, path: Path | str, ref: str) -> str:
    """Return the first seven digits of what a ref names."""
    return git(Path(path), "rev-parse", ref)[:7]


# --- backup


@pytest.mark.parametrize("url", ["copy.git", "./copy.git", "file://{here}/copy.git"])
def test_backup_makes_an_equal_repository(
    vost: Vost, filled: GitStore, here: Path, git: Git, url: str
) -> None:
    assert vost("backup", url.format(here=here)) == ""
    assert refs(git, "copy.git") == refs(git, vost.repository)
    assert git(Path("copy.git"), "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(Path("copy.git"), "fsck", "--strict") == ""
    git(Path("copy.git"), "clone", "-q", "copy.git", "work")
    assert Path("work/f").read_text() == "one"


def test_backup_updates_and_deletes_what_is_there(vost: Vost, filled: GitStore, git: Git) -> None:
    vost("backup", "copy.git")
    old, gone = short(git, "copy.git", "main"), short(git, "copy.git", "dev")
    filled.branches["main"].write("f", b"two")
    del filled.branches["dev"]
    filled.tags["v2"] = filled.branches["main"]
    new = short(git, vost.repository, "main")
    assert vost("backup", "-n", "copy.git").splitlines() == [
        f"  create  refs/tags/v2  {new}",
        f"  update  refs/heads/main  {old} -> {new}",
        f"  delete  refs/heads/dev  {gone}",
        "3 ref(s) would be changed.",
    ]
    assert short(git, "copy.git", "main") == old
    assert vost.attempt("backup", "copy.git").err == ""
    assert refs(git, "copy.git") == refs(git, vost.repository)
    assert vost("backup", "-n", "copy.git") == "Nothing to push — already in sync.\n"


def test_dry_backup_makes_nothing(vost: Vost, filled: GitStore) -> None:
    lines = vost("backup", "--dry-run", "copy.git").splitlines()
    assert lines[-1] == "4 ref(s) would be changed."
    assert all(line.startswith("  create  refs/") for line in lines[:-1])
    vost("backup", "-n", "x.bundle")
    assert os.listdir() == []


def test_plan_as_json(vost: Vost, filled: GitStore, git: Git) -> None:
    vost("backup", "copy.git")
    old, gone = git(Path("copy.git"), "rev-parse", "main", "dev").split()
    filled.branches["main"].write("f", b"two")
    del filled.branches["dev"]
    filled.tags["v2"] = filled.branches["main"]
    new = git(vost.repository, "rev-parse", "main")
    plan = {
        "add": [{"ref": "refs/tags/v2", "new_target": new}],
        "update": [{"ref": "refs/heads/main", "old_target": old, "new_target": new}],
        "delete": [{"ref": "refs/heads/dev", "old_target": gone}],
        "total": 3,
        "in_sync": False,
    }
    dry = ("backup", "-n", "copy.git", "--output-format")
    assert vost(*dry, "json") == json.dumps(plan, indent=2) + "\n"
    assert [json.loads(line) for line in vost(*dry, "jsonl").splitlines()] == [
        {"action": "create", "ref": "refs/tags/v2", "new_target": new},
        {"action": "update", "ref": "refs/heads/main", "old_target": old, "new_target": new},
        {"action": "delete", "ref": "refs/heads/dev", "old_target": gone},
    ]
    vost("backup", "copy.git")
    nothing = {"add": [], "update": [], "delete": [], "total": 0, "in_sync": True}
    assert json.loads(vost(*dry, "json")) == nothing
    assert vost(*dry, "jsonl") == ""


def test_backup_of_chosen_refs_deletes_nothing(vost: Vost, filled: GitStore, git: Git) -> None:
    vost("backup", "copy.git", "--ref", "main", "--ref", "v1:released", "--ref", "dev:refs/x/y")
    names = [line.split()[1] for line in refs(git, "copy.git")]
    assert names == ["refs/heads/main", "refs/tags/released", "refs/x/y"]
    vost("backup", "copy.git", "--ref", "dev")
    assert len(refs(git, "copy.git")) == 4


@pytest.mark.parametrize("value", [":a", "a:", ":", "a:b:c", ""])
@pytest.mark.parametrize("command", ["backup", "restore"])
def test_malformed_rename_is_a_usage_error(vost: Vost, command: str, value: str) -> None:
    ran = vost.attempt(command, "x", "--ref", value)
    assert ran.code == 2
    assert ran.err.endswith(f"Error: Invalid ref rename '{value}' — expected src:dst\n")


@pytest.mark.parametrize("place", ["x.bundle", "x.BUNDLE", "plain"])
def test_backup_to_a_bundle(vost: Vost, filled: GitStore, git: Git, place: str) -> None:
    options = [] if "." in place else ["--format", "bundle"]
    vost("backup", place, *options)
    assert os.listdir() == [place]
    listed = git(vost.repository, "bundle", "list-heads", os.path.abspath(place)).splitlines()
    assert sorted(listed) == sorted(refs(git, vost.repository))
    git(vost.repository, "bundle", "verify", "-q", os.path.abspath(place))
    vost("-r", "new.git", "restore", place, *options)
    assert refs(git, "new.git") == refs(git, vost.repository)


@pytest.mark.parametrize(
    "branches, current", [("main", "main"), ("a main", "main"), ("a master", "master"), ("a", "a")]
)
def test_new_repository_of_a_bundle_has_a_current_branch(
    vost: Vost, store: GitStore, git: Git, branches: str, current: str
) -> None:
    names = branches.split()
    for name in names:
        store.branches[f"other/{name}"] = store.branches["main"]
    vost("backup", "x.bundle", *[f"--ref=other/{name}:{name}" for name in names])
    vost("-r", "new.git", "restore", "x.bundle")
    assert vost("-r", "new.git", "branch", "current") == f"{current}\n"
    git(Path("new.git"), "clone", "-q", "new.git", "work")


@pytest.mark.parametrize(
    "branches, current", [("trunk", "trunk"), ("a main", "main"), ("a b", None)]
)
def test_restore_that_deletes_the_current_branch_chooses_another(
    vost: Vost, filled: GitStore, git: Git, branches: str, current: str | None
) -> None:
    source = GitStore.open("source.git", branch=branches.split()[-1])
    for name in branches.split()[:-1]:
        source.branches[name] = source.branches[branches.split()[-1]]
    filled.branches["old"] = filled.branches["main"]
    vost("branch", "current", "-b", "old")
    ran = vost.attempt("restore", "source.git")
    assert ran.code == 0
    head = git(vost.repository, "symbolic-ref", "HEAD")
    if current is None:
        assert head == "refs/heads/old"
        assert ran.err.endswith(
            "\nWarning: the current branch old is gone (vost branch current -b NAME)\n"
        )
        return
    assert head == f"refs/heads/{current}"
    assert ran.err.endswith(f"\nWarning: the current branch old is gone, it is {current} now\n")


def test_squashed_bundle_has_one_commit_per_ref(vost: Vost, filled: GitStore, git: Git) -> None:
    vost("backup", "x.bundle", "--squash", "--ref", "main:only")
    vost("-r", "new.git", "restore", "x.bundle")
    assert git(Path("new.git"), "log", "--format=%s", "only") == "squash"
    assert vost("-r", "new.git", "cat", "f") == "one"  # the only branch is the current one
    assert vost.fails("backup", "copy.git", "--squash") == (
        "squash is only supported for bundle output"
    )
    assert not Path("copy.git").exists()


# --- restore


def test_restore_makes_the_repository_with_the_branch_of_the_source(
    vost: Vost, filled: GitStore, git: Git
) -> None:
    filled.branches.current = "dev"
    assert vost("-r", "new.git", "restore", vost.repository) == ""
    assert refs(git, "new.git") == refs(git, vost.repository)
    assert git(Path("new.git"), "symbolic-ref", "HEAD") == "refs/heads/dev"
    assert vost("-r", "new.git", "cat", "f") == "one"
    assert os.listdir() == ["new.git"]


def test_restore_is_an_exact_mirror_and_says_what_it_deleted(
    vost: Vost, filled: GitStore, git: Git
) -> None:
    vost("backup", "copy.git")
    filled.branches["mine"] = filled.branches["main"].write("f", b"mine")
    gone = short(git, vost.repository, "mine")
    assert vost("restore", "-n", "copy.git").splitlines()[-2:] == [
        f"  delete  refs/heads/mine  {gone}",
        "2 ref(s) would be changed.",
    ]
    assert vost.attempt("restore", "copy.git").err == (
        f"Warning: deleted refs/heads/mine (was {gone})\n"
    )
    assert refs(git, "copy.git") == refs(git, vost.repository)
    assert "deleted refs/heads/mine" in (vost.repository / "logs/HEAD").read_text()
    assert "restore: copy.git" in git(vost.repository, "reflog", "show", "main")
    assert vost("restore", "-n", "copy.git") == "Nothing to pull — already in sync.\n"


@pytest.mark.parametrize("option", [["--keep"], ["--ref", "v1:v9"]])
def test_restore_deletes_nothing_if_it_is_told_so(
    vost: Vost, filled: GitStore, git: Git, option: list[str]
) -> None:
    vost("backup", "copy.git")
    filled.branches["mine"] = filled.branches["main"]
    vost("restore", "copy.git", *option)
    assert short(git, vost.repository, "mine")
    if option[0] == "--ref":
        assert short(git, vost.repository, "v9") == short(git, "copy.git", "v1")


def test_dry_restore_makes_nothing(vost: Vost, filled: GitStore) -> None:
    lines = vost("-r", "new.git", "restore", "-n", vost.repository).splitlines()
    assert lines[-1] == "4 ref(s) would be changed."
    assert os.listdir() == []


def test_source_without_refs_is_refused(vost: Vost, filled: GitStore, git: Git) -> None:
    git(Path("empty.git"), "init", "-q", "--bare", "empty.git")
    before = refs(git, vost.repository)
    message = vost.fails("restore", "empty.git")
    assert message.startswith("empty.git has no refs at all")
    assert message.endswith("(add --allow-empty if that is meant)")
    assert refs(git, vost.repository) == before
    assert vost.attempt("restore", "--keep", "--allow-empty", "empty.git").err == ""
    assert refs(git, vost.repository) == before
    assert vost.attempt("restore", "--allow-empty", "empty.git").code == 0
    assert refs(git, vost.repository) == []
    assert vost.fails("backup", "copy.git").endswith("(add --allow-empty if that is meant)")
    vost("backup", "copy.git", "--allow-empty")


@pytest.mark.parametrize(
    "url, message",
    [
        ("nope.git", "Repository not found: nope.git"),
        ("nope.bundle", "File not found: nope.bundle"),
        ("directory", "Not a git repository: directory"),
        ("file", "Not a git repository: file"),
        ("bad.bundle", "bad.bundle is no Git bundle of version 2 or 3"),
        ("host:path", "scp-style URL not supported: 'host:path' — use ssh:// format instead"),
        (
            "me@host:path",
            "scp-style URL not supported: 'me@host:path' — use ssh:// format instead",
        ),
        ("ftp://h/x", "scp-style URL not supported: 'ftp://h/x' — use ssh:// format instead"),
        ("http://127.0.0.1:1/x", "no connection: Connection refused: http://127.0.0.1:1/x"),
        ("a\n\x1b.git", r"Repository not found: a\n\x1b.git"),
    ],
)
def test_bad_sources_leave_no_repository(
    vost: Vost, repository: Path, url: str, message: str
) -> None:
    Path("directory").mkdir()
    Path("file").write_text("x")
    Path("bad.bundle").write_text("x")
    assert vost.fails("restore", url) == message
    assert vost.fails("restore", "-n", url) == message
    assert [entry.name for entry in repository.parent.iterdir()] == ["here"]


def test_unknown_refs_are_named(vost: Vost, filled: GitStore, repository: Path) -> None:
    assert vost.fails("backup", "copy.git", "--ref", "nope") == "Unknown ref: nope"
    assert vost.fails("backup", "x.bundle", "--ref", "nope:x") == "Unknown ref: nope"
    assert vost.fails("-r", "new.git", "restore", repository, "--ref", "nope") == (
        "Unknown ref: nope"
    )
    assert os.listdir() == []


def test_no_create(vost: Vost, filled: GitStore, repository: Path) -> None:
    for dry in ([], ["-n"]):
        message = vost.fails("-r", "new.git", "restore", "--no-create", repository, *dry)
        assert message == "Repository not found: new.git"
    assert vost.fails("-r", "new.git", "backup", "copy.git") == "Repository not found: new.git"
    vost("restore", "--no-create", repository)
    assert os.listdir() == []


def test_verbose_tells_what_happened_without_passwords(vost: Vost, filled: GitStore) -> None:
    ran = vost.attempt("-v", "backup", "copy.git")
    assert ran.out == ""
    assert re.fullmatch(r"counting objects: \d+, done\.\n(.+\n)*Backed up to copy\.git\n", ran.err)
    ran = vost.attempt("-v", "-r", "new.git", "restore", "copy.git")
    assert ran.err.endswith("Restored from copy.git\n")
    url = "http://me:secret@127.0.0.1:1/x"
    for command in ("backup", "restore"):
        assert "secret" not in vost.attempt("-vv", command, url).err
