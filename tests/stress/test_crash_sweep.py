"""A writer stopped at any one of its system calls leaves the old state or the new one.

The first run of a task records its system calls. Then it is run again from the same start for
each of them (or for a sample) and is killed there, interrupted there, or given an error there.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.stress.injection import CHANGING, count_calls, inject, record
from tests.stress.judging import assert_tidy, assert_usable, leftovers, strangers
from tests.stress.sizes import small_and_full
from tests.support.gitcli import Git, assert_fsck_clean
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stress.forkserver import Child, ForkServer

LONG_AGO = 4 * 7 * 24 * 3600
MAIN = "refs/heads/main"
NOTES = "refs/notes/many"
ALL = 10_000
ALL = 10_000
ERRORS = {"ENOSPC": 28, "EIO": 5, "EMFILE": 24, "EDQUOT": 122}


@dataclass(frozen=True)
class Sweep:
    """One task from one start: what it is, where it leads, which calls it makes.

    Attributes:
        task: Its name, and options.
        template: The repository before.
        ref: The ref that it moves.
        trees: The tree of that ref before (``""``: there is none) and after.
        calls: How often it makes each system call.
    """

    task: str
    durable: bool
    template: Path
    ref: str
    trees: tuple[str, str]
    calls: dict[str, int]

    @property
    def changes(self) -> bool:
        """Whether the task leads to another state at all: tidying up does not."""
        return self.trees[0] != self.trees[1]

    def points(self, chance: random.Random, each: int) -> Iterator[tuple[str, int]]:
        """Yield the calls at which it is stopped: so many of each kind, if there are as many."""
        for system_call in CHANGING:
            count = self.calls.get(system_call, 0)
            for number in sorted(chance.sample(range(1, count + 1), min(each, count))):
                yield system_call, number

    def start(self, server: ForkServer, repository: Path, **options: object) -> Child:
        """Begin anew from the template."""
        shutil.rmtree(repository, ignore_errors=True)
        shutil.copytree(self.template, repository, symlinks=True)
        return server.start(self.task, repository, 1, durable=self.durable, **options)

    def is_done(self, git: Git, repository: Path) -> bool:
        """Tell whether the new state is there; fail unless it is the old one or the new one."""
        found = git.attempt(repository, "rev-parse", "--verify", "-q", f"{self.ref}^{{tree}}")
        tree = found.stdout.decode().strip()
        assert tree in self.trees
        return tree == self.trees[1]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with packs, loose objects, packed and loose refs, and notes."""
    path = tmp_path_factory.mktemp("sweep") / "template.git"
    with GitStore.open(path) as store:
        fs = store.branches["main"]
        for top in ("first", "second"):
            with fs.batch() as batch:
                for number in range(120):
                    batch.write(f"{top}{number % 3}/{number}", b"%s %d" % (top.encode(), number))
            assert batch.fs is not None
            fs = batch.fs
        fs = fs.write("dir/file", b"loose")
        store.tags["v1"] = fs
        store.notes.commits[fs] = "a note"
    git = Git(path.parent)
    git(path, "pack-refs", "--all")
    with GitStore.open(path) as store:
        store.branches["main"].write("dir/other", b"loose ref again")
    return path


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("one_write", False), id="write"),
        pytest.param(("one_batch", False), id="batch"),
        pytest.param(("one_batch", True), id="durable_batch"),
        pytest.param(("one_import", False), id="import"),
        pytest.param(("notes_batch", False), id="notes"),
        pytest.param(("one_gc", False), id="gc"),
    ],
)
def sweep(
    request: pytest.FixtureRequest,
    template: Path,
    server: ForkServer,
    strace: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Sweep:
    task, durable = request.param
    directory = tmp_path_factory.mktemp("first")
    repository = directory / "r.git"
    shutil.copytree(template, repository)
    child = server.start(task, repository, 1, durable=durable)
    lines = record(child, strace, directory / "log", ",".join(CHANGING))
    assert child.said[-1].startswith("ack"), child.said
    git = Git(directory)
    ref = NOTES if task == "notes_batch" else MAIN
    before = git.attempt(template, "rev-parse", "--verify", "-q", f"{ref}^{{tree}}")
    after = git(repository, "rev-parse", f"{ref}^{{tree}}")
    trees = (before.stdout.decode().strip(), after)
    return Sweep(task, durable, template, ref, trees, count_calls(lines))


def assert_next_write_works(repository: Path) -> None:
    """Write to a branch and a note, with a new handle."""
    started = time.monotonic()
    with GitStore.open(repository) as store:
        fs = store.branches["main"].write("next", b"next")
        assert fs.read("next") == b"next"
        assert fs.read("dir/file") == b"loose"
        store.notes["many"]["f" * 40] = "next"
    assert time.monotonic() - started < 2.0


def assert_gc_tidies(repository: Path) -> None:
    long_ago = time.time() - LONG_AGO
    for name in leftovers(repository):
        os.utime(repository / name, (long_ago, long_ago))
    with GitStore.open(repository) as store:
        store.gc()
    assert_tidy(repository)
    assert_fsck_clean(repository)


@pytest.mark.slow
@pytest.mark.parametrize("each", small_and_full(1, ALL))
def test_kill_at_any_system_call_leaves_old_or_new_state(
    each: int, sweep: Sweep, server: ForkServer, strace: str, tmp_path: Path, git: Git, seed: int
) -> None:
    repository = tmp_path / "r.git"
    stops = 0
    for system_call, number in sweep.points(random.Random(seed), each):
        at = f"{system_call} number {number}"
        child = sweep.start(server, repository)
        inject(child, strace, system_call, "signal=KILL", str(number))
        assert child.ended == "killed" or child.said[-1].startswith("ack"), (at, child.said)
        stops += child.ended == "killed"
        done = sweep.is_done(git, repository)
        assert done or not child.said, f"killed at {at}: an acknowledged commit is lost"
        assert_fsck_clean(repository)

        assert_next_write_works(repository)
        assert_usable(repository)
        assert_gc_tidies(repository)
    assert stops


@pytest.mark.slow
@pytest.mark.parametrize("each", small_and_full(1, ALL))
def test_interrupt_at_any_system_call_leaves_old_or_new_state(
    each: int, sweep: Sweep, server: ForkServer, strace: str, tmp_path: Path, git: Git, seed: int
) -> None:
    repository = tmp_path / "r.git"
    stops = 0
    for system_call, number in sweep.points(random.Random(seed + 1), each):
        at = f"{system_call} number {number}"
        child = sweep.start(server, repository, again=True)
        inject(child, strace, system_call, "signal=INT", str(number))
        assert child.said, (at, child.ended)
        stops += child.said[0].startswith(("interrupted", "failed"))
        acknowledged = child.said[-1].startswith("ack")
        assert acknowledged or child.said == ["interrupted"], (at, child.said)
        done = sweep.is_done(git, repository)
        assert done or not acknowledged
        assert_fsck_clean(repository)
        assert strangers(repository) == [], at

        assert_next_write_works(repository)
        assert_usable(repository)
        assert_gc_tidies(repository)
    assert stops


@pytest.mark.slow
@pytest.mark.parametrize("each", small_and_full(1, ALL))
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_error_of_any_system_call_is_reported_and_harmless(
    lasting: bool,
    each: int,
    sweep: Sweep,
    server: ForkServer,
    strace: str,
    tmp_path: Path,
    git: Git,
    seed: int,
) -> None:
    repository = tmp_path / "r.git"
    chance = random.Random(seed + 2)
    stops = 0
    for system_call, number in sweep.points(chance, each):
        if system_call == "flock":
            continue  # unlocking does not fail like that, and locking gives way as if it were held
        for error in chance.sample(sorted(ERRORS), 2 if each == ALL else 1):
            at = f"{error} from {system_call} number {number}"
            child = sweep.start(server, repository, again=not lasting)
            when = f"{number}+" if lasting else str(number)
            inject(child, strace, system_call, f"error={error}", when)
            stops += assert_said_properly(child, ERRORS[error], at, lasting=lasting)
            done = sweep.is_done(git, repository)
            acknowledged = child.said[-1].startswith("ack")
            # Durable directories are synced after the ref has moved: the error comes then.
            assert done == acknowledged or (sweep.durable and done) or not sweep.changes, at
            assert_fsck_clean(repository)
            if system_call != "unlink":
                assert leftovers(repository) + strangers(repository) == [], at

            assert_next_write_works(repository)
            assert_usable(repository)
            assert_gc_tidies(repository)
    assert stops


def assert_said_properly(child: Child, number: int, at: str, *, lasting: bool) -> bool:
    """Fail unless a child met the error as an ``OSError`` or did not mind it; tell which."""
    assert child.ended == "exit 0", at
    failed = child.said[0].startswith(("failed", "error"))
    if lasting and failed:
        assert child.said[0].startswith(f"error OSError {number} "), (at, child.said)
    elif failed:
        assert child.said[0].startswith(f"failed {number} "), (at, child.said)
        assert child.said[-1].startswith("ack"), (at, child.said)
    else:
        assert child.said[0].startswith("ack"), (at, child.said)
    return failed
