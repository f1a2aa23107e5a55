"""`vost cp`: contract sections 1.4-1.11, 3.6, 3.7, 9, D6, D8-D12, D19, paths.md 5, 6, 8, 9."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from tests.cli.copying import LOCAL, added, fill
from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.localtrees import local_contents, make_tree
from vost_sync import FS, FileType, GitStore


@pytest.fixture(autouse=True)
def filled(store: GitStore, here: Path) -> FS:
    """Fill the repository and the current directory."""
    return fill(store, here)


# --- from disk


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["f", ":new"], {"new"}),
        (["f", ":new/"], {"new/f"}),
        (["f", ":n/e/w"], {"n/e/w"}),
        (["f", ":d"], {"d/f"}),
        (["f", ":"], {"f"}),
        (["f", ":/"], {"f"}),
        (["f", "run", ":n"], {"n/f", "n/run"}),
        (["l", ":n"], {"n/l/x", "n/l/e/y.py", "n/l/e/z.py", "n/l/.dot"}),
        (["l/", ":n"], {"n/x", "n/e/y.py", "n/e/z.py", "n/.dot"}),
        (["l/.", ":n"], {"n/x", "n/e/y.py", "n/e/z.py", "n/.dot"}),
        (["l/*", ":n"], {"n/x", "n/e/y.py", "n/e/z.py"}),
        (["l/x*", ":n"], {"n/x"}),
        (["l/**/*.py", ":n"], {"n/y.py", "n/z.py"}),
        (["l/./e", ":n"], {"n/e/y.py", "n/e/z.py"}),
        (["l/./e/", ":n"], {"n/y.py", "n/z.py"}),
        (["l/./e/y.py", ":n"], {"n/e/y.py"}),
        (["l/./e/*", ":n"], {"n/e/y.py", "n/e/z.py"}),
        (["./f", ":n"], {"n"}),
        (["ln", ":n"], {"n"}),
        (["dangling", ":n"], {"n"}),
    ],
)
def test_what_comes_from_disk_lands_where_it_should(
    vost: Vost, store: GitStore, arguments: list[str], expected: set[str]
) -> None:
    before = store.branches["main"].commit_hash
    assert vost("cp", *arguments) == ""
    assert added(store) == expected
    assert store.branches["main"].back(1).commit_hash == before


def test_types_come_from_disk_unless_they_are_given(vost: Vost, store: GitStore) -> None:
    vost("cp", "f", "run", "ln", "dangling", ":n")
    fs = store.branches["main"]
    types = {name: fs.file_type(f"n/{name}") for name in ("f", "run", "ln", "dangling")}
    assert types == {
        "f": FileType.BLOB,
        "run": FileType.EXECUTABLE,
        "ln": FileType.LINK,
        "dangling": FileType.LINK,
    }
    assert fs.readlink("n/dangling") == "nowhere"
    vost("cp", "--type", "executable", "f", "ln", ":x")
    vost("cp", "--mode", "644", "run", ":plain")
    vost("cp", "--mode", "644", "--type", "executable", "run", ":program")
    fs = store.branches["main"]
    assert fs.file_type("x/f") is FileType.EXECUTABLE
    assert fs.file_type("x/ln") is FileType.LINK
    assert fs.file_type("plain") is FileType.BLOB
    assert fs.file_type("program") is FileType.EXECUTABLE


def test_links_are_followed_when_that_is_asked_for(vost: Vost, store: GitStore) -> None:
    vost("cp", "--follow-symlinks", "ln", ":n")
    assert store.branches["main"].file_type("n") is FileType.BLOB
    assert vost.fails("cp", "--follow-symlinks", "dangling", ":n") == (
        "No such file or directory: dangling"
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["f"], "cp requires at least two arguments (SRC... DEST)"),
        (["f", "out"], "Neither sources nor DEST is a repo path — prefix repo paths with ':'"),
        (
            ["f", ":a.txt", "out"],
            "All source paths must be the same type (all repo or all local)",
        ),
        (
            ["f", ":a.txt", ":n"],
            "Mixed local and repo sources are not supported — use separate cp commands",
        ),
        (["f", "main~x:n"], "Invalid ancestor suffix '~x' — must be a positive integer"),
        (["f", "main:", "-b", "main"], "Cannot use -b/--branch with explicit ref: in path"),
        ([":a.txt", "main:n", "--ref", "v1"], "Cannot use --ref with explicit ref: in path"),
        (["main~1:a", "o", "--back", "1"], "Cannot use --back with ~N in path"),
        (
            ["main:a.txt", "dev:d", ":n", "--back", "1"],
            "Cannot use snapshot filters with paths targeting different refs",
        ),
        *[
            (
                ["f", ":n", *option],
                "--ref/--path/--match/--before only apply when reading from repo",
            )
            for option in (
                ["--ref", "v1"],
                ["--path", "a"],
                ["--match", "x"],
                ["--before", "2024-01-15"],
                ["--back", "1"],
            )
        ],
        ([":a.txt", "o", "--tag", "t"], "--tag only applies when writing to repo (disk -> repo)"),
        *[
            (
                [":a.txt", dest, *option],
                "--exclude/--exclude-from only apply when copying from disk to repo",
            )
            for dest in ("o", ":n")
            for option in (["--exclude", "x"], ["--exclude-from", "f"])
        ],
        (
            [":a.txt", ":n", "--gitignore"],
            "--gitignore only applies when copying from disk to repo",
        ),
        (
            [":a.txt", ":n", "--follow-symlinks"],
            "--follow-symlinks only applies when copying from disk to repo",
        ),
        (["f", ":n", "-m", "{x}"], "Unknown placeholder {x} in commit message"),
        (["f", ":n", "--tag", "a b"], "Invalid ref name: 'a b'"),
        (["f", ":n", "--tag", "v1"], "Tag already exists: v1 (use --force-tag to overwrite)"),
        (["f", ":n", "--parent", "nope"], "Unknown ref: nope"),
        (["f", ":../n"], "Invalid repo path: Invalid path segment: '..'"),
        (["f", ":a//b"], "Invalid repo path: Empty segment in path: 'a//b'"),
        (["nope", ":n"], "Local file not found: nope"),
        (["f", "nope", ":n"], "Local file not found: nope"),
        (["f/", ":n"], "Not a directory: f"),
        (
            ["l/./../f", ":n"],
            "Invalid path segment: '..' (in 'l/./../f', behind its pivot)",
        ),
        (["no*", ":n"], "No matches for pattern: no*"),
        (["l*", ":n", "--no-glob"], "Local file not found: l*"),
        (["f", ":n", "--delete"], "Cannot use --delete with a single file source."),
        ([":a.txt", "o", "--delete"], "Cannot use --delete with a single file source."),
        ([":a.txt", ":n", "--delete"], "Cannot use --delete with a single file source."),
        (["f", "v1:n"], "Cannot write to tag 'v1' — use a branch"),
        ([":a.txt", "v1:n"], "Cannot write to tag 'v1' — use a branch"),
        (["f", "nope:n"], "Branch not found: nope"),
        (["f", ":n", "-b", "nope"], "Branch not found: nope"),
        *[
            ([source, dest], "Cannot write to a historical commit (remove ~N from destination)")
            for source in ("f", ":a.txt")
            for dest in ("main~1:n", "~1:n")
        ],
        ([":nope", "o"], "File not found in repo: nope"),
        ([":nope", ":n"], "File not found in repo: nope"),
        ([":a.txt", ":nope", "o"], "File not found in repo: nope"),
        ([":a.txt/", "o"], "Not a directory in repo: a.txt"),
        ([":no*", "o"], "No matches for pattern in repo: no*"),
        ([":no*", ":n"], "No matches for pattern in repo: no*"),
        ([":../x", "o"], "Invalid repo path: Invalid path segment: '..'"),
        (["nope:x", "o"], "Unknown ref: nope"),
        (["main~9:a.txt", "o"], "Cannot go back 9 commits — history too short"),
        ([":d", "f"], "Not a directory: f"),
        ([":a.txt", "dev:d", "f"], "Not a directory: f"),
        ([":a.txt", "f/x"], "Not a directory: f"),
        ([":a.txt", "f/x/"], "Not a directory: f"),
        ([":d", "./f/x/y"], "Not a directory: ./f"),
        # Nothing is destroyed because of a clash of names.
        (["f", ":a.txt/b"], "Not a directory: a.txt"),
        (["f", "run", ":a.txt"], "Not a directory: a.txt"),
        (["l", ":a.txt"], "Not a directory: a.txt"),
        ([":a.txt", ":d/x/y"], "Not a directory: d/x"),
        ([":d", ":a.txt"], "Not a directory: a.txt"),
        # Nor is anything copied onto itself.
        ([":a.txt", ":a.txt"], "Source and destination are the same: a.txt"),
        ([":a.txt", "main:"], "Source and destination are the same: a.txt"),
        ([":d/", ":d"], "Source and destination are the same: d"),
        ([":", ":"], "Source and destination are the same: /"),
        ([":d", ":d"], "Cannot copy a directory into itself: d to d/d"),
        ([":d", ":d/in"], "Cannot copy a directory into itself: d to d/in/d"),
        ([":d*", ":d"], "Cannot copy a directory into itself: d to d/d"),
        ([":*.txt", ":"], "Source and destination are the same: a.txt"),
        (["--delete", ":*", ":d"], "Cannot copy a directory into itself: d to d/d"),
    ],
)
def test_errors_are_found_before_anything_happens(
    vost: Vost, store: GitStore, here: Path, arguments: list[str], message: str
) -> None:
    before = local_contents(here)
    refs = {name: fs.commit_hash for name, fs in store.branches.items()}
    assert vost.fails("cp", *arguments) == message
    assert {name: fs.commit_hash for name, fs in store.branches.items()} == refs
    assert local_contents(here) == before
    assert list(store.tags) == ["v1"]


def test_file_of_patterns_must_be_a_file(vost: Vost, store: GitStore) -> None:
    assert vost.attempt("cp", "f", ":n", "--exclude-from", "nope").code == 2
    assert vost.fails("cp", "f", ":n", "--exclude-from", "l") == "Is a directory: l"
    assert vost.attempt("cp").code == 2


# --- a repository that is not there yet


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nope", ":"], "Local file not found: nope"),
        (["f", "dev:x"], "Branch not found: dev"),
        (["f", ":x", "-b", "a b"], "Invalid ref name: 'a b'"),
        (["f", "~1:x"], "Cannot write to a historical commit (remove ~N from destination)"),
        (["f", ":x", "--no-create"], "Repository not found: {}"),
        (["f", ":x", "--no-create", "-n"], "Repository not found: {}"),
        ([":f", "x"], "Repository not found: {}"),
        ([":f", ":x"], "Repository not found: {}"),
    ],
)
def test_no_repository_is_made_in_vain(
    vost: Vost, tmp_path: Path, arguments: list[str], message: str
) -> None:
    path = tmp_path / "new" / "r.git"
    assert vost.fails("-r", str(path), "cp", *arguments) == message.format(path)
    assert not path.parent.exists()


@pytest.mark.parametrize("command", ["cp", "sync"])
def test_repository_is_missed_before_a_source(vost: Vost, tmp_path: Path, command: str) -> None:
    missing = str(tmp_path / "no.git")
    arguments = [command, "nope", ":n"]
    message = f"Repository not found: {missing}"
    assert vost.fails("-r", missing, *arguments, "--no-create") == message
    unset = Vost(cast("Path", ""))
    message = "No repository specified. Use --repo or set VOST_REPO."
    assert unset.fails(*arguments) == message


def test_missing_repository_is_made_with_its_branch(vost: Vost, tmp_path: Path, git: Git) -> None:
    path = tmp_path / "new.git"
    assert vost("cp", "-r", path, "-n", "l", ":x") == (
        "+ :x/l/.dot\n+ :x/l/e/y.py\n+ :x/l/e/z.py\n+ :x/l/x\n"
    )
    assert not path.exists()
    vost("cp", "-r", path, "f", ":x", "-b", "trunk")
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/trunk"
    assert git(path, "log", "--format=%s", "trunk") == "+ x\nInitialize trunk"
    vost("cp", "-r", tmp_path / "other.git", "f", "main:x")


def test_repository_is_not_made_when_everything_fails(vost: Vost, tmp_path: Path) -> None:
    path = tmp_path / "new.git"
    ran = vost.attempt("-r", path, "cp", "--ignore-errors", "no", "nope", ":")
    assert (ran.code, ran.out) == (1, "")
    reason = "No such file or directory"
    assert ran.err == f"ERROR: no: {reason}\nERROR: nope: {reason}\n"
    assert not path.exists()


# --- to disk


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([":a.txt", "new"], {"new"}),
        ([":a.txt", "new/"], {"new/a.txt"}),
        ([":a.txt", "./far/down"], {"far/down"}),
        ([":a.txt", "m"], {"m/a.txt"}),
        ([":a.txt", "."], {"a.txt"}),
        ([":a.txt", ":d/x", "o"], {"o/a.txt", "o/x"}),
        ([":d", "o"], {"o/d/x", "o/d/e/y", "o/d/.dot"}),
        ([":d/", "o"], {"o/x", "o/e/y", "o/.dot"}),
        ([":", "o"], {"o/a.txt", "o/d/x", "o/d/e/y", "o/d/.dot"}),
        (["v1:/", "o"], {"o/a.txt", "o/d/x", "o/d/e/y", "o/d/.dot"}),
        ([":d/*", "o"], {"o/x", "o/e/y"}),
        ([":**/y", "o"], {"o/y"}),
        ([":d/./e", "o"], {"o/e/y"}),
        ([":d/./e/", "o"], {"o/y"}),
        ([":d/./e/y", "o"], {"o/e/y"}),
        (["main:a.txt", "dev:d/x", "o"], {"o/a.txt", "o/x"}),
        (["main~1:", "o"], set()),
    ],
)
def test_what_goes_to_disk_lands_where_it_should(
    vost: Vost, here: Path, arguments: list[str], expected: set[str]
) -> None:
    assert vost("cp", *arguments) == ""
    assert set(local_contents(here)) - set(LOCAL) == expected


def test_files_on_disk_have_type_and_time(vost: Vost, store: GitStore, here: Path) -> None:
    vost("cp", "f", "run", "dangling", ":n")
    vost("cp", ":n", "o")
    found = local_contents(here / "o/n")
    assert found == {
        "f": ("blob", b"f"),
        "run": ("executable", b"#!"),
        "dangling": ("link", b"nowhere"),
    }
    moment = store.branches["main"].time.timestamp()
    assert (here / "o/n/f").stat().st_mtime == moment
    vost("cp", "--type", "executable", ":n/f", "program")
    assert os.access(here / "program", os.X_OK)


def test_link_on_disk_is_replaced_and_never_written_through(vost: Vost, here: Path) -> None:
    vost("cp", ":a.txt", "ln")
    found = local_contents(here)
    assert (found["ln"], found["f"]) == (("blob", b"a"), ("blob", b"f"))


def test_full_directory_on_disk_is_not_replaced_by_a_file(vost: Vost, here: Path) -> None:
    make_tree(here, {"o/a.txt/keep": b"k"})
    assert vost.fails("cp", ":a.txt", ":d", "o") == "Is a directory: o/a.txt"
    assert vost.fails("cp", "-n", ":a.txt", ":d", "o") == "Is a directory: o/a.txt"
    assert local_contents(here / "o") == {"a.txt/keep": ("blob", b"k")}
    vost("cp", "--delete", ":a.txt", ":d", "o")
    assert local_contents(here / "o")["a.txt"] == ("blob", b"a")


def test_files_of_several_refs_are_one_copy(vost: Vost, store: GitStore, here: Path) -> None:
    store.branches["dev"].write("new", b"n")
    make_tree(here, {"o/old": b"o", "o/empty/e": b""})
    vost("cp", "--delete", "main:a.txt", "dev:new", "o")
    assert set(local_contents(here / "o")) == {"a.txt", "new"}
    assert not (here / "o/empty").exists()


def test_copy_to_disk_notices_every_change(vost: Vost, store: GitStore, here: Path) -> None:
    vost("cp", "--delete", ":d/", "o")
    store.branches["main"].write("d/x", b"X")
    vost("cp", "--delete", ":d/", "o")
    assert (here / "o/x").read_bytes() == b"X"


# --- within the repository


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([":a.txt", ":new"], {"new"}),
        ([":a.txt", ":new/"], {"new/a.txt"}),
        ([":a.txt", ":d"], {"d/a.txt"}),
        (["v1:a.txt", ":n"], {"n"}),
        (["main:a.txt", ":backup/a.txt"], {"backup/a.txt"}),
        ([":d", ":n"], {"n/d/x", "n/d/e/y", "n/d/.dot"}),
        ([":d/", ":n"], {"n/x", "n/e/y", "n/.dot"}),
        ([":d/*", ":n"], {"n/x", "n/e/y"}),
        ([":d/./e/y", ":n"], {"n/e/y"}),
        (["main:a.txt", "dev:d/x", ":n/"], {"n/a.txt", "n/x"}),
        (["v1:", ":old"], {"old/a.txt", "old/d/x", "old/d/e/y", "old/d/.dot"}),
    ],
)
def test_what_is_copied_within_lands_where_it_should(
    vost: Vost, store: GitStore, arguments: list[str], expected: set[str]
) -> None:
    before = store.branches["main"].commit_hash
    assert vost("cp", *arguments) == ""
    assert added(store) == expected
    assert store.branches["main"].back(1).commit_hash == before


@pytest.mark.parametrize(
    "pattern, expected, left",
    [
        (":*", {"d/a.txt"}, "d: Left out: Cannot copy a directory into itself: d to d/d"),
        (":**/?", {"d/y"}, "d/x: Left out: Source and destination are the same: d/x"),
    ],
)
def test_pattern_may_match_the_destination(
    vost: Vost, store: GitStore, pattern: str, expected: set[str], left: str
) -> None:
    ran = vost.attempt("cp", pattern, ":d")
    assert (ran.code, ran.out) == (0, "")
    assert f"WARNING: {left}\n" in ran.err
    assert added(store) == expected


def test_sources_without_ref_are_read_from_the_current_branch(vost: Vost, store: GitStore) -> None:
    store.branches["main"].write("a.txt", b"of main")
    vost("cp", ":a.txt", "dev:mirror/")
    assert store.branches["dev"].read("mirror/a.txt") == b"of main"
    assert added(store) == set()


def test_types_within_are_kept_or_given(vost: Vost, store: GitStore) -> None:
    main = store.branches["main"].write_symlink("ln", "a.txt")
    main.write("run", b"#!", mode=FileType.EXECUTABLE)
    vost("cp", ":run", ":ln", ":n")
    vost("cp", "--type", "executable", ":a.txt", ":ln", ":x")
    fs = store.branches["main"]
    kinds = {path: fs.file_type(path) for path in ("n/run", "n/ln", "x/a.txt", "x/ln")}
    assert kinds == {
        "n/run": FileType.EXECUTABLE,
        "n/ln": FileType.LINK,
        "x/a.txt": FileType.EXECUTABLE,
        "x/ln": FileType.LINK,
    }


def test_old_version_can_be_copied_over_the_new_one(vost: Vost, store: GitStore) -> None:
    store.branches["main"].write("a.txt", b"new")
    vost("cp", "~1:a.txt", ":a.txt")
    assert store.branches["main"].read("a.txt") == b"a"


@pytest.mark.parametrize(
    "filters", [["--back", "1"], ["--ref", "v1"], ["--match", "Batch*"], ["--path", "d/x"]]
)
def test_filters_choose_what_is_read(
    vost: Vost, store: GitStore, here: Path, filters: list[str]
) -> None:
    store.branches["main"].write("a.txt", b"new")
    vost("cp", ":a.txt", ":n", *filters)
    vost("cp", ":a.txt", "out", *(["--ref", "v1"] if filters[0] == "--back" else filters))
    assert store.branches["main"].read("n") == b"a"
    assert (here / "out").read_bytes() == b"a"
