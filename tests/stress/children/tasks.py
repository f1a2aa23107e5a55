"""What the forked children do. Each says a line for each thing that it has done.

``ack <commit>`` means that a write has returned: that commit must never be lost.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.sources import ROOT
from vost_sync import ExcludeFilter, GitStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Task: TypeAlias = Callable[..., None]
    Say: TypeAlias = Callable[[str], None]

BATCH_FILES = 150
"""More than a hundred, so that they go into a pack."""

LARGE = 3 << 20
"""Bytes of a file that is streamed."""

ENOUGH = 100_000
"""Steps of a task that only a kill is meant to end."""


def single_writes(*, repo: str, seed: int, say: Say) -> None:
    """Write one small file after the other."""
    chance = random.Random(seed)
    fs = GitStore.open(repo).branches["main"]
    for _ in range(ENOUGH):
        fs = fs.write(f"dir{chance.randrange(3)}/f{chance.randrange(9)}", chance.randbytes(100))
        say(f"ack {fs.commit_hash}")


def batches(*, repo: str, seed: int, say: Say) -> None:
    """Write one batch after the other, each a pack."""
    chance = random.Random(seed)
    fs = GitStore.open(repo).branches["main"]
    for _ in range(ENOUGH):
        with fs.batch() as batch:
            for number in range(BATCH_FILES):
                batch.write(f"b{number % 5}/{number}", chance.randbytes(50))
        assert batch.fs is not None
        fs = batch.fs
        say(f"ack {fs.commit_hash}")


def notes(*, repo: str, seed: int, say: Say) -> None:
    """Set notes, one by one and in batches; ``note <key> <number>`` is the acknowledgement."""
    chance = random.Random(seed)
    namespace = GitStore.open(repo).notes["kills"]
    for number in range(ENOUGH):
        keys = [f"{chance.randrange(16):02x}" * 20 for _ in range(chance.choice([1, 1, 5]))]
        if len(keys) == 1:
            namespace[keys[0]] = f"{seed} {number}"
        else:
            with namespace.batch() as batch:
                for key in keys:
                    batch[key] = f"{seed} {number}"
        for key in keys:
            say(f"note {key} {seed} {number}")


def undo_and_redo(*, repo: str, seed: int, say: Say) -> None:
    """Write, undo, redo; the branch's tip is acknowledged each time."""
    chance = random.Random(seed)
    fs = GitStore.open(repo).branches["main"]
    for number in range(ENOUGH):
        fs = fs.write("history", f"{seed} {number}".encode())
        say(f"ack {fs.commit_hash}")
        if chance.random() < 0.7:
            fs = fs.undo()
            say(f"ack {fs.commit_hash}")
            if chance.random() < 0.5:
                fs = fs.redo()
                say(f"ack {fs.commit_hash}")


def large_files(*, repo: str, seed: int, say: Say) -> None:
    """Stream large files, through a writer and within a batch."""
    chance = random.Random(seed)
    fs = GitStore.open(repo).branches["main"]
    for number in range(ENOUGH):
        with fs.batch() as batch, batch.writer(f"large{number % 2}") as file:
            for _ in range(LARGE >> 18):
                file.write(chance.randbytes(1 << 18))
        assert batch.fs is not None
        fs = batch.fs
        say(f"ack {fs.commit_hash}")
        with fs.writer("large") as file:
            for _ in range(LARGE >> 18):
                file.write(b"text %d %d\n" % (seed, number) * 20_000)
        assert file.fs is not None
        fs = file.fs
        say(f"ack {fs.commit_hash}")


def maintenance(*, repo: str, seed: int, say: Say) -> None:
    """Write a little, then pack or collect garbage."""
    chance = random.Random(seed)
    store = GitStore.open(repo)
    fs = store.branches["main"]
    for _ in range(ENOUGH):
        for _ in range(3):
            fs = fs.write(f"m{chance.randrange(9)}", chance.randbytes(100))
            say(f"ack {fs.commit_hash}")
        if chance.random() < 0.5:
            store.pack()
        else:
            store.gc()


