"""In which order things reach the disk, and how often it is waited for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.storage.refs_children import MAIN, change, open_refs
from vost._storage.layout import create
from vost._storage.protocols import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

A, B = b"a" * 20, b"b" * 20


@pytest.fixture
def git_dir(tmp_path: Path) -> Path:
    return create(tmp_path / "r.git", head="main", prepare=lambda _: None).git_dir


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The system calls that change or sync something, in order."""
    made: list[str] = []

    def watch(name: str, describe: Callable[..., str]) -> None:
        original = getattr(os, name)

        def call(*args: object, **options: object) -> object:
            made.append(describe(*args))
            return original(*args, **options)

        monkeypatch.setattr(os, name, call)

    def kind(fd: int) -> str:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))
        return "value" if name.startswith("vost.ref-") else name

    watch("fsync", lambda fd: f"fsync {kind(fd)}")
    watch("link", lambda source, target: f"link {os.path.basename(target)}")
    watch("replace", lambda source, target: f"rename {os.path.basename(target)}")
    return made


def test_value_is_synced_before_anybody_can_see_it(git_dir: Path, calls: list[str]) -> None:
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, None, A, "x"))
    assert calls == ["fsync value", "link main.lock", "rename main"]
    refs.close()


def test_all_locks_are_taken_before_the_first_rename(git_dir: Path, calls: list[str]) -> None:
    refs = open_refs(git_dir)
    change(refs, RefUpdate("refs/heads/z", None, A, "x"), RefUpdate(MAIN, None, B, "x"))
    assert [call.split()[0] for call in calls] == [*["fsync", "link"] * 2, "rename", "rename"]
    refs.close()


def test_durable_update_syncs_log_and_directory_too(git_dir: Path, calls: list[str]) -> None:
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, None, A, "x"))
    calls.clear()
    refs.durable = True
    change(refs, RefUpdate(MAIN, A, B, "x"))
    assert calls == [
        "fsync value",
        "link main.lock",
        "fsync main",
        "rename main",
        "fsync heads",
    ]
    refs.close()


def test_durable_creation_syncs_every_new_directory(git_dir: Path, calls: list[str]) -> None:
    refs = open_refs(git_dir, durable=True)
    change(refs, RefUpdate("refs/notes/a/b", None, A, "x"))
    synced = [call.split()[1] for call in calls if call.startswith("fsync")]
    log_directories = ["a", "notes", "refs", "logs", "r.git"]
    ref_directories = ["r.git", "refs", "notes", "a"]
    assert synced == ["value", "b", *log_directories, *ref_directories]
    refs.close()


def test_unchanged_value_costs_no_sync(git_dir: Path, calls: list[str]) -> None:
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, None, A, "x"))
    calls.clear()
    change(refs, RefUpdate(MAIN, A, A, "x"))
    assert calls == []
    refs.close()


def test_durable_deletion_syncs_the_pack_before_the_file_goes(
    git_dir: Path, calls: list[str]
) -> None:
    (git_dir / "packed-refs").write_text(f"{A.hex()} {MAIN}\n", encoding="ascii")
    refs = open_refs(git_dir, durable=True)
    change(refs, RefUpdate("refs/tags/t", None, A, "x"))
    calls.clear()
    change(refs, RefUpdate(MAIN, A, None, "x"), RefUpdate("refs/tags/t", A, None, "x"))
    assert calls == [
        "link main.lock",
        "link t.lock",
        "link packed-refs.lock",
        # The log of HEAD tells of both.
        "fsync HEAD",
        "fsync logs",
        "fsync r.git",
        "fsync HEAD",
        "rename packed-refs",
        "fsync r.git",
        "fsync heads",
        "fsync tags",
    ]
    assert refs.list("refs/") == {}
    refs.close()
