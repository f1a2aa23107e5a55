"""Objects, packs and indexes that are damaged or lost: typed errors that name the place."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.building import (
    commit_files,
    loose_path,
    store_object,
)
from tests.support.faces import collect
from vost import (
    CorruptObjectError,
    GitError,
    GitStore,
    MissingObjectError,
    ObjectNotFoundError,
    VostError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost import FS

# What the documented behaviour allows besides our own tree of errors (each leaf of which is also
# one of these): nothing of dulwich, zlib, struct, and no IndexError.
DOCUMENTED = (VostError, ValueError, FileNotFoundError, KeyError)


@pytest.fixture
def blob(git: Git, bare: Path) -> str:
    """Give the test a sound blob."""
    return store_object(bare, "blob", b"content")


async def open_main(path: Path) -> FS:
    return await (await GitStore.open(path)).branches["main"]


async def ask_everything(fs: FS, path: str) -> dict[str, object]:
    """Ask a snapshot all there is to ask about a path; return the answers and the errors."""
    asked: dict[str, Callable[[], Any]] = {
        "read": lambda: fs.read(path),
        "range": lambda: fs.read(path, offset=1, size=2),
        "text": lambda: fs.read_text(path),
        "many": lambda: fs.read_many([path]),
        "readlink": lambda: fs.readlink(path),
        "exists": lambda: fs.exists(path),
        "is_dir": lambda: fs.is_dir(path),
        "type": lambda: fs.file_type(path),
        "hash": lambda: fs.object_hash(path),
        "size": lambda: fs.size(path),
        "stat": lambda: fs.stat(path),
        "ls": lambda: fs.ls(path),
        "deep": lambda: fs.ls(path, recursive=True),
        "listdir": lambda: fs.listdir(path),
        "walk": lambda: collect(fs.walk(path)),
        "glob": lambda: fs.glob("**"),
        "log": lambda: collect(fs.log(path)),
        "dry": lambda: fs.remove(path, recursive=True, dry_run=True),
    }
    answers: dict[str, object] = {}
    for name, ask in asked.items():
        try:
            answers[name] = await ask()
        except DOCUMENTED as error:
            answers[name] = error
    for name, answer in answers.items():
        assert not isinstance(answer, UnicodeError), (name, answer)
        assert type(answer).__module__ in ("vost", "builtins"), (name, answer)
    return answers


# -- damage on disk --------------------------------------------------------------------------


@pytest.fixture
def sound(git: Git, bare: Path) -> Path:
    """Give the test a repository of loose objects: ``a``, ``d/b`` and a first commit before."""
    commit_files(git, bare, {"a": b"first"})
    commit_files(git, bare, {"a": b"alpha " * 40, "d/b": bytes(range(256)) * 40})
    return bare


def spoil_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil_flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x55
    path.write_bytes(raw)


def spoil_text(path: Path) -> None:
    path.write_bytes(b"no zlib stream")


def spoil_other_content(path: Path) -> None:
    path.write_bytes(zlib.compress(b"blob 5\0other"))


def spoil_wrong_size(path: Path) -> None:
    kind, _, rest = zlib.decompress(path.read_bytes()).partition(b" ")
    path.write_bytes(zlib.compress(kind + b" 99999999999\0" + rest.partition(b"\0")[2]))


def spoil_wrong_type(path: Path) -> None:
    _, _, rest = zlib.decompress(path.read_bytes()).partition(b" ")
    path.write_bytes(zlib.compress(b"wagon " + rest))


SPOILERS = [
    spoil_truncate,
    spoil_empty,
    spoil_flip,
    spoil_text,
    spoil_other_content,
    spoil_wrong_size,
    spoil_wrong_type,
]


def writable(path: Path) -> Path:
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("spoil", SPOILERS)
async def test_damaged_blob_is_a_corrupt_object_at_its_path(
    git: Git, sound: Path, spoil: Callable[[Path], None]
) -> None:
    oid = git(sound, "rev-parse", "main:d/b")
    spoil(writable(loose_path(sound, oid)))
    fs = await open_main(sound)

    for ask in (fs.read, fs.read_text):
        with pytest.raises(CorruptObjectError, match=f"'d/b'.*{oid}"):
            await ask("d/b")
    with pytest.raises(CorruptObjectError, match=f"'d/b'.*{oid}"):
        await fs.read_many(["a", "d/b"])
    with pytest.raises(CorruptObjectError, match=f"{oid}"):
        await fs.read_by_hash(oid)
    with pytest.raises(CorruptObjectError, match=f"'d/b'.*{oid}"):
        async with fs.open("d/b") as file:
            await file.read()
    await ask_everything(fs, "d/b")
    # The rest is as it was, and commits go on.
    assert await fs.read("a") == b"alpha " * 40
    assert await fs.exists("d/b")
    assert await (await fs.write("d/c", b"1")).ls("d") == ["b", "c"]


@pytest.mark.parametrize("spoil", SPOILERS)
async def test_damaged_tree_is_a_corrupt_object_at_its_path(
    git: Git, sound: Path, spoil: Callable[[Path], None]
) -> None:
    oid = git(sound, "rev-parse", "main:d")
    spoil(writable(loose_path(sound, oid)))
    fs = await open_main(sound)

    for ask in (fs.ls, fs.listdir, fs.stat):
        with pytest.raises(CorruptObjectError, match=f"'d'.*{oid}"):
            await ask("d")
    with pytest.raises(CorruptObjectError, match=f"'d/b'.*{oid}"):
        await fs.read("d/b")
    with pytest.raises(CorruptObjectError, match=f"'d'.*{oid}"):
        await collect(fs.walk())
    with pytest.raises(CorruptObjectError, match=f"'d'.*{oid}"):
        await fs.glob("**/b")
    with pytest.raises(CorruptObjectError, match=oid):
        await fs.write("d/c", b"1")
    assert await (await fs.write("c", b"1")).read("a") == b"alpha " * 40


@pytest.mark.parametrize("spoil", SPOILERS)
async def test_damaged_commit_is_a_corrupt_object_at_its_branch(
    git: Git, sound: Path, spoil: Callable[[Path], None]
) -> None:
    oid = git(sound, "rev-parse", "main")
    spoil(writable(loose_path(sound, oid)))
    store = await GitStore.open(sound)

    with pytest.raises((CorruptObjectError, ValueError), match="'main'"):
        await store.branches["main"]
    with pytest.raises((CorruptObjectError, KeyError), match=oid):
        await store.fs(oid)
    assert await store.branches.keys() == ["main"]


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def test_damaged_ancestor_stops_the_log_where_it_is(git: Git, sound: Path) -> None:
    tip, first = git(sound, "rev-list", "main").split()
    spoil_flip(writable(loose_path(sound, first)))
    fs = await open_main(sound)

    assert fs.commit_hash == tip
    for ask in (fs.back, fs.undo, lambda: collect(fs.log()), lambda: _await(fs.parent)):
        with pytest.raises(CorruptObjectError, match=first):
            await ask()
    assert git(sound, "rev-parse", "main") == tip


@pytest.mark.parametrize("what", ["main:d/b", "main:d", "main^{tree}", "main", "main~1"])
async def test_missing_object_is_named_with_its_path_or_ref(
    git: Git, sound: Path, what: str
) -> None:
    oid = git(sound, "rev-parse", what)
    loose_path(sound, oid).unlink()
    store = await GitStore.open(sound)

    async def use() -> None:
        fs = await store.branches["main"]
        await fs.read("d/b")
        await fs.back(1)

    named = {"main:d/b": "'d/b'", "main:d": "'d/b'", "main^{tree}": "'d/b'", "main": "'main'"}
    with pytest.raises(MissingObjectError, match=f"{named.get(what, '')}.*{oid}") as caught:
        await use()
    assert isinstance(caught.value, KeyError)
    assert str(caught.value)[0] not in "\"'" or named.get(what)


async def test_missing_blob_does_not_keep_others_from_being_read(git: Git, sound: Path) -> None:
    oid = git(sound, "rev-parse", "main:d/b")
    loose_path(sound, oid).unlink()
    fs = await open_main(sound)

    for ask in (fs.read, fs.size, fs.stat):
        with pytest.raises(MissingObjectError, match=f"'d/b'.*{oid}"):
            await ask("d/b")
    with pytest.raises(MissingObjectError, match="'d/b'"):
        async with fs.open("d/b") as file:
            await file.read()
    assert not await fs._store.has_hash(oid)
    with pytest.raises(ObjectNotFoundError, match=oid):
        await fs.read_by_hash(oid)
    assert await fs.ls(recursive=True) == ["a", "d/b"]
    healed = await fs.write("healed", bytes(range(256)) * 40)
    assert await healed.read("d/b") == bytes(range(256)) * 40


@pytest.fixture
def packed(git: Git, sound: Path) -> Path:
    """Give the test the same repository in one pack."""
    git(sound, "repack", "-a", "-d", "--quiet")
    return sound


async def everything_at_once(path: Path) -> None:
    fs = await open_main(path)
    assert await fs.read_many(["a", "d/b"]) == [b"alpha " * 40, bytes(range(256)) * 40]
    assert len(await collect(fs.log())) == 2


@pytest.mark.parametrize("extension", ["pack", "idx"])
@pytest.mark.parametrize("spoil", [spoil_truncate, spoil_empty, spoil_flip, spoil_text])
async def test_damaged_pack_or_index_fails_with_our_errors_or_reads_right(
    packed: Path, extension: str, spoil: Callable[[Path], None]
) -> None:
    (path,) = (packed / "objects/pack").glob(f"*.{extension}")
    await everything_at_once(packed)
    spoil(writable(path))

    with pytest.raises((GitError, ObjectNotFoundError)) as caught:
        await everything_at_once(packed)
        # A flipped bit may hit a byte that nothing reads, such as a checksum.
        raise ObjectNotFoundError("read", "everything was read right")

    if spoil is not spoil_flip:
        assert "read right" not in str(caught.value)


@pytest.mark.parametrize("extension", ["pack", "idx"])
async def test_every_single_flipped_byte_of_a_pack_is_noticed_or_harmless(
    packed: Path, extension: str
) -> None:
    (path,) = (packed / "objects/pack").glob(f"*.{extension}")
    sound = writable(path).read_bytes()
    noticed = 0
    step = max(1, len(sound) // 120)
    for position in range(0, len(sound), step):
        raw = bytearray(sound)
        raw[position] ^= 0xFF
        path.write_bytes(raw)
        try:
            await everything_at_once(packed)
        except (GitError, ObjectNotFoundError):
            noticed += 1
    assert noticed > 20


@pytest.mark.parametrize("extension", ["pack", "idx"])
async def test_lost_pack_or_index_is_a_missing_object(packed: Path, extension: str) -> None:
    (path,) = (packed / "objects/pack").glob(f"*.{extension}")
    path.unlink()

    with pytest.raises(MissingObjectError, match="'main'"):
        await open_main(packed)


async def test_good_copy_of_an_object_is_found_behind_a_damaged_one(git: Git, packed: Path) -> None:
    oid = git(packed, "rev-parse", "main:d/b")
    loose = loose_path(packed, oid)
    loose.parent.mkdir(exist_ok=True)
    loose.write_bytes(b"garbage")
    fs = await open_main(packed)
    assert await fs.read("d/b") == bytes(range(256)) * 40

    loose.write_bytes(zlib.compress(b"blob 10240\0" + bytes(range(256)) * 40))
    (pack,) = (packed / "objects/pack").glob("*.pack")
    tree = git(packed, "rev-parse", "main:d")
    for line in git(packed, "verify-pack", "-v", pack.with_suffix(".idx")).splitlines():
        if line.startswith(oid):
            offset = int(line.split()[4])
    raw = bytearray(writable(pack).read_bytes())
    raw[offset + 12] ^= 0xFF
    pack.write_bytes(raw)
    fs = await open_main(packed)
    assert await fs.read("d/b") == bytes(range(256)) * 40
    assert await fs.object_hash("d") == tree


async def test_objects_directory_with_strange_files_is_read_and_tidied(
    git: Git, sound: Path
) -> None:
    objects = sound / "objects"
    (objects / "zz").mkdir()
    (objects / "zz" / ("1" * 38)).write_bytes(b"x")
    (objects / "ab").mkdir(exist_ok=True)
    (objects / "ab" / "short").write_bytes(b"x")
    (objects / "ab" / ("A" * 38)).write_bytes(b"x")
    (objects / "pack" / "pack-zz.idx").write_bytes(b"x")
    (objects / "pack" / "notes.txt").write_bytes(b"x")
    (objects / "pack" / "pack-sub.pack").mkdir()
    store = await GitStore.open(sound)

    assert await (await store.branches["main"]).read("a") == b"alpha " * 40
    assert await store.fs(git(sound, "rev-parse", "--short=6", "main"))
    await store.gc()
    assert await (await store.branches["main"]).read("a") == b"alpha " * 40


@pytest.mark.parametrize("age", [0, 100_000], ids=["young", "old"])
@pytest.mark.parametrize("spoil", [spoil_truncate, spoil_flip, spoil_empty])
async def test_gc_leaves_what_it_cannot_read_where_it_is_and_packs_the_rest(
    git: Git, sound: Path, spoil: Callable[[Path], None], age: float
) -> None:
    path = writable(loose_path(sound, git(sound, "rev-parse", "main:d/b")))
    spoil(path)
    damaged = path.read_bytes()
    then = path.stat().st_mtime - age
    for loose in (sound / "objects").glob("??/*"):
        os.utime(loose, (then, then))
    others = len(list((sound / "objects").glob("??/*"))) - 1
    store = await GitStore.open(sound)

    assert await store.gc() == others

    assert path.read_bytes() == damaged
    assert list((sound / "objects").glob("??/*")) == [path]
    assert await (await store.branches["main"]).read("a") == b"alpha " * 40


async def test_notes_with_a_missing_or_damaged_note_name_commit_and_namespace(
    git: Git, sound: Path
) -> None:
    tip = git(sound, "rev-parse", "main")
    git(sound, "notes", "add", "-m", "text of the note", tip)
    note = git(sound, "rev-parse", f"refs/notes/commits:{tip}")
    store = await GitStore.open(sound)
    assert await store.notes.commits[tip] == "text of the note\n"

    spoil_flip(writable(loose_path(sound, note)))
    with pytest.raises(CorruptObjectError, match=f"{tip}.*refs/notes/commits.*{note}"):
        await store.notes.commits[tip]
    loose_path(sound, note).unlink()
    with pytest.raises(MissingObjectError, match=f"{tip}.*refs/notes/commits.*{note}"):
        await store.notes.commits[tip]
    assert await store.notes.commits.keys() == [tip]
    await store.notes.commits.set(tip, "new")
    assert await store.notes.commits[tip] == "new"