def refs(*, repo: str, seed: int, say: Say) -> None:
    """Make tags and branches and delete branches; ``ref <name> <commit or ->`` for each."""
    store = GitStore.open(repo)
    fs = store.branches["main"]
    for number in range(ENOUGH):
        name = f"r{seed}/{number}"
        store.tags[name] = fs
        say(f"ref refs/tags/{name} {fs.commit_hash}")
        store.branches[name] = fs
        say(f"ref refs/heads/{name} {fs.commit_hash}")
        if number % 2:
            del store.branches[name]
            say(f"ref refs/heads/{name} -")


def one_write(
    *, repo: str, seed: int, say: Say, durable: bool = False, again: bool = False
) -> None:
    """Write one file; after an error, ``again`` in the same process."""

    def attempt(store: GitStore) -> str:
        return store.branches["main"].write(f"dir/single{seed}", b"one").commit_hash

    _attempt(attempt, repo, durable, say=say, again=again)


def one_batch(
    *, repo: str, seed: int, say: Say, durable: bool = False, again: bool = False
) -> None:
    """Write one batch that goes into a pack; after an error, ``again`` in the same process."""

    def attempt(store: GitStore) -> str:
        with store.branches["main"].batch() as batch:
            for number in range(BATCH_FILES):
                batch.write(f"batch{number % 7}/{number}", b"%d %d" % (seed, number))
        assert batch.fs is not None
        return batch.fs.commit_hash

    _attempt(attempt, repo, durable, say=say, again=again)


def imports(*, repo: str, seed: int, say: Say) -> None:
    """Bring one version of a directory after the other into line, each a pack."""
    chance = random.Random(seed)
    fs = GitStore.open(repo).branches["main"]
    directory = Path(f"{repo}.source")
    shutil.rmtree(directory, ignore_errors=True)  # of one that was killed
    for number in range(ENOUGH):
        for name in range(BATCH_FILES):
            path = directory / f"d{name % 5}" / f"{number % 2}-{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(chance.randbytes(50))
        for path in directory.glob(f"*/{1 - number % 2}-*"):
            path.unlink()
        fs = fs.sync_in(directory, "imported")
        say(f"ack {fs.commit_hash}")


def one_import(
    *, repo: str, seed: int, say: Say, durable: bool = False, again: bool = False
) -> None:
    """Import so many files that they go into a pack; ``again`` after an error."""
    sources = [ROOT / name for name in ("vost", "tests/scenarios", "tests/storage")]
    exclude = ExcludeFilter(patterns=["__pycache__"])

    def attempt(store: GitStore) -> str:
        fs = store.branches["main"].copy_in(sources, f"import{seed}", exclude=exclude)
        return fs.commit_hash

    _attempt(attempt, repo, durable, say=say, again=again)


def notes_batch(
    *, repo: str, seed: int, say: Say, durable: bool = False, again: bool = False
) -> None:
    """Set so many notes at once that they go into a pack; ``again`` after an error."""

    def attempt(store: GitStore) -> str:
        with store.notes["many"].batch() as batch:
            for number in range(BATCH_FILES):
                batch[f"{number:040x}"] = f"{seed} {number}"
        return "notes"

    _attempt(attempt, repo, durable, say=say, again=again)


def one_gc(*, repo: str, seed: int, say: Say, durable: bool = False, again: bool = False) -> None:
    """Pack what is loose and merge packs; ``again`` after an error."""

    def attempt(store: GitStore) -> str:
        return f"gc {store.gc()}"

    _attempt(attempt, repo, durable, say=say, again=again)


def _attempt(
    attempt: Callable[[GitStore], str], repo: str, durable: bool, *, say: Say, again: bool
) -> None:
    store = None
    try:
        store = GitStore.open(repo, durable=durable)
        say(f"ack {attempt(store)}")
        return
    except (OSError, KeyboardInterrupt) as error:
        if not again:
            raise
        say(f"failed {getattr(error, 'errno', None)} {type(error).__name__}: {error}")
    # The same store, to show that an error leaves nothing locked in its process either.
    store = store or GitStore.open(repo, durable=durable)
    say(f"ack {attempt(store)}")


TASKS: dict[str, Any] = {
    task.__name__: task
    for task in (
        single_writes,
        batches,
        notes,
        undo_and_redo,
        large_files,
        maintenance,
        refs,
        one_write,
        one_batch,
        imports,
        one_import,
        notes_batch,
        one_gc,
    )
}
