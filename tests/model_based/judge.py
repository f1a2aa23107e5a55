"""Compares what a store shows with what the model says."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.model_based.model import (
    LINK,
    PLAIN,
    File,
    Model,
    Tree,
    difference,
    directories,
    is_directory,
    listing,
    parents_of,
    put,
    take_away,
)
from vost_sync import FileType

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost_sync import FS, Batch, ChangeReport, GitStore


def everything(tree: Tree) -> list[str]:
    """Return all files and directories, sorted."""
    return sorted({*tree, *directories(tree)})


def reachable(model: Model) -> list[str]:
    """Return the commits that git must keep: those that refs and reflogs lead to, sorted."""
    pending = [*model.branches.values(), *model.tags.values()]
    for log in model.logs.values():
        pending += [commit for movement in log for commit in movement if commit in model.commits]
    found: set[str] = set()
    while pending:
        commit = pending.pop()
        if commit not in found:
            found.add(commit)
            pending += model.commits[commit].parents
    return sorted(found)


class StagedBatch:
    """A batch, step by step, with the tree that it must lead to.

    What is staged is what was last said of each path: a file, or nothing. A file that is staged
    swallows what was said of paths below it, and gives way to files that are staged below it
    later. What was written and removed again leaves no trace.

    Args:
        batch: The batch.
        base: The tree that it starts from.
    """

    def __init__(self, batch: Batch, base: Tree) -> None:
        self._batch = batch
        self._base = base
        self._touched: set[str] = set()
        self._edits: dict[str, File | None] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is staged."""
        return not self._edits

    @property
    def tree(self) -> Tree:
        """What the batch leads to."""
        tree = self._base
        for path, file in self._edits.items():
            if file is None:
                tree = take_away(tree, path)
        for path, file in self._edits.items():
            if file is not None:
                tree = put(tree, path, file)
        return tree

    def carry_out(self, kind: str, path: str, value: object) -> None:
        """Stage one step."""
        if kind.startswith("remove"):
            if isinstance(value, int) and (there := everything(self.tree)):
                path = there[value % len(there)]
            self._remove(path)
            return
        data = value.encode() if isinstance(value, str) else value
        assert isinstance(data, bytes)
        if kind == "symlink":
            self._batch.write_symlink(path, data.decode())
        elif kind == "writer":
            with self._batch.writer(path) as file:
                file.write(data)
        else:
            self._batch.write(path, data)
        self._forget_below(path)
        for parent in parents_of(path):
            if self._edits.get(parent) is not None:
                self._edits[parent] = None
        self._edits[path] = File(LINK if kind == "symlink" else PLAIN, data)
        self._touched.add(path)

    def _remove(self, path: str) -> None:
        staged_below = any(
            file is not None and name.startswith(path + "/") for name, file in self._edits.items()
        )
        if is_directory(self._base, path) or (staged_below and path not in self._base):
            with pytest.raises(IsADirectoryError):
                self._batch.remove(path)
        elif staged_below:
            self._batch.remove(path)  # the file gave way to a directory already
        elif path in self._base or path in self._edits:
            self._batch.remove(path)
            self._forget_below(path)
            if not any(parent in self._edits for parent in parents_of(path)):
                self._edits[path] = None
            else:
                self._edits.pop(path, None)
        elif path in self._touched:
            # It was staged and taken away again, or swallowed: removing twice is fine.
            with contextlib.suppress(FileNotFoundError):
                self._batch.remove(path)
        else:
            with pytest.raises(FileNotFoundError):
                self._batch.remove(path)

    def _forget_below(self, path: str) -> None:
        for name in [name for name in self._edits if name.startswith(path + "/")]:
            del self._edits[name]


def check_changes(
    fs: FS, old: Tree, new: Tree, *, message: str | None, operation: str | None
) -> str:
    """Check report and message of a new snapshot; return the message."""
    report = fs.changes
    check_report(report, old, new)
    assert report is not None
    automatic = automatic_message(report, operation)
    expected = automatic if message is None else message
    if message is not None and "{" in message:
        expected = (
            message.replace("{default}", automatic)
            .replace("{op}", operation or "")
            .replace("{add_count}", str(len(report.add)))
        )
    assert fs.message == expected
    return expected


def check_report(report: ChangeReport | None, old: Tree, new: Tree) -> None:
    """Check that a report says what differs, each path once."""
    assert report is not None
    assert not report.errors
    assert not report.warnings
    expected = difference(old, new)
    assert {e.path: e.type.filemode for e in report.add} == modes(expected.add)
    assert {e.path: e.type.filemode for e in report.update} == modes(expected.update)
    deleted: dict[str, int] = {}
    for entry in report.delete:
        if entry.type is FileType.TREE:
            below = {p: f for p, f in old.items() if p.startswith(entry.path + "/")}
            assert below
            assert not deleted.keys() & below.keys()
            deleted |= modes(below)
        else:
            assert entry.path not in deleted
            deleted[entry.path] = entry.type.filemode
    assert deleted == modes(expected.delete)
    assert len(report.add) == len(expected.add)
    assert len(report.update) == len(expected.update)


def modes(tree: Tree) -> dict[str, int]:
    """Return the mode of each file."""
    return {path: file.mode for path, file in tree.items()}


