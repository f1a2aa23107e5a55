"""Random sessions at the command line: git agrees with a simple model about where they end."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.commands import Vost
from tests.support.gitcli import Git, assert_fsck_clean

NAMES = st.sampled_from(["a", "c d", "-é"])
PATHS = st.lists(NAMES, min_size=1, max_size=2).map("/".join)
BRANCHES = st.sampled_from(["main", "feature/x"])
# A path as such, or the n-th of those that there are.
CHOICES = st.one_of(PATHS, st.integers(0, 20), st.integers(0, 20))
CONTENTS = st.binary(max_size=5)

Files = dict[str, bytes]


def clashes(files: Files, path: str) -> bool:
    """Tell whether a file at ``path`` would be below a file, or in the place of a directory."""
    parents = path.split("/")[:-1]
    above = {"/".join(parents[:number]) for number in range(1, len(parents) + 1)}
    return any(name in above or name.startswith(f"{path}/") for name in files)


def below(files: Files, path: str) -> list[str]:
    """Return the files at or below a path."""
    return [name for name in files if name == path or name.startswith(f"{path}/")]


def chosen(files: Files, choice: str | int) -> str:
    """Return the path that a choice means."""
    if isinstance(choice, str):
        return choice
    return sorted(files)[choice % len(files)] if files else "a"


class Sessions(RuleBasedStateMachine):
    """Commands on a repository, and the same on dictionaries: one per commit of each branch."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="vost-session-"))
        self.repository = self.directory / "r.git"
        self.vost = Vost(self.repository)
        self.git = Git(self.directory)
        self.branches: dict[str, list[Files]] = {"main": [{}]}
        self.tags: dict[str, Files] = {}

    @initialize()
    def begin(self) -> None:
        self.vost("init")

    def files(self, branch: str) -> Files:
        return self.branches[branch][-1]

    def commit(self, branch: str, files: Files) -> None:
        if files != self.files(branch):
            self.branches[branch].append(files)

    @rule(branch=BRANCHES, path=PATHS, data=CONTENTS)
    def write(self, branch: str, path: str, data: bytes) -> None:
        if branch not in self.branches:
            message = self.vost.fails("write", "-b", branch, "--", path, input=data)
            assert message == f"Branch not found: {branch}"
        elif clashes(self.files(branch), path):
            message = self.vost.fails("write", "-b", branch, "--", path, input=data)
            assert message.startswith(("Is a directory: ", "Not a directory: "))
        else:
            self.vost("write", f"{branch}:{path}", input=data)
            self.commit(branch, self.files(branch) | {path: data})

    @rule(branch=BRANCHES, choice=CHOICES)
    def remove(self, branch: str, choice: str | int) -> None:
        if branch not in self.branches:
            return
        path = chosen(self.files(branch), choice)
        gone = below(self.files(branch), path)
        if not gone:
            assert "not found" in self.vost.fails("rm", "-R", f"{branch}:{path}")
            return
        if gone != [path]:
            assert "use -R" in self.vost.fails("rm", f"{branch}:{path}")
        self.vost("rm", "-R", f"{branch}:{path}")
        self.commit(branch, {k: v for k, v in self.files(branch).items() if k not in gone})

    @rule(branch=BRANCHES, choice=CHOICES, place=PATHS)
    def rename(self, branch: str, choice: str | int, place: str) -> None:
        files = self.files(branch) if branch in self.branches else {}
        source = chosen(files, choice)
        if source not in files:
            return
        rest = {name: data for name, data in files.items() if name != source}
        if source == place or clashes(files, place):
            if below(files, place) and place not in files:
                return  # into an existing directory
            self.vost.fails("mv", f"{branch}:{source}", f"{branch}:{place}")
            return
        self.vost("mv", f"{branch}:{source}", f"{branch}:{place}")
        self.commit(branch, rest | {place: files[source]})

    @rule(branch=BRANCHES, choice=CHOICES, other=BRANCHES, place=PATHS)
    def copy(self, branch: str, choice: str | int, other: str, place: str) -> None:
        if branch not in self.branches or other not in self.branches:
            return
        files, onto = self.files(branch), self.files(other)
        source = chosen(files, choice)
        if source not in files or clashes(onto, place) or (branch, source) == (other, place):
            return
        self.vost("cp", f"{branch}:{source}", f"{other}:{place}")
        self.commit(other, onto | {place: files[source]})

    @rule(branch=BRANCHES, source=BRANCHES)
    def set_branch(self, branch: str, source: str) -> None:
        if source not in self.branches:
            return
        if branch in self.branches:
            assert "already exists" in self.vost.fails("branch", "set", branch, "-b", source)
            return
        self.vost("branch", "set", branch, "-b", source)
        self.branches[branch] = list(self.branches[source])

    @rule(branch=BRANCHES)
    def undo_and_redo(self, branch: str) -> None:
        if branch not in self.branches or len(self.branches[branch]) < 2:
            return
        self.vost("undo", "-b", branch)
        undone = self.branches[branch].pop()
        self.look(branch)
        self.vost("redo", "-b", branch)
        self.branches[branch].append(undone)

    @rule(branch=BRANCHES)
    def undo(self, branch: str) -> None:
        if branch in self.branches and len(self.branches[branch]) > 1:
            self.vost("undo", "-b", branch)
            self.branches[branch].pop()

    @rule(branch=BRANCHES, name=st.sampled_from(["v1", "v2"]))
    def tag(self, branch: str, name: str) -> None:
        if branch not in self.branches:
            return
        if name in self.tags:
            assert "already exists" in self.vost.fails("tag", "set", name, "-b", branch)
        else:
            self.vost("tag", "set", name, "-b", branch)
            self.tags[name] = self.files(branch)

    @rule()
    def tidy_up(self) -> None:
        self.vost("gc")

    @invariant()
    def what_is_listed_is_what_there_is(self) -> None:
        if self.repository.exists():
            for branch in self.branches:
                self.look(branch)

    def look(self, branch: str) -> None:
        listed = self.vost("ls", "-R", "-b", branch).splitlines()
        assert listed == sorted(self.files(branch))

    def teardown(self) -> None:
        try:
            if self.repository.exists():
                self.compare_with_git()
        finally:
            shutil.rmtree(self.directory)

    def compare_with_git(self) -> None:
        expected = {f"refs/heads/{name}": states[-1] for name, states in self.branches.items()}
        expected |= {f"refs/tags/{name}": files for name, files in self.tags.items()}
        refs = self.git(self.repository, "for-each-ref", "--format=%(refname)").splitlines()
        assert refs == sorted(expected)
        for ref, files in expected.items():
            listed = self.git.raw(self.repository, "ls-tree", "-r", "-z", "--name-only", ref)
            names = listed.decode().split("\0")[:-1]
            assert sorted(names) == sorted(files)
            for name in names:
                assert (
                    self.git.raw(self.repository, "cat-file", "blob", f"{ref}:{name}")
                    == files[name]
                )
        assert_fsck_clean(self.repository)


TestSessions = pytest.mark.slow(pytest.mark.timeout(300)(Sessions.TestCase))
TestSessions.settings = settings(max_examples=12, stateful_step_count=15)
