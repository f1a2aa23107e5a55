"""One hop into a worker thread per public operation, none for what is in memory (design 2).

A hop costs more than most of the work below it, so each one counts. Every coroutine of the public
API stands in one of the tables below; one that is new and in none of them fails the first test.
"""

from __future__ import annotations

import inspect
import io
import tarfile
import threading
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import vost
from tests.support.faces import ASYNC_FACES, BLOCKING, collect, face_id
from vost._offload import STREAM_ITEMS, observe_hops

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Operation = Callable[["Bench"], Awaitable[Any]]

on_event_loops = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
on_the_blocking_face = pytest.mark.parametrize("anyio_backend", [BLOCKING], ids=face_id)


class Bench:
    """What an operation is tried on: a branch of its own, with a little of everything."""

    def __init__(self, face: Any, store: Any, fs: Any, local: str) -> None:
        self.face = face
        self.store = store
        self.fs = fs
        self.local = local
        self.branch: str = fs.ref_name
        self.notes = store.notes[f"of-{self.branch}"]

    async def enter(self, context: Any) -> None:
        async with context:
            pass


async def bench(face: Any, store: Any, local: str, branch: str) -> Bench:
    """Return a new bench whose branch has two commits."""
    fs = await store.branches.create(branch)
    fs = await fs.apply({"f": b"1", "d/x": b"2", "d/e/y": b"3", "ln": vost.WriteEntry(target="f")})
    made = Bench(face, store, fs, local)
    await made.notes.set(branch, "note")
    await store.notes.commits.set(await store.branches.current_name, "note")
    return made


@contextmanager
def hops() -> Iterator[list[None]]:
    """Count the hops of a block: the length of the list."""
    made: list[None] = []
    with observe_hops(lambda: made.append(None)):
        yield made


def blob(bench: Bench) -> str:
    return "56a6051ca2b02b04ef92d5150c9ef600403cb1de"  # of b"1"


def tar_of(name: str) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return io.BytesIO(file.getvalue())


def directory(bench: Bench) -> str:
    path = Path(bench.local + ".d")
    path.mkdir(exist_ok=True)
    (path / "f").write_bytes(b"1")
    return str(path)


async def one_of(iterator: Any) -> Any:
    async with aclosing(iterator):
        return await anext(iterator)


# --- each answers in one hop