def automatic_message(report: ChangeReport, operation: str | None) -> str:
    """Return the message that is made of a report."""
    if report.total == 1:
        (action,) = report.actions()
        sign = {"add": "+", "update": "~", "delete": "-"}[action.action]
        kinds = {e.path: e.type for e in (*report.add, *report.update)}
        kind = kinds.get(action.path, FileType.BLOB)
        return f"{sign} {action.path}" + ("" if kind is FileType.BLOB else f" ({kind})")
    counts = [("+", report.add), ("~", report.update), ("-", report.delete)]
    numbers = " ".join(f"{sign}{len(entries)}" for sign, entries in counts if entries)
    return f"Batch {operation}: {numbers}" if operation else f"Batch: {numbers}"


def check_refs(store: GitStore, model: Model) -> None:
    """Check branches with their logs, tags, HEAD and notes."""
    assert {name: fs.commit_hash for name, fs in store.branches.items()} == model.branches
    assert {name: fs.commit_hash for name, fs in store.tags.items()} == model.tags
    current = model.current if model.current in model.branches else None
    assert store.branches.current_name == current
    for name in model.branches:
        if model.logs.get(name):
            log = store.branches.reflog(name)
            assert [(entry.old_sha, entry.new_sha) for entry in log] == model.logs[name]
        else:
            with pytest.raises(FileNotFoundError):
                store.branches.reflog(name)
    for space, notes in model.notes.items():
        assert dict(store.notes[space]) == notes


def check_snapshot(fs: FS, model: Model) -> None:
    """Check everything that can be asked of one snapshot."""
    commit = model.commits[fs.commit_hash]
    tree = commit.tree
    assert fs.message == commit.message
    parent = fs.parent
    assert (parent.commit_hash if parent else None) == next(iter(commit.parents), None)

    paths = fs.ls(recursive=True)
    assert sorted(paths) == sorted(tree)
    assert fs.read_many(paths) == [tree[path].data for path in paths]
    walked = {}
    for directory, names, entries in fs.walk():
        prefix = f"{directory}/" if directory else ""
        assert sorted([*names, *(e.name for e in entries)]) == sorted(listing(tree, directory))
        walked |= {prefix + e.name: (e.mode, e.oid.decode()) for e in entries}
        assert fs.ls(directory) == listing(tree, directory)
    assert walked == {path: (file.mode, file.oid) for path, file in tree.items()}
    for path, file in list(tree.items())[:3]:
        check_file(fs, path, file)
    for path in ("a", "b", "a/b", "nowhere"):
        there = path in tree or is_directory(tree, path)
        assert fs.exists(path) == there
        assert fs.is_dir(path) == is_directory(tree, path)
        if is_directory(tree, path):
            with pytest.raises(IsADirectoryError):
                fs.read(path)
        logged = [each.commit_hash for each in fs.log(path)]
        assert logged == model.log_of_path(fs.commit_hash, path)
    assert [each.commit_hash for each in fs.log()] == model.history(fs.commit_hash)


def check_file(fs: FS, path: str, file: File) -> None:
    """Check one file in every way."""
    assert fs.size(path) == len(file.data)
    assert fs.read(path, offset=1, size=3) == file.data[1:4]
    assert fs.object_hash(path) == file.oid
    status = fs.stat(path)
    assert (status.mode, status.size, status.hash) == (file.mode, len(file.data), file.oid)
    assert fs.file_type(path) is FileType.from_filemode(file.mode)
    with fs.open(path) as opened:
        assert opened.read() == file.data
    if file.mode == LINK:
        assert fs.readlink(path) == file.data.decode()
    with pytest.raises(NotADirectoryError):
        fs.read(f"{path}/below")


def write_tree(git: Git, repository: Path, tree: Tree) -> str:
    """Write a tree with git alone and return its id."""
    for file in set(tree.values()):
        git(repository, "hash-object", "-w", "--stdin", stdin=file.data)
    lines = [f"{file.mode:o} {file.oid}\t{path}\0" for path, file in tree.items()]
    index = {"GIT_INDEX_FILE": str(repository.parent / "index")}
    git(repository, "read-tree", "--empty", env=index)
    git(repository, "update-index", "-z", "--index-info", stdin="".join(lines), env=index)
    return git(repository, "write-tree", env=index)


def check_with_git(git: Git, repository: Path, model: Model) -> None:
    """Check that git sees the same refs and trees as the model."""
    listed = git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    refs = dict(line.split(" ") for line in listed.splitlines())
    found = {name: oid for name, oid in refs.items() if not name.startswith("refs/notes/")}
    expected = {f"refs/heads/{name}": commit for name, commit in model.branches.items()}
    expected |= {f"refs/tags/{name}": commit for name, commit in model.tags.items()}
    assert found == expected
    for commit in set(expected.values()):
        raw = git.raw(repository, "ls-tree", "-r", "-z", "--full-tree", commit).decode()
        entries = {}
        for line in raw.split("\0")[:-1]:
            head, _, path = line.partition("\t")
            mode, _, oid = head.split(" ")
            entries[path] = (int(mode, 8), oid)
        tree = model.tree(commit)
        assert entries == {path: (file.mode, file.oid) for path, file in tree.items()}
    for space, notes in model.notes.items():
        if f"refs/notes/{space}" in refs:
            listed = git(repository, "notes", f"--ref={space}", "list")
            assert {line.split(" ")[1] for line in listed.splitlines()} == set(notes)
