"""What a store is, without any Git: snapshots are dicts, branches are names of snapshots.

Commits are known by the ids that the store gave them; what each of them holds, and where every
branch has been, is only computed here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

PLAIN, EXECUTABLE, LINK = 0o100644, 0o100755, 0o120000
ZEROS = "0" * 40


class File(NamedTuple):
    """What is at a path."""

    mode: int
    data: bytes

    @property
    def oid(self) -> str:
        """The id of the blob."""
        return hashlib.sha1(b"blob %d\0%b" % (len(self.data), self.data)).hexdigest()


Tree: TypeAlias = "dict[str, File]"


def parents_of(path: str) -> Iterator[str]:
    """Yield the directories above a path."""
    parts = path.split("/")
    for end in range(1, len(parts)):
        yield "/".join(parts[:end])


def put(tree: Tree, path: str, file: File) -> Tree:
    """Return the tree with a file at ``path``, in place of whatever is in the way."""
    kept = take_away(tree, path)
    return {name: kept[name] for name in kept if name not in set(parents_of(path))} | {path: file}


def take_away(tree: Tree, path: str) -> Tree:
    """Return the tree without the file or the directory at ``path``."""
    return {
        name: file
        for name, file in tree.items()
        if name != path and not name.startswith(path + "/")
    }


def is_directory(tree: Tree, path: str) -> bool:
    """Tell whether there are files below ``path``."""
    return any(name.startswith(path + "/") for name in tree)


def directories(tree: Tree) -> set[str]:
    """Return all directories but the root."""
    return {parent for path in tree for parent in parents_of(path)}


def listing(tree: Tree, directory: str) -> list[str]:
    """Return the names in a directory in Git's order: as if directories ended in a slash."""
    prefix = f"{directory}/" if directory else ""
    names = {
        rest[0] + ("/" if rest[1] else "")
        for path in tree
        if path.startswith(prefix)
        for rest in [path[len(prefix) :].partition("/")[::2]]
    }
    return [name.rstrip("/") for name in sorted(names, key=lambda name: name.encode())]


@dataclass(frozen=True)
class Difference:
    """The paths that differ between two trees, with what is (or was) there."""

    add: Tree
    update: Tree
    delete: Tree


def difference(old: Tree, new: Tree) -> Difference:
    """Compare two trees, file by file."""
    return Difference(
        add={path: new[path] for path in new if path not in old},
        update={path: new[path] for path in new if path in old and old[path] != new[path]},
        delete={path: old[path] for path in old if path not in new},
    )


@dataclass(frozen=True)
class Commit:
    """A snapshot: what it holds, where it comes from, what was said."""

    tree: Tree
    parents: tuple[str, ...]
    message: str


@dataclass
class Model:
    """The state of a store.

    Attributes:
        commits: All commits ever made, by id.
        branches: Name to commit id.
        logs: The movements of each branch: (from, to), oldest first.
        tags: Name to commit id.
        notes: Namespace to commit id to text.
        current: The branch that HEAD names, whether it exists or not.
    """

    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    logs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    notes: dict[str, dict[str, str]] = field(default_factory=dict)
    current: str = "main"

    def tree(self, commit: str) -> Tree:
        """Return what a commit holds."""
        return self.commits[commit].tree

    def history(self, commit: str) -> list[str]:
        """Return a commit and its first-parent ancestors."""
        chain = [commit]
        while self.commits[chain[-1]].parents:
            chain.append(self.commits[chain[-1]].parents[0])
        return chain

    def move(self, branch: str, commit: str) -> None:
        """Point a branch at a commit, and log that."""
        old = self.branches.get(branch)
        if old != commit:
            self.logs.setdefault(branch, []).append((old or ZEROS, commit))
            self.branches[branch] = commit

    def redo_target(self, branch: str, steps: int) -> str | None:
        """Return where redo leads; ``None``: nowhere."""
        log = self.logs.get(branch, [])
        places = [index for index, (_, new) in enumerate(log) if new == self.branches[branch]]
        if not places or steps > places[-1] + 1:
            return None
        target = log[places[-1] - steps + 1][0]
        return None if target == ZEROS else target

    def delete_branch(self, branch: str) -> None:
        """Forget a branch with its log."""
        del self.branches[branch]
        self.logs.pop(branch, None)

    def clashes(self, names: Iterable[str], name: str) -> bool:
        """Tell whether a new ref would have to be a directory of others, or below one."""
        return any(
            other != name and (other.startswith(name + "/") or name.startswith(other + "/"))
            for other in names
        )

    def log_of_path(self, commit: str, path: str) -> list[str]:
        """Return the commits that changed what is at a path."""
        chain = self.history(commit)
        states = [self._at(self.tree(each), path) for each in chain] + [None]
        return [each for i, each in enumerate(chain) if states[i] != states[i + 1]]

    @staticmethod
    def _at(tree: Tree, path: str) -> object:
        if path in tree:
            return tree[path]
        below = {name: file for name, file in tree.items() if name.startswith(path + "/")}
        return below or None
