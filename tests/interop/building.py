"""Repositories as Git and others make them, built by real git."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.support.gitcli import Git

EPOCH = 1_700_000_000
"""Seconds: the time of the first commit that ``commit_files`` makes; each later one is 60 s on."""


def commit_files(
    git: Git,
    repository: Path,
    files: Mapping[str, bytes | tuple[str, bytes] | None],
    *,
    branch: str = "main",
    message: bytes = b"from git\n",
    seconds: int = EPOCH,
    merge: Iterable[str] = (),
    others: Iterable[Mapping[str, bytes]] = (),
) -> str:
    """Commit with ``git fast-import`` on top of a branch and return the id of its new tip.

    Args:
        git: Runs git.
        repository: The Git directory.
        files: Path to content, to ``(mode, content)``, or to ``None`` to delete.
        branch: Short name; it is made if it does not exist.
        message: The message of each commit.
        seconds: The time of the first commit.
        merge: Ids of further parents.
        others: Contents of further commits on top, one each.
    """
    ref = f"refs/heads/{branch}"
    exists = bool(git(repository, "for-each-ref", ref))
    stream: list[bytes] = []
    for number, changes in enumerate([files, *others]):
        when = seconds + 60 * number
        stream += [
            f"commit {ref}\n".encode(),
            f"committer Git Test <git@test.example> {when} +0100\n".encode(),
            b"data %d\n%s\n" % (len(message), message),
        ]
        if number == 0:
            stream += [f"from {ref}^0\n".encode()] if exists else []
            stream += [f"merge {oid}\n".encode() for oid in merge]
        for path, content in changes.items():
            name = b'"%s"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            if content is None:
                stream.append(b"D %s\n" % name)
                continue
            mode, data = content if isinstance(content, tuple) else ("100644", content)
            stream.append(b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), name, len(data), data))
    git(repository, "fast-import", "--quiet", stdin=b"".join(stream))
    return git(repository, "rev-parse", ref)


def store_tree(repository: Path, entries: Iterable[tuple[bytes, bytes, str]]) -> str:
    """Store a tree of exactly these ``(mode, name, id)`` entries, sound or not; return its id."""
    raw = b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in entries)
    return store_object(repository, "tree", raw)


def store_object(repository: Path, kind: str, data: bytes) -> str:
    """Store an object of any content as ``git hash-object --literally`` does; return its id.

    Git itself takes ten milliseconds for it, and some tests need a thousand objects.
    """
    raw = b"%s %d\0%s" % (kind.encode(), len(data), data)
    oid = hashlib.sha1(raw).hexdigest()
    path = loose_path(repository, oid)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(raw))
    return oid


def set_ref(repository: Path, name: str, oid: str) -> None:
    """Point a ref (full name) at an object, whatever that is."""
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(oid + "\n")


def commit_tree(
    repository: Path,
    tree: str,
    *parents: str,
    branch: str | None = "main",
    message: bytes = b"made by hand\n",
) -> str:
    """Store a commit of a tree, without a look at the tree, point a branch at it, return its id."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    who = f"Git Test <git@test.example> {EPOCH} +0000"
    head = "\n".join([*lines, f"author {who}", f"committer {who}", "", ""]).encode()
    oid = store_object(repository, "commit", head + message)
    if branch is not None:
        set_ref(repository, f"refs/heads/{branch}", oid)
    return oid


def loose_path(repository: Path, oid: str) -> Path:
    """Return where a loose object lies."""
    return repository / "objects" / oid[:2] / oid[2:]
