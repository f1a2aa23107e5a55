"""Many processes and threads write one branch while git and vost tidy up beside them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.stress.judging import assert_usable, first_parents, reflog_tips
from tests.stress.sizes import small_and_full
from tests.support.sources import ROOT
from vost_sync import GitStore, LockedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gitcli import Git

PROCESSES = 8
THREADS = 8

_PAUSE = 0.02
"""Seconds between two rounds of what goes on beside the writers: they are to have a turn too."""


class Beside:
    """Repeats something in a thread of its own, beside the writers, until it is told to stop.

    Args:
        actions: What to do, in turn.
    """

    def __init__(self, *actions: Callable[[], object]) -> None:
        self._actions = actions
        self._stop = threading.Event()
        self.rounds = 0
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.wait(_PAUSE):
                for action in self._actions:
                    action()
                self.rounds += 1
        except BaseException as error:
            self.error = error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


class GitBeside:
    """Git commands that run again and again; what they complain of is kept, and counted."""

    def __init__(self, git: Git, repository: Path) -> None:
        self._git = git
        self._repository = repository
        self.complaints: Counter[str] = Counter()

    def __call__(self, *command: str) -> Callable[[], None]:
        def run() -> None:
            result = self._git.attempt(self._repository, *command)
            if result.returncode != 0:
                said = result.stderr.decode("utf-8", "replace").strip().splitlines()
                self.complaints[f"git {command[0]}: {said[:1]}"] += 1

        return run


class Onlooker:
    """Reads main all the time: everything there is readable, and the counter only grows."""

    def __init__(self, store: GitStore) -> None:
        self._store = store
        self._count = -1

    def __call__(self) -> None:
        fs = self._store.branches["main"]
        count = int(fs.read("counter"))
        assert count >= self._count, "the branch went back"
        self._count = count
        paths = fs.ls(recursive=True)
        assert len(fs.read_many(paths[:50] + paths[-50:])) == min(len(paths), 50) * 2
        assert len(list(fs.log(limit=20))) > 0


def run_writers(repository: Path, steps: int, seed: int) -> list[dict[str, Any]]:
    """Run all writers to their end and return what was acknowledged to each."""
    groups = [[number] for number in range(PROCESSES)]
    groups.append(list(range(PROCESSES, PROCESSES + THREADS)))
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-W", "error", "-m", "tests.stress.children.writers"),
                json.dumps(
                    {"repo": str(repository), "writers": group, "steps": steps, "seed": seed}
                ),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for group in groups
    ]
    reports = []
    for process in processes:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        reports += [json.loads(line) for line in out.splitlines()]
    return reports


@pytest.mark.slow
@pytest.mark.parametrize("steps", small_and_full(4, 200))
def test_many_writers_of_one_branch_lose_nothing(
    steps: int, tmp_path: Path, git: Git, seed: int
) -> None:
    repository = tmp_path / "r.git"
    store = GitStore.open(repository)
    store.branches["main"].write("counter", b"0")
    caretaker, onlooker = GitStore.open(repository), GitStore.open(repository)
    gits = GitBeside(git, repository)
    beside = [
        Beside(gits("gc", "--quiet")),
        Beside(gits("repack", "-a", "-d", "-q")),
        Beside(gits("pack-refs", "--all")),
        Beside(caretaker.pack, caretaker.gc),
        Beside(Onlooker(onlooker)),
    ]
    started = time.monotonic()
    try:
        reports = run_writers(repository, steps, seed)
    finally:
        took = time.monotonic() - started
        for each in beside:
            each.stop()
    print_what_happened(reports, beside, gits, took)
    for report in reports:
        assert not report["error"], f"writer {report['number']}: {report['error']}"
    for each in beside:
        if each.error is not None:
            raise each.error
    assert_nothing_is_lost(git, repository, reports)
    for each in (store, caretaker, onlooker):
        each.close()


@pytest.mark.slow
def test_git_locks_that_come_and_go_are_outwaited(tmp_path: Path) -> None:
    repository = tmp_path / "r.git"
    store = GitStore.open(repository)
    store.branches["gone"] = store.branches["main"]
    lock = repository / "packed-refs.lock"
    lock.touch()
    # Longer than a lock of Git's that stays is waited for, but never the same one for long.
    until = time.monotonic() + 2.5

    def replace() -> None:
        if time.monotonic() < until:
            fresh = repository / "fresh"
            fresh.touch()
            fresh.replace(lock)
        else:
            lock.unlink(missing_ok=True)

    git_programs = Beside(replace)
    try:
        del store.branches["gone"]
    finally:
        git_programs.stop()
    assert time.monotonic() >= until
    assert list(store.branches) == ["main"]
    store.close()


@pytest.mark.slow
def test_git_lock_that_stays_is_reported(tmp_path: Path) -> None:
    repository = tmp_path / "r.git"
    store = GitStore.open(repository)
    (repository / "refs/heads/main.lock").touch()
    started = time.monotonic()
    with pytest.raises(LockedError, match=r"main\.lock has been there for"):
        store.branches["main"].write("file", b"data")
    assert time.monotonic() - started < 10
    store.close()


def assert_nothing_is_lost(git: Git, repository: Path, reports: list[dict[str, Any]]) -> None:
    acknowledged = [commit for report in reports for commit in report["commits"]]
    assert len(set(acknowledged)) == len(acknowledged)
    # Before the writers came there were the first commit and the counter's.
    chain = first_parents(git, repository)
    assert set(acknowledged) == set(chain[:-2])
    assert len(chain) == len(acknowledged) + 2
    movements = reflog_tips(repository)
    assert [new for _, new in movements] == chain[::-1][1:]
    assert [old for old, _ in movements] == chain[::-1][:-1]

    with GitStore.open(repository) as store:
        fs = store.branches["main"]
        assert int(fs.read("counter")) == sum(report["increments"] for report in reports)
        seen: list[int] = []
        for report in reports:
            if report["own"]:
                assert fs.read_text(f"own/{report['number']}") == report["own"]
            lines = fs.read_text(f"log/{report['number']}").split()
            assert len(lines) == report["increments"]
            seen += map(int, lines)
        assert sorted(seen) == list(range(1, len(seen) + 1)), "two saw the same counter"

        notes = {key: text for report in reports for key, text in report["notes"].items()}
        assert dict(store.notes.commits) == notes
        tags = {name: commit for report in reports for name, commit in report["tags"].items()}
        assert {name: tag.commit_hash for name, tag in store.tags.items()} == tags
        assert set(tags.values()) <= set(chain)
        assert set(store.branches) == {"main"}
    listed = git(repository, "notes", "list").splitlines()
    assert {line.split()[1] for line in listed} == set(notes)
    assert_usable(repository)


def print_what_happened(
    reports: list[dict[str, Any]], beside: list[Beside], gits: GitBeside, took: float
) -> None:
    commits = [len(report["commits"]) for report in reports]
    seconds = sorted(report["seconds"] for report in reports)
    stale = [report["stale"] for report in reports]
    print(
        f"\n{sum(commits)} commits in {took:.1f} s ({sum(commits) / took:.0f}/s); "
        f"writers took {seconds[0]:.1f} to {seconds[-1]:.1f} s; "
        f"stale {min(stale)} to {max(stale)} each; "
        f"{sum(report['pruned'] for report in reports)} times an object was pruned"
    )
    print(f"rounds beside: {[each.rounds for each in beside]}; git said {dict(gits.complaints)}")
