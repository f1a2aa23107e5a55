"""`vost sync`: contract sections 1.8, 1.10, 1.11, 3.8, 9.3, D1, D2, D7, D9, paths.md 8."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.localtrees import local_contents, make_tree
from vost_sync import FS, FileType, GitStore

FILES = {"a.txt": b"a", "d/x": b"x", "d/e/y": b"y", "d/.dot": b"dot"}
ONLY_READING = "--ref/--path/--match/--before only apply when reading from repo"
HISTORICAL = "Cannot write to a historical commit (remove ~N from destination)"
LOCAL = {"f": b"f", "l/x": b"x", "l/e/new": b"new", "l/.dot": b"dot", "empty": None}


@pytest.fixture(autouse=True)
def filled(store: GitStore, here: Path) -> FS:
    """Fill ``main``, with ``dev`` at the same commit, a tag ``v1``, and the current directory."""
    main = store.branches["main"].apply(FILES)
    store.tags["v1"] = main
    store.branches["dev"] = main
    make_tree(here, LOCAL)
    return main


def below(store: GitStore, path: str = "d", branch: str = "main") -> dict[str, bytes]:
    fs = store.branches[branch]
    names = [name for name in fs.ls(recursive=True) if name.startswith(f"{path}/")]
    return {name[len(path) + 1 :]: fs.read(name) for name in names}


WANTED = {"x": b"x", "e/new": b"new", ".dot": b"dot"}


@pytest.mark.parametrize("source", ["l", "l/", "./l", "./l//"])
@pytest.mark.parametrize("dest", [":d", ":/d", ":d/", "main:d", ":./d"])
def test_directory_of_the_repository_becomes_equal(
    vost: Vost, store: GitStore, source: str, dest: str
) -> None:
    assert vost("sync", source, dest) == ""
    assert below(store) == WANTED
    assert store.branches["main"].read("a.txt") == b"a"
    assert store.branches["main"].message == "Batch sync: +1 -1"
    before = store.branches["main"].commit_hash
    vost("sync", source, dest)
    assert store.branches["main"].commit_hash == before


@pytest.mark.parametrize("arguments", [["l"], ["l", ":"], ["l", ":/"], ["l", "main:"]])
def test_whole_branch_becomes_equal(vost: Vost, store: GitStore, arguments: list[str]) -> None:
    vost("sync", *arguments)
    fs = store.branches["main"]
    assert {name: fs.read(name) for name in fs.ls(recursive=True)} == WANTED


def test_named_branch_is_the_one_that_changes(vost: Vost, store: GitStore) -> None:
    before = store.branches["main"].commit_hash
    vost("sync", "l", "dev:d")
    vost("sync", "l", ":e", "-b", "dev")
    assert below(store, branch="dev") == WANTED == below(store, "e", "dev")
    store.branches["feature/x"] = store.tags["v1"]
    vost("sync", "l", "feature/x:d")
    assert below(store, branch="feature/x") == WANTED
    assert store.branches["main"].commit_hash == before


@pytest.mark.parametrize("dest", ["out", "./out/", "l"])
@pytest.mark.parametrize("source", [":d", ":/d/", "main:d", "v1:d", "main~0001:new/"])
def test_local_directory_becomes_equal(
    vost: Vost, store: GitStore, here: Path, source: str, dest: str
) -> None:
    if source.startswith("main~"):
        main = store.branches["main"]
        main.copy_from_ref(main, "d/", "new").write("new/x", b"later")
    assert vost("sync", source, dest) == ""
    assert local_contents(here / dest) == {
        "x": ("blob", b"x"),
        "e/y": ("blob", b"y"),
        ".dot": ("blob", b"dot"),
    }
    assert (here / "f").exists()
    assert vost("sync", "-n", source, dest) == ""


def test_local_directory_follows_every_commit(vost: Vost, store: GitStore, here: Path) -> None:
    vost("sync", ":d", "out")
    make_tree(here, {"out/deep/empty": None})
    store.branches["main"].write("d/x", b"X")
    vost("sync", ":d", "out")
    assert (here / "out/x").read_bytes() == b"X"
    assert not (here / "out/deep").exists()


def test_within_the_repository_ids_and_types_count(vost: Vost, store: GitStore) -> None:
    store.branches["main"].write("d/x", b"x", mode=FileType.EXECUTABLE)
    vost("sync", "v1:d", ":d")
    assert store.branches["main"].file_type("d/x") is FileType.BLOB
    assert store.branches["main"].message == "~ d/x"
    vost("sync", ":d", "dev:")
    assert sorted(store.branches["dev"].ls(recursive=True)) == [".dot", "e/y", "x"]
    assert store.branches["dev"].message == "Batch sync: +3 -4"


def test_conflicts_of_kind_are_resolved_for_the_source(
    vost: Vost, store: GitStore, here: Path
) -> None:
    make_tree(here, {"k/x/in": b"", "k/e": b"file", "o/x/in": b"", "o/e": b""})
    vost("sync", ":d", "o")
    assert set(local_contents(here / "o")) == {"x", "e/y", ".dot"}
    vost("sync", "k", ":d")
    assert set(below(store)) == {"x/in", "e"}
    vost("sync", "k", ":a.txt")
    assert set(below(store, "a.txt")) == {"x/in", "e"}
    vost("sync", "v1:d", ":a.txt")
    assert set(below(store, "a.txt")) == {"x", "e/y", ".dot"}


def test_empty_source_is_a_source(vost: Vost, store: GitStore, here: Path) -> None:
    vost("sync", "empty", ":d")
    assert below(store) == {}
    vost("sync", "main~2:", "l")
    assert local_contents(here / "l") == {}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([":d"], "Single-argument sync must be a local path, not a repo path"),
        (["l", "m"], "Neither argument is a repo path — prefix repo paths with ':'"),
        (["l", ":d", ":e"], "sync requires 1 or 2 arguments"),
        (["l", "main:d", "-b", "main"], "Cannot use -b/--branch with explicit ref: in path"),
        (["main:", "dev:", "-b", "dev"], "Cannot use -b/--branch with explicit ref: in path"),
        ([":d", "main:e", "--ref", "v1"], "Cannot use --ref with explicit ref: in path"),
        (["~1:", "o", "--back", "1"], "Cannot use --back with ~N in path"),
        *[
            (
                ["l", ":d", *option],
                "--ref/--path/--match/--before only apply when reading from repo",
            )
            for option in (["--ref", "v1"], ["--back", "1"], ["--before", "2024-01-15"])
        ],
        ([":d", "o", "--tag", "t"], "--tag only applies when writing to repo (disk → repo)"),
        *[
            (
                [":d", dest, *option],
                "--exclude/--exclude-from only apply when syncing from disk to repo",
            )
            for dest in ("o", ":e")
            for option in (["--exclude", "x"], ["--exclude-from", "f"])
        ],
        ([":d", "o", "--gitignore"], "--gitignore only applies when syncing from disk to repo"),
        (["l", ":d", "-m", "{0}"], "Unknown placeholder {0} in commit message"),
        (["l", ":d", "--tag", "v1"], "Tag already exists: v1 (use --force-tag to overwrite)"),
        (["l", ":d", "--tag", "x..y"], "Invalid ref name: 'x..y'"),
        (["l", ":d", "--parent", "nope"], "Unknown ref: nope"),
        (["l", ":../x"], "Invalid repo path: Invalid path segment: '..'"),
        ([":../x", "o"], "Invalid repo path: Invalid path segment: '..'"),
        (["typo", ":d"], "Local directory not found: typo"),
        (["typo"], "Local directory not found: typo"),
        (["typo", ":d", "-n"], "Local directory not found: typo"),
        (["", ":d"], "Local directory not found: "),
        (["f", ":d"], "Not a directory: f"),
        (["f", ":d", "--ignore-errors"], "Not a directory: f"),
        ([":typo", "l"], "Path not found in repo: typo"),
        ([":typo", "l", "-n"], "Path not found in repo: typo"),
        (["dev:typo", ":d"], "Path not found in repo: typo"),
        ([":a.txt", "l"], "Not a directory: a.txt"),
        ([":a.txt", ":d"], "Not a directory: a.txt"),
        ([":d", "f"], "Not a directory: f"),
        (["l", "v1:d"], "Cannot write to tag 'v1' — use a branch"),
        ([":d", "v1:d"], "Cannot write to tag 'v1' — use a branch"),
        (["l", "nope:d"], "Branch not found: nope"),
        *[([source, dest], HISTORICAL) for source in ("l", ":d") for dest in ("main~1:d", "~1:d")],
        ([":d", ":d/in"], "Cannot sync a directory into itself: d to d/in"),
        (["l", ":d", "--watch", "-n"], "--watch and --dry-run are incompatible"),
        ([":d", "l", "--watch"], "--watch only supports disk → repo"),
        (["l", ":d", "--watch", "--debounce", "99"], "--debounce must be at least 100 ms"),
        (["typo", ":d", "--watch"], "Local directory not found: typo"),
        (["l", "nope:d", "--watch"], "Branch not found: nope"),
        (
            ["l", "~1:d", "--watch"],
            "Cannot write to a historical commit (remove ~N from destination)",
        ),
    ],
)
def test_errors_are_found_before_anything_happens(
    vost: Vost, store: GitStore, here: Path, arguments: list[str], message: str
) -> None:
    before = local_contents(here)
    refs = {name: fs.commit_hash for name, fs in store.branches.items()}
    assert vost.fails("sync", *arguments) == message
    assert {name: fs.commit_hash for name, fs in store.branches.items()} == refs
    assert local_contents(here) == before


def test_filters_choose_what_is_read(vost: Vost, store: GitStore, here: Path) -> None:
    store.branches["main"].write("d/x", b"new")
    vost("sync", ":d", "o", "--back", "1")
    assert (here / "o/x").read_bytes() == b"x"
    vost("sync", "main:d", "dev:d", "--back", "1")
    vost("sync", ":d", ":old", "--ref", "v1")
    assert store.branches["main"].read("old/x") == b"x"
    assert vost.attempt("sync").code == 2


def test_missing_repository_is_made_or_planned(vost: Vost, tmp_path: Path, git: Git) -> None:
    path = tmp_path / "new.git"
    assert vost("sync", "-r", path, "-n", "l", ":d") == "+ :d/.dot\n+ :d/e/new\n+ :d/x\n"
    for arguments, message in (
        (["typo"], "Local directory not found: typo"),
        (["l", ":", "--no-create"], f"Repository not found: {path}"),
        (["l", "dev:"], "Branch not found: dev"),
        ([":d", "l"], f"Repository not found: {path}"),
    ):
        assert vost.fails("sync", "-r", path, *arguments) == message
        assert not path.exists()
    vost("sync", "-r", path, "l", "-b", "trunk")
    assert git(path, "ls-tree", "-r", "--name-only", "trunk").split() == [".dot", "e/new", "x"]
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/trunk"


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--exclude", "e/"], {"x", ".dot", "e/y"}),
        (["--exclude", "x"], {"x", "e/new", ".dot"}),
        (["--gitignore"], {"x", ".dot", "e/y"}),
    ],
)
def test_what_is_excluded_stays_as_it_is(
    vost: Vost, store: GitStore, here: Path, options: list[str], expected: set[str]
) -> None:
    (here / "l/x").write_bytes(b"changed")
    if options == ["--gitignore"]:
        (here / "l/.gitignore").write_text("e\n")
    vost("sync", "l", ":d", *options)
    assert set(below(store)) == expected
    assert below(store)["x"] == (b"x" if options[-1] == "x" else b"changed")


def test_patterns_may_come_through_a_pipe(vost: Vost, here: Path) -> None:
    (here / "l/secret").write_bytes(b"x")
    reading, writing = os.pipe()
    os.write(writing, b"secret\n")
    os.close(writing)
    vost("-r", "new.git", "sync", "l", ":d", "--exclude-from", f"/dev/fd/{reading}")
    os.close(reading)
    assert "d/secret" not in vost("-r", "new.git", "ls", "-R").splitlines()


def test_times_count_unless_contents_are_to_be_compared(
    vost: Vost, store: GitStore, here: Path
) -> None:
    vost("sync", "l", ":d")
    (here / "l/x").write_bytes(b"changed")
    os.utime(here / "l/x", (978_307_200, 978_307_200))
    vost("sync", "l", ":d")
    assert below(store)["x"] == b"x"
    assert vost("sync", "-n", "l", ":d", "-c") == "~ :d/x\n"
    vost("sync", "l", ":d", "-c")
    assert below(store)["x"] == b"changed"
    moment = int(store.branches["main"].time.timestamp())
    for seconds in (moment, moment + 1):
        (here / "l/x").write_bytes(b"at %d" % seconds)
        os.utime(here / "l/x", (seconds, seconds))
        vost("sync", "l", ":d")
        assert below(store)["x"] == b"at %d" % seconds


def test_round_trip_finds_nothing_to_do(vost: Vost) -> None:
    vost("sync", ":d", "o")
    assert vost("sync", "-n", "o", ":d") == ""
    assert vost("sync", "-n", "-c", "o", ":d") == ""


def test_what_fails_is_reported_and_the_rest_synced(
    vost: Vost, store: GitStore, here: Path
) -> None:
    (here / "l/loop").symlink_to("loop")
    options = ["--follow-symlinks", "l", ":d"]
    message = "Too many levels of symbolic links"
    assert vost.fails("sync", *options) == f"{message}: l/loop"
    assert set(below(store)) == {"x", "e/y", ".dot"}
    ran = vost.attempt("sync", "--ignore-errors", *options)
    assert (ran.code, ran.out, ran.err) == (1, "", f"ERROR: l/loop: {message}\n")
    assert below(store) == WANTED


def test_links_are_stored_as_links_unless_followed(vost: Vost, store: GitStore, here: Path) -> None:
    (here / "l/ln").symlink_to("x")
    vost("sync", "l", ":d")
    assert store.branches["main"].readlink("d/ln") == "x"
    vost("sync", "l", ":d", "--follow-symlinks")
    assert store.branches["main"].file_type("d/ln") is FileType.BLOB


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["l", ":d"], "+ :d/e/new\n- :d/e/y\n"),
        (["l"], "+ :.dot\n- :a.txt\n- :d/.dot\n- :d/e/y\n- :d/x\n+ :e/new\n+ :x\n"),
        ([":d", "l"], "- l/e/new\n+ l/e/y\n"),
        ([":d", "./out/"], "+ ./out/.dot\n+ ./out/e/y\n+ ./out/x\n"),
        ([":d", "dev:"], "+ :.dot\n- :a.txt\n- :d/.dot\n- :d/e/y\n- :d/x\n+ :e/y\n+ :x\n"),
        ([":d", "dev:d"], ""),
    ],
)
def test_dry_run_prints_the_plan_and_does_nothing(
    vost: Vost, store: GitStore, here: Path, arguments: list[str], expected: str
) -> None:
    before = {name: fs.commit_hash for name, fs in store.branches.items()}
    local = local_contents(here)
    assert vost("sync", "-n", *arguments) == expected
    shown = json.loads(vost("sync", "-n", *arguments, "--format", "json"))
    assert len(shown) == len(expected.splitlines())
    assert {name: fs.commit_hash for name, fs in store.branches.items()} == before
    assert local_contents(here) == local
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["l", ":d"], "Synced -> :d\n"),
        (["l"], "Synced -> :/\n"),
        (["empty", ":nothing"], "Synced -> :nothing\n"),
        ([":d", "o"], "Synced -> o\n"),
        ([":d", ":e"], "Synced -> :e\n"),
        ([":d", "dev:d"], ""),
    ],
)
def test_status_line_says_where_to(vost: Vost, arguments: list[str], expected: str) -> None:
    ran = vost.attempt("-v", "sync", *arguments)
    assert (ran.code, ran.out, ran.err) == (0, "", expected)


def test_commit_has_message_tag_and_parents(
    vost: Vost, store: GitStore, repository: Path, git: Git
) -> None:
    dev = store.branches["dev"].write("x", b"").commit_hash
    vost("sync", "l", ":d", "--tag", "t", "--parent", "dev", "-m", "{op} {total_count}")
    assert git(repository, "log", "-1", "--format=%s", "t") == "sync 2"
    assert git(repository, "log", "-1", "--format=%P", "main").split()[1] == dev
    vost("sync", "v1:d", ":e", "--tag", "t", "--force-tag", "-m", "{op}")
    assert git(repository, "log", "-1", "--format=%s", "t") == "sync"


@pytest.mark.parametrize("name", ["-n", "new\nline", "\x1b[31mred", "not utf-8 \udcff", "a:b"])
def test_hostile_names_go_both_ways(vost: Vost, here: Path, store: GitStore, name: str) -> None:
    make_tree(here, {f"h/{name}/{name}": b"content"})
    vost("sync", "--", "h", f":{name}")
    assert store.branches["main"].read(f"{name}/{name}/{name}") == b"content"
    shown = vost("sync", "-n", "--", f":{name}", "./o")
    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    vost("sync", "--", f":{name}", f"./{name}")
    assert local_contents(here / name) == {f"{name}/{name}": ("blob", b"content")}
    vost("sync", "--", f":{name}", f":o/{name}")
    assert vost("sync", "-n", "--", f"./{name}", f":o/{name}") == ""
