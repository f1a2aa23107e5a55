"""Git's commit-graph: what it says is what the commits say, and a bad one counts as none."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from vost._engine.commits import parse_commit
from vost._model.objects import oid_from_hex
from vost._storage.commitgraph import CommitGraph, read_graph
from vost._storage.diskobjects import DiskObjects
from vost._storage.protocols import CommitNode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.fixture
def repository(git: Git, tmp_path: Path) -> Path:
    """A repository with a merge of three parents, two roots, and a graph of all of it."""
    path = git.init(tmp_path / "graph.git")
    git(path, "mktree", stdin=b"")  # the empty tree
    tips = []
    for branch in range(3):
        tip = ""
        for number in range(12):
            parents = ("-p", tip) if tip else ()
            tip = git(path, "commit-tree", EMPTY_TREE, *parents, "-m", f"{branch} {number}")
        tips.append(tip)
    merged = [word for tip in tips for word in ("-p", tip)]
    git(path, "update-ref", "refs/heads/main", git(path, "commit-tree", EMPTY_TREE, *merged))
    git(path, "commit-graph", "write", "--reachable")
    return path


def test_graph_and_commits_agree(repository: Path, git: Git) -> None:
    objects = DiskObjects(repository / "objects")
    ids = git(repository, "rev-list", "--all").split()
    assert len(ids) == 37
    for text in ids:
        oid = oid_from_hex(text)
        commit = parse_commit(oid, objects.get(oid)[1])
        expected = (commit.tree, commit.parents[0] if commit.parents else None)
        assert objects.commit_link(oid) == expected
        node = CommitNode(commit.tree, commit.parents, commit.time_seconds)
        assert objects.commit_node(oid) == node


def test_commit_that_the_graph_lacks_is_none(repository: Path) -> None:
    graph = CommitGraph(str(repository / "objects/info/commit-graph"))
    assert graph.find(b"\x00" * 20) is None
    assert graph.find(b"\xff" * 20) is None
    assert graph.node(b"\x00" * 20) is None
    assert graph.node(b"\xff" * 20) is None


@pytest.mark.parametrize("further", [b"\x70\0\0\0", b"\x80\xff\xff\xff"], ids=["none", "beyond"])
def test_merge_with_malformed_further_parents_is_none(
    repository: Path, git: Git, tmp_path: Path, further: bytes
) -> None:
    """The last parent of a merge of three is not marked as the last, or is no commit."""
    data = (repository / "objects/info/commit-graph").read_bytes()
    entry = data.index(b"EDGE")
    start = int.from_bytes(data[entry + 4 : entry + 12], "big")
    copy = tmp_path / "copy/info/commit-graph"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(data[: start + 4] + further + data[start + 8 :])
    graph = CommitGraph(str(copy))
    merge = oid_from_hex(git(repository, "rev-parse", "main"))
    assert graph.node(merge) is None
    assert graph.find(merge) is not None
    parent = oid_from_hex(git(repository, "rev-parse", "main^"))
    assert graph.node(parent) is not None


def test_graph_is_read_again_after_close(repository: Path, git: Git) -> None:
    objects = DiskObjects(repository / "objects")
    (repository / "objects/info/commit-graph").rename(repository / "aside")
    tip = oid_from_hex(git(repository, "rev-parse", "main"))
    assert objects.commit_link(tip) is None
    (repository / "aside").rename(repository / "objects/info/commit-graph")
    assert objects.commit_link(tip) is None
    objects.close()
    assert objects.commit_link(tip) is not None


def test_damaged_graph_counts_as_none(repository: Path, tmp_path: Path) -> None:
    good = (repository / "objects/info/commit-graph").read_bytes()
    (tmp_path / "copy/info").mkdir(parents=True)
    copy = tmp_path / "copy/info/commit-graph"
    assert read_graph(str(tmp_path / "copy")) is None
    bad = [good[:size] for size in (0, 5, 8, 60, 500, 1100, len(good) - 21)]
    bad += [b"X" + good[1:], good[:5] + b"\2" + good[6:], good[:7] + b"\1" + good[8:]]
    bad += [good[:8] + b"\xff" * 60 + good[68:]]
    for data in bad:
        copy.write_bytes(data)
        assert read_graph(str(tmp_path / "copy")) is None
    shutil.copyfile(repository / "objects/info/commit-graph", copy)
    assert read_graph(str(tmp_path / "copy")) is not None
