"""The same work done by git, pygit2 and dulwich, each as its own documentation would do it."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pygit2
from dulwich.index import commit_tree
from dulwich.objects import Blob, Commit
from dulwich.refs import Ref
from dulwich.repo import Repo

from tests.support.gitcli import clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BRANCH = "refs/heads/main"
_IDENTITY = "Bench <bench@test.example>"
_BLOB_MODE = 0o100644
_REF = Ref(BRANCH.encode())


def git(directory: Path, *args: str, stdin: bytes = b"") -> bytes:
    """Run git in a directory, with a clean environment, and return what it prints."""
    environment = clean_environment(directory / "no-such-home")
    # git would start its own housekeeping in the background of somebody else's timing.
    command = ["git", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-C", str(directory)]
    done = subprocess.run(
        [*command, *args], input=stdin, env=environment, capture_output=True, check=True
    )
    return done.stdout


def git_init(path: Path, *, bare: bool = True) -> Path:
    """Make an empty repository whose first branch is ``main``."""
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []))
    return path


def git_tree(path: Path, revision: str = "main") -> str:
    """Return the id of the tree of a revision."""
    return git(path, "rev-parse", f"{revision}^{{tree}}").decode().strip()


def fast_import_stream(files: Mapping[str, bytes]) -> bytes:
    """Return the input of ``git fast-import`` for one commit with these files."""
    parts = [b"commit %s\ncommitter %s 1700000000 +0000\ndata 6\nimport\n"]
    parts = [parts[0] % (BRANCH.encode(), _IDENTITY.encode())]
    for path, data in files.items():
        parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    parts.append(b"\ndone\n")
    return b"".join(parts)


def pygit2_signature() -> Any:
    """Return who commits, and when: now."""
    return pygit2.Signature("Bench", "bench@test.example", int(time.time()), 0)


def pygit2_batch(path: Path, files: Mapping[str, bytes]) -> None:
    """Commit files with pygit2: blobs, an index, its tree, the commit."""
    repo = pygit2.Repository(str(path))
    index = pygit2.Index()
    for name, data in files.items():
        index.add(pygit2.IndexEntry(name, repo.create_blob(data), pygit2.enums.FileMode.BLOB))
    who = pygit2_signature()
    repo.create_commit(BRANCH, who, who, "import", index.write_tree(repo), [])


def pygit2_commit(repo: Any, path: str, data: bytes) -> None:
    """Commit one file in one directory with pygit2, on top of ``main``."""
    parent = repo.references[BRANCH].target
    directory, _, name = path.rpartition("/")
    root = repo[parent].tree
    below = repo.TreeBuilder(root[directory])
    below.insert(name, repo.create_blob(data), pygit2.enums.FileMode.BLOB)
    top = repo.TreeBuilder(root)
    top.insert(directory, below.write(), pygit2.enums.FileMode.TREE)
    who = pygit2_signature()
    repo.create_commit(BRANCH, who, who, f"~ {path}", top.write(), [parent])


def dulwich_batch(path: Path, files: Mapping[str, bytes]) -> None:
    """Commit files with dulwich's bulk interface: one pack of blobs, then the trees."""
    with Repo(str(path)) as repo:
        store = repo.object_store
        blobs = [(name.encode(), Blob.from_string(data)) for name, data in files.items()]
        store.add_objects([(blob, None) for _, blob in blobs])
        tree = commit_tree(store, [(name, blob.id, _BLOB_MODE) for name, blob in blobs])
        _dulwich_commit(repo, tree, [])


def dulwich_commit(repo: Repo, path: str, data: bytes) -> None:
    """Commit one file in one directory with dulwich, on top of ``main``."""
    store = repo.object_store
    parent = repo.refs[_REF]
    directory, _, name = os.fsencode(path).rpartition(b"/")
    root: Any = store[store[parent].tree]  # type: ignore[attr-defined]
    below: Any = store[root[directory][1]]
    blob = Blob.from_string(data)
    below.add(name, _BLOB_MODE, blob.id)
    root.add(directory, 0o040000, below.id)
    for item in (blob, below, root):
        store.add_object(item)
    _dulwich_commit(repo, root.id, [parent])


def _dulwich_commit(repo: Repo, tree: Any, parents: list[Any]) -> None:
    commit = Commit()
    commit.tree = tree
    commit.parents = parents
    commit.author = commit.committer = _IDENTITY.encode()
    commit.author_time = commit.commit_time = int(time.time())
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = b"import\n"
    repo.object_store.add_object(commit)
    old = parents[0] if parents else None
    if not repo.refs.set_if_equals(_REF, old, commit.id, message=b"commit: import"):
        raise RuntimeError("the branch has moved")
