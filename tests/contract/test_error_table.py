"""The readme's table of errors, row by row: blocking, on asyncio and on trio.

The async call is the blocking one with ``await``, so most situations are written once. The few
that are spelled otherwise by the table of the design have a second line.
"""

from __future__ import annotations

import inspect
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import vost
import vost_sync
from tests.support.sources import ROOT
from vost import StaleSnapshotError, VostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


# Where plain builtin errors do: wrong types and modes, and what the local disk has to say.
PLAIN = {
    "write_from_file with a missing local file",
    "unsupported open mode",
    "Assigning a non-FS value to a branch or tag",
}


@dataclass(frozen=True)
class World:
    """What the situations use: of the face under test, but for the paths.

    Args:
        opener: The class ``GitStore``.
        repo: A store with ``f.txt`` and ``d/f.txt`` on its branch ``main``.
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


@dataclass(frozen=True)
class Situation:
    """A call that must fail.

    Args:
        error: The builtin error, or ``StaleSnapshotError``.
        clause: When the table says that it is raised.
        call: The call; where the async one is spelled otherwise, the blocking one.
        spelled: The async call, if it is spelled otherwise.
        says: What the message must name.
    """

    error: type[Exception]
    clause: str
    call: Callable[[World], Any]
    spelled: Callable[[World], Any] | None = None
    says: str = ""

    @property
    def name(self) -> str:
        return f"{self.error.__name__}-{'.'.join(self.call.__code__.co_names)}"


def _rows(error: type[Exception], clause: str, says: str, *calls: Any) -> list[Situation]:
    """Return the situations of a clause; a pair is a call and its async spelling."""
    pairs = [call if isinstance(call, tuple) else (call, None) for call in calls]
    return [Situation(error, clause, call, spelled, says) for call, spelled in pairs]


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


SITUATIONS = [
    *_rows(
        FileNotFoundError,
        "read/remove on a missing path",
        "no/such",
        lambda w: w.fs.read("no/such"),
        lambda w: w.fs.read_text("no/such"),
        lambda w: w.fs.remove("no/such"),
        lambda w: w.fs.remove(["f.txt", "no/such"]),
        lambda w: w.fs.batch().remove("no/such"),
    ),
    *_rows(
        FileNotFoundError,
        "write_from_file with a missing local file",
        "absent.txt",
        lambda w: w.fs.write_from_file("new.txt", w.directory / "absent.txt"),
        lambda w: w.fs.batch().write_from_file("new.txt", w.directory / "absent.txt"),
    ),
    *_rows(
        FileNotFoundError,
        "opening a missing repo with create=False",
        "absent.git",
        lambda w: w.opener.open(w.directory / "absent.git", create=False),
    ),
    *_rows(
        IsADirectoryError,
        "read on a directory path",
        "'d'",
        lambda w: w.fs.read("d"),
        lambda w: w.fs.read_text("d"),
        lambda w: w.fs.read_many(["f.txt", "d"]),
    ),
    *_rows(
        IsADirectoryError,
        "write_from_file with a directory",
        "local",
        lambda w: w.fs.write_from_file("new.txt", w.directory),
        lambda w: w.fs.batch().write_from_file("new.txt", w.directory),
    ),
    *_rows(
        IsADirectoryError,
        "remove on a directory",
        "d",
        lambda w: w.fs.remove("d"),
        lambda w: w.fs.remove(["f.txt", "d/"]),
        lambda w: w.fs.batch().remove("d"),
    ),
    *_rows(
        NotADirectoryError,
        "ls/walk on a file path",
        "f.txt",
        lambda w: w.fs.ls("f.txt"),
        lambda w: w.fs.ls("d/f.txt", recursive=True),
        lambda w: w.fs.listdir("f.txt"),
        (lambda w: next(w.fs.walk("f.txt")), lambda w: anext(w.fs.walk("f.txt"))),
    ),
    *_rows(
        PermissionError,
        "Writing to a tag snapshot",
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
        "Writing/removing on a closed Batch",
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
        "Writing from a snapshot whose branch has moved forward",
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
    *_rows(
        KeyError,
        "Accessing a missing branch/tag",
        "absent",
        lambda w: w.repo.branches["absent"],
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
        "overwriting an existing tag",
        "v1",
        (lambda w: w.repo.tags.__setitem__("v1", w.fs), lambda w: w.repo.tags.set("v1", w.fs)),
        lambda w: w.repo.tags.set("v1", w.stale),
    ),
    *_rows(
        ValueError,
        "Invalid path (.., empty segments)",
        "..",
        lambda w: w.fs.read("d/../f.txt"),
        lambda w: w.fs.exists(".."),
        lambda w: w.fs.write("../f.txt", b""),
        lambda w: w.fs.write_from_file("..", w.file),
        lambda w: w.fs.apply({"ok.txt": b"", "a/..": b""}),
        lambda w: w.fs.remove("d/.."),
    ),
    *_rows(
        ValueError,
        "Invalid path (.., empty segments)",
        "//",
        lambda w: w.fs.read("d//f.txt"),
        lambda w: w.fs.write("d//new.txt", b""),
        lambda w: w.fs.write_symlink("a//b", "target"),
        lambda w: w.fs.batch().write("a//b", b""),
    ),
    *_rows(
        ValueError,
        "Invalid path (.., empty segments)",
        "empty",
        lambda w: w.fs.write("", b""),
        lambda w: w.fs.read("/"),
    ),
    *_rows(
        ValueError,
        "unsupported open mode",
        "mode",
        lambda w: w.fs.open("f.txt", "w"),
        lambda w: w.fs.open("f.txt", "rb+"),
        lambda w: w.fs.writer("new.txt", "a"),
        lambda w: w.fs.writer("new.txt", "rb"),
        lambda w: w.fs.batch().writer("new.txt", "x"),
    ),
    *_rows(
        TypeError,
        "Assigning a non-FS value to a branch or tag",
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
IDS = [situation.name for situation in SITUATIONS]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the repository of the situations once."""
    directory = tmp_path_factory.mktemp("template")
    with vost_sync.GitStore.open(directory / "data.git") as store:
        fs = store.branches["main"].apply({"f.txt": b"same", "d/f.txt": b""})
        store.tags["v1"] = store.branches["dev"] = fs
        store.branches["dev"].write("g.txt", b"")
    (directory / "local.txt").write_bytes(b"local")
    return directory


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Iterator[Path]:
    """Give the test its repository, and check afterwards that the call has changed nothing."""
    directory = tmp_path / "local"
    shutil.copytree(template, directory)
    before = contents(directory)
    yield directory / "data.git"
    assert contents(directory) == before