ONE_HOP: dict[str, Operation] = {
    "FS.apply": lambda b: b.fs.apply({"n": b"1", "m": b"2"}, removes=["f"]),
    "FS.archive": lambda b: collect(b.fs.archive("zip")),
    "FS.archive_in": lambda b: b.fs.archive_in(tar_of("n")),
    "FS.archive_out": lambda b: b.fs.archive_out(b.local + ".zip"),
    "FS.back": lambda b: b.fs.back(1),
    "FS.copy_in": lambda b: b.fs.copy_in(b.local, "in"),
    "FS.copy_from_ref": lambda b: b.fs.copy_from_ref(b.fs, "f", "copied"),
    "FS.copy_from_refs": lambda b: b.fs.copy_from_refs([b.fs], ["f"], "copied"),
    "FS.copy_out": lambda b: b.fs.copy_out("f", b.local + ".out"),
    "FS.move": lambda b: b.fs.move("f", "moved"),
    "FS.close": lambda b: b.fs.close(),
    "FS.diff": lambda b: b.fs.diff(b.fs),
    "FS.entries": lambda b: b.fs.entries("d"),
    "FS.glob": lambda b: b.fs.glob("**"),
    "FS.iglob": lambda b: collect(b.fs.iglob("**")),
    "FS.last_changes": lambda b: b.fs.last_changes("d"),
    "FS.log": lambda b: collect(b.fs.log()),
    "FS.parent": lambda b: b.fs.parent,
    "FS.read": lambda b: b.fs.read("d/e/y"),
    "FS.read_by_hash": lambda b: b.fs.read_by_hash(blob(b)),
    "FS.read_many": lambda b: b.fs.read_many(["f", "d/x", "d/e/y"]),
    "FS.read_text": lambda b: b.fs.read_text("f"),
    "FS.readlink": lambda b: b.fs.readlink("ln"),
    "FS.redo": lambda b: b.fs.redo(),
    "FS.remove": lambda b: b.fs.remove(["d", "f"], recursive=True),
    "FS.squash": lambda b: b.fs.squash(),
    "FS.sync_in": lambda b: b.fs.sync_in(directory(b), "in"),
    "FS.sync_out": lambda b: b.fs.sync_out("", directory(b) + ".out"),
    "FS.undo": lambda b: b.fs.undo(),
    "FS.walk": lambda b: collect(b.fs.walk()),
    "FS.write": lambda b: b.fs.write("n", b"1"),
    "FS.write_from_file": lambda b: b.fs.write_from_file("n", b.local),
    "FS.write_symlink": lambda b: b.fs.write_symlink("n", "f"),
    "FS.write_text": lambda b: b.fs.write_text("n", "1"),
    "GitStore.close": lambda b: b.store.close(),
    "GitStore.fs": lambda b: b.store.fs(b.branch),
    "GitStore.gc": lambda b: b.store.gc(),
    "GitStore.advertise_refs": lambda b: b.store.advertise_refs(),
    "GitStore.has_hash": lambda b: b.store.has_hash(blob(b)),
    "GitStore.is_reachable": lambda b: b.store.is_reachable(blob(b), [b.fs]),
    "GitStore.memory": lambda b: b.face.GitStore.memory(),
    "GitStore.open": lambda b: b.face.GitStore.open(b.local + ".git"),
    "GitStore.pack": lambda b: b.store.pack(),
    "GitStore.size_by_hash": lambda b: b.store.size_by_hash(blob(b)),
    "GitStore.read_by_hash": lambda b: b.store.read_by_hash(blob(b)),
    "GitStore.statistics": lambda b: b.store.statistics(),
    "GitStore.upload_pack": lambda b: collect(b.store.upload_pack(b"0000")),
    "NoteDict.__aiter__": lambda b: collect(b.store.notes),
    "NoteDict.contains": lambda b: b.store.notes.contains("commits"),
    "NoteNamespace.__aiter__": lambda b: collect(b.notes),
    "NoteNamespace.__getitem__": lambda b: b.notes[b.branch],
    "NoteNamespace.contains": lambda b: b.notes.contains(b.branch),
    "NoteNamespace.count": lambda b: b.notes.count(),
    "NoteNamespace.delete": lambda b: b.notes.delete(b.branch),
    "NoteNamespace.get": lambda b: b.notes.get(b.branch),
    "NoteNamespace.items": lambda b: b.notes.items(),
    "NoteNamespace.keys": lambda b: b.notes.keys(),
    "NoteNamespace.set": lambda b: b.notes.set(b.branch, "text"),
    "NoteNamespace.values": lambda b: b.notes.values(),
    "NotesBatch.set": lambda b: b.notes.batch().set(b.branch, "text"),
    "NotesBatch.delete": lambda b: b.notes.batch().delete(b.branch),
    "Reader.__aenter__": lambda b: b.enter(b.fs.open("f")),
    "RefDict.__aiter__": lambda b: collect(b.store.tags),
    "RefDict.__getitem__": lambda b: b.store.branches[b.branch],
    "RefDict.contains": lambda b: b.store.branches.contains(b.branch),
    "RefDict.count": lambda b: b.store.branches.count(),
    "RefDict.create": lambda b: b.store.branches.create(f"{b.branch}-2"),
    "RefDict.current": lambda b: b.store.branches.current,
    "RefDict.current_name": lambda b: b.store.branches.current_name,
    "RefDict.delete": lambda b: b.store.branches.delete(b.branch),
    "RefDict.get": lambda b: b.store.branches.get(b.branch),
    "RefDict.items": lambda b: b.store.branches.items(),
    "RefDict.keys": lambda b: b.store.branches.keys(),
    "RefDict.reflog": lambda b: b.store.branches.reflog(b.branch),
    "RefDict.set": lambda b: b.store.branches.set(f"{b.branch}-2", b.fs),
    "RefDict.set_current": lambda b: b.store.branches.set_current(b.branch),
    "RefDict.watch": lambda b: one_of(b.store.branches.watch(b.branch)),
    "RefDict.values": lambda b: b.store.branches.values(),
    "TextReader.__aenter__": lambda b: b.enter(b.fs.open("f", "r")),
    "disk_glob": lambda b: b.face.disk_glob(b.local + "*"),
    "resolve_credentials": lambda b: b.face.resolve_credentials("ssh://host/path"),
}

# --- questions that cached trees and sizes answer without any hop, and else with one

