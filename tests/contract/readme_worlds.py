"""The worlds of the readme's blocks: repositories in which their lines make sense."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import vost_sync
from tests.interop.building import EPOCH, commit_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gitcli import Git

BIG = bytes(range(256)) * 8
"""Content in which a byte at the wrong place is seen."""

LOCAL_BIG = b"big content of the local disk\n"
"""Content of the local file that the readme calls ``/data/big.bin``."""


@dataclass
class World:
    """A directory with a repository ``data.git``, in which a block runs.

    Args:
        directory: The directory.
        git: Runs git.
    """

    directory: Path
    git: Git
    names: dict[str, Any] = field(default_factory=dict)
    """What the block uses without saying where it comes from, beside ``repo`` and ``fs``."""

    has_store: bool = False
    """Whether the block starts with ``repo``, a store, and ``fs``, its branch ``main``."""

    tip: str = ""
    """The id of the commit that ``main`` is at before the block."""

    @property
    def repository(self) -> Path:
        return self.directory / "data.git"

    @property
    def local_big(self) -> str:
        """Where the readme's ``/data/big.bin`` is: a test leaves the machine's own alone."""
        return str(self.directory / "data" / "big.bin")

    @property
    def mirror(self) -> Path:
        """Where the readme's repository on the net is: a test leaves the net alone."""
        return self.directory / "mirror.git"

    def begin(self, files: dict[str, Any] | None = None) -> vost_sync.GitStore:
        """Make the store, with a first commit that has these files."""
        self.has_store = True
        store = vost_sync.GitStore.open(self.repository, author="ann", email="ann@example.com")
        store.branches["main"].apply(files or {}, message="Begin")
        return store

    def code(self, code: str) -> str:
        """Return a block as it is, but for the places of its local file and its remote."""
        mirror = repr(str(self.mirror))
        code = code.replace('"https://github.com/user/repo.git"', mirror)
        return code.replace('"/data/big.bin"', repr(self.local_big))

    def commit(self, revision: str = "main") -> str:
        return self.git(self.repository, "rev-parse", revision)

    def messages(self) -> list[str]:
        """Return the messages of what the block has committed to ``main``, oldest first."""
        log = self.git(self.repository, "log", "--reverse", "--format=%s", f"{self.tip}..main")
        return log.splitlines()

    def modes(self, revision: str = "main") -> dict[str, str]:
        """Return path and mode of all files and links."""
        listing = self.git(self.repository, "ls-tree", "-r", revision)
        return {line.split("\t")[1]: line.split(" ")[0] for line in listing.splitlines()}

    def content(self, path: str, revision: str = "main") -> bytes:
        return self.git.raw(self.repository, "cat-file", "blob", f"{revision}:{path}")

    def refs(self) -> dict[str, str]:
        """Return the type of what each ref leads to, by its full name."""
        listing = self.git(
            self.repository, "for-each-ref", "--format=%(refname) %(objecttype)"
        ).splitlines()
        return dict(line.split(" ") for line in listing)


def make_world(name: str, directory: Path, git: Git) -> World:
    """Return the world of a block, ready for it."""
    world = World(directory, git)
    (directory / "data").mkdir()
    (directory / "data" / "big.bin").write_bytes(LOCAL_BIG)
    if name in _WORLDS:
        _WORLDS[name](world)
    if world.has_store:
        world.tip = world.commit()
    return world


def _branches_and_tags(world: World) -> None:
    store = world.begin({"a.txt": b"a"})
    store.branches["dev"] = store.branches["main"]
    store.branches["dev"].write("only-on-dev.txt", b"dev")


def _reading(world: World) -> None:
    world.begin(
        {
            "path/to/file.bin": b"\x00\x01\x02",
            "config.json": '{"key": "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n"}',
            "big.bin": BIG,
            "data.bin": b"HEAD and more",
            "src/main.py": "print()\n",
            "src/pkg/mod.py": "",
            "src/readme.txt": "",
            "src/.hidden.py": "",
            ".tools/x.py": "",
            "run.sh": vost_sync.WriteEntry(data="#!/bin/sh\n", mode=0o100755),
            "link": vost_sync.WriteEntry(target="config.json"),
        }
    )
    world.names["sha"] = world.commit("main:big.bin")


