"""Refs, filters and what contradicts what: paths.md 2, 3, 5 and 7, cli.md 1.6."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.building import commit_files, set_ref
from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost_sync import FS, GitStore

REF_TWICE = "Cannot use --ref with explicit ref: in path"
BRANCH_TWICE = "Cannot use -b/--branch with explicit ref: in path"
BACK_TWICE = "Cannot use --back with ~N in path"
MANY_REFS = "Cannot use snapshot filters with paths targeting different refs"


@pytest.fixture
def history(store: GitStore) -> list[FS]:
    """Make five commits on `main`, a branch `dev` and a tag `v1.0`; return the snapshots."""
    made = [store.branches["main"]]
    for number, message in enumerate(["deploy one", "fix\n\nmore", "deploy two", "last"], 1):
        text = str(number).encode()
        made.append(made[-1].apply({"f": text, f"only-{number}": b"x"}, message=message))
    store.branches["dev"] = made[2]
    store.branches["feature/x"] = made[1]
    store.tags["v1.0"] = made[3]
    return made


@pytest.mark.parametrize(
    "args, content",
    [
        (["f"], 4),
        ([":f"], 4),
        (["main:f"], 4),
        (["~1:f"], 3),
        (["main~01:f"], 3),
        (["main~3:f"], 1),
        (["dev:f"], 2),
        (["dev~1:f"], 1),
        (["v1.0:f"], 3),
        (["v1.0~2:f"], 1),
        (["feature/x:f"], 1),
        (["f", "-b", "dev"], 2),
        (["f", "-b", ""], 4),
        (["f", "--ref", ""], 4),
        (["f", "--ref", "v1.0"], 3),
        (["f", "--ref", "v1.0", "-b", "nope"], 3),
        (["~1:f", "--ref", "v1.0"], 2),
        (["~1:f", "-b", "dev"], 1),
        (["f", "--back", "2"], 2),
        (["dev:f", "--back", "1"], 1),
        (["f", "--back", "0"], 4),
        (["~1:f", "--back", "0"], 3),
        (["f", "--match", "deploy*"], 3),
        (["f", "--match", "DEPLOY*"], None),
        (["f", "--match", "deploy*", "--back", "1"], 2),
        (["~2:f", "--match", "deploy*"], 1),
        (["v1.0:f", "--match", "fix*"], 2),
        (["f", "--match", "fix"], None),
        (["f", "--match", "fix?*more"], 2),
        (["f", "--path", "only-2"], 2),
        (["f", "--path", "/only-2/"], 2),
        (["f", "--path", "v1.0~9:only-2"], 2),
        (["f", "--path", "feature/x:only-2"], 2),
        (["f", "--path", "feature/x~9:only-2"], 2),
        (["f", "--path", "./feature/x:only-2"], None),
        (["f", "--path", "only-2", "--match", "deploy*"], None),
        (["f", "--path", "f", "--match", "deploy*", "--back", "1"], 2),
        (["f", "--before", "2999-12-31T23:59:59Z"], 4),
        (["f", "--before", "1999-12-31"], None),
        (["dev:f", "--match", "fix*"], 2),
    ],
)
def test_snapshot_is_found_by_ref_then_filters_then_back(
    vost: Vost, history: list[FS], args: list[str], content: int | None
) -> None:
    if content is None:
        assert vost.fails("cat", *args) == "No matching commits found"
    else:
        assert vost("cat", *args) == str(content)


@pytest.mark.parametrize(
    "args, message",
    [
        (["nope:f"], "Unknown ref: nope"),
        (["HEAD:f"], "Unknown ref: HEAD"),
        (["main^:f"], "Unknown ref: main^"),
        (["main~1~1:f"], "Unknown ref: main~1"),
        (["@:f"], "Unknown ref: @"),
        (["a:f"], "Unknown ref: a"),
        (["f", "--ref", "nope"], "Unknown ref: nope"),
        (["f", "-b", "nope"], "Branch not found: nope"),
        (["f", "-b", "v1.0"], "Branch not found: v1.0"),
        (["main~9:f"], "Cannot go back 9 commits — history too short"),
        (["f", "--back", "9"], "Cannot go back 9 commits — history too short"),
        (["f", "--back", "-1"], "--back must be 0 or more, got -1"),
        (["main~x:f"], "Invalid ancestor suffix '~x' — must be a positive integer"),
        (["main~²:f"], "Invalid ancestor suffix '~²' — must be a positive integer"),
        (["main~0:f"], "Invalid ancestor '~0' — use 'main:f' instead"),
        (["feature/x~0:f"], "Invalid ancestor '~0' — use 'feature/x:f' instead"),
        (["feature/x~a:f"], "Invalid ancestor suffix '~a' — must be a positive integer"),
        ([f"~{'9' * 5000}:f"], f"Cannot go back {'9' * 5000} commits — history too short"),
        (
            ["f", "--before", "soon"],
            "Invalid date: soon (use ISO 8601, e.g. 2024-01-15 or 2024-01-15T14:30:00)",
        ),
        (["f", "--path", "../x"], "Invalid repo path: Invalid path segment: '..'"),
        (["f", "--path", ""], "Repo path must not be empty"),
        (["a//b"], "Invalid repo path: Empty segment in path: 'a//b'"),
        (["../x"], "Invalid repo path: Invalid path segment: '..'"),
        ([""], "Repo path must not be empty"),
        (["main:"], "Repo path must not be empty"),
        (["f", "main:"], "Repo path must not be empty"),
    ],
)
def test_what_cannot_be_resolved_is_said(
    vost: Vost, history: list[FS], args: list[str], message: str
) -> None:
    assert vost.fails("cat", *args) == message


def test_commit_is_found_by_its_id_and_four_digits_or_more(vost: Vost, history: list[FS]) -> None:
    oid = history[2].commit_hash
    for length in (7, 12, 40):
        assert vost("cat", f"{oid[:length]}:f") == "2"
    assert vost("cat", f"{oid[:10]}~1:f") == "1"
    assert vost.fails("cat", f"{oid[:3]}:f") == f"Unknown ref: {oid[:3]}"
    letters = next(fs.commit_hash for fs in history if not fs.commit_hash[:10].isdigit())
    assert vost.fails("cat", f"{letters[:10].upper()}:f") == f"Unknown ref: {letters[:10].upper()}"


def test_what_is_no_commit_cannot_be_a_ref(
    vost: Vost, history: list[FS], repository: Path, git: Git
) -> None:
    for oid in (history[4].tree_hash, history[4].object_hash("f")):
        assert vost.fails("cat", f"{oid}:f") == f"Object {oid} is not a commit"
    set_ref(repository, "refs/tags/blob", history[4].object_hash("f"))
    assert vost.fails("cat", "blob:f") == "Tag blob does not point to a commit"
    git(repository, "tag", "-a", "-m", "annotated", "annotated", history[1].commit_hash)
    assert vost("cat", "annotated:f") == "1"
    tag = git(repository, "rev-parse", "annotated")
    assert vost.fails("cat", f"{tag}:f") == f"Object {tag} is not a commit"


def test_branch_counts_before_a_tag_of_its_name(
    vost: Vost, history: list[FS], store: GitStore
) -> None:
    store.tags["dev"] = history[4]
    assert vost("cat", "dev:f") == "2"


def test_default_is_the_current_branch_else_main(
    vost: Vost, history: list[FS], store: GitStore
) -> None:
    store.branches.current = "dev"
    assert vost("cat", "f") == "2"
    del store.branches["dev"]
    assert vost("cat", "f") == "4"
    del store.branches["main"]
    assert vost.fails("cat", "f") == "Branch not found: main"
    assert vost("cat", "v1.0:f") == "3"


def test_filters_of_another_ref_do_not_look_at_the_current_branch(
    vost: Vost, history: list[FS], store: GitStore
) -> None:
    fs = store.branches["dev"].write("g", b"g", message="only on dev")
    assert vost("cat", "dev:g", "--match", "only on dev") == "g"
    assert vost.fails("cat", "g", "--match", "only on dev") == "No matching commits found"
    assert fs.message == "only on dev"


@pytest.mark.parametrize(
    "before, content",
    [
        ("2023-11-14", "1"),
        ("2023-11-14T22:14:20Z", "1"),
        ("2023-11-14T22:14:19", "0"),
        ("2023-11-14 22:14:20", "1"),
        ("2023-11-14T23:14:20+01:00", "1"),
        ("2023-11-14T23:14:19+01:00", "0"),
        ("2023-11-14T22:14", "0"),
        ("2023-11-15", "2"),
    ],
)
def test_before_is_inclusive_and_a_day_ends_at_midnight_utc(
    vost: Vost, repository: Path, git: Git, before: str, content: str
) -> None:
    git.init(repository)
    for number, seconds in enumerate([1_700_000_000, 1_700_000_060, 1_700_086_400]):
        commit_files(git, repository, {"f": str(number).encode()}, seconds=seconds)
    assert vost("cat", "f", "--before", before) == content


@pytest.mark.parametrize(
    "args, message",
    [
        (["ls", "main:", "-b", "dev"], BRANCH_TWICE),
        (["cat", "main:f", "-b", "main"], BRANCH_TWICE),
        (["ls", "main:", "--ref", "main"], REF_TWICE),
        (["cmp", "main:f", ":f", "--ref", "dev"], REF_TWICE),
        (["ls", "main:", "--ref", "main", "-b", "dev"], REF_TWICE),
        (["ls", "main~1:", "--ref", "main", "--back", "1"], REF_TWICE),
        (["ls", "main~1:", "-b", "main", "--back", "1"], BRANCH_TWICE),
        (["cat", "~1:f", "--back", "1"], BACK_TWICE),
        (["cat", "main~2:f", "--back", "1"], BACK_TWICE),
        (["ls", "main:", "dev~1:", "--back", "1"], BACK_TWICE),
        (["ls", "main:", "dev:", "--back", "1"], MANY_REFS),
        (["ls", "main:", "dev:", "--before", "2999-01-01"], MANY_REFS),
        (["cat", "main:f", "dev:f", "--path", "f"], MANY_REFS),
        (["cmp", "main:f", "dev:f", "--match", "*"], MANY_REFS),
        (["ls", "feature/x:", "-b", "main"], BRANCH_TWICE),
        (["ls", "feature/x:", "dev:", "--back", "1"], MANY_REFS),
        (["ls", "main:", "nope:"], "Unknown ref: nope"),
    ],
)
def test_options_that_contradict_the_paths_are_refused(
    vost: Vost, history: list[FS], args: list[str], message: str
) -> None:
    ran = vost.attempt(*args)
    assert (ran.code, ran.out) == (2 if args[0] == "cmp" else 1, "")
    assert ran.err == f"Error: {message}\n"


@pytest.mark.parametrize(
    "args",
    [
        ["ls", "main:", "dev:"],
        ["ls", "main:", "dev~1:"],
        ["ls", "main:", "dev:", "--back", "0"],
        ["ls", "main:", "main:", "--back", "1"],
        ["ls", "main:", ":", "--back", "1"],
        ["cat", "main:f", "--back", "2"],
        ["ls", ":", "-b", "dev"],
        ["ls", "~1:", "-b", "dev"],
        ["ls", "~1:", "--ref", "v1.0"],
        ["ls", "--ref", "v1.0", "-b", "dev", "--back", "1", "--path", "f", "--match", "*"],
    ],
)
def test_options_that_go_together_are_taken(vost: Vost, history: list[FS], args: list[str]) -> None:
    assert vost(*args) != ""


def test_slash_before_the_colon_is_a_path_unless_a_branch_has_that_name(
    vost: Vost, history: list[FS]
) -> None:
    history[4].apply({"path/to:rest": b"literal", "C:/x": b"drive", "feature/y:f": b"path"})
    assert vost("cat", "path/to:rest") == "literal"
    assert vost("cat", "C:/x") == "drive"
    assert vost("cat", "feature/y:f") == "path"
    assert vost("cat", "feature/x:f") == "1"
    assert vost.fails("cat", "./feature/x:f") == "File not found: feature/x:f"
    assert vost.fails("cat", "feature/x~5:f") == "Cannot go back 5 commits — history too short"


@pytest.mark.parametrize("command", ["log", "diff", "hash"])
@pytest.mark.parametrize("spelling", ["{}", "{}:"])
def test_positional_and_options_must_not_say_one_thing_twice(
    vost: Vost, history: list[FS], command: str, spelling: str
) -> None:
    noun = "baseline" if command == "diff" else "target"
    explicit = "explicit ref" if command == "hash" else "explicit ref:"
    main, back = spelling.format("main"), spelling.format("~1")
    for args, message in (
        ([main, "--ref", "dev"], "Cannot specify both positional ref and --ref"),
        ([main, "-b", "dev"], f"Cannot use -b/--branch with {explicit} in {noun}"),
        ([back, "--back", "1"], "Cannot specify both positional ~N and --back"),
    ):
        assert vost.fails(command, *args) == message
    for args in ([back, "-b", "dev"], [back, "--ref", "v1.0"], [main, "--back", "1"]):
        assert vost(command, *args) != ""


@pytest.mark.parametrize("command", ["log", "diff"])
@pytest.mark.parametrize("path", ["main:f", ":f", "~1:f"])
def test_positional_path_and_path_option_contradict(
    vost: Vost, history: list[FS], command: str, path: str
) -> None:
    message = "Cannot specify both positional path and --path"
    assert vost.fails(command, path, "--path", "f") == message