CACHED: dict[str, Operation] = {
    "FS.exists": lambda b: b.fs.exists("d/e/y"),
    "FS.file_type": lambda b: b.fs.file_type("d/e/y"),
    "FS.is_dir": lambda b: b.fs.is_dir("d/e"),
    "FS.listdir": lambda b: b.fs.listdir("d/e"),
    "FS.ls": lambda b: b.fs.ls("d/e"),
    "FS.object_hash": lambda b: b.fs.object_hash("d/e/y"),
    "FS.size": lambda b: b.fs.size("d/e/y"),
    "FS.stat": lambda b: b.fs.stat("d/e/y"),
}

NEEDS_SIZE = {"FS.size", "FS.stat"}  # which is known once the header of the file was read


async def staging(bench: Bench, method: str, *arguments: Any) -> None:
    await getattr(bench.fs.batch(), method)(*arguments)


async def through(writer: Any, data: bytes = b"1") -> None:
    await writer.write(data)
    await writer.close()


async def text_lines(bench: Bench, method: str) -> None:
    reader = bench.fs.open("f", "r")
    await getattr(reader, method)()


async def batched(bench: Bench) -> None:
    async with bench.fs.batch() as batch:
        for index in range(100):
            await batch.write(f"n{index}", b"1")


async def notes_batched(bench: Bench) -> None:
    async with bench.notes.batch() as batch:
        await batch.set("1" * 40, "one")


async def one_tag_popped(bench: Bench) -> None:
    await bench.store.tags.set("v1", bench.fs)
    await bench.store.tags.popitem()


async def imported(bench: Bench, importing: Callable[[str], Awaitable[Any]]) -> None:
    path = bench.local + ".bundle"
    await bench.store.bundle_export(path)
    await importing(path)


# --- everything else, with the reason

MIRROR = "compares and transfers, moves the refs under the lock, takes back what nothing names"

