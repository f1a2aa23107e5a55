"""Commit and tag objects: reading foreign ones leniently, writing ours strictly.

Source of the format: https://git-scm.com/docs/git-commit-tree and ``commit.c`` of Git.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import CorruptObjectError
from vost._model.objects import ObjectType, Oid, oid_from_hex, oid_to_hex
from vost._storage.protocols import CommitLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vost._model.types import Signature

_USUAL_START = re.compile(rb"tree ([0-9a-f]{40})\nparent ([0-9a-f]{40})\n")
_IDENTITY_TIME = re.compile(rb"> (-?\d+) ([+-])(\d{2})(\d{2})\s*$")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Commit(NamedTuple):
    """A commit, kept as the bytes that were stored; texts are decoded when asked for.

    Attributes:
        oid: Its id.
        tree: The id of its root tree.
        parents: The ids of its parents, first parent first; empty for a root commit.
        author: The author line without its keyword: name, email, time.
        committer: The committer line likewise.
        encoding: What the commit says its texts are encoded in; ``None`` means UTF-8.
        raw_message: The message as stored.
    """

    oid: Oid
    tree: Oid
    parents: tuple[Oid, ...]
    author: bytes
    committer: bytes
    encoding: bytes | None
    raw_message: bytes

    @property
    def message(self) -> str:
        """The message without its trailing newlines."""
        return self._decode(self.raw_message).rstrip("\n")

    @property
    def summary(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]

    @property
    def time_seconds(self) -> int:
        """The committer's time in seconds since the epoch; 0 if the line cannot be read."""
        match = _IDENTITY_TIME.search(self.committer)
        return int(match[1]) if match else 0

    @property
    def time(self) -> datetime:
        """The committer's time, aware, in the committer's own offset from UTC."""
        match = _IDENTITY_TIME.search(self.committer)
        if match is None:
            return _EPOCH
        offset = timedelta(hours=int(match[3]), minutes=int(match[4]))
        if offset >= timedelta(days=1):
            offset = timedelta(0)
        zone = timezone(-offset if match[2] == b"-" else offset)
        try:
            return (_EPOCH + timedelta(seconds=int(match[1]))).astimezone(zone)
        except OverflowError:  # a forged date far outside of what a calendar can show
            return _EPOCH

    @property
    def author_name(self) -> str:
        """The author's name: what stands before the first ``" <"``."""
        return self._decode(self.author.partition(b" <")[0])

    @property
    def author_email(self) -> str:
        """The author's email address: what stands between ``" <"`` and ``">"``."""
        return self._decode(self.author.partition(b" <")[2].partition(b">")[0])

    def _decode(self, raw: bytes) -> str:
        encoding = (self.encoding or b"utf-8").decode("ascii", "replace")
        try:
            return raw.decode(encoding)
        except (LookupError, UnicodeDecodeError, ValueError):
            return raw.decode("utf-8", "replace")


def parse_commit(oid: Oid, data: bytes) -> Commit:
    """Read a commit object.

    Raises:
        CorruptObjectError: If it has no tree or a malformed parent.
    """
    head, _, message = data.partition(b"\n\n")
    parents: list[Oid] = []
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        keyword, _, value = line.partition(b" ")
        if keyword == b"parent":
            parents.append(_linked_oid(oid, value))
        else:
            # Continuation lines of signatures have an empty keyword and are of no interest.
            fields.setdefault(keyword, value)
    return Commit(
        oid=oid,
        tree=_linked_oid(oid, fields.get(b"tree", b"")),
        parents=tuple(parents),
        author=fields.get(b"author", b""),
        committer=fields.get(b"committer", b""),
        encoding=fields.get(b"encoding"),
        raw_message=message,
    )


def parse_link(oid: Oid, data: bytes) -> CommitLink:
    """Read of a commit object only how it hangs together with others.

    Raises:
        CorruptObjectError: If it has no tree or a malformed parent.
    """
    match = _USUAL_START.match(data)
    if match is None:
        commit = parse_commit(oid, data)
        return CommitLink(commit.tree, commit.parents[0] if commit.parents else None)
    return CommitLink(bytes.fromhex(match[1].decode()), bytes.fromhex(match[2].decode()))


def serialize_commit(
    tree: Oid, parents: Sequence[Oid], signature: Signature, seconds: int, message: str
) -> bytes:
    """Return the content of a new commit object, author and committer being the same.

    Args:
        tree: Id of the root tree.
        parents: Ids of the parents, first parent first.
        signature: Whose commit it is; validated when it was made.
        seconds: Its time, in seconds since the epoch; the zone is UTC.
        message: Text that ends up with at least one newline.
    """
    identity = f"{signature.name} <{signature.email}> {seconds} +0000"
    lines = [f"tree {oid_to_hex(tree)}"]
    lines += [f"parent {oid_to_hex(parent)}" for parent in parents]
    lines += [f"author {identity}", f"committer {identity}", "encoding UTF-8", "", message]
    text = "\n".join(lines)
    if not text.endswith("\n"):
        text += "\n"
    return text.encode("utf-8", "replace")


def tag_target(oid: Oid, data: bytes) -> tuple[Oid, ObjectType]:
    """Return what an annotated tag object points at, and of which type that is.

    Raises:
        CorruptObjectError: If the tag does not say so.
    """
    first, _, rest = data.partition(b"\n")
    second = rest.partition(b"\n")[0]
    keyword, _, value = first.partition(b" ")
    type_keyword, _, label = second.partition(b" ")
    if keyword != b"object" or type_keyword != b"type":
        raise CorruptObjectError(f"malformed tag object {oid_to_hex(oid)}: it names no object")
    try:
        return _linked_oid(oid, value), ObjectType.from_label(label)
    except ValueError as error:
        raise CorruptObjectError(f"malformed tag object {oid_to_hex(oid)}: {error}") from None


def _linked_oid(oid: Oid, value: bytes) -> Oid:
    try:
        return oid_from_hex(value)
    except ValueError:
        raise CorruptObjectError(
            f"malformed object {oid_to_hex(oid)}: {value!r} is no object id"
        ) from None
