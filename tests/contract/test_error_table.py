"""The readme's table of errors, row by row: blocking, on asyncio and on trio.

The async call is the blocking one with ``await``, so most situations are written once. The few
that are spelled otherwise by the table of the design have a second line.
"""

from __future__ import annotations

import inspect
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import vost
import vost_sync
from tests.support.gitcli import Git, assert_fsck_clean
from tests.support.sources import ROOT
from vost import StaleSnapshotError, VostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

README = ROOT.parent / "shared" / "contract" / "readme.txt"

TABLE: dict[type[Exception], tuple[str, ...]] = {
    FileNotFoundError: (
        "read/remove on a missing path",
        "write_from_file with a missing local file",
        "opening a missing repo with create=False",
    ),
    IsADirectoryError: (
        "read on a directory path",
        "write_from_file with a directory",
        "remove on a directory",
    ),
    NotADirectoryError: ("ls/walk on a file path",),
    PermissionError: ("Writing to a tag snapshot",),
    KeyError: ("Accessing a missing branch/tag", "overwriting an existing tag"),
    ValueError: ("Invalid path (.., empty segments)", "unsupported open mode"),
    TypeError: ("Assigning a non-FS value to a branch or tag",),
    RuntimeError: ("Writing/removing on a closed Batch",),
    StaleSnapshotError: ("Writing from a snapshot whose branch has moved forward",),
}
"""The table as it is printed: the error and when it is raised."""


@dataclass(frozen=True)
class World:
    """What the situations use: of the face under test, but for the paths.

    Args:
        opener: The class ``GitStore``.
        repo: A store with ``f.txt``, ``d/f.txt`` and a link on its branch ``main``.
        fs: Its branch ``main``.
        tag: Its tag ``v1``, which is at the same commit.
        stale: A snapshot of its branch ``dev``, which has moved on.
        batch: A batch that was committed.
        directory: A local directory, with a file ``local.txt``.
    """

    opener: Any
    repo: Any
    fs: Any
    tag: Any
    stale: Any
    batch: Any
    directory: Path

    @property
    def file(self) -> Path:
        return self.directory / "local.txt"


Action = "Callable[[World], Any]"


@dataclass(frozen=True)
class Situation:
    """A call that must fail.

    Args:
        error: The builtin error, or ``StaleSnapshotError``.
        clause: When the table says that it is raised.
        call: The call; where the async one is spelled otherwise, the blocking one.
        spelled: The async call, if it is spelled otherwise.
        says: What the message must name.
        ours: Whether the error must also be a ``VostError``.
    """

    error: type[Exception]
    clause: str
    call: Callable[[World], Any]
    spelled: Callable[[World], Any] | None = None
    says: str = ""
    ours: bool = True

    def __str__(self) -> str:
        source = inspect.getsource(self.call).partition("lambda w: ")[2]
        return f"{self.error.__name__}: {source.strip().rstrip(',')}"


def _rows(error: type[Exception], clause: int, says: str, *calls: Any) -> list[Situation]:
    """Return the situations of a clause; a pair is a call and its async spelling."""
    text = TABLE[error][clause]
    pairs = [call if isinstance(call, tuple) else (call, None) for call in calls]
    return [Situation(error, text, call, spelled, says) for call, spelled in pairs]


def _missing_and_directories() -> list[Situation]:
    return [
        *_rows(
            FileNotFoundError,
            0,
            "no/such",
            lambda w: w.fs.read("no/such"),
            lambda w: w.fs.read_text("no/such"),
            lambda w: w.fs.remove("no/such"),
            lambda w: w.fs.remove(["f.txt", "no/such"]),
            lambda w: w.fs.batch().remove("no/such"),
        ),
        *_rows(
            FileNotFoundError,
            1,
            "absent.txt",
            lambda w: w.fs.write_from_file("new.txt", w.directory / "absent.txt"),
            lambda w: w.fs.batch().write_from_file("new.txt", w.directory / "absent.txt"),
        ),
        *_rows(
            FileNotFoundError,
            2,
            "absent.git",
            lambda w: w.opener.open(w.directory / "absent.git", create=False),
        ),
        *_rows(
            IsADirectoryError,
            0,
            "'d'",
            lambda w: w.fs.read("d"),
            lambda w: w.fs.read_text("d"),
            lambda w: w.fs.read_many(["f.txt", "d"]),
        ),
        *_rows(
            IsADirectoryError,
            1,
            "local",
            lambda w: w.fs.write_from_file("new.txt", w.directory),
            lambda w: w.fs.batch().write_from_file("new.txt", w.directory),
        ),
        *_rows(
            IsADirectoryError,
            2,
            "d",
            lambda w: w.fs.remove("d"),
            lambda w: w.fs.remove(["f.txt", "d/"]),
            lambda w: w.fs.batch().remove("d"),
        ),
        *_rows(
            NotADirectoryError,
            0,
            "f.txt",
            lambda w: w.fs.ls("f.txt"),
            lambda w: w.fs.ls("d/f.txt", recursive=True),
            lambda w: w.fs.listdir("f.txt"),
            (lambda w: next(w.fs.walk("f.txt")), lambda w: anext(w.fs.walk("f.txt"))),
        ),
    ]