def contents(top: Path) -> dict[str, bytes]:
    """Return the content of all files below a directory, by path."""
    return {
        path.relative_to(top).as_posix(): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("situation", SITUATIONS, ids=IDS)
def test_blocking_call_raises_what_the_table_says(situation: Situation, repository: Path) -> None:
    repo = vost_sync.GitStore.open(repository)
    fs = repo.branches["main"]
    batch = fs.batch()
    batch.commit()
    stale = vost_sync.FS(repo, fs.commit_hash, "dev")
    world = World(vost_sync.GitStore, repo, fs, repo.tags["v1"], stale, batch, repository.parent)
    with pytest.raises(situation.error) as caught:
        situation.call(world)
    check_error(situation, caught.value)


@pytest.mark.parametrize("situation", SITUATIONS, ids=IDS)
async def test_async_call_raises_what_the_table_says(
    situation: Situation, repository: Path
) -> None:
    repo = await vost.GitStore.open(repository)
    fs = await repo.branches["main"]
    batch = fs.batch()
    await batch.commit()
    stale = vost.FS(repo, fs.commit_hash, "dev")
    world = World(vost.GitStore, repo, fs, await repo.tags["v1"], stale, batch, repository.parent)
    with pytest.raises(situation.error) as caught:
        result = (situation.spelled or situation.call)(world)
        if inspect.isawaitable(result):
            await result
    check_error(situation, caught.value)


def check_error(situation: Situation, error: Exception) -> None:
    """Check that an error names what is wrong, is one of vost's own, and can be pickled."""
    assert situation.says in str(error)
    assert isinstance(error, VostError) or situation.clause in PLAIN
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.args) == (type(error), str(error), error.args)


def test_refused_local_directory_is_not_left_open(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("this system does not list the open files of a process")
    fs = vost_sync.GitStore.memory().branches["main"]
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        with pytest.raises(IsADirectoryError):
            fs.write_from_file("new.txt", tmp_path)
    assert len(list(descriptors.iterdir())) <= before


def test_each_clause_of_the_table_has_a_situation() -> None:
    shown = {(situation.error, situation.clause) for situation in SITUATIONS}
    assert shown == {(error, clause) for error, clauses in TABLE.items() for clause in clauses}


def test_table_is_the_readme_s() -> None:
    if not README.is_file():
        pytest.skip("contract/readme.txt is not beside this checkout: nothing to compare with")
    text = README.read_text(encoding="utf-8")
    printed = text.partition("\nException When\n")[2].partition("\n\n")[0].splitlines()
    assert printed == [f"{error.__name__} {'; '.join(TABLE[error])}" for error in TABLE]
