"""`vost diff` and `vost cmp`: contract 3.10, 9.1, 9.3, D26, paths.md 7."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.interop.building import commit_tree, store_object, store_tree
from tests.support.commands import Ran, Vost
from tests.support.gitcli import Git
from vost import FileType, WriteEntry
from vost_sync import FS, GitStore


@pytest.fixture
def history(store: GitStore) -> list[FS]:
    """Make four commits on `main`, a branch `dev` and a tag `v1.0`; return the snapshots."""
    made = [store.branches["main"]]
    made.append(made[-1].apply({"a": b"1", "b": b"1", "d/x": b"1"}, message="one"))
    made.append(made[-1].apply({"a": b"2", "new/z": b"1", "c": b"1"}, message="two"))
    made.append(made[-1].apply({"b": WriteEntry(b"1", mode=FileType.EXECUTABLE)}, message="three"))
    made.append(made[-1].apply({"e": b"1"}, removes=["d/x", "c"], message="four"))
    store.branches["dev"] = made[2]
    store.branches["feature/x"] = made[1]
    store.tags["v1.0"] = made[3]
    return made


LAST = ["A  e", "D  c", "D  d/x"]
LAST_TWO = ["A  e", "M  b", "D  c", "D  d/x"]
LAST_THREE = ["A  e", "A  new/z", "M  a", "M  b", "D  d/x"]
SINCE_TWO_ON_DEV = ["A  c", "A  new/z", "M  a"]


@pytest.mark.parametrize(
    "args, lines",
    [
        ([], []),
        (["main"], []),
        (["main:"], []),
        (["~1"], LAST),
        (["~1:"], LAST),
        (["main~2:"], LAST_TWO),
        (["~3"], LAST_THREE),
        (["--back", "3"], LAST_THREE),
        (["dev"], LAST_TWO),
        (["dev:"], LAST_TWO),
        (["v1.0"], LAST),
        (["v1.0~1"], LAST_TWO),
        (["feature/x"], LAST_THREE),
        (["feature/x:"], LAST_THREE),
        (["--ref", "dev"], LAST_TWO),
        (["--match", "t*"], LAST),
        (["--match", "t*", "--back", "1"], LAST_TWO),
        (["--path", "b"], LAST),
        (["main:b"], LAST),
        (["main:a"], LAST_TWO),
        (["dev:a"], LAST_TWO),
        (["--before", "2999-01-01"], []),
        (["-b", "dev"], []),
        (["~1", "-b", "dev"], SINCE_TWO_ON_DEV),
        (["-b", "dev", "--ref", "feature/x"], SINCE_TWO_ON_DEV),
        (["~1", "--reverse"], ["A  c", "A  d/x", "D  e"]),
        (["main~2", "--reverse"], ["A  c", "A  d/x", "M  b", "D  e"]),
        (["~4"], ["A  a", "A  b", "A  e", "A  new/z"]),
    ],
)
def test_diff_shows_what_the_branch_has_against_the_baseline(
    vost: Vost, history: list[FS], args: list[str], lines: list[str]
) -> None:
    assert vost("diff", *args).splitlines() == lines


@pytest.mark.parametrize(
    "args, message",
    [
        (["nope"], "Unknown ref: nope"),
        (["nope:"], "Unknown ref: nope"),
        (["a"], "Unknown ref: a"),
        (["main~9"], "Cannot go back 9 commits — history too short"),
        (["--back", "9"], "Cannot go back 9 commits — history too short"),
        (["main~x"], "Invalid ancestor suffix '~x' — must be a positive integer"),
        (["--match", "nothing"], "No matching commits found"),
        (["main:nowhere"], "No matching commits found"),
        (["-b", "nope"], "Branch not found: nope"),
        (["--ref", "nope"], "Unknown ref: nope"),
        ([":a/../b"], "Invalid repo path: Invalid path segment: '..'"),
    ],
)
def test_diff_says_what_cannot_be_compared(
    vost: Vost, history: list[FS], args: list[str], message: str
) -> None:
    assert vost.fails("diff", *args) == message


def test_diff_has_machine_formats(vost: Vost, history: list[FS]) -> None:
    expected = [
        {"path": "e", "status": "A"},
        {"path": "b", "status": "M"},
        {"path": "c", "status": "D"},
        {"path": "d/x", "status": "D"},
    ]
    printed = vost("diff", "dev", "--format", "json")
    assert printed == json.dumps(expected, indent=2) + "\n"
    lines = vost("diff", "dev", "--format", "jsonl").splitlines()
    assert lines == [json.dumps(value) for value in expected]
    assert vost("diff", "--format", "json") == "[]\n"
    assert vost("diff", "--format", "jsonl") == ""


def test_diff_agrees_with_git(vost: Vost, history: list[FS], repository: Path, git: Git) -> None:
    for old in ("main~1", "main~2", "main~3", "main~4"):
        command = ("diff", "--no-renames", "--name-status", old, "main")
        lines = [line.replace("\t", "  ") for line in git(repository, *command).splitlines()]
        assert sorted(vost("diff", old).splitlines()) == sorted(lines)


def test_diff_escapes_names_in_text_and_keeps_them_in_json(vost: Vost, store: GitStore) -> None:
    names = ["\x1b[1m", "a\nb", "\udcff"]
    store.branches["main"].apply(dict.fromkeys(names, b"1"))
    assert vost("diff", "~1").splitlines() == ["A  \\x1b[1m", "A  a\\nb", "A  \udcff"]
    values = json.loads(vost("diff", "~1", "--format", "json"))
    assert [value["path"] for value in values] == names


def test_diff_tells_of_what_it_cannot_show(vost: Vost, store: GitStore, repository: Path) -> None:
    blob = store_object(repository, "blob", b"content")
    rows = [(b"100644", b"..", blob), (b"100644", b"f", blob), (b"160000", b"s", "12" * 20)]
    commit_tree(repository, store_tree(repository, rows), store.branches["main"].commit_hash)
    ran = vost.attempt("diff", "~1")
    assert (ran.code, ran.out) == (0, "A  f\n")
    assert [line.split(": ")[1] for line in ran.err.splitlines()] == ["..", "s"]


# --- cmp


@pytest.fixture
def local(here: Path, history: list[FS]) -> Path:
    """Put files, a link and a directory into the current directory."""
    (here / "one").write_bytes(b"1")
    (here / "two").write_bytes(b"2")
    (here / "big").write_bytes(b"x" * 1_000_000)
    (here / "link").symlink_to("one")
    (here / "dir").mkdir()
    (here / "to").mkdir()
    (here / "to/a:b").write_bytes(b"2")
    history[-1].apply({"big": b"x" * 1_000_000, "link": WriteEntry(target="one")})
    return here


def compared(vost: Vost, *args: str) -> Ran:
    ran = vost.attempt("cmp", *args)
    assert ran.out == ""
    return ran


@pytest.mark.parametrize(
    "args, code",
    [
        (["two", ":a"], 0),
        ([":a", "two"], 0),
        (["one", ":a"], 1),
        ([":a", ":a"], 0),
        ([":a", "dev:a"], 0),
        (["main:a", "main~4:a"], 1),
        (["feature/x:a", "one"], 0),
        (["~1:a", "to/a:b"], 0),
        (["one", "one"], 0),
        (["one", "two"], 1),
        (["big", ":big"], 0),
        (["link", ":link"], 0),
        (["link", "one"], 1),
        ([":a", "one", "-b", "feature/x"], 0),
        ([":a", "one", "--ref", "feature/x"], 0),
        ([":a", "one", "--back", "4"], 0),
        ([":a", "one", "--match", "one"], 0),
        ([":b", "v1.0:b"], 0),
    ],
)
def test_cmp_tells_by_its_status(vost: Vost, local: Path, args: list[str], code: int) -> None:
    ran = compared(vost, *args)
    assert (ran.code, ran.err) == (code, "")


@pytest.mark.parametrize(
    "args, message",
    [
        (["nope", ":a"], "File not found: nope"),
        ([":nope", "one"], "File not found: nope"),
        (["one/x", ":a"], "File not found: one/x"),
        ([":a/x", "one"], "File not found: a/x"),
        (["dir", ":a"], "Is a directory: dir"),
        ([":new", "one"], "Is a directory: new"),
        ([":", "one"], "Repo path must not be empty"),
        (["nope:a", "one"], "Unknown ref: nope"),
        ([":a", "one", "-b", "nope"], "Branch not found: nope"),
        ([":a", "one", "--match", "nothing"], "No matching commits found"),
        ([":a/../b", "one"], "Invalid repo path: Invalid path segment: '..'"),
        (["main~x:a", "one"], "Invalid ancestor suffix '~x' — must be a positive integer"),
    ],
)
def test_cmp_trouble_is_status_two(vost: Vost, local: Path, args: list[str], message: str) -> None:
    ran = compared(vost, *args)
    assert (ran.code, ran.err) == (2, f"Error: {message}\n")


def test_cmp_wants_two_files(vost: Vost, local: Path) -> None:
    for args in ([], ["one"], ["one", "two", "big"]):
        assert compared(vost, *args).code == 2


def test_cmp_shows_the_ids_of_git_when_verbose(
    vost: Vost, local: Path, repository: Path, git: Git
) -> None:
    two, link = (
        git(repository, "hash-object", "--stdin", stdin=content) for content in ("2", "one")
    )
    ran = vost.attempt("-v", "cmp", "two", "main:a")
    assert (ran.code, ran.out, ran.err) == (0, "", f"{two}  two\n{two}  main:a\n")
    ran = vost.attempt("-v", "cmp", "link", ":link")
    assert ran.err == f"{link}  link\n{link}  :link\n"
    assert vost.attempt("-v", "cmp", "two", "one").code == 1


def test_local_files_need_no_repository(
    here: Path, vost: Vost, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a").write_bytes(b"1")
    (here / "b").write_bytes(b"1")
    (here / "d").mkdir()
    (here / "d/x:y").write_bytes(b"1")
    assert not repository.exists()
    for args in (["a", "b"], ["a", "d/x:y"], ["d/x:y", "./d/x:y"]):
        assert compared(vost, *args).code == 0
    assert compared(vost, ":a", "b").err == f"Error: Repository not found: {repository}\n"
    monkeypatch.setenv("VOST_REPO", "")
    unnamed = Vost(Path())
    assert compared(unnamed, "a", "b").code == 0


def test_what_would_be_read_for_ever_is_no_file(vost: Vost, local: Path) -> None:
    os.mkfifo(local / "pipe")
    ran = compared(vost, "pipe", ":a")
    assert (ran.code, ran.err) == (2, "Error: Not a regular file: pipe\n")


def test_hostile_local_names_are_compared(vost: Vost, local: Path, history: list[FS]) -> None:
    name = "-new\nline\udcff"
    (local / name).write_bytes(b"1")
    GitStore.open(vost.repository).branches["main"].write(name, b"1")
    ran = vost.attempt("-v", "cmp", "--", name, f":{name}")
    assert ran.code == 0
    assert len(ran.err.splitlines()) == 2
