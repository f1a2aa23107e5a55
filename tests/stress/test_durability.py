"""What a ref names is on disk before the ref names it, as the order of system calls shows.

The rule is restic's: data, index, then what points at them, each synced, and the directory too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.stress.injection import record
from tests.stress.judging import files
from vost_sync import GitStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stress.forkserver import ForkServer
    from tests.support.gitcli import Git

CALLS = "openat,mkdir,rename,link,fsync,fdatasync,write,pwrite64,writev"
BATCH_SYNCS = 5
"""Syncs that a batch may cost, however many files: pack, index, their directory, the ref."""

_CALL = re.compile(
    r"(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)\) += +(?P<result>-?\d+)(?:<.*>)?(?: .*)?$"
)
_DESCRIPTOR = re.compile(r"\d+<(?P<path>[^>]+)>")
_QUOTED = re.compile(r'"([^"]*)"')


class Call(NamedTuple):
    """One system call that succeeded: its name and the paths it is about."""

    name: str
    paths: tuple[str, ...]


def parse(lines: list[str], top: Path) -> list[Call]:
    """Return the calls on files of a repository, with paths relative to it, up to the ack."""
    calls = []
    for line in lines:
        found = _CALL.match(line)
        if found is None or int(found["result"]) < 0:
            continue
        if found["name"] == "writev":
            calls.append(Call("acknowledge", ()))
            continue
        if found["name"] in ("rename", "link"):
            paths = _QUOTED.findall(found["arguments"])
        elif found["name"] in ("openat", "mkdir"):
            if found["name"] == "openat" and "O_CREAT" not in found["arguments"]:
                continue
            paths = [_QUOTED.findall(found["arguments"])[0]]
        else:
            descriptor = _DESCRIPTOR.match(found["arguments"])
            paths = [descriptor["path"]] if descriptor else []
        inside = tuple(
            path[len(str(top)) + 1 :] or "." for path in paths if path.startswith(str(top))
        )
        if inside:
            calls.append(Call(found["name"], inside))
    return calls


class Disk:
    """Which names and contents would survive a loss of power, as far as the calls tell.

    Args:
        known: The files that were there before, safely.
    """

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.unsynced_content: set[str] = set()
        self.unsynced_names: set[str] = set()
        self.syncs: list[str] = []

    def apply(self, call: Call) -> None:
        if call.name in ("write", "pwrite64"):
            self.unsynced_content.add(call.paths[0])
        elif call.name in ("openat", "mkdir"):
            self.unsynced_names.update(set(call.paths) - self.known)
        elif call.name in ("rename", "link"):
            old, new = call.paths
            if old in self.unsynced_content:
                self.unsynced_content.add(new)
            if call.name == "rename":
                self.unsynced_content.discard(old)
                self.unsynced_names.discard(old)
            self.unsynced_names.add(new)
        else:
            (path,) = call.paths
            self.syncs.append(path)
            self.unsynced_content.discard(path)
            self.unsynced_names -= {name for name in self.unsynced_names if parent(name) == path}


def parent(path: str) -> str:
    return path.rpartition("/")[0] or "."


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "r.git"
    with GitStore.open(path) as store:
        store.branches["main"].write("dir/file", b"before")
    return path


class Trace(NamedTuple):
    """What one task did: its calls, and the files that were there before."""

    calls: list[Call]
    known: frozenset[str]

    def disk_at(self, end: int) -> Disk:
        """Return what is on disk for certain after so many calls."""
        disk = Disk(self.known)
        for call in self.calls[:end]:
            if call.name != "acknowledge":
                disk.apply(call)
        return disk

    def moment_of_truth(self, ref: str = "refs/heads/main") -> int:
        """Return at which call the ref is renamed into place."""
        (index,) = [
            index
            for index, call in enumerate(self.calls)
            if call.name == "rename" and call.paths[1] == ref
        ]
        return index

    def disk_at_ref(self) -> Disk:
        """Return what is on disk for certain when the ref moves."""
        return self.disk_at(self.moment_of_truth())

    def disk_at_return(self) -> Disk:
        """Return what is on disk for certain when the write is acknowledged."""
        return self.disk_at(self.calls.index(Call("acknowledge", ())))


def trace(server: ForkServer, strace: str, repository: Path, task: str, *, durable: bool) -> Trace:
    known = frozenset(files(repository))
    child = server.start(task, repository, 1, durable=durable)
    lines = record(child, strace, repository.parent / "log", CALLS)
    assert child.said[-1].startswith("ack"), child.said
    return Trace(parse(lines, repository), known)


def unsafe(disk: Disk, pattern: str) -> list[str]:
    """Return the files whose content or name could still be lost."""
    names = disk.unsynced_content | disk.unsynced_names
    return sorted(name for name in names if re.fullmatch(pattern, name))


@pytest.mark.slow
@pytest.mark.parametrize("durable", [False, True], ids=["default", "durable"])
def test_pack_index_and_directory_are_synced_before_the_ref_moves(
    durable: bool, server: ForkServer, strace: str, repository: Path
) -> None:
    traced = trace(server, strace, repository, "one_batch", durable=durable)
    disk = traced.disk_at_ref()
    renamed = [call.paths[1] for call in traced.calls if call.name == "rename"]
    objects = [name for name in renamed if name.startswith("objects/")]
    assert sorted(name.rpartition(".")[2] for name in objects) == ["idx", "pack"]
    assert unsafe(disk, r"objects/pack/pack-\w+\.(pack|idx)") == []
    assert "objects/pack" in disk.syncs
    assert "refs/heads/main.lock" not in disk.unsynced_content


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [False, True], ids=["with_log", "first_write"])
@pytest.mark.parametrize("task", ["one_write", "one_batch"])
def test_durable_write_is_on_disk_when_it_returns(
    task: str, fresh: bool, server: ForkServer, strace: str, repository: Path
) -> None:
    if fresh:
        repository = repository.with_name("fresh.git")
        GitStore.open(repository).close()
    traced = trace(server, strace, repository, task, durable=True)
    assert unsafe(traced.disk_at_ref(), r"objects/(?!.*\.keep$).*") == []
    at_return = traced.disk_at_return()
    # What is of no meaning after a loss of power: the lock, notes to the next writer.
    assert unsafe(at_return, r"(?!vost\.|.*\.keep$).*") == []
    assert "refs/heads" in at_return.syncs
    assert "logs/refs/heads/main" in at_return.syncs


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["all", "loose-object", "committed", "objects", None])
def test_single_write_syncs_loose_objects_as_configured(
    setting: str | None, server: ForkServer, strace: str, repository: Path, git: Git
) -> None:
    if setting is not None:
        git(repository, "config", "core.fsync", setting)
    disk = trace(server, strace, repository, "one_write", durable=False).disk_at_ref()
    loose = unsafe(disk, r"objects/[0-9a-f]{2}/[0-9a-f]{38}")
    assert bool(loose) == (setting is None)
    assert "refs/heads/main.lock" not in disk.unsynced_content, "a ref is always synced"


@pytest.mark.slow
@pytest.mark.parametrize(
    "task, durable, limit",
    [
        ("one_batch", False, BATCH_SYNCS),
        ("one_batch", True, BATCH_SYNCS + 2),
        ("one_write", False, 1),
    ],
)
def test_number_of_syncs_does_not_grow_with_the_files(
    task: str, durable: bool, limit: int, server: ForkServer, strace: str, repository: Path
) -> None:
    traced = trace(server, strace, repository, task, durable=durable)
    syncs = traced.disk_at(len(traced.calls)).syncs
    print(f"{task}, durable={durable}: {len(syncs)} syncs: {syncs}")
    assert len(syncs) <= limit


@pytest.mark.slow
@pytest.mark.parametrize("name", [r"tmp_pack_.*", r"tmp_idx_.*", ""])
def test_check_finds_a_missing_sync(
    name: str, server: ForkServer, strace: str, repository: Path
) -> None:
    traced = trace(server, strace, repository, "one_batch", durable=False)
    missing = re.compile(f"objects/pack/{name}" if name else "objects/pack")
    calls = [
        call
        for call in traced.calls
        if not (call.name == "fsync" and missing.fullmatch(call.paths[0]))
    ]
    assert len(calls) == len(traced.calls) - 1
    disk = Trace(calls, traced.known).disk_at_ref()
    assert unsafe(disk, r"objects/pack/pack-\w+\.(pack|idx)") != []
