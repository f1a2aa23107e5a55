"""Whatever is done to a store, in whatever order: it holds what a plain dict says it holds."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model_based import judge
from tests.model_based.model import (
    EXECUTABLE,
    LINK,
    PLAIN,
    Commit,
    File,
    Model,
    Tree,
    is_directory,
    put,
    take_away,
)
from tests.support.gitcli import Git, assert_fsck_clean
from vost_sync import GitStore, StaleSnapshotError, WriteEntry, retry_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost_sync import FS

names = st.sampled_from(["a", "b", "a.b", "é", "ab", "zz.txt"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
contents = st.sampled_from([b"", b"x", b"one\n", b"\0\xff", b"y" * 5000])
texts = st.sampled_from(["", "text\n", "schön", "a\r\nb"])
targets = st.sampled_from(["a", "../b", "nowhere", "é"])
modes = st.sampled_from([None, PLAIN, EXECUTABLE])
branches = st.sampled_from(["main", "dev", "feature", "feature/x"])
tags = st.sampled_from(["v1", "v2", "v", "v/3"])
namespaces = st.sampled_from(["commits", "reviews/x"])
messages = st.sampled_from([None, "said so", "{default} by {op}", "naïve {add_count}"])
operations = st.sampled_from([None, "import"])
steps = st.integers(1, 4)
picks = st.integers(0, 99)

batch_steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), paths, contents),
        st.tuples(st.just("writer"), paths, contents),
        st.tuples(st.just("symlink"), paths, targets),
        st.tuples(st.just("remove"), paths, st.none()),
        st.tuples(st.just("remove_existing"), paths, picks),
    ),
    max_size=6,
)
applied = st.dictionaries(paths, st.one_of(contents, texts, targets.map(lambda t: ("link", t))))


class Snapshots(RuleBasedStateMachine):
    """What every storage has to do: here the rules, in the subclasses how to open a store."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.stores: list[GitStore] = []
        self.old: list[FS] = []
        self.turn = 0

    @initialize()
    def begin(self) -> None:
        self.stores = self.open_stores()
        fs = self.stores[0].branches["main"]
        self.model.commits[fs.commit_hash] = Commit({}, (), "Initialize main")
        self.model.branches["main"] = fs.commit_hash

    def open_stores(self) -> list[GitStore]:
        raise NotImplementedError

    # -- choosing -------------------------------------------------------------------------

    @property
    def store(self) -> GitStore:
        """The handle whose turn it is."""
        return self.stores[self.turn % len(self.stores)]

    def pick(self, pick: int) -> FS:
        """Return a snapshot to work on: mostly where a branch is now, sometimes an old one."""
        self.turn += 1
        if self.old and pick % 5 == 0:
            return self.old[pick % len(self.old)]
        branch = sorted(self.model.branches)[pick % len(self.model.branches)]
        fs = self.store.branches[branch]
        self.old = [*self.old[-7:], fs]
        return fs

    def refusal(self, fs: FS) -> type[Exception] | None:
        """Return what a write on a snapshot must raise, as far as the branch is concerned."""
        assert fs.ref_name is not None
        tip = self.model.branches.get(fs.ref_name)
        if tip is None:
            return KeyError
        return None if tip == fs.commit_hash else StaleSnapshotError

    def commit(
        self,
        fs: FS,
        do: Callable[[], FS],
        tree: Tree,
        *,
        message: str | None = None,
        operation: str | None = None,
    ) -> None:
        """Do something that leads to ``tree``, or to the error that the model foresees."""
        refused = self.refusal(fs)
        if refused is not None:
            with pytest.raises(refused):
                do()
            return
        old = self.model.tree(fs.commit_hash)
        new = do()
        if tree == old:
            assert new.commit_hash == fs.commit_hash
            return
        assert new.ref_name == fs.ref_name
        assert new.writable
        expected = judge.check_changes(new, old, tree, message=message, operation=operation)
        parents = (fs.commit_hash,)
        self.model.commits[new.commit_hash] = Commit(tree, parents, expected)
        self.model.move(str(fs.ref_name), new.commit_hash)
        judge.check_snapshot(new, self.model)

    # -- writing --------------------------------------------------------------------------

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, path=paths, data=contents, mode=modes, message=messages)
    def write(
        self, pick: int, path: str, data: bytes, mode: int | None, message: str | None
    ) -> None:
        fs = self.pick(pick)
        tree = put(self.model.tree(fs.commit_hash), path, File(mode or PLAIN, data))
        self.commit(
            fs, lambda: fs.write(path, data, mode=mode, message=message), tree, message=message
        )

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, path=paths, text=texts)
    def write_text(self, pick: int, path: str, text: str) -> None:
        fs = self.pick(pick)
        tree = put(self.model.tree(fs.commit_hash), path, File(PLAIN, text.encode()))
        self.commit(fs, lambda: fs.write_text(path, text), tree)

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, path=paths, to=targets)
    def write_symlink(self, pick: int, path: str, to: str) -> None:
        fs = self.pick(pick)
        tree = put(self.model.tree(fs.commit_hash), path, File(LINK, to.encode()))
        self.commit(fs, lambda: fs.write_symlink(path, to), tree)

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, path=paths, pieces=st.lists(contents, max_size=3))
    def writer(self, pick: int, path: str, pieces: list[bytes]) -> None:
        fs = self.pick(pick)

        def do() -> FS:
            with fs.writer(path) as file:
                for piece in pieces:
                    file.write(piece)
            assert file.fs is not None
            return file.fs

        data = b"".join(pieces)
        self.commit(fs, do, put(self.model.tree(fs.commit_hash), path, File(PLAIN, data)))

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, path=paths, data=contents)
    def retry_write(self, pick: int, path: str, data: bytes) -> None:
        branch = sorted(self.model.branches)[pick % len(self.model.branches)]
        fs = self.store.branches[branch]
        tree = put(self.model.tree(fs.commit_hash), path, File(PLAIN, data))
        self.commit(fs, lambda: retry_write(self.store, branch, path, data), tree)

    @precondition(lambda self: self.model.branches)
    @rule(
        pick=picks, which=st.lists(picks, min_size=1, max_size=3), extra=paths, all_=st.booleans()
    )
    def remove(self, pick: int, which: list[int], extra: str, all_: bool) -> None:
        fs = self.pick(pick)
        tree = self.model.tree(fs.commit_hash)
        there = judge.everything(tree)
        sources = [there[number % len(there)] for number in which] if there else [extra]
        if which[0] % 7 == 0:
            sources.append(extra)
        new = tree
        for path in sources:
            new = take_away(new, path)
        refused = self.refusal(fs)
        stale = () if refused is None else (refused,)
        if not all(path in there for path in sources):
            with pytest.raises((FileNotFoundError, *stale)):
                fs.remove(sources, recursive=True)
        elif not all_ and any(is_directory(tree, path) for path in sources):
            with pytest.raises((IsADirectoryError, *stale)):
                fs.remove(sources)
        else:
            planned = fs.remove(sources, recursive=all_, dry_run=True)
            assert planned.commit_hash == fs.commit_hash
            judge.check_report(planned.changes, tree, new)
            self.commit(fs, lambda: fs.remove(sources, recursive=all_), new, operation="rm")

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, writes=applied, gone=st.lists(paths, max_size=3), operation=operations)
    def apply(
        self, pick: int, writes: dict[str, object], gone: list[str], operation: str | None
    ) -> None:
        fs = self.pick(pick)
        given: dict[str, object] = {}
        new = self.model.tree(fs.commit_hash)
        for path in gone:
            new = take_away(new, path)
        for path, value in writes.items():
            if isinstance(value, tuple):
                given[path] = WriteEntry(target=value[1])
                new = put(new, path, File(LINK, value[1].encode()))
            else:
                given[path] = value
                data = value.encode() if isinstance(value, str) else value
                assert isinstance(data, bytes)
                new = put(new, path, File(PLAIN, data))
        if set(gone) & set(writes) or not set(writes) <= set(new):
            with pytest.raises(ValueError):
                fs.apply(given, gone, operation=operation)
            return
        self.commit(
            fs, lambda: fs.apply(given, gone, operation=operation), new, operation=operation
        )

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, todo=batch_steps, message=messages, operation=operations)
    def batch(
        self,
        pick: int,
        todo: list[tuple[str, str, object]],
        message: str | None,
        operation: str | None,
    ) -> None:
        fs = self.pick(pick)
        batch = fs.batch(message, operation)
        staged = judge.StagedBatch(batch, self.model.tree(fs.commit_hash))
        for kind, path, value in todo:
            staged.carry_out(kind, path, value)
        if staged.is_empty:
            assert batch.commit().commit_hash == fs.commit_hash
            return
        self.commit(fs, batch.commit, staged.tree, message=message, operation=operation)

    # -- history --------------------------------------------------------------------------

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, steps=steps)
    def undo(self, pick: int, steps: int) -> None:
        fs = self.pick(pick)
        history = self.model.history(fs.commit_hash)
        refused = ValueError if steps >= len(history) else self.refusal(fs)
        if refused is not None:
            with pytest.raises(refused):
                fs.undo(steps)
            return
        new = fs.undo(steps)
        assert new.commit_hash == history[steps]
        assert new.changes is None
        self.model.move(str(fs.ref_name), new.commit_hash)

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, steps=steps)
    def redo(self, pick: int, steps: int) -> None:
        fs = self.pick(pick)
        refused: type[Exception] | None = self.refusal(fs)
        target = None
        if refused is None:
            target = self.model.redo_target(str(fs.ref_name), steps)
            refused = ValueError if target is None else None
        if refused is not None:
            with pytest.raises(refused):
                fs.redo(steps)
            return
        new = fs.redo(steps)
        assert new.commit_hash == target
        self.model.move(str(fs.ref_name), new.commit_hash)

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, parent=st.one_of(st.none(), picks), branch=branches)
    def squash(self, pick: int, parent: int | None, branch: str) -> None:
        fs = self.pick(pick)
        onto = None if parent is None else self.pick(parent)
        squashed = fs.squash(parent=onto, message=f"squashed {self.turn}")
        assert not squashed.writable
        self.model.commits[squashed.commit_hash] = replace(
            self.model.commits[fs.commit_hash],
            parents=() if onto is None else (onto.commit_hash,),
            message=f"squashed {self.turn}",
        )
        self.assign(squashed, branch)

    # -- refs -----------------------------------------------------------------------------

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, branch=branches)
    def set_branch(self, pick: int, branch: str) -> None:
        self.assign(self.pick(pick), branch)

    def assign(self, fs: FS, branch: str) -> None:
        if branch not in self.model.branches and self.model.clashes(self.model.branches, branch):
            with pytest.raises(ValueError):
                self.store.branches[branch] = fs
            return
        new = self.store.branches.set(branch, fs)
        assert (new.ref_name, new.writable) == (branch, True)
        self.model.move(branch, fs.commit_hash)
        judge.check_snapshot(new, self.model)

    @rule(branch=branches)
    def create_branch(self, branch: str) -> None:
        if branch in self.model.branches:
            with pytest.raises(KeyError):
                self.store.branches.create(branch)
        elif self.model.clashes(self.model.branches, branch):
            with pytest.raises(ValueError):
                self.store.branches.create(branch)
        else:
            fs = self.store.branches.create(branch)
            self.model.commits[fs.commit_hash] = Commit({}, (), f"Initialize {branch}")
            self.model.branches[branch] = fs.commit_hash

    @rule(branch=branches)
    def delete_branch(self, branch: str) -> None:
        if branch in self.model.branches:
            del self.store.branches[branch]
            self.model.delete_branch(branch)
        else:
            with pytest.raises(KeyError):
                del self.store.branches[branch]

    @rule(branch=branches)
    def make_current(self, branch: str) -> None:
        if branch in self.model.branches:
            self.store.branches.current = branch
            self.model.current = branch
        else:
            with pytest.raises(KeyError):
                self.store.branches.current = branch

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, tag=tags)
    def tag(self, pick: int, tag: str) -> None:
        fs = self.pick(pick)
        if tag in self.model.tags:
            with pytest.raises(KeyError):
                self.store.tags[tag] = fs
        elif self.model.clashes(self.model.tags, tag):
            with pytest.raises(ValueError):
                self.store.tags[tag] = fs
        else:
            self.store.tags[tag] = fs
            self.model.tags[tag] = fs.commit_hash
            tagged = self.store.tags[tag]
            judge.check_snapshot(tagged, self.model)
            with pytest.raises(PermissionError):
                tagged.write("a", b"x")

    @rule(tag=tags)
    def delete_tag(self, tag: str) -> None:
        if tag in self.model.tags:
            del self.store.tags[tag]
            del self.model.tags[tag]
        else:
            with pytest.raises(KeyError):
                del self.store.tags[tag]

    # -- notes ----------------------------------------------------------------------------

    @precondition(lambda self: self.model.branches)
    @rule(
        space=namespaces,
        changes=st.dictionaries(picks.map(lambda pick: pick % 7), st.one_of(st.none(), texts)),
        one=st.booleans(),
    )
    def notes(self, space: str, changes: dict[int, str | None], one: bool) -> None:
        notes = self.store.notes[space]
        expected = dict(self.model.notes.get(space, {}))
        tips = sorted({*self.model.branches.values(), "1" * 40, "2" * 40})
        edits = {tips[number % len(tips)]: text for number, text in changes.items()}
        if one:
            edits = dict(list(edits.items())[:1])
        missing = [key for key, text in edits.items() if text is None and key not in expected]

        def do() -> None:
            if one:
                for key, text in edits.items():
                    if text is None:
                        del notes[key]
                    else:
                        notes[key] = text
                return
            with notes.batch() as batch:
                for key, text in edits.items():
                    if text is None:
                        del batch[key]
                    else:
                        batch[key] = text

        if missing:
            with pytest.raises(KeyError):
                do()
        else:
            do()
            kept = {key: text for key, text in (expected | edits).items() if text is not None}
            self.model.notes[space] = kept
        assert dict(notes) == self.model.notes.get(space, {})

    # -- tidying --------------------------------------------------------------------------

    @rule(what=st.sampled_from(["pack", "gc", "close"]))
    def tidy(self, what: str) -> None:
        getattr(self.store, what)()

    @invariant()
    def refs_are_where_the_model_says(self) -> None:
        for store in self.stores:
            judge.check_refs(store, self.model)

    @invariant()
    def one_snapshot_is_what_the_model_says(self) -> None:
        reachable = judge.reachable(self.model)
        if self.stores and reachable:
            commit = reachable[self.turn * 7 % len(reachable)]
            judge.check_snapshot(self.store.fs(commit), self.model)