def _refused_writes() -> list[Situation]:
    return [
        *_rows(
            PermissionError,
            0,
            "'v1'",
            lambda w: w.tag.write("new.txt", b""),
            lambda w: w.tag.write("f.txt", b"same"),
            lambda w: w.tag.write_text("new.txt", ""),
            lambda w: w.tag.write_from_file("new.txt", w.file),
            lambda w: w.tag.write_symlink("new", "target"),
            lambda w: w.tag.writer("new.txt"),
            lambda w: w.tag.apply({"new.txt": b""}),
            lambda w: w.tag.batch(),
            lambda w: w.tag.remove("f.txt"),
            lambda w: w.tag.undo(),
            lambda w: w.tag.redo(),
        ),
        *_rows(
            RuntimeError,
            0,
            "Batch is closed",
            lambda w: w.batch.write("new.txt", b""),
            lambda w: w.batch.write_text("new.txt", ""),
            lambda w: w.batch.write_from_file("new.txt", w.file),
            lambda w: w.batch.write_symlink("new", "target"),
            lambda w: w.batch.writer("new.txt"),
            lambda w: w.batch.remove("f.txt"),
            lambda w: w.batch.commit(),
        ),
        *_rows(
            StaleSnapshotError,
            0,
            "dev",
            lambda w: w.stale.write("new.txt", b""),
            lambda w: w.stale.write("f.txt", b"same"),
            lambda w: w.stale.write_text("new.txt", ""),
            lambda w: w.stale.write_from_file("new.txt", w.file),
            lambda w: w.stale.write_symlink("new", "target"),
            lambda w: w.stale.apply({"new.txt": b""}),
            lambda w: w.stale.apply(),
            lambda w: w.stale.remove("f.txt"),
            lambda w: w.stale.undo(),
            lambda w: w.stale.redo(),
            (lambda w: _stale_batch(w.stale), lambda w: _stale_batch_async(w.stale)),
            (lambda w: _stale_writer(w.stale), lambda w: _stale_writer_async(w.stale)),
        ),
    ]


def _wrong_arguments() -> list[Situation]:
    return [
        *_rows(
            KeyError,
            0,
            "absent",
            (lambda w: w.repo.branches["absent"], lambda w: w.repo.branches["absent"]),
            lambda w: w.repo.tags["absent"],
            (
                lambda w: w.repo.branches.__delitem__("absent"),
                lambda w: w.repo.branches.delete("absent"),
            ),
            (lambda w: w.repo.tags.__delitem__("absent"), lambda w: w.repo.tags.delete("absent")),
            (
                lambda w: setattr(w.repo.branches, "current", "absent"),
                lambda w: w.repo.branches.set_current("absent"),
            ),
            lambda w: w.repo.branches.pop("absent"),
            lambda w: w.repo.branches.reflog("absent"),
            lambda w: w.repo.fs("absent"),
        ),
        *_rows(
            KeyError,
            1,
            "v1",
            (lambda w: w.repo.tags.__setitem__("v1", w.fs), lambda w: w.repo.tags.set("v1", w.fs)),
            lambda w: w.repo.tags.set("v1", w.stale),
        ),
        *_rows(
            ValueError,
            0,
            "",
            lambda w: w.fs.read("d/../f.txt"),
            lambda w: w.fs.read("d//f.txt"),
            lambda w: w.fs.exists(".."),
            lambda w: w.fs.write("../f.txt", b""),
            lambda w: w.fs.write("d//new.txt", b""),
            lambda w: w.fs.write("", b""),
            lambda w: w.fs.write_from_file("..", w.file),
            lambda w: w.fs.write_symlink("a//b", "target"),
            lambda w: w.fs.apply({"ok.txt": b"", "a/..": b""}),
            lambda w: w.fs.remove("d/.."),
            lambda w: w.fs.batch().write("a//b", b""),
        ),
        *_rows(
            ValueError,
            1,
            "mode",
            lambda w: w.fs.open("f.txt", "w"),
            lambda w: w.fs.open("f.txt", "rb+"),
            lambda w: w.fs.writer("new.txt", "a"),
            lambda w: w.fs.writer("new.txt", "rb"),
            lambda w: w.fs.batch().writer("new.txt", "x"),
        ),
        *_rows(
            TypeError,
            0,
            "Expected FS",
            (
                lambda w: w.repo.branches.__setitem__("new", "f" * 40),
                lambda w: w.repo.branches.set("new", "f" * 40),
            ),
            (
                lambda w: w.repo.tags.__setitem__("new", None),
                lambda w: w.repo.tags.set("new", None),
            ),
            lambda w: w.repo.branches.set("main", w.repo),
            lambda w: w.repo.branches.update({"new": b""}),
        ),
    ]


def _stale_batch(fs: Any) -> None:
    with fs.batch() as batch:
        batch.write("new.txt", b"")


async def _stale_batch_async(fs: Any) -> None:
    async with fs.batch() as batch:
        await batch.write("new.txt", b"")


def _stale_writer(fs: Any) -> None:
    with fs.writer("new.txt") as writer:
        writer.write(b"")


async def _stale_writer_async(fs: Any) -> None:
    async with fs.writer("new.txt") as writer:
        await writer.write(b"")


SITUATIONS = [*_missing_and_directories(), *_refused_writes(), *_wrong_arguments()]
