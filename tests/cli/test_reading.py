"""`vost cat` and `vost hash`: contract 3.2, 9.1, D20, D25."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.interop.building import commit_tree, set_ref, store_object, store_tree
from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost import WriteEntry
from vost_sync import FS, GitStore

HOSTILE = ["new\nline", "\x1b[31mred", "-x", "a:b", "~1", "\udcff", "x" * 4000, "*", "é"]


@pytest.fixture
def filled(store: GitStore) -> FS:
    """Make two commits on `main`, a branch `dev` and a tag `v1.0` at the first one."""
    first = store.branches["main"].apply(
        {"a": b"old\r\n", "b\\c": b"\0\xff", "d/x": b"x", "ln": WriteEntry(target="a")}
    )
    store.branches["dev"] = first
    store.branches["feature/x"] = first
    store.tags["v1.0"] = first
    return first.write("a", b"new")


# --- cat


def test_files_are_printed_one_after_the_other_as_they_are(vost: Vost, filled: FS) -> None:
    ran = vost.attempt("cat", "a", ":b\\c", "v1.0:a", "/d/x/")
    assert (ran.code, ran.out_bytes, ran.err) == (0, b"new\0\xffold\r\nx", "")


def test_link_is_printed_as_its_target(vost: Vost, filled: FS) -> None:
    filled.write_symlink("odd", "\udcff\n")
    assert vost.attempt("cat", "ln", "odd").out_bytes == b"a\xff\n"


@pytest.mark.parametrize(
    "path, message",
    [
        ("nope", "File not found: nope"),
        ("/d/nope/", "File not found: d/nope"),
        ("a/x", "File not found: a/x"),
        ("ln/x", "File not found: ln/x"),
        ("d", "d is a directory, not a file"),
        ("main:d/", "d is a directory, not a file"),
    ],
)
def test_what_is_no_file_is_an_error_after_the_files_before_it(
    vost: Vost, filled: FS, path: str, message: str
) -> None:
    ran = vost.attempt("cat", "a", path, "d/x")
    assert (ran.code, ran.out, ran.err) == (1, "new", f"Error: {message}\n")


def test_cat_needs_a_path(vost: Vost, filled: FS) -> None:
    assert vost.attempt("cat").code == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_can_be_printed(vost: Vost, store: GitStore, name: str) -> None:
    store.branches["main"].write(name, name.encode("utf-8", "surrogateescape"))
    assert vost("cat", "--", f":{name}") == name
    assert vost("cat", f":{name}") == name


def test_any_name_can_be_missing(vost: Vost, store: GitStore) -> None:
    ran = vost.process("cat", b"\xff\n\x1b")
    assert (ran.code, ran.err_bytes) == (1, b"Error: File not found: \xff\\n\\x1b\n")


def test_files_beside_submodules_and_of_old_modes_are_printed(
    vost: Vost, store: GitStore, repository: Path
) -> None:
    blob = store_object(repository, "blob", b"content")
    rows = [(b"100664", b"old", blob), (b"160000", b"sub", "12" * 20)]
    commit_tree(repository, store_tree(repository, rows))
    assert vost("cat", "old") == "content"
    assert vost.fails("cat", "sub") == "Is a submodule: sub"


def test_damaged_file_is_an_error(vost: Vost, filled: FS, repository: Path) -> None:
    oid = filled.object_hash("d/x")
    os.remove(repository / "objects" / oid[:2] / oid[2:])
    assert "'d/x' is damaged" in vost.fails("cat", "d/x")


def test_reader_that_goes_away_makes_no_noise(vost: Vost, store: GitStore) -> None:
    store.branches["main"].write("big", b"x" * 5_000_000)
    with vost.start("cat", "big", "big") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"x"
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


# --- hash


@pytest.mark.parametrize(
    "args, revision",
    [
        ([], "main"),
        (["main"], "main"),
        (["main:"], "main"),
        ([":"], "main"),
        (["~1"], "main~1"),
        (["~1:"], "main~1"),
        (["main~2"], "main~2"),
        (["v1.0"], "v1.0"),
        (["v1.0~1"], "v1.0~1"),
        (["feature/x"], "dev"),
        (["feature/x~1"], "dev~1"),
        (["-b", "dev"], "dev"),
        (["--ref", "v1.0"], "v1.0"),
        (["--back", "1"], "main~1"),
        (["--path", "d"], "main~1"),
        (["--match", "~ a"], "main"),
        (["main", "--path", "d"], "main~1"),
        ([":a"], "main:a"),
        (["main:d/"], "main:d"),
        (["v1.0:a"], "v1.0:a"),
        (["feature/x:a"], "dev:a"),
        (["~1:a"], "main~1:a"),
        ([":a", "--path", "d"], "main~1:a"),
        ([":ln", "-b", "dev"], "dev:ln"),
        (["annotated"], "main~1"),
    ],
)
def test_hash_is_that_of_git(
    vost: Vost, filled: FS, repository: Path, git: Git, args: list[str], revision: str
) -> None:
    git(repository, "tag", "-a", "-m", "annotated", "annotated", "main~1")
    assert vost("hash", *args) == git(repository, "rev-parse", revision) + "\n"


def test_hash_of_a_short_id_is_the_whole_id(vost: Vost, filled: FS) -> None:
    assert vost("hash", filled.commit_hash[:8]) == filled.commit_hash + "\n"


@pytest.mark.parametrize("output_format", ["json", "jsonl"])
def test_hash_has_machine_formats(vost: Vost, filled: FS, output_format: str) -> None:
    def printed(*args: str) -> str:
        return vost("hash", *args, "--format", output_format)

    assert printed() == json.dumps({"hash": filled.commit_hash, "type": "commit"}) + "\n"
    for path, kind in (("a", "blob"), ("d", "tree"), ("ln", "blob")):
        value = {"hash": filled.object_hash(path), "type": kind, "path": path}
        assert printed(f"main:{path}") == json.dumps(value) + "\n"


@pytest.mark.parametrize(
    "args, message",
    [
        (["nope"], "Unknown ref: nope"),
        (["a"], "Unknown ref: a"),
        (["nope:a"], "Unknown ref: nope"),
        ([":nope"], "Path not found: nope"),
        (["main:a/x"], "Path not found: a/x"),
        (["main~9"], "Cannot go back 9 commits — history too short"),
        (["main~x"], "Invalid ancestor suffix '~x' — must be a positive integer"),
        (["--match", "nothing"], "No matching commits found"),
        (["-b", "nope"], "Branch not found: nope"),
        ([":../x"], "Invalid repo path: Invalid path segment: '..'"),
    ],
)
def test_hash_says_what_is_not_there(vost: Vost, filled: FS, args: list[str], message: str) -> None:
    assert vost.fails("hash", *args) == message


def test_hash_of_a_tag_that_leads_to_no_commit_is_refused(
    vost: Vost, filled: FS, repository: Path
) -> None:
    set_ref(repository, "refs/tags/blob", filled.object_hash("a"))
    assert vost.fails("hash", "blob") == "Tag blob does not point to a commit"