OTHER: dict[str, tuple[int, str, Operation]] = {
    "GitStore.stream_by_hash": (
        3,
        "opened, one hop a piece, and one for the end",
        lambda b: collect(b.store.stream_by_hash(blob(b))),
    ),
    "Batch.__aenter__": (0, "begins; nothing is staged", lambda b: b.enter(b.fs.batch())),
    "Batch.__aexit__": (2, "stores what was held back, then commits", batched),
    "Batch.commit": (0, "nothing is staged", lambda b: b.fs.batch().commit()),
    "Batch.remove": (1, "looks into the snapshot", lambda b: staging(b, "remove", "f")),
    "Batch.write": (0, "small content is held back", lambda b: staging(b, "write", "n", b"1")),
    "Batch.write_text": (0, "as write", lambda b: staging(b, "write_text", "n", "1")),
    "Batch.write_symlink": (0, "as write", lambda b: staging(b, "write_symlink", "n", "1")),
    "Batch.write_from_file": (
        1,
        "the file is read at the call",
        lambda b: staging(b, "write_from_file", "n", b.local),
    ),
    "SnapshotWriter.write": (0, "held in memory", lambda b: b.fs.writer("n").write(b"1")),
    "SnapshotWriter.__aenter__": (
        1,
        "begins, and the exit closes",
        lambda b: b.enter(b.fs.writer("n")),
    ),
    "SnapshotWriter.__aexit__": (1, "as close", lambda b: b.enter(b.fs.writer("n"))),
    "SnapshotWriter.close": (
        1,
        "one commit",
        lambda b: through(b.fs.writer("n")),
    ),
    "SnapshotWriter.discard": (1, "drops the spool", lambda b: b.fs.writer("n").discard()),
    "BatchWriter.write": (0, "held in memory", lambda b: b.fs.batch().writer("n").write(b"1")),
    "BatchWriter.__aenter__": (
        1,
        "begins, and the exit closes",
        lambda b: b.enter(b.fs.batch().writer("n")),
    ),
    "BatchWriter.__aexit__": (1, "as close", lambda b: b.enter(b.fs.batch().writer("n"))),
    "BatchWriter.close": (
        1,
        "takes what was spooled",
        lambda b: through(b.fs.batch().writer("n")),
    ),
    "BatchWriter.discard": (1, "drops the spool", lambda b: b.fs.batch().writer("n").discard()),
    "GitStore.backup": (3, MIRROR, lambda b: b.store.backup(f"{b.local}-{b.branch}.git")),
    "GitStore.restore": (
        5,
        "3 for the bundle; compares and finds nothing to do, closes",
        lambda b: imported(b, b.store.restore),
    ),
    "GitStore.bundle_export": (3, MIRROR, lambda b: b.store.bundle_export(b.local + ".bundle")),
    "GitStore.bundle_import": (5, "as restore", lambda b: imported(b, b.store.bundle_import)),
    "bundle_export": (
        3,
        "as the method",
        lambda b: b.face.bundle_export(b.store, b.local + ".bundle"),
    ),
    "bundle_import": (
        5,
        "as the method",
        lambda b: imported(b, lambda path: b.face.bundle_import(b.store, path)),
    ),
    "GitStore.__aenter__": (1, "the exit closes", lambda b: b.enter(b.store)),
    "GitStore.__aexit__": (1, "as close", lambda b: b.enter(b.store)),
    "NoteNamespace.clear": (3, "names, then reads and deletes each", lambda b: b.notes.clear()),
    "NoteNamespace.for_current_branch": (
        1,
        "one note",
        lambda b: b.store.notes.commits.for_current_branch,
    ),
    "NoteNamespace.pop": (2, "reads, then writes", lambda b: b.notes.pop(b.branch)),
    "NoteNamespace.popitem": (3, "finds a key, reads, writes", lambda b: b.notes.popitem()),
    "NoteNamespace.set_for_current_branch": (
        2,
        "finds the branch, then writes",
        lambda b: b.store.notes.commits.set_for_current_branch("text"),
    ),
    "NoteNamespace.setdefault": (1, "finds a note", lambda b: b.notes.setdefault(b.branch, "x")),
    "NoteNamespace.update": (
        2,
        "resolves each key, then one commit",
        lambda b: b.notes.update({"1" * 40: "one"}),
    ),
    "NotesBatch.__aenter__": (0, "begins", lambda b: b.enter(b.notes.batch())),
    "NotesBatch.__aexit__": (2, "resolves each key, then one commit", notes_batched),
    "Reader.__aexit__": (1, "the entry finds the file", lambda b: b.enter(b.fs.open("f"))),
    "Reader.__anext__": (2, "finds the file, reads", lambda b: b.fs.open("f").__anext__()),
    "Reader.close": (0, "closes a handle", lambda b: b.fs.open("f").close()),
    "Reader.read": (2, "finds the file, reads", lambda b: b.fs.open("f").read()),
    "Reader.readinto": (2, "as read", lambda b: b.fs.open("f").readinto(bytearray(4))),
    "Reader.seek": (1, "finds the file", lambda b: b.fs.open("f").seek(1)),
    "Reader.size": (1, "finds the file", lambda b: b.fs.open("f").size()),
    "RefDict.clear": (1, "names, of which there are none", lambda b: b.store.tags.clear()),
    "RefDict.pop": (2, "reads, then deletes", lambda b: b.store.branches.pop(b.branch)),
    "RefDict.popitem": (4, "one to make it, then names, read, delete", one_tag_popped),
    "RefDict.setdefault": (1, "finds", lambda b: b.store.branches.setdefault(b.branch, b.fs)),
    "RefDict.update": (
        2,
        "one after the other",
        lambda b: b.store.branches.update({f"{b.branch}-2": b.fs, f"{b.branch}-3": b.fs}),
    ),
    "TextReader.__aexit__": (1, "as for bytes", lambda b: b.enter(b.fs.open("f", "r"))),
    "TextReader.__anext__": (2, "finds the file, reads", lambda b: text_lines(b, "__anext__")),
    "TextReader.close": (0, "closes a handle", lambda b: b.fs.open("f", "r").close()),
    "TextReader.read": (2, "finds the file, reads", lambda b: text_lines(b, "read")),
    "TextReader.readline": (2, "finds the file, reads", lambda b: text_lines(b, "readline")),
    "retry_write": (
        2,
        "fetches the branch, then writes",
        lambda b: b.face.retry_write(b.store, b.branch, "n", b"1"),
    ),
}


def public_coroutines() -> set[str]:
    """Return the name of every coroutine, async iterator and async property of the public API."""
    special = {"__getitem__", "__aiter__", "__anext__", "__aenter__", "__aexit__"}
    found: set[str] = set()
    for name in vost.__all__:
        thing = getattr(vost, name)
        if inspect.iscoroutinefunction(thing):
            found.add(name)
        for member in dir(thing) if isinstance(thing, type) else ():
            static = inspect.getattr_static(thing, member)
            function = getattr(static, "fget", None) or getattr(static, "__func__", static)
            is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
            if is_async and (member in special or not member.startswith("_")):
                found.add(f"{name}.{member}")
    return found


