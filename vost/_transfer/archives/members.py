"""The rules for the members of an archive that is read: names, links, doubles and limits.

Members never touch the disk: they become entries of trees. What is refused here would harm
those who extract or copy out what was imported, or would use up this machine.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.contents import BytesContent
from vost._engine.localfiles import STREAM_THRESHOLD
from vost._engine.trees import Entry
from vost._model.changes import ChangeError
from vost._model.errors import ArchiveError
from vost._model.objects import ObjectType
from vost._model.paths import encode_path, is_dotgit
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE, MODE_LINK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost._engine.contents import Content, Place
    from vost._model.progress import Progress, ProgressReport

_CHUNK = 1 << 18
_LONGEST_NAME = 4096
"""Bytes: no system extracts longer paths, and each of their directories costs memory here."""

# Bytes that all names may take together: names shrink a thousandfold in a compressed archive, and
# each of their directories is kept in memory.
_NAMES_AT_LEAST = 16 << 20
_NAMES_PER_MEMBER = 256

# What an archive takes beside the contents of its members.
_OVERHEAD = 1 << 20
_OVERHEAD_PER_MEMBER = 1024

# Each clash costs a look at all names that are known.
_MOST_CLASHES = 1000

_ANY_EXECUTE = 0o111
_DRIVE = re.compile("[A-Za-z]:")


class Limits(NamedTuple):
    """What an archive may hold at most; ``None``: no limit.

    Attributes:
        size: Bytes of all members together, uncompressed.
        members: Their number.
    """

    size: int | None
    members: int | None


class Members:
    """What was seen of an archive so far.

    Args:
        archive: What messages call it.
        strict: Whether what is merely suspicious is refused; otherwise it is a warning.
        limits: What the archive may hold.
        claim: Told the path of what is to be imported; raises if it must not be.
        put: Takes path and content of what is imported.
    """

    def __init__(
        self,
        archive: str,
        limits: Limits,
        claim: Callable[[str], None],
        put: Callable[[str, Content], Entry],
        *,
        strict: bool,
    ) -> None:
        self.archive = archive
        self.warnings: list[ChangeError] = []
        self.files: dict[str, Entry | None] = {}
        self.count = 0
        self.size = 0
        self.strict = strict
        self._limits = limits
        self._claim = claim
        self._put = put
        self._directories: set[str] = set()
        self._names_size = 0
        self._clashes = 0

    def begin(self, name: str, size: int) -> None:
        """Count a member, before anything of it is read.

        Raises:
            ArchiveError: If the archive holds more than the limits allow.
        """
        self.count += 1
        self.require_count(self.count)
        self._count_name(len(name))
        self.size += size
        if self._limits.size is not None and self.size > self._limits.size:
            raise ArchiveError(
                f"Archive too large: {self.archive} holds more than {self._limits.size} bytes "
                f"with {name!r} (max_size= sets the limit)"
            )

    def require_count(self, count: int) -> None:
        """Check the number of members.

        Raises:
            ArchiveError: If there are more than the limit allows.
        """
        if self._limits.members is not None and count > self._limits.members:
            raise ArchiveError(
                f"Archive too large: {self.archive} holds more than {self._limits.members} "
                "members (max_members= sets the limit)"
            )

    def largest_file(self) -> int | None:
        """Return how large the archive itself may be; ``None``: of any size."""
        if self._limits.size is None:
            return None
        members = 1_000_000 if self._limits.members is None else self._limits.members
        return self._limits.size + _OVERHEAD + _OVERHEAD_PER_MEMBER * members

    def path_of(self, name: str) -> str:
        """Return the path that a member's name stands for; ``""``: where the archive goes.

        Raises:
            ArchiveError: If the name is unsafe.
        """
        if "\0" in name or len(encode_path(name)) > _LONGEST_NAME:
            raise self._unsafe(name if len(name) < 200 else name[:200] + "...")
        relative = name
        if name.startswith("/"):
            if self.strict:
                raise self._unsafe(name, "an absolute name; strict=False drops the slash")
            relative = name.lstrip("/")
        segments = relative.split("/") if relative else []
        if ".." in segments or "" in segments:
            raise self._unsafe(name)
        return "/".join(segment for segment in segments if segment != ".")

    def directory(self, name: str) -> None:
        """Take note of a directory; there are none in Git without files.

        Raises:
            ArchiveError: If its name is unsafe, or in strict mode a member of that name is a file.
        """
        path = self.path_of(name.rstrip("/") if name.strip("/") else "")
        if self.strict and path and not _holds_dotgit(path):
            self._claim_directories(name, path + "/")

    def file(self, name: str) -> str | None:
        """Return the path of a file or link that is to be imported; ``None``: it is left out.

        Raises:
            ArchiveError: If the name is unsafe, or was there already in strict mode.
            OSError: If something is in its place that is to stay.
        """
        path = self.path_of(name)
        if not path:
            raise self._unsafe(name)
        if _holds_dotgit(path):
            self.warn(name, f"left out: Git never stores a path with '.git' in it: {name}")
            return None
        if self.strict and path in self.files:
            raise ArchiveError(
                f"Duplicate member in {self.archive}: {name!r} (strict=False takes the last one)"
            )
        if path in self._directories:
            self._clash(name, path)
            self._forget_below(path)
        self._claim_directories(name, path)
        self._claim(path)
        if "\\" in path:
            self.warn(name, f"backslashes in a name are directories on Windows: {name}")
        elif _DRIVE.match(path):
            self.warn(name, f"a name that begins with a drive is absolute on Windows: {name}")
        self.files[path] = None
        return path

    def store(self, path: str, content: Content) -> None:
        """Store the content of a file or link at the path that ``file`` returned for it."""
        self.files[path] = self._put(path, content)

    def forget(self, path: str) -> None:
        """Take back a file that cannot be stored."""
        self.files.pop(path, None)

    def store_link(self, name: str, path: str, target: bytes) -> None:
        """Store a symbolic link.

        Raises:
            ArchiveError: If the target contains NUL, or in strict mode leads outside.
        """
        if b"\0" in target:
            raise ArchiveError(f"Unsafe link in {self.archive}: the target of {name!r} has NUL")
        text = target.decode("utf-8", "surrogateescape")
        if leads_outside(path, text):
            if self.strict:
                raise ArchiveError(
                    f"Unsafe link in {self.archive}: {name!r} -> {text!r} may lead outside of "
                    "the archive (strict=False keeps it)"
                )
            self.warn(name, f"link may lead outside of the archive: {name} -> {text}")
        self.store(path, BytesContent(target, MODE_LINK))

    def warn(self, name: str, text: str) -> None:
        """Take note of something that may surprise."""
        self.warnings.append(ChangeError(name, text))

    def outside_hard_link(self, name: str, target: str) -> ArchiveError:
        """Return the error for a hard link to what cannot be a member."""
        return ArchiveError(
            f"Unsafe link in {self.archive}: {name!r} -> {target!r} leads outside of the archive"
        )

    def _unsafe(self, name: str, why: str = "") -> ArchiveError:
        return ArchiveError(
            f"Unsafe member name in {self.archive}: {name!r}" + (f" ({why})" if why else "")
        )

    def _claim_directories(self, name: str, path: str) -> None:
        """Make all parents of a path directories."""
        parent = path.rpartition("/")[0]
        while parent and parent not in self._directories:
            if parent in self.files:
                self._clash(name, parent)
                del self.files[parent]
            self._directories.add(parent)
            self._count_name(len(parent))
            parent = parent.rpartition("/")[0]

    def _count_name(self, length: int) -> None:
        self._names_size += length
        if self._limits.members is None:
            return
        limit = _NAMES_AT_LEAST + _NAMES_PER_MEMBER * self._limits.members
        if self._names_size > limit:
            raise ArchiveError(
                f"Archive too large: the names in {self.archive} take more than {limit} bytes "
                "(max_members= sets the limit)"
            )

    def _clash(self, name: str, path: str) -> None:
        self._clashes += 1
        if self.strict or self._clashes > _MOST_CLASHES:
            advice = "strict=False takes the last one" if self.strict else "and so are many others"
            raise ArchiveError(
                f"Conflicting members in {self.archive}: {path!r} is both a file and a directory "
                f"(at {name!r}; {advice})"
            )
        self.warn(name, f"both a file and a directory, the last one counts: {path}")

    def _forget_below(self, path: str) -> None:
        prefix = path + "/"
        for known in [known for known in self.files if known.startswith(prefix)]:
            del self.files[known]
        self._directories = {
            known for known in self._directories if known != path and not known.startswith(prefix)
        }


class MemberContent(NamedTuple):
    """The content of one member, to be stored now: reading goes on behind it.

    Attributes:
        read: Returns at most so many of the next bytes; its errors are translated already.
        size: Bytes that there should be.
        mode: The Git mode.
        damaged: Makes the error for a wrong size.
    """

    read: Callable[[int], bytes]
    size: int
    mode: int
    damaged: Callable[[str], ArchiveError]

    def store(self, place: Place) -> Entry:
        """Store the content as a blob.

        Raises:
            ArchiveError: If it is not of the size that was declared.
        """
        pieces = exactly(self.read, self.size, place.check, self.damaged)
        if self.size <= STREAM_THRESHOLD:
            oid = place.writer.add(ObjectType.BLOB, b"".join(pieces))
        else:
            oid = place.writer.add_stream(ObjectType.BLOB, self.size, pieces)
        return Entry(self.mode, oid)


class Again(NamedTuple):
    """Content that the same import has stored a moment ago."""

    entry: Entry

    def store(self, place: Place) -> Entry:  # noqa: ARG002 - it is there
        """Return what was stored."""
        return self.entry


def counted(
    read: Callable[[int], bytes], begun: Progress, report: ProgressReport
) -> Callable[[int], bytes]:
    """Return a reader that reports how far a member is: a large one takes long.

    Args:
        read: Returns at most so many of the next bytes.
        begun: How far the work was before this member.
        report: Told how far it is.
    """
    size = begun.bytes

    def reading(most: int) -> bytes:
        nonlocal size
        data = read(most)
        size += len(data)
        if report.is_due():
            report(replace(begun, bytes=size))
        return data

    return reading


def exactly(
    read: Callable[[int], bytes],
    size: int,
    check: Callable[[], None],
    damaged: Callable[[str], ArchiveError],
) -> Iterator[bytes]:
    """Yield pieces of a member and insist on its size.

    Raises:
        ArchiveError: If there is more or less than ``size`` bytes.
    """
    left = size
    while piece := read(_CHUNK):
        check()
        left -= len(piece)
        if left < 0:
            raise damaged(f"more than its declared size of {size} bytes")
        yield piece
    if left:
        raise damaged(f"it breaks off {left} bytes before its declared size of {size}")


def file_mode(permissions: int) -> int:
    """Return the Git mode of a file with these Unix permissions."""
    return MODE_EXECUTABLE if permissions & _ANY_EXECUTE else MODE_BLOB


def leads_outside(path: str, target: str) -> bool:
    """Tell whether a link may lead out of the tree that it is in.

    Only leading ``..`` are counted. One behind a name is taken for an escape: that name may be
    another link.

    Args:
        path: The path of the link in that tree.
        target: What it holds.
    """
    if target.startswith("/"):
        return True
    depth = path.count("/")
    named = False
    for segment in target.split("/"):
        if segment == "..":
            depth -= 1
            if named or depth < 0:
                return True
        elif segment not in {"", "."}:
            named = True
    return False


def _holds_dotgit(path: str) -> bool:
    return any(is_dotgit(segment) for segment in path.split("/"))
