"""`vost rm` and `mv`: contract sections 3.4, 3.5, 1.7, 1.8, 1.9, D6, D10, paths.md 5.2 and 6."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost_sync import FS, FileType, GitStore

FILES = {
    "a.txt": b"a",
    "b.txt": b"b",
    ".hidden": b"h",
    "d/x": b"x",
    "d/y.txt": b"y",
    "e/z": b"z",
    "e/d/w": b"w",
}

HOSTILE = [
    "-n",
    "new\nline",
    "\x1b[31mred",
    "a:b",
    "~1",
    "not utf-8 \udcff",
    "/".join(["n" * 250] * 16),
    "*",
]


@pytest.fixture(autouse=True)
def filled(store: GitStore) -> None:
    """Fill ``main``, with ``dev`` at the same commit and a tag ``v1`` at the first one."""
    main = store.branches["main"]
    store.tags["v1"] = main
    main = main.apply(FILES)
    main = main.write("run", b"#!", mode=FileType.EXECUTABLE)
    main = main.write_symlink("link", "a.txt")
    store.branches["dev"] = main


def files(store: GitStore, branch: str = "main") -> set[str]:
    return set(store.branches[branch].ls(recursive=True))


def refs(store: GitStore) -> dict[str, str]:
    named = [*store.branches.items(), *store.tags.items()]
    return {name: fs.commit_hash for name, fs in named}


def parent_of(fs: FS) -> str:
    assert fs.parent is not None
    return fs.parent.commit_hash


ALL = {*FILES, "run", "link"}


# --- rm


@pytest.mark.parametrize(
    "arguments, gone",
    [
        (["a.txt"], {"a.txt"}),
        ([":a.txt"], {"a.txt"}),
        (["main:a.txt", ":b.txt", "d/x"], {"a.txt", "b.txt", "d/x"}),
        (["a.txt", ":/a.txt/", "./a.txt"], {"a.txt"}),
        (["link"], {"link"}),
        (["*.txt"], {"a.txt", "b.txt"}),
        (["**/*.txt"], {"a.txt", "b.txt", "d/y.txt"}),
        (["./d/?"], {"d/x"}),
        (["-R", "d"], {"d/x", "d/y.txt"}),
        (["d/", "--recursive", "d/x"], {"d/x", "d/y.txt"}),
        (["-R", "*"], ALL - {".hidden"}),
        (["-R", "e", "e/d"], {"e/z", "e/d/w"}),
        (["-b", "main", "a.txt"], {"a.txt"}),
    ],
)
def test_rm_removes_in_one_commit(
    vost: Vost, store: GitStore, arguments: list[str], gone: set[str]
) -> None:
    before = store.branches["main"].commit_hash
    assert vost("rm", *arguments) == ""
    assert files(store) == ALL - gone
    assert parent_of(store.branches["main"]) == before


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nope"], "File not found in repo: nope"),
        (["a.txt", "nope/deep"], "File not found in repo: nope/deep"),
        (["a.txt/x"], "File not found in repo: a.txt/x"),
        (["a.txt", "d"], "d is a directory — use -R to remove recursively"),
        (["*"], "d is a directory — use -R to remove recursively"),
        (["*.zip"], "No matches for pattern in repo: *.zip"),
        (["a.txt/*"], "No matches for pattern in repo: a.txt/*"),
        (["--no-glob", "*.txt"], "File not found in repo: *.txt"),
        (["-R", ":"], "Repo path must not be empty"),
        (["-R", "/"], "Repo path must not be empty"),
        (["a//b"], "Invalid repo path: Empty segment in path: 'a//b'"),
        (["../a.txt"], "Invalid repo path: Invalid path segment: '..'"),
        (["~1:a.txt"], "Cannot write to a historical commit (remove ~N)"),
        (["main~2:a.txt"], "Cannot write to a historical commit (remove ~N)"),
        (["main~0:a.txt"], "Invalid ancestor '~0' — use 'main:a.txt' instead"),
        (["v1:a.txt"], "Cannot remove in tag 'v1' — use a branch"),
        (["nope:a.txt"], "Branch not found: nope"),
        (["a.txt", "-b", "nope"], "Branch not found: nope"),
        (["dev:a.txt", "-b", "main"], "Cannot use -b/--branch with explicit ref: in path"),
        (["main:a.txt", "dev:b.txt"], "All paths must target the same branch"),
        (["a.txt", "-m", "{x}"], "Unknown placeholder {x} in commit message"),
        (["a.txt", "--tag", "a b"], "Invalid ref name: 'a b'"),
        (["a.txt", "--tag", "v1"], "Tag already exists: v1 (use --force-tag to overwrite)"),
        (["a.txt", "--tag", "v1/x"], "Cannot create tag v1/x: tag v1 exists"),
        (["a.txt", "--parent", "nope"], "Unknown ref: nope"),
    ],
)
def test_rm_that_cannot_be_removes_nothing(
    vost: Vost, store: GitStore, arguments: list[str], message: str
) -> None:
    before = refs(store)
    for options in ([], ["-n"]):
        assert vost.fails("rm", *options, *arguments) == message
    assert refs(store) == before


def test_rm_writes_to_the_branch_that_any_path_names(vost: Vost, store: GitStore) -> None:
    vost("rm", "a.txt", "dev:b.txt")
    assert files(store, "dev") == ALL - {"a.txt", "b.txt"}
    assert files(store) == ALL


def test_rm_reads_a_branch_with_a_slash(vost: Vost, store: GitStore) -> None:
    store.branches["feature/x"] = store.branches["main"]
    vost("rm", "feature/x:a.txt")
    assert files(store, "feature/x") == ALL - {"a.txt"}


def test_plan_of_rm_names_each_file_and_changes_nothing(vost: Vost, store: GitStore) -> None:
    before = refs(store)
    assert vost("rm", "-nR", "b.txt", "e") == "- :b.txt\n- :e/d/w\n- :e/z\n"
    planned = [{"action": "delete", "path": path} for path in ("b.txt", "e/d/w", "e/z")]
    assert json.loads(vost("rm", "-nR", "b.txt", "e", "--format", "json")) == planned
    lines = vost("rm", "-nR", "b.txt", "e", "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == planned
    vost("rm", "-n", "a.txt", "--tag", "v2")
    assert refs(store) == before


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["a.txt"], "- a.txt"),
        (["*.txt"], "Batch rm: -2"),
        (["a.txt", "-m", "gone"], "gone"),
        (["a.txt", "-m", ""], "- a.txt"),
        (["a.txt", "-m", "{op}: {default}, {{x}} {delete_count}"], "rm: - a.txt, {x} 1"),
    ],
)
def test_rm_says_what_it_did(
    vost: Vost, store: GitStore, arguments: list[str], message: str
) -> None:
    vost("rm", *arguments)
    assert store.branches["main"].message == message


def test_rm_tags_and_records_parents(
    vost: Vost, store: GitStore, repository: Path, git: Git
) -> None:
    vost("rm", "a.txt", "--tag", "v2", "--parent", "v1")
    main = store.branches["main"]
    assert store.tags["v2"].commit_hash == main.commit_hash
    parents = git(repository, "rev-parse", "main^@").split()
    assert parents == [parent_of(main), store.tags["v1"].commit_hash]
    vost("rm", "b.txt", "--tag", "v2", "--force-tag")
    assert store.tags["v2"].commit_hash == store.branches["main"].commit_hash


def test_rm_counts_on_stderr(vost: Vost) -> None:
    assert vost.attempt("-v", "rm", "a.txt", "link").err == "Removed 2 file(s)\n"


# --- mv


@pytest.mark.parametrize(
    "arguments, gone, new",
    [
        ([":a.txt", ":new"], {"a.txt"}, {"new"}),
        ([":a.txt", ":far/down/new"], {"a.txt"}, {"far/down/new"}),
        ([":a.txt", ":b.txt"], {"a.txt"}, {"b.txt"}),
        ([":a.txt", ":d"], {"a.txt"}, {"d/a.txt"}),
        ([":a.txt", ":new/"], {"a.txt"}, {"new/a.txt"}),
        ([":a.txt", ":b.txt", ":new"], {"a.txt", "b.txt"}, {"new/a.txt", "new/b.txt"}),
        ([":d/x", ":"], {"d/x"}, {"x"}),
        ([":d/x", ":/"], {"d/x"}, {"x"}),
        ([":*.txt", ":new"], {"a.txt", "b.txt"}, {"new/a.txt", "new/b.txt"}),
        ([":a*", ":new"], {"a.txt"}, {"new"}),
        (["-R", ":d", ":new"], {"d/x", "d/y.txt"}, {"new/d/x", "new/d/y.txt"}),
        (["-R", ":d/", ":new"], {"d/x", "d/y.txt"}, {"new/x", "new/y.txt"}),
        ([":d", ":new/", "--recursive"], {"d/x", "d/y.txt"}, {"new/d/x", "new/d/y.txt"}),
        (["-R", ":", ":new"], ALL, {f"new/{name}" for name in ALL}),
        ([":a.txt", "-b", "main", ":new"], {"a.txt"}, {"new"}),
        ([":link", ":run", ":d"], {"link", "run"}, {"d/link", "d/run"}),
    ],
)
def test_mv_moves_in_one_commit(
    vost: Vost, store: GitStore, arguments: list[str], gone: set[str], new: set[str]
) -> None:
    if arguments[:3] == ["-R", ":d", ":new"]:
        new = {name.replace("new/d/", "new/") for name in new}
    before = store.branches["main"].commit_hash
    assert vost("mv", *arguments) == ""
    assert files(store) == (ALL - gone) | new
    assert parent_of(store.branches["main"]) == before


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([":a.txt"], "mv requires at least two arguments (SRC... DEST)"),
        ([":a.txt", "new"], "All paths must be repo paths (colon prefix required): new"),
        (["./x:a", ":new"], "All paths must be repo paths (colon prefix required): ./x:a"),
        ([":nope", ":new"], "File not found in repo: nope"),
        ([":nope/", ":new"], "File not found in repo: nope"),
        ([":a.txt/", ":new"], "Not a directory in repo: a.txt"),
        ([":d", ":new"], "d is a directory — use -R to move recursively"),
        ([":", ":new"], "/ is a directory — use -R to move recursively"),
        ([":*.zip", ":new"], "No matches for pattern in repo: *.zip"),
        (["--no-glob", ":*.txt", ":new"], "File not found in repo: *.txt"),
        ([":a.txt", ":a.txt"], "Source and destination are the same: a.txt"),
        ([":d/x", ":d"], "Source and destination are the same: d/x"),
        (["-R", ":d", ":d"], "Source and destination are the same: d"),
        (["-R", ":d", ":d/in"], "Cannot move 'd' to 'd/in', which is inside of it"),
        ([":a.txt", ":b.txt/x"], "Not a directory: b.txt"),
        ([":a.txt", ":b.txt", ":run"], "Not a directory: run"),
        (["-R", ":d", ":a.txt"], "Not a directory: a.txt"),
        (["-R", ":d", ":e"], "Is a directory: e/d"),
        ([":a.txt", ":a//b"], "Invalid repo path: Empty segment in path: 'a//b'"),
        ([":a.txt", ":../b"], "Invalid repo path: Invalid path segment: '..'"),
        (["~1:a.txt", ":new"], "Cannot move to/from a historical commit (remove ~N)"),
        ([":a.txt", "main~1:new"], "Cannot move to/from a historical commit (remove ~N)"),
        (["v1:a.txt", ":new"], "Cannot move in tag 'v1' — use a branch"),
        (["nope:a.txt", ":new"], "Branch not found: nope"),
        (["main:a.txt", "dev:new"], "All paths must target the same branch"),
        (
            ["dev:a.txt", ":new", "-b", "dev"],
            "Cannot use -b/--branch with explicit ref: in path",
        ),
        ([":a.txt", ":new", "-m", "{"], "Unbalanced '{' at position 0 of the message"),
        ([":a.txt", ":new", "--tag", "x.lock"], "Invalid ref name: 'x.lock'"),
        (
            [":a.txt", ":new", "--tag", "v1"],
            "Tag already exists: v1 (use --force-tag to overwrite)",
        ),
    ],
)
def test_mv_that_cannot_be_moves_nothing(
    vost: Vost, store: GitStore, arguments: list[str], message: str
) -> None:
    before = refs(store)
    for options in ([], ["-n"]):
        assert vost.fails("mv", *options, *arguments).startswith(message)
    assert refs(store) == before


def test_mv_writes_to_the_branch_that_any_path_names(vost: Vost, store: GitStore) -> None:
    vost("mv", "dev:a.txt", ":new")
    assert files(store, "dev") == ALL - {"a.txt"} | {"new"}
    vost("mv", ":b.txt", "dev:c")
    assert files(store, "dev") == ALL - {"a.txt", "b.txt"} | {"new", "c"}
    assert files(store) == ALL


def test_mv_keeps_content_and_mode(vost: Vost, store: GitStore) -> None:
    vost("mv", ":run", ":link", ":d/")
    main = store.branches["main"]
    assert main.file_type("d/run") == FileType.EXECUTABLE
    assert main.readlink("d/link") == "a.txt"
    vost("mv", ":a.txt", ":b.txt")
    assert store.branches["main"].read("b.txt") == b"a"


def test_plan_of_mv_is_sorted_and_changes_nothing(vost: Vost, store: GitStore) -> None:
    before = refs(store)
    assert vost("mv", "-n", ":a.txt", ":d/x") == "- :a.txt\n~ :d/x\n"
    assert vost("mv", "-nR", ":d", ":c") == "+ :c/x\n+ :c/y.txt\n- :d/x\n- :d/y.txt\n"
    assert json.loads(vost("mv", "-n", ":a.txt", ":c", "--format", "json")) == [
        {"action": "delete", "path": "a.txt"},
        {"action": "add", "path": "c"},
    ]
    assert refs(store) == before


def test_mv_says_what_it_did_and_tags_it(vost: Vost, store: GitStore) -> None:
    ran = vost.attempt("-v", "mv", "-R", ":d", ":n", "--tag", "v2")
    assert ran.err == "Moved 2 -> 2 file(s)\n"
    main = store.branches["main"]
    assert main.message == "Batch mv: +2 -2"
    assert store.tags["v2"].commit_hash == main.commit_hash
    vost("mv", ":a.txt", ":c", "-m", "{op} +{add_count} -{delete_count}", "--parent", "dev")
    assert store.branches["main"].message == "mv +1 -1"


@pytest.mark.parametrize(
    "arguments, gone, new, left",
    [
        (
            ["-R", ":*", ":d"],
            {"a.txt", "b.txt", "run", "link", "e/z", "e/d/w"},
            {"d/a.txt", "d/b.txt", "d/run", "d/link", "d/e/z", "d/e/d/w"},
            ["d: Left where it is: it is the destination"],
        ),
        (
            ["-R", ":?", ":e/d"],
            {"d/x", "d/y.txt"},
            {"e/d/d/x", "e/d/d/y.txt"},
            ["e: Left where it is: the destination is in it"],
        ),
        (
            [":**/*.txt", ":d"],
            {"a.txt", "b.txt"},
            {"d/a.txt", "d/b.txt"},
            ["d/y.txt: Left where it is: it is there already"],
        ),
    ],
)
def test_pattern_of_mv_may_match_the_destination(
    vost: Vost,
    store: GitStore,
    arguments: list[str],
    gone: set[str],
    new: set[str],
    left: list[str],
) -> None:
    planned = vost.attempt("mv", "-n", *arguments)
    ran = vost.attempt("mv", *arguments)
    assert (ran.code, ran.out) == (planned.code, ran.out) == (0, "")
    assert ran.err == planned.err == "".join(f"WARNING: {line}\n" for line in left)
    assert files(store) == (ALL - gone) | new
    assert {line[3:] for line in planned.lines if line[0] == "+"} == new


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["-R", ":d*", ":d"], "Source and destination are the same: d"),
        ([":*.txt", ":"], "Source and destination are the same: a.txt"),
        (["-R", ":d*", ":d/in"], "Cannot move 'd' to 'd/in/d', which is inside of it"),
    ],
)
def test_pattern_of_mv_that_matches_nothing_else_moves_nothing(
    vost: Vost, store: GitStore, arguments: list[str], message: str
) -> None:
    before = refs(store)
    store.branches["main"].write("d/in/k", b"")
    assert vost.fails("mv", *arguments) == message
    assert refs(store)["dev"] == before["dev"]
    assert files(store) == ALL | {"d/in/k"}


def test_mv_moves_what_is_named_twice_once(vost: Vost, store: GitStore) -> None:
    vost("mv", ":*.txt", ":a*", ":a.txt", ":new")
    vost("mv", ":run", ":run", ":bin")
    assert files(store) == ALL - {"a.txt", "b.txt", "run"} | {"new/a.txt", "new/b.txt", "bin/run"}


# --- submodules


@pytest.mark.parametrize(
    "arguments, gone",
    [
        (["sub"], {"sub"}),
        (["-R", "sub", "lib"], {"sub", "lib/inner"}),
        (["lib/inner"], {"lib/inner"}),
        (["s*"], {"sub"}),
        (["-R", "*"], {"sub", "lib/inner", "a.txt"}),
    ],
)
def test_rm_removes_submodules(
    vost: Vost, submodule: str, repository: Path, git: Git, arguments: list[str], gone: set[str]
) -> None:
    plan = vost("rm", "-n", *arguments)
    assert plan == "".join(f"- :{path}\n" for path in sorted(gone))
    vost("rm", *arguments)
    left = git(repository, "ls-tree", "-r", "--name-only", "main").split()
    assert set(left) == {"sub", "lib/inner", "a.txt"} - gone
    message = f"Batch rm: -{len(gone)}" if len(gone) > 1 else f"- {min(gone)}"
    assert git(repository, "log", "-1", "--format=%s", "main") == message


@pytest.mark.parametrize(
    "arguments, moved",
    [
        ([":sub", ":x"], {"sub": "x"}),
        ([":sub", ":lib"], {"sub": "lib/sub"}),
        ([":lib/inner", ":sub2/"], {"lib/inner": "sub2/inner"}),
        (["-R", ":lib", ":x"], {"lib/inner": "x/inner"}),
        ([":s*", ":a*", ":x"], {"sub": "x/sub", "a.txt": "x/a.txt"}),
    ],
)
def test_mv_moves_submodules(
    vost: Vost,
    submodule: str,
    repository: Path,
    git: Git,
    arguments: list[str],
    moved: dict[str, str],
) -> None:
    plan = vost("mv", "-n", *arguments).splitlines()
    assert {line for line in plan if line[0] == "-"} == {f"- :{path}" for path in moved}
    assert {line for line in plan if line[0] == "+"} == {f"+ :{path}" for path in moved.values()}
    vost("mv", *arguments)
    listed = git(repository, "ls-tree", "-r", "main").splitlines()
    found = {line.partition("\t")[2]: line.split()[2] for line in listed}
    kept = {"sub", "lib/inner", "a.txt"} - set(moved)
    assert set(found) == kept | set(moved.values())
    assert list(found.values()).count(submodule) == 2
    message = f"Batch mv: +{len(moved)} -{len(moved)}"
    assert git(repository, "log", "-1", "--format=%s", "main") == message
    git(repository, "fsck", "--strict")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["mv", ":a.txt", ":sub"], "Is a submodule: sub"),
        (["mv", ":a.txt", ":sub/x"], "Not a directory: sub"),
        (["mv", ":sub", ":sub"], "Source and destination are the same: sub"),
        (["mv", ":sub/", ":x"], "Not a directory in repo: sub"),
        (["mv", ":sub/x", ":x"], "File not found in repo: sub/x"),
        (["rm", "sub/x"], "File not found in repo: sub/x"),
        (["write", "sub"], "Is a submodule: sub"),
        (["write", "lib/inner/x"], "Not a directory: lib/inner"),
    ],
)
def test_nothing_takes_the_place_of_a_submodule(
    vost: Vost, store: GitStore, submodule: str, arguments: list[str], message: str
) -> None:
    before = refs(store)
    assert vost.fails(*arguments) == message
    assert refs(store) == before


# --- both


@pytest.mark.parametrize("command", ["rm", "mv"])
def test_no_argument_is_a_usage_error(vost: Vost, command: str) -> None:
    ran = vost.attempt(command)
    assert (ran.code, ran.out) == (2, "")
    assert "Missing argument" in ran.err


@pytest.mark.parametrize("command", [["rm", "a"], ["mv", ":a", ":b"]])
def test_missing_repository_is_not_made(tmp_path: Path, command: list[str]) -> None:
    elsewhere = Vost(tmp_path / "none.git")
    assert elsewhere.fails(*command) == f"Repository not found: {elsewhere.repository}"
    assert not elsewhere.repository.exists()


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_any_name_can_be_moved_and_removed(
    vost: Vost, store: GitStore, repository: Path, git: Git, name: str
) -> None:
    store.branches["main"].write(name, b"hostile")
    moved = f"moved {len(name)}"
    plan = vost("mv", "-n", "--no-glob", f":{name}", f":{moved}")
    assert len(plan.splitlines()) == 2
    assert "\x1b" not in plan
    vost("mv", "--no-glob", f":{name}", f":{moved}")
    assert files(store) == {*ALL, moved}
    vost("mv", f":{moved}", f":{name}")
    assert files(store) == {*ALL, name}
    planned = json.loads(vost("rm", "-n", "--no-glob", "--format", "json", "--", f":{name}"))
    assert planned == [{"action": "delete", "path": name}]
    vost("rm", "--no-glob", "--", f":{name}")
    assert files(store) == ALL
    git(repository, "fsck", "--strict")


def test_old_modes_are_plain_files_and_submodules_move_with_their_directory(
    vost: Vost, store: GitStore, repository: Path, git: Git
) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", stdin="old")
    commit = store.branches["main"].commit_hash
    inner = git(repository, "mktree", stdin=f"160000 commit {commit}\tmodule\n")
    lines = f"100664 blob {blob}\told\n040000 tree {inner}\tdir\n"
    tree = git(repository, "mktree", stdin=lines)
    made = git(repository, "commit-tree", tree, "-m", "odd")
    git(repository, "update-ref", "refs/heads/main", made)
    vost("mv", ":old", ":new")
    vost("mv", "-R", ":dir", ":sub/")
    listed = git(repository, "ls-tree", "-r", "--name-only", "main").split()
    assert listed == ["new", "sub/dir/module"]
    vost("rm", "-R", "*")
    assert git(repository, "ls-tree", "main") == ""