def test_every_public_coroutine_is_in_a_table_once():
    tables = [*ONE_HOP, *CACHED, *OTHER]
    assert len(tables) == len(set(tables))
    assert set(tables) == public_coroutines()


async def counted(face, store, local, operations) -> dict[str, int]:
    """Return how many hops each operation makes, on a bench of its own."""
    made: dict[str, int] = {}
    for name, operation in operations.items():
        tried = await bench(face, store, local, name.replace("_", "x"))
        with hops() as seen:
            await operation(tried)
        made[name] = len(seen)
    return made


@pytest.fixture
def local(tmp_path):
    path = tmp_path / "local"
    path.write_bytes(b"x")
    return str(path)


@pytest.mark.slow
@on_event_loops
async def test_operations_make_one_hop(face, store, local):
    made = await counted(face, store, local, ONE_HOP)
    assert {name: count for name, count in made.items() if count != 1} == {}


@on_event_loops
async def test_questions_about_cached_trees_make_no_hop(face, store, local):
    """The trees of a commit that was just made are cached already."""
    made = await counted(
        face, store, local, {name: CACHED[name] for name in CACHED.keys() - NEEDS_SIZE}
    )
    tried = await bench(face, store, local, "sized")
    for name in NEEDS_SIZE:
        await CACHED[name](tried)
    made |= await counted(face, store, local, {name: CACHED[name] for name in NEEDS_SIZE})
    assert {name: count for name, count in made.items() if count != 0} == {}


@on_event_loops
async def test_questions_about_trees_that_are_not_cached_make_one_hop(
    face, disk_store, repo, local
):
    await bench(face, disk_store, local, "cold")
    for name, question in CACHED.items():
        cold = await face.GitStore.open(repo)
        tried = Bench(face, cold, await cold.branches["cold"], local)
        with hops() as first:
            await question(tried)
        with hops() as second:
            await question(tried)
        assert (name, len(first), len(second)) == (name, 1, 0)
        await cold.close()


@pytest.mark.slow
@on_event_loops
async def test_the_exceptions_make_the_hops_that_they_are_listed_with(face, store, local):
    operations = {name: operation for name, (_, _, operation) in OTHER.items()}
    made = await counted(face, store, local, operations)
    listed = {name: count for name, (count, _, _) in OTHER.items()}
    assert {name: (made[name], listed[name]) for name in made if made[name] != listed[name]} == {}


@on_event_loops
async def test_long_streams_hop_once_for_many_items(store):
    count = STREAM_ITEMS * 4
    fs = await (await store.branches["main"]).apply({f"d{i:04}/f": b"" for i in range(count)})
    with hops() as made:
        assert len(await collect(fs.walk())) == count + 1
    assert len(made) <= 6
    with hops() as made:
        assert len(await fs.read_many([f"d{i:04}/f" for i in range(count)])) == count
    assert len(made) == 1


@on_event_loops
async def test_a_batch_hops_once_for_many_writes(store):
    with hops() as made:
        async with (await store.branches["main"]).batch() as batch:
            for index in range(2000):
                await batch.write(f"d/{index}", b"%d" % index)
    assert len(made) <= 10


@on_event_loops
async def test_failing_operations_make_no_more_hops_than_others(store):
    fs = await store.branches["main"]
    for call in (
        lambda: fs.read("missing"),
        lambda: fs.remove("missing"),
        lambda: store.branches["missing"],
        lambda: store.fs("missing"),
    ):
        with hops() as made, pytest.raises((OSError, KeyError)):
            await call()
        assert len(made) == 1
    for call in (
        lambda: fs.read(".."),
        lambda: fs.write("..", b""),
        lambda: fs.write("f", 5),
        lambda: store.fs(5),
    ):
        with hops() as made, pytest.raises((ValueError, TypeError)):
            await call()
        assert made == []


@pytest.mark.slow
@on_the_blocking_face
async def test_the_blocking_face_makes_no_hop_and_starts_no_thread(face, store, local):
    before = set(threading.enumerate())
    operations = {**ONE_HOP, **CACHED}
    made = await counted(face, store, local, operations)
    assert set(made.values()) == {0}
    assert set(threading.enumerate()) <= before