def _writing(world: World) -> None:
    world.begin({"old-file.txt": b"old", "kept.txt": b"kept"})
    world.names.update(
        raw_bytes=b"\x89PNG\r\n\x1a\n\x00",
        chunk1=b"first ",
        chunk2=b"second",
        source=[b"one,", b"two,", b"three"],
    )


def _immutability(world: World) -> None:
    world.begin({"a.txt": b"a"})


def _batch(world: World) -> None:
    world.begin({"old.txt": b"old", "kept.txt": b"kept"})


def _history(world: World) -> None:
    """Four commits, a day apart each, made by git: blocks do not wait for time to pass."""
    vost_sync.GitStore.open(world.repository, branch=None).close()
    world.has_store = True
    day = 24 * 60 * 60
    steps: list[tuple[bytes, dict[str, bytes]]] = [
        (b"add config", {"config.json": b"1"}),
        (b"deploy 1", {"site": b"1"}),
        (b"change config", {"config.json": b"2"}),
        (b"deploy 2", {"site": b"2"}),
        (b"no deploy", {"other": b""}),
    ]
    commits = [
        commit_files(world.git, world.repository, files, message=message, seconds=EPOCH + n * day)
        for n, (message, files) in enumerate(steps)
    ]
    moment = datetime.fromtimestamp(EPOCH, timezone.utc) + timedelta(days=1)
    world.names.update(cutoff=moment, commits=commits)


def _copy_in(world: World) -> None:
    world.begin({"backup/kept": b"kept"})
    (world.directory / "data" / ".hidden").write_bytes(b"copied too")


def _copy_out(world: World) -> None:
    world.begin({"docs/a.md": b"a", "docs/sub/b.md": b"b", "other": b"stays"})


def _copy_between(world: World) -> None:
    store = world.begin({"config/a": b"1", "config/sub/b": b"2", "other": b"0"})
    first = store.branches["main"].parent
    assert first is not None
    store.branches["dev"] = first
    (world.directory / "features").mkdir()
    (world.directory / "features" / "new.py").write_bytes(b"new")


def _sync(world: World) -> None:
    world.begin({"data/gone": b"0", "data/old/x": b"0", "data/same": b"1", "beside": b"kept"})
    (world.directory / "local").mkdir()
    for name in ("same", "new"):
        (world.directory / "local" / name).write_bytes(b"1")


def _disk_glob(world: World) -> None:
    for path in ("z.csv", "sub/deep/a.csv", "sub/a.txt", ".hidden.csv", ".dir/a.csv"):
        file = world.directory / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def _remove(world: World) -> None:
    world.begin(
        {"old-dir/a": b"a", "old-dir/sub/b": b"b", "old-dir.txt": b"kept", "old.txt": b"moved"}
    )


def _apply(world: World) -> None:
    world.begin(
        {
            "config.json": b'{"v": 1}',
            "old.txt": b"old",
            "deprecated/a": b"a",
            "deprecated/sub/b": b"b",
            "deprecated.txt": b"kept",
        }
    )


def _properties(world: World) -> None:
    world.begin({"a.txt": b"a"})


def _mirrors(world: World) -> None:
    store = world.begin({"a.txt": b"a"})
    store.tags["v1"] = store.branches["main"]
    world.names["url"] = str(world.directory / "elsewhere.git")


def _stale(world: World) -> None:
    world.begin()


def _retry(world: World) -> None:
    world.begin()
    world.names["data"] = b"the data"


def _notes(world: World) -> None:
    store = world.begin({"a.txt": b"a"})
    fs = store.branches["main"]
    assert fs.parent is not None
    world.names.update(hash1=fs.commit_hash, hash2=fs.parent.commit_hash)


_WORLDS: dict[str, Callable[[World], None]] = {
    "branches_and_tags": _branches_and_tags,
    "reading": _reading,
    "writing": _writing,
    "immutability": _immutability,
    "batch": _batch,
    "history": _history,
    "copy_in": _copy_in,
    "copy_out": _copy_out,
    "copy_between": _copy_between,
    "sync": _sync,
    "disk_glob": _disk_glob,
    "remove": _remove,
    "apply": _apply,
    "properties": _properties,
    "mirrors": _mirrors,
    "stale": _stale,
    "retry": _retry,
    "notes": _notes,
}
