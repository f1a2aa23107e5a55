"""`vost branch` and `tag`: contract sections 4.1, 4.2, 9.1, D19, D32, D38, paths.md 5.4 and 10."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost_sync import FS, GitStore

NOT_COMBINED = "--empty cannot be combined with --ref/--path/--match/--before/--back"
BAD_NAMES = [
    ("a:b", "Invalid ref name 'a:b': contains colon"),
    *((name, f"Invalid ref name: {name!r}") for name in ("a b", "x.lock", "..foo", "a~1", "a^2")),
    *((name, f"Invalid ref name: {name!r}") for name in ("foo@{bar}", "a\tb", "a\nb", "", "HEAD")),
    *(
        (name, f"Invalid ref name: {name!r}")
        for name in ("/a", "a/", "a//b", "a.", ".a", "n" * 300)
    ),
]


@pytest.fixture
def commits(store: GitStore) -> list[FS]:
    """Make a history of four commits on ``main``; ``dev`` is at the second, ``v1`` at the third."""
    made = [store.branches["main"]]
    for number in range(1, 4):
        made.append(made[-1].write(f"f{number}", b"x", message=f"message {number}"))
    store.branches["dev"] = made[1]
    store.tags["v1"] = made[2]
    return made


def tip(store: GitStore, name: str) -> str:
    return store.branches[name].commit_hash


# --- lists


@pytest.mark.parametrize("command", [["branch"], ["branch", "list"]])
def test_branches_are_listed_in_order(vost: Vost, commits: list[FS], command: list[str]) -> None:
    assert vost(*command) == "dev\nmain\n"
    assert vost(*command, "--format", "json") == '["dev", "main"]\n'
    assert vost(*command, "--format", "jsonl") == '"dev"\n"main"\n'


@pytest.mark.parametrize("command", [["tag"], ["tag", "list"]])
def test_tags_are_listed_in_order(
    vost: Vost, store: GitStore, commits: list[FS], command: list[str]
) -> None:
    assert vost(*command) == "v1\n"
    assert vost(*command, "--format", "json") == '["v1"]\n'
    assert vost(*command, "--format", "jsonl") == '"v1"\n'
    del store.tags["v1"]
    assert vost(*command) == ""
    assert vost(*command, "--format", "json") == "[]\n"


def test_format_of_the_group_counts_for_its_commands(vost: Vost, commits: list[FS]) -> None:
    assert vost("branch", "--format", "json", "list") == '["dev", "main"]\n'
    assert vost("branch", "--format", "json", "exists", "main") == ""
    assert vost("tag", "--format", "json", "list", "--format", "text") == "v1\n"


def test_names_that_are_not_utf_8_are_shown(
    vost: Vost, repository: Path, commits: list[FS], git: Git
) -> None:
    git(repository, "update-ref", "refs/heads/bad\udcff", commits[0].commit_hash)
    assert vost("branch") == "bad\udcff\ndev\nmain\n"
    assert json.loads(vost("branch", "--format", "json"))[0] == "bad\udcff"
    assert vost("branch", "hash", "bad\udcff") == f"{commits[0].commit_hash}\n"
    vost("branch", "delete", "bad\udcff")
    assert vost("branch") == "dev\nmain\n"


# --- set


@pytest.mark.parametrize(
    "options, number",
    [
        ([], 3),
        (["-b", "dev"], 1),
        (["--branch", "dev", "--back", "1"], 0),
        (["--ref", "v1"], 2),
        (["--ref", "v1", "-b", "dev"], 2),
        (["--back", "2"], 1),
        (["--path", "f2"], 2),
        (["--path", ":f2", "--back", "1"], 1),
        (["--match", "*age 1"], 1),
        (["--before", "2100-01-01"], 3),
    ],
)
@pytest.mark.parametrize("kind", ["branch", "tag"])
def test_new_ref_is_where_the_options_say(
    vost: Vost, store: GitStore, commits: list[FS], kind: str, options: list[str], number: int
) -> None:
    assert vost(kind, "set", "feature/new-1.0", *options) == ""
    refs = store.branches if kind == "branch" else store.tags
    assert refs["feature/new-1.0"].commit_hash == commits[number].commit_hash
    assert vost(kind, "hash", "feature/new-1.0") == f"{commits[number].commit_hash}\n"
    assert vost("branch", "current") == "main\n"


@pytest.mark.parametrize(
    "options, message",
    [
        (["-b", "nope"], "Branch not found: nope"),
        (["--ref", "nope"], "Unknown ref: nope"),
        (["--back", "9"], "Cannot go back 9 commits — history too short"),
        (["--match", "nothing"], "No matching commits found"),
        (
            ["--before", "soon"],
            "Invalid date: soon (use ISO 8601, e.g. 2024-01-15 or 2024-01-15T14:30:00)",
        ),
        (["--path", "/"], "Repo path must not be empty"),
    ],
)
@pytest.mark.parametrize("kind", ["branch", "tag"])
def test_new_ref_without_a_commit_is_not_made(
    vost: Vost, store: GitStore, commits: list[FS], kind: str, options: list[str], message: str
) -> None:
    assert vost.fails(kind, "set", "new", *options) == message
    assert "new" not in store.branches
    assert "new" not in store.tags


@pytest.mark.parametrize("name, message", BAD_NAMES)
@pytest.mark.parametrize("command", [["branch"], ["branch", "--empty"], ["tag"]])
def test_bad_name_is_refused(
    vost: Vost, store: GitStore, command: list[str], name: str, message: str
) -> None:
    kind, *options = command
    expected = message.replace("\t", "\\t").replace("\n", "\\n")
    assert vost.fails(kind, "set", *options, "--", name) == expected
    assert list(store.branches) == ["main"]
    assert list(store.tags) == []


@pytest.mark.parametrize("name", ["-x", "@"])
def test_names_that_git_refuses_too_are_refused(vost: Vost, store: GitStore, name: str) -> None:
    assert vost.fails("branch", "set", "--", name) == f"Invalid ref name: {name!r}"


@pytest.mark.parametrize("options", [[], ["--empty"], ["--squash"], ["--ref", "v1"]])
def test_existing_branch_is_replaced_only_by_force(
    vost: Vost, store: GitStore, commits: list[FS], options: list[str]
) -> None:
    assert vost.fails("branch", "set", "dev", *options) == "Branch already exists: dev"
    assert tip(store, "dev") == commits[1].commit_hash
    assert vost.attempt("-v", "branch", "set", "-f", "dev", *options).err == "Set branch dev\n"
    assert tip(store, "dev") != commits[1].commit_hash
    assert store.branches.reflog("dev")[-1].old_sha == commits[1].commit_hash


def test_existing_tag_is_replaced_only_by_force(
    vost: Vost, store: GitStore, commits: list[FS]
) -> None:
    assert vost.fails("tag", "set", "v1") == "Tag already exists: v1"
    assert store.tags["v1"].commit_hash == commits[2].commit_hash
    assert vost.attempt("-v", "tag", "set", "v1", "--force").err == "Set tag v1\n"
    assert store.tags["v1"].commit_hash == commits[3].commit_hash


def test_tag_on_what_is_no_commit_is_replaced_by_force(
    vost: Vost, store: GitStore, repository: Path, commits: list[FS], git: Git
) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", stdin="x")
    git(repository, "tag", "odd", blob)
    assert vost.fails("tag", "hash", "odd") == "Tag odd does not point to a commit"
    assert vost.fails("tag", "set", "new", "--ref", "odd") == "Tag odd does not point to a commit"
    vost("tag", "set", "odd", "-f")
    assert store.tags["odd"].commit_hash == commits[3].commit_hash


@pytest.mark.parametrize("kind", ["branch", "tag"])
@pytest.mark.parametrize("first, second", [("feat/x", "feat"), ("feat", "feat/x")])
def test_names_that_exclude_each_other_are_refused(
    vost: Vost, commits: list[FS], kind: str, first: str, second: str
) -> None:
    vost(kind, "set", first)
    message = vost.fails(kind, "set", second)
    assert first in message
    assert second in message


def test_branch_and_tag_may_share_a_name(vost: Vost, commits: list[FS]) -> None:
    vost("tag", "set", "dev")
    assert vost("tag", "hash", "dev") != vost("branch", "hash", "dev")


def test_empty_branch_begins_with_an_empty_commit(
    vost: Vost, store: GitStore, commits: list[FS]
) -> None:
    vost("branch", "set", "fresh", "--empty")
    fresh = store.branches["fresh"]
    assert (fresh.message, fresh.parent, fresh.ls()) == ("Initialize fresh", None, [])
    vost("branch", "set", "main", "--empty", "-f")
    assert vost("ls") == ""
    assert vost("branch", "current") == "main\n"


@pytest.mark.parametrize(
    "options, message",
    [
        *(
            (["--empty", *given], NOT_COMBINED)
            for given in (
                ["--ref", "main"],
                ["--path", "f1"],
                ["--match", "x"],
                ["--before", "2024-01-01"],
                ["--back", "1"],
            )
        ),
        (["--empty", "--append"], "--append cannot be combined with --empty"),
        (["--empty", "--append", "--squash"], "--append cannot be combined with --empty"),
        (["--empty", "--squash"], "--empty cannot be combined with --squash or -b/--branch"),
        (["--empty", "-b", "dev"], "--empty cannot be combined with --squash or -b/--branch"),
        (
            ["--append"],
            "--append without --squash (replay full commit chain) is not yet implemented",
        ),
        (["--append", "--squash"], "--append requires existing branch: new"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    vost: Vost, store: GitStore, commits: list[FS], options: list[str], message: str
) -> None:
    assert vost.fails("branch", "set", "new", *options) == message
    assert list(store.branches) == ["dev", "main"]


def test_squash_makes_one_commit_without_history(
    vost: Vost, store: GitStore, commits: list[FS]
) -> None:
    vost("branch", "set", "flat", "--squash", "--ref", "v1")
    flat = store.branches["flat"]
    assert (flat.message, flat.parent, flat.tree_hash) == ("squash", None, commits[2].tree_hash)
    vost("branch", "set", "main", "--squash", "-f")
    main = store.branches["main"]
    assert (main.parent, main.tree_hash) == (None, commits[3].tree_hash)


def test_append_puts_one_commit_on_top(vost: Vost, store: GitStore, commits: list[FS]) -> None:
    store.branches["dev"].write("own", b"x")
    before = tip(store, "dev")
    vost("branch", "set", "dev", "--append", "--squash", "-b", "main")
    dev = store.branches["dev"]
    assert dev.parent is not None
    assert (dev.parent.commit_hash, dev.message) == (before, "squash")
    assert dev.tree_hash == commits[3].tree_hash


# --- exists, delete, hash, current


@pytest.mark.parametrize(
    "kind, name, code",
    [
        ("branch", "main", 0),
        ("branch", "v1", 1),
        ("branch", "a b", 1),
        ("tag", "v1", 0),
        ("tag", "main", 1),
        ("tag", "", 1),
    ],
)
def test_exists_answers_with_its_status(
    vost: Vost, commits: list[FS], kind: str, name: str, code: int
) -> None:
    ran = vost.attempt("-v", kind, "exists", name)
    assert (ran.code, ran.out, ran.err) == (code, "", "")


def test_delete_removes_a_ref_once(vost: Vost, store: GitStore, commits: list[FS]) -> None:
    assert vost.attempt("-v", "branch", "delete", "dev").err == "Deleted branch dev\n"
    assert vost.fails("branch", "delete", "dev") == "Branch not found: dev"
    assert vost.attempt("-v", "tag", "delete", "v1").err == "Deleted tag v1\n"
    assert vost.fails("tag", "delete", "v1") == "Tag not found: v1"
    assert vost.fails("tag", "delete", "x:y") == "Tag not found: x:y"


def test_current_branch_may_be_deleted_and_chosen(
    vost: Vost, repository: Path, commits: list[FS], git: Git
) -> None:
    vost("branch", "delete", "main")
    assert vost.fails("branch", "current") == "HEAD does not point to an existing branch"
    assert vost.fails("branch", "current", "-b", "nope") == "Branch not found: nope"
    assert vost.fails("branch", "set", "new") == "Branch not found: main"
    ran = vost.attempt("-v", "branch", "current", "-b", "dev")
    assert (ran.out, ran.err) == ("", "Current branch set to dev\n")
    assert vost("branch", "current") == "dev\n"
    assert vost("branch", "current", "--format", "json") == '{"name": "dev"}\n'
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/dev"


def test_branch_hash_is_that_of_the_chosen_commit(vost: Vost, commits: list[FS]) -> None:
    third = commits[3].commit_hash
    assert vost("branch", "hash", "main") == f"{third}\n"
    assert vost("branch", "hash", "main", "--back", "1") == f"{commits[2].commit_hash}\n"
    assert vost("branch", "hash", "main", "--path", "f1") == f"{commits[1].commit_hash}\n"
    for form in ("json", "jsonl"):
        shown = vost("branch", "hash", "main", "--format", form)
        assert shown == f'{{"branch": "main", "hash": "{third}"}}\n'
    assert vost.fails("branch", "hash", "nope") == "Branch not found: nope"
    assert vost.fails("branch", "hash", "") == "Branch not found: "  # not the current one
    assert vost.fails("branch", "hash", "v1") == "Branch not found: v1"
    message = vost.fails("branch", "hash", "main", "--back", "9")
    assert message == "Cannot go back 9 commits — history too short"
    assert vost.attempt("branch", "hash", "main", "--ref", "dev").code == 2


def test_tag_hash_looks_behind_annotated_tags(
    vost: Vost, repository: Path, commits: list[FS], git: Git
) -> None:
    git(repository, "tag", "-a", "noted", "-m", "m", "main")
    git(repository, "tag", "-a", "twice", "-m", "m", "noted")
    third = commits[3].commit_hash
    assert vost("tag", "hash", "twice") == f"{third}\n"
    shown = vost("tag", "hash", "v1", "--format", "json")
    assert shown == f'{{"tag": "v1", "hash": "{commits[2].commit_hash}"}}\n'
    assert vost.fails("tag", "hash", "main") == "Tag not found: main"
    assert vost("branch", "set", "new", "--ref", "twice") == ""


def test_id_of_what_is_no_commit_is_no_ref(
    vost: Vost, repository: Path, commits: list[FS], git: Git
) -> None:
    git(repository, "tag", "-a", "noted", "-m", "m", "main")
    for name in ("noted", "main^{tree}", "main:f1"):
        oid = git(repository, "rev-parse", name)
        assert vost.fails("tag", "set", "new", "--ref", oid) == f"Object {oid} is not a commit"
    prefix = commits[1].commit_hash[:7]
    vost("tag", "set", "new", "--ref", prefix)


# --- all of them


@pytest.mark.parametrize("kind", ["branch", "tag"])
@pytest.mark.parametrize("place", range(3))
def test_repository_option_works_everywhere_and_the_last_one_counts(
    vost: Vost, tmp_path: Path, commits: list[FS], kind: str, place: int
) -> None:
    other = Vost(tmp_path / "other.git")
    arguments: list[str | Path] = [kind, "list"]
    arguments[place:place] = ["-r", vost.repository]
    if place:
        arguments[:0] = ["-r", other.repository]
    assert other(*arguments) == vost(kind)


@pytest.mark.parametrize(
    "command",
    ["branch", "branch set x", "branch exists x", "branch current", "tag", "tag delete x"],
)
def test_missing_repository_is_not_made(vost: Vost, repository: Path, command: str) -> None:
    assert vost.fails(*command.split()) == f"Repository not found: {repository}"
    assert not repository.exists()


@pytest.mark.slow
def test_races_for_a_name_have_one_winner(vost: Vost, store: GitStore, commits: list[FS]) -> None:
    racers = [vost.start("branch", "set", "won", "--back", str(back)) for back in range(3)]
    errors = [racer.communicate(timeout=60)[1] for racer in racers]
    assert sorted(racer.returncode for racer in racers) == [0, 1, 1]
    assert sorted(errors) == [b"", *[b"Error: Branch already exists: won\n"] * 2]