class InMemory(Snapshots):
    """The store that lives in memory."""

    def open_stores(self) -> list[GitStore]:
        return [GitStore.memory()]


class OnDisk(Snapshots):
    """A store on disk: two handles, opened anew at times, and git beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="vost-model-"))
        self.path = self.top / "r.git"
        self.git = Git(self.top)

    def open_stores(self) -> list[GitStore]:
        return [GitStore.open(self.path), GitStore.open(self.path, author="Second")]

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = GitStore.open(self.path, create=False)

    @precondition(lambda self: self.model.branches)
    @rule(pick=picks, path=paths, data=contents, mode=modes, gone=st.booleans())
    def git_commits(self, pick: int, path: str, data: bytes, mode: int | None, gone: bool) -> None:
        branch = sorted(self.model.branches)[pick % len(self.model.branches)]
        parent = self.model.branches[branch]
        tree = self.model.tree(parent)
        tree = take_away(tree, path) if gone else put(tree, path, File(mode or PLAIN, data))
        written = judge.write_tree(self.git, self.path, tree)
        self.turn += 1
        message = f"git was here {self.turn}"
        commit = self.git(self.path, "commit-tree", "-p", parent, "-m", message, written)
        note = ["-m", "by git"] if pick % 2 else []
        self.git(self.path, "update-ref", *note, f"refs/heads/{branch}", commit, parent)
        self.model.commits[commit] = Commit(tree, (parent,), message)
        self.model.move(branch, commit)

    @rule(what=st.sampled_from(["pack-refs --all", "repack -A -d -q", "gc -q", "prune-packed"]))
    def git_tidies(self, what: str) -> None:
        self.git(self.path, *what.split())

    def teardown(self) -> None:
        try:
            for store in self.stores:
                store.close()
            if self.stores:
                assert_fsck_clean(self.path)
                judge.check_with_git(self.git, self.path, self.model)
        finally:
            shutil.rmtree(self.top)


# The everyday run is a few seconds; VOST_HYPOTHESIS_PROFILE=nightly searches for hours.
_EXAMPLES = settings().max_examples
_NIGHTLY = os.environ.get("VOST_HYPOTHESIS_PROFILE") == "nightly"

TestInMemory = InMemory.TestCase
TestInMemory.settings = settings(max_examples=_EXAMPLES, stateful_step_count=60 if _NIGHTLY else 30)
TestOnDisk = OnDisk.TestCase
TestOnDisk.settings = settings(
    max_examples=_EXAMPLES if _NIGHTLY else 12, stateful_step_count=60 if _NIGHTLY else 25
)
TestInMemory.pytestmark = TestOnDisk.pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(36_000 if _NIGHTLY else 120),
]
