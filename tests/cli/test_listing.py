"""`vost ls`: contract 3.1, D3, D20, D25, paths.md 4."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.interop.building import commit_tree, store_object, store_tree
from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost import FileType, WriteEntry
from vost_sync import FS, GitStore

HOSTILE = ["new\nline", "\x1b[31mred", "-rf", "a:b", "~1", "nul-free \udcff", "x" * 4000, "*", "é"]


@pytest.fixture
def filled(store: GitStore) -> FS:
    """Fill the branch `main` with a little of everything."""
    return store.branches["main"].apply(
        {
            ".hidden": b"h\n",
            "big.bin": b"x" * 12345,
            "run.sh": WriteEntry(b"#!/bin/sh\n", mode=FileType.EXECUTABLE),
            "shortcut": WriteEntry(target="readme.txt"),
            "docs/a.md": b"a",
            "docs/sub/b.md": b"bb",
            "src/a.md": b"other",
            "src/main.py": b"",
        }
    )


@pytest.mark.parametrize(
    "args, names",
    [
        ([], [".hidden", "big.bin", "docs", "run.sh", "shortcut", "src"]),
        ([":"], [".hidden", "big.bin", "docs", "run.sh", "shortcut", "src"]),
        (["/"], [".hidden", "big.bin", "docs", "run.sh", "shortcut", "src"]),
        (["main:docs"], ["a.md", "sub"]),
        (["docs/"], ["a.md", "sub"]),
        (["./docs"], ["a.md", "sub"]),
        (["-R", "docs"], ["docs/a.md", "docs/sub/b.md"]),
        (["-R", "docs/sub", ":docs"], ["docs/a.md", "docs/sub/b.md"]),
        (["/docs/a.md"], ["docs/a.md"]),
        (["-R", "shortcut"], ["shortcut"]),
        (["*.??"], ["run.sh"]),
        (["*"], ["big.bin", "docs", "run.sh", "shortcut", "src"]),
        ([".*"], [".hidden"]),
        (["-R", "d*"], ["docs/a.md", "docs/sub/b.md"]),
        (["**/*.md"], ["docs/a.md", "docs/sub/b.md", "src/a.md"]),
        (["*/*/*.md", "src/main.py"], ["docs/sub/b.md", "src/main.py"]),
        (["*/"], ["big.bin", "docs", "run.sh", "shortcut", "src"]),
        (["none*"], []),
        (["docs/sub", "src"], ["a.md", "b.md", "main.py"]),
        (["docs", "docs", "main:docs"], ["a.md", "sub"]),
        (["--full-hash", "docs"], ["a.md", "sub"]),
    ],
)
def test_names_are_listed_sorted_and_once(
    vost: Vost, filled: FS, args: list[str], names: list[str]
) -> None:
    assert vost("ls", *args).splitlines() == names


def test_equal_names_of_two_directories_are_told_apart(vost: Vost, filled: FS) -> None:
    assert vost("ls", "docs", "src").splitlines() == ["docs/a.md", "main.py", "src/a.md", "sub"]


@pytest.mark.parametrize("path", ["nope", "docs/nope", "big.bin/x", "shortcut/x", "main:nope"])
def test_missing_path_is_not_found_and_nothing_is_listed(vost: Vost, filled: FS, path: str) -> None:
    message = f"Path not found: {path.rpartition(':')[2]}"
    assert vost.fails("ls", "docs", path) == message


def test_star_is_a_name_without_globbing(vost: Vost, filled: FS) -> None:
    assert vost.fails("ls", "--no-glob", "d*") == "Path not found: d*"
    filled.write("d*", b"1")
    assert vost("ls", "--no-glob", "d*") == "d*\n"


def test_long_listing_has_ids_sizes_and_targets(vost: Vost, filled: FS) -> None:
    def short(path: str) -> str:
        return filled.object_hash(path)[:7]

    assert vost("ls", "-l").splitlines() == [
        f"{short('.hidden')}      2  .hidden",
        f"{short('big.bin')}  12345  big.bin",
        f"{short('docs')}         docs/",
        f"{short('run.sh')}     10  run.sh",
        f"{short('shortcut')}     10  shortcut -> readme.txt",
        f"{short('src')}         src/",
    ]
    full = filled.object_hash("docs/a.md")
    assert vost("ls", "-l", "--full-hash", ":docs/a.md") == f"{full}  1  docs/a.md\n"
    assert vost("ls", "-Rl", "docs").splitlines() == [
        f"{short('docs/a.md')}  1  docs/a.md",
        f"{short('docs/sub/b.md')}  2  docs/sub/b.md",
    ]
    assert vost("ls", "-l", "d*") == f"{short('docs')}    docs/\n"
    assert vost("ls", "-l", "none*") == ""


def test_sizes_are_those_of_git(vost: Vost, filled: FS, repository: Path, git: Git) -> None:
    tree = git(repository, "ls-tree", "-r", "--long", "--full-tree", "main").splitlines()
    expected = {(line.split("\t")[1], *line.split()[2:4]) for line in tree}
    listed = vost("ls", "-Rl", "--full-hash").splitlines()
    rows = [line.split()[:3] for line in listed]
    assert {(name, oid, size) for oid, size, name in rows} == expected


def test_json_of_names_is_one_line(vost: Vost, filled: FS) -> None:
    assert vost("ls", "--format", "json", "docs") == '["a.md", "sub"]\n'
    assert vost("ls", "--format", "jsonl", "docs") == '"a.md"\n"sub"\n'
    assert vost("ls", "--format=json", "none*") == "[]\n"
    assert vost("ls", "--format=jsonl", "none*") == ""
    assert vost("ls", "-l", "--format=json", "none*") == "[]\n"


def test_json_of_a_long_listing_has_the_type(vost: Vost, filled: FS) -> None:
    printed = vost("ls", "-l", "--format", "json")
    assert printed.count("\n") == 1
    values = {value["name"]: value for value in json.loads(printed)}
    assert list(values["shortcut"].items()) == [
        ("name", "shortcut"),
        ("hash", filled.object_hash("shortcut")),
        ("size", 10),
        ("type", "link"),
        ("target", "readme.txt"),
    ]
    assert list(values["docs/"].items()) == [
        ("name", "docs/"),
        ("hash", filled.object_hash("docs")),
        ("type", "tree"),
    ]
    assert (values["run.sh"]["type"], values["big.bin"]["type"]) == ("executable", "blob")
    lines = vost("ls", "-l", "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(printed)


def test_snapshots_are_chosen_by_refs_and_filters(vost: Vost, filled: FS, store: GitStore) -> None:
    newer = filled.write("src/new", b"1", message="deploy 1")
    store.branches["dev"] = filled
    store.tags["v1"] = filled
    newer.write("src/newest", b"1")
    old, new = ["a.md", "main.py"], ["a.md", "main.py", "new"]
    newest = ["a.md", "main.py", "new", "newest"]
    for args, names in (
        (["src"], newest),
        (["~1:src"], new),
        (["main~2:src"], old),
        (["v1:src"], old),
        (["dev:src"], old),
        (["src", "-b", "dev"], old),
        (["src", "--ref", "v1"], old),
        (["src", "--ref", filled.commit_hash[:8]], old),
        (["src", "--back", "1"], new),
        (["src", "--match", "deploy*"], new),
        (["src", "--path", "src/new"], new),
        (["src", "--path", ":src/new", "--back", "1"], old),
        (["src", "--before", "2999-01-01"], newest),
        (["dev:docs/sub", "main:src"], ["a.md", "b.md", "main.py", "new", "newest"]),
    ):
        assert vost("ls", *args).splitlines() == names
    assert vost.fails("ls", "--before", "2001-01-01") == "No matching commits found"
    assert vost.fails("ls", "--back", "9") == "Cannot go back 9 commits — history too short"
    assert vost.fails("ls", "nope:") == "Unknown ref: nope"
    assert vost.fails("ls", "-b", "nope") == "Branch not found: nope"


def test_the_same_path_of_two_snapshots_has_two_rows_where_it_differs(
    vost: Vost, filled: FS
) -> None:
    filled.write("src/main.py", b"changed")
    assert vost("ls", "main:src", "~1:src") == "a.md\nmain.py\n"
    rows = json.loads(vost("ls", "-l", "--format=json", "main:src", "~1:src"))
    assert sorted((row["name"], row["size"]) for row in rows) == [
        ("a.md", 5),
        ("main.py", 0),
        ("main.py", 7),
    ]


def test_missing_current_branch_does_not_matter_to_other_refs(vost: Vost, filled: FS) -> None:
    GitStore.open(vost.repository).branches["dev"] = filled
    del GitStore.open(vost.repository).branches["main"]
    assert vost("ls", "dev:docs") == "a.md\nsub\n"
    assert vost.fails("ls") == "Branch not found: main"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_escaped_in_text_and_exact_in_json(
    vost: Vost, store: GitStore, name: str
) -> None:
    store.branches["main"].write(f"d/{name}", b"12")
    assert json.loads(vost("ls", "d", "--format", "json")) == [name]
    for args in (["--no-glob", f":d/{name}"], ["-R"]):
        shown = vost("ls", *args)
        assert shown.count("\n") == 1
        assert "\x1b" not in shown
    (value,) = json.loads(vost("ls", "-l", "--format=json", "--no-glob", "--", f"d/{name}"))
    assert (value["name"], value["size"]) == (f"d/{name}", 2)


def test_names_are_printed_as_the_bytes_that_they_are(vost: Vost, store: GitStore) -> None:
    store.branches["main"].apply({"\udcff": b"1", "l": WriteEntry(target="\udcfe\n")})
    ran = vost.process(b"ls", b"-l")
    assert (ran.code, ran.err) == (0, "")
    names = [line.split(b"  ", 2)[2] for line in ran.out_bytes.splitlines()]
    assert names == [b"l -> \xfe\\n", b"\xff"]
    assert vost.process("ls", b"\xff").out_bytes == b"\xff\n"


def test_submodules_and_modes_of_old_are_listed(
    vost: Vost, store: GitStore, repository: Path
) -> None:
    blob = store_object(repository, "blob", b"content")
    rows = [(b"100664", b"old", blob), (b"160000", b"sub", "12" * 20)]
    commit_tree(repository, store_tree(repository, rows))
    assert vost("ls") == "old\nsub\n"
    assert vost("ls", "-R") == "old\nsub\n"
    assert vost("ls", "-l").splitlines()[1] == "1212121     sub"
    assert vost("ls", "s*") == vost("ls", "-R", "s*") == "sub\n"
    assert json.loads(vost("ls", "-l", "--format=json", "sub")) == [
        {"name": "sub", "hash": "12" * 20, "type": "commit"}
    ]


def test_forged_names_are_left_out_with_a_warning(
    vost: Vost, store: GitStore, repository: Path
) -> None:
    blob = store_object(repository, "blob", b"content")
    rows = [(b"100644", b"..", blob), (b"100644", b"../up", blob), (b"100644", b"x", blob)]
    commit_tree(repository, store_tree(repository, rows))
    ran = vost.attempt("ls")
    assert (ran.code, ran.out) == (0, "x\n")
    assert [line.partition(": a forged name")[0] for line in ran.err.splitlines()] == [
        "WARNING: ..",
        "WARNING: ../up",
    ]
    rows = [(b"100644", b"a/b", blob), (b"100644", b"x", blob)]
    commit_tree(repository, store_tree(repository, rows))
    assert vost("ls", "*") == "x\n"


def test_damage_is_an_error_that_names_the_place(vost: Vost, filled: FS, repository: Path) -> None:
    oid = filled.object_hash("docs/a.md")
    os.remove(repository / "objects" / oid[:2] / oid[2:])
    assert vost("ls", "docs") == "a.md\nsub\n"
    assert "'docs/a.md' is damaged" in vost.fails("ls", "-l", "docs")
