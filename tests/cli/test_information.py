"""`vost info`: what is in a repository at a glance."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.interop.building import set_ref
from tests.support.commands import Vost
from vost_sync import GitStore


def test_info_shows_everything_at_a_glance(vost: Vost, store: GitStore, repository: Path) -> None:
    first = store.branches["main"].apply({"a": b"1", "d/b": b"22"}, message="one\n\nmore")
    fs = first.write("a", b"x" * 2000)
    store.branches["dev"] = first
    store.tags["v1.0"] = first
    store.notes.commits[first] = "note"
    loose = store.statistics().loose
    printed = vost("info").splitlines()
    assert printed[0] == f"Repository: {repository}"
    assert printed[1].startswith("On disk:    ")
    assert printed[2:5] == [
        f"Objects:    {loose} loose, 0 in 0 packs",
        "Files:      2 (2.0 KiB) on main",
        "Notes:      commits",
    ]
    one = f"{first.commit_hash[:7]}  {first.time.isoformat()}  one"
    two = f"{fs.commit_hash[:7]}  {fs.time.isoformat()}  ~ a"
    assert printed[5:-1] == [
        "Branches: 2",
        f"    dev  {one}",
        f"  * main  {two}",
        "Tags: 1",
        f"    v1.0  {one}",
        "Last commits on main:",
        f"    {two}",
        f"    {one}",
    ]
    assert printed[-1].endswith("  Initialize main")


def test_info_has_a_machine_format(vost: Vost, store: GitStore, repository: Path) -> None:
    fs = store.branches["main"].write("a", b"12")
    store.pack()
    value = json.loads(vost("info", "--format", "json"))
    commit = {"hash": fs.commit_hash, "time": fs.time.isoformat(), "message": "+ a"}
    assert value.pop("disk_bytes") == store.statistics().size
    assert value.pop("commits")[0] == commit
    assert value == {
        "repository": str(repository),
        "bare": True,
        "current": "main",
        "branches": [{"name": "main"} | commit],
        "tags": [],
        "notes": [],
        "files": 1,
        "bytes": 2,
        "objects": {"loose": 0, "packed": 5, "packs": 1},
    }
    assert vost("info", "--format", "jsonl").count("\n") == 1
    assert "Objects:    0 loose, 5 in 1 pack\n" in vost("info")


def test_many_branches_are_counted(vost: Vost, store: GitStore) -> None:
    for number in range(12):
        store.branches[f"b{number:02}"] = store.branches["main"]
    printed = vost("info").splitlines()
    start = printed.index("Branches: 13")
    assert printed[start + 10].startswith("    b09  ")
    assert printed[start + 11] == "    ... and 3 more"


@pytest.mark.parametrize("damage", ["no current branch", "tag of a blob", "missing tree"])
def test_info_shows_what_can_be_shown(
    vost: Vost, store: GitStore, repository: Path, damage: str
) -> None:
    fs = store.branches["main"].write("d/f", b"1")
    store.tags["v1"] = fs
    if damage == "no current branch":
        del store.branches["main"]
        assert json.loads(vost("info", "--format=json"))["current"] is None
    elif damage == "tag of a blob":
        set_ref(repository, "refs/tags/blob", fs.object_hash("d/f"))
        assert "    blob  leads to no commit\n" in vost("info")
    else:
        oid = fs.object_hash("d")
        os.remove(repository / "objects" / oid[:2] / oid[2:])
        assert json.loads(vost("info", "--format=json"))["files"] is None
    assert "    v1  " in vost("info")


def test_names_and_messages_are_escaped(vost: Vost, store: GitStore) -> None:
    store.branches["main"].write("f", b"1", message="\x1b[31mred")
    assert "\x1b" not in vost("info")
    assert "\\x1b[31mred" in vost("info")


def test_info_needs_a_repository(vost: Vost, repository: Path) -> None:
    assert vost.fails("info") == f"Repository not found: {repository}"
