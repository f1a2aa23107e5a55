"""What a server answers to ``git fetch`` and ``git clone``: protocols 0, 1 and 2, stateless.

A request holds all that there is to know, and the answer is made in pieces: first what both sides
have, then a pack of what the client lacks. Entries of packs are copied as they are.

Sources: https://git-scm.com/docs/gitprotocol-pack, https://git-scm.com/docs/gitprotocol-v2, and
git's own upload-pack.c for what these leave open.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from vost._engine.advertising import Shown, list_refs, shown_refs, split_command, tag_chain
from vost._engine.depths import (
    INFINITE,
    Cut,
    Deepening,
    each_leads_to_one,
    find_cut,
    leads_to_all,
    reached,
)
from vost._engine.packing import pack_chunks
from vost._engine.pktlines import (
    DELIMITER,
    FLUSH,
    MalformedRequestError,
    packet,
    parse,
    parse_number,
    parse_oid,
    sideband,
)
from vost._engine.reachable import missing_objects, objects_of
from vost._model.errors import GitError, VostError
from vost._model.objects import ObjectType, Oid, oid_to_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vost._engine.repository import Repository

LONGEST_REQUEST = 16 << 20
"""Bytes of a request, uncompressed: 300,000 commits that the client has."""

_NAK = b"NAK\n"
_BAND_64K, _BAND = 65_515, 995
_PROGRESS_EVERY = 5000
_GZIP = 16 + zlib.MAX_WBITS
_OID_BYTES = 20
_REMEMBERED_BYTES = 10 << 20
_clones: WeakKeyDictionary[Repository, tuple[frozenset[Oid], bytes]] = WeakKeyDictionary()


class _RefusedError(Exception):
    """What the client wants cannot be; it is told why."""


@dataclass
class _Request:
    """What a client asks for.

    Attributes:
        wants: The objects that it wants.
        haves: The commits that it has, in its order; ``None``: it waits for an answer.
        done: Whether it wants the pack now.
        shallow: Where its history ends.
        asked: Where it is to end.
        room: The most bytes of a packet of the pack; 0: it is sent without packets.
        detailed: Whether each common commit is acknowledged, not only the first.
        no_done: Whether the pack may follow as soon as enough is known.
        progress: Whether it wants to see progress.
        tags: Whether it wants the annotated tags of what it gets.
    """

    wants: dict[Oid, None] = field(default_factory=dict)
    haves: list[Oid | None] = field(default_factory=list)
    done: bool = False
    shallow: set[Oid] = field(default_factory=set)
    asked: Deepening = field(default_factory=Deepening)
    room: int = 0
    detailed: bool = False
    no_done: bool = False
    progress: bool = True
    tags: bool = False


def answer(
    repository: Repository,
    data: bytes,
    protocol: int,
    check: Callable[[], None],
    *,
    gzipped: bool,
) -> Iterator[bytes]:
    """Yield the answer to ``POST /git-upload-pack``.

    What the client may not have is refused in the answer, as Git does it.

    Args:
        repository: The repository.
        data: The body of the request.
        protocol: The version that the client speaks: 0, 1 or 2.
        check: Raises when the caller was cancelled.
        gzipped: Whether the body is compressed.

    Raises:
        MalformedRequestError: On the first step, if the request is not of the protocol.
        GitError: If an object that is asked for is missing or damaged; the client was told so.
    """
    lines = list(parse(_inflated(data) if gzipped else data))
    server = _Server(repository, check)
    if protocol != 2:
        yield from server.respond(_parse_0(lines, server))
        return
    command, arguments = split_command(lines)
    if command == b"ls-refs":
        yield from list_refs(repository, arguments)
    elif command == b"fetch":
        yield from server.respond_2(_parse_2(arguments, server))
    else:
        raise MalformedRequestError("the command is unknown")


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        found = inflater.decompress(data, LONGEST_REQUEST + 1)
    except zlib.error as error:
        raise MalformedRequestError("the body is not compressed as it says") from error
    if len(found) > LONGEST_REQUEST:
        raise MalformedRequestError("the body is too large")
    if not inflater.eof or inflater.unused_data:
        raise MalformedRequestError("the body is cut off")
    return found


class _Server:
    """Answers one request.

    Args:
        repository: The repository.
        check: Raises when the caller was cancelled.
    """

    def __init__(self, repository: Repository, check: Callable[[], None]) -> None:
        self._repository = repository
        self._check = check
        self._known: Shown | None = None

    @property
    def shown(self) -> Shown:
        """What clients see, as it is when the request comes."""
        if self._known is None:
            self._known = shown_refs(self._repository)
        return self._known

    def respond(self, request: _Request) -> Iterator[bytes]:
        """Yield the answer in protocols 0 and 1."""
        try:
            wanted = self._wanted(request)
            cut = self._cut(request, wanted)
        except _RefusedError as error:
            yield _error(error)
            return
        if not request.wants:
            return
        if request.asked.is_asked:
            yield b"".join(_cut_lines(cut)) + FLUSH
        common, lines, is_over = self._negotiate(request, wanted)
        yield b"".join(lines)
        if is_over:
            yield from self._pack(request, wanted, common, cut)

    def respond_2(self, request: _Request) -> Iterator[bytes]:
        """Yield the answer to the command ``fetch`` of protocol 2."""
        try:
            wanted = self._wanted(request)
            cut = self._cut(request, wanted)
        except _RefusedError as error:
            yield _error(error)
            return
        if not request.wants:
            return
        haves = [oid for oid in request.haves if oid is not None]
        present = self._repository.objects.has_many(haves)
        common = [oid for oid in dict.fromkeys(haves) if oid in present]
        if haves and not request.done:
            lines = [f"ACK {oid_to_hex(oid)}\n".encode() for oid in common] or [_NAK]
            is_ready = self._is_enough(wanted, common)
            lines += [b"ready\n"] if is_ready else []
            yield packet(b"acknowledgments\n") + b"".join(map(packet, lines))
            yield DELIMITER if is_ready else FLUSH
            if not is_ready:
                return
        if request.asked.is_asked or request.shallow or self._repository.shallow:
            yield packet(b"shallow-info\n") + b"".join(_cut_lines(cut)) + DELIMITER
        yield packet(b"packfile\n")
        yield from self._pack(request, wanted, common, cut)

    def _wanted(self, request: _Request) -> list[Oid]:
        """Return the commits among what the client wants, all of which it may have.

        A branch may have moved since the client saw it: what it leads to can be had as well.

        Raises:
            _RefusedError: If it may not.
        """
        repository = self._repository
        tips = self.shown.tips
        hidden = [oid for oid in request.wants if oid not in tips]
        if hidden:
            present = repository.objects.has_many(hidden)
            for oid in hidden:
                if oid not in present or repository.objects.header(oid).type != ObjectType.COMMIT:
                    raise _RefusedError(f"not our ref {oid_to_hex(oid)}")
            if not leads_to_all(repository, self._commits(tips), hidden, self._check):
                raise _RefusedError(f"not our ref {oid_to_hex(hidden[0])}")
        return self._commits(request.wants)

    def _commits(self, oids: Iterable[Oid]) -> list[Oid]:
        found = (self._commit(oid) for oid in oids)
        return list(dict.fromkeys(oid for oid in found if oid is not None))

    def _commit(self, oid: Oid) -> Oid | None:
        try:
            return self._repository.peel(oid)
        except GitError as error:
            raise _RefusedError("the repository is damaged") from error

    def _cut(self, request: _Request, wanted: list[Oid]) -> Cut:
        present = self._repository.objects.has_many(list(request.shallow))
        client = frozenset(oid for oid in present if self._commit(oid) == oid)
        try:
            return find_cut(self._repository, wanted, client, request.asked, self._check)
        except ValueError as error:
            raise _RefusedError(str(error)) from None

    def _is_enough(self, wanted: list[Oid], common: list[Oid]) -> bool:
        commits = self._commits(common)
        return bool(commits) and each_leads_to_one(self._repository, wanted, commits, self._check)

    def _negotiate(
        self, request: _Request, wanted: list[Oid]
    ) -> tuple[list[Oid], list[bytes], bool]:
        """Return what is common, what is said about it, and whether the pack follows."""
        present = self._repository.objects.has_many([oid for oid in request.haves if oid])
        common: list[Oid] = []
        lines: list[bytes] = []
        is_ready = False
        for oid in request.haves:
            if oid is None:
                if request.detailed and not is_ready and self._is_enough(wanted, common):
                    is_ready = True
                    lines.append(packet(f"ACK {oid_to_hex(common[-1])} ready\n".encode()))
                if request.detailed or not common:
                    lines.append(packet(_NAK))
                if is_ready and request.no_done:
                    lines.append(packet(f"ACK {oid_to_hex(common[-1])}\n".encode()))
                    return common, lines, True
            elif oid in present:
                common.append(oid)
                if request.detailed:
                    lines.append(packet(f"ACK {oid_to_hex(oid)} common\n".encode()))
                elif len(common) == 1:
                    lines.append(packet(f"ACK {oid_to_hex(oid)}\n".encode()))
        if not request.done:
            return common, lines, False
        if not common:
            lines.append(packet(_NAK))
        elif request.detailed:
            lines.append(packet(f"ACK {oid_to_hex(common[-1])}\n".encode()))
        return common, lines, True

    def _pack(
        self, request: _Request, wanted: list[Oid], common: list[Oid], cut: Cut
    ) -> Iterator[bytes]:
        """Yield the pack; whatever fails, the client is told."""
        tell = request.room and request.progress
        try:
            oids: dict[Oid, None] = {}
            for oid in self._objects(request, wanted, common, cut):
                oids[oid] = None
                if tell and len(oids) % _PROGRESS_EVERY == 0:
                    yield packet(b"\x02Counting objects: %d\r" % len(oids))
            if request.tags:
                oids.update(dict.fromkeys(self._tags(oids)))
            if tell:
                yield packet(b"\x02Counting objects: %d, done.\n" % len(oids))
            chunks = pack_chunks(self._repository, list(oids), {}, self._check)
            yield from sideband(chunks, request.room)
        except VostError:
            # Not what exactly: it would tell where the repository is.
            if request.room:
                yield packet(b"\x03upload-pack: the repository is damaged\n") + FLUSH
            raise
        if request.room:
            yield FLUSH

    def _objects(
        self, request: _Request, wanted: list[Oid], common: list[Oid], cut: Cut
    ) -> Iterable[Oid]:
        """Yield the ids of what the client lacks."""
        repository, check = self._repository, self._check
        if not cut.ends and not request.shallow:
            if common:
                for item in missing_objects(repository, request.wants, common, check):
                    yield item.oid
            else:
                yield from self._everything(frozenset(request.wants))
            return
        known = reached(repository, self._commits(common), frozenset(request.shallow), check)
        new = reached(repository, wanted, cut.ends, check) - known
        for item in objects_of(repository, request.wants, new, known, check):
            yield item.oid

    def _everything(self, wants: frozenset[Oid]) -> Iterator[Oid]:
        """Yield the ids of a whole clone; those of the last one are remembered."""
        wanted, found = _clones.get(self._repository, (None, b""))
        if wanted == wants:
            yield from (found[at : at + _OID_BYTES] for at in range(0, len(found), _OID_BYTES))
            return
        oids = bytearray()
        for item in missing_objects(self._repository, wants, (), self._check):
            if len(oids) <= _REMEMBERED_BYTES:
                oids += item.oid
            yield item.oid
        if len(oids) <= _REMEMBERED_BYTES:
            _clones[self._repository] = (wants, bytes(oids))

    def _tags(self, oids: dict[Oid, None]) -> Iterator[Oid]:
        """Yield annotated tags of what is sent."""
        for ref in self.shown.refs:
            if ref.peeled is not None and ref.peeled in oids:
                yield from tag_chain(self._repository, ref.oid)[:-1]

    def ref(self, name: bytes) -> Oid:
        """Return the commit of a ref that a client names as people do.

        Raises:
            MalformedRequestError: If there is none.
        """
        by_name = {ref.name.encode("utf-8", "surrogateescape"): ref for ref in self.shown.refs}
        for prefix in (b"", b"refs/", b"refs/tags/", b"refs/heads/"):
            found = by_name.get(prefix + name)
            commit = None if found is None else self._repository.peel(found.oid)
            if commit is not None:
                return commit
        raise MalformedRequestError("deepen-not names no ref")


def _error(error: _RefusedError) -> bytes:
    return packet(f"ERR upload-pack: {error}\n".encode())


def _cut_lines(cut: Cut) -> Iterator[bytes]:
    for oid in cut.shallow:
        yield packet(f"shallow {oid_to_hex(oid)}\n".encode())
    for oid in cut.unshallow:
        yield packet(f"unshallow {oid_to_hex(oid)}\n".encode())


def _parse_0(lines: list[bytes | None], server: _Server) -> _Request:
    """Read a request of protocols 0 and 1: wants, a flush, and what the client has."""
    request = _Request()
    try:
        end = lines.index(None)
    except ValueError:
        raise MalformedRequestError("the wants have no end") from None
    capabilities: set[bytes] = set()
    for line in lines[:end]:
        assert line is not None
        if line.startswith(b"want ") and not request.wants:
            line, capabilities = line[:45], set(line[45:].split())
        _read_argument(line, request, server)
    _read_capabilities(capabilities, request)
    _check_depth(request)
    for line in lines[end + 1 :]:
        if request.done:
            raise MalformedRequestError("something follows the end of the request")
        if line is None:
            request.haves.append(None)
        elif line == b"done":
            request.done = True
        elif line.startswith(b"have "):
            request.haves.append(parse_oid(line[5:]))
        else:
            raise MalformedRequestError("a line is unknown")
    if not request.wants and lines != [None]:
        raise MalformedRequestError("nothing is wanted")
    return request


def _read_capabilities(capabilities: set[bytes], request: _Request) -> None:
    if any(
        text.startswith(b"object-format=") and text != b"object-format=sha1"
        for text in capabilities
    ):
        raise MalformedRequestError("the object format is not sha1")
    if b"side-band-64k" in capabilities:
        request.room = _BAND_64K
    elif b"side-band" in capabilities:
        request.room = _BAND
    request.detailed = b"multi_ack_detailed" in capabilities
    request.no_done = b"no-done" in capabilities
    request.progress = b"no-progress" not in capabilities
    request.tags = b"include-tag" in capabilities
    if b"deepen-relative" in capabilities:
        request.asked = request.asked._replace(relative=True)


def _parse_2(arguments: list[bytes], server: _Server) -> _Request:
    """Read the arguments of the command ``fetch`` of protocol 2."""
    request = _Request(room=_BAND_64K)
    for line in arguments:
        if line == b"done":
            request.done = True
        elif line == b"no-progress":
            request.progress = False
        elif line == b"include-tag":
            request.tags = True
        elif line == b"deepen-relative":
            request.asked = request.asked._replace(relative=True)
        elif line.startswith(b"have "):
            request.haves.append(parse_oid(line[5:]))
        elif line not in {b"thin-pack", b"ofs-delta"}:
            _read_argument(line, request, server)
    _check_depth(request)
    return request


def _read_argument(line: bytes, request: _Request, server: _Server) -> None:
    """Read what is the same in all protocols."""
    name, _, value = line.partition(b" ")
    if name == b"want":
        request.wants[parse_oid(value)] = None
    elif name == b"shallow":
        request.shallow.add(parse_oid(value))
    elif name == b"deepen":
        depth = parse_number(value)
        request.asked = request.asked._replace(depth=min(depth, INFINITE))
    elif name == b"deepen-since":
        request.asked = request.asked._replace(since=parse_number(value))
    elif name == b"deepen-not":
        excluded = (*request.asked.excluded, server.ref(value))
        request.asked = request.asked._replace(excluded=excluded)
    else:
        raise MalformedRequestError("a line is unknown")


def _check_depth(request: _Request) -> None:
    asked = request.asked
    if asked.depth and (asked.since is not None or asked.excluded):
        raise MalformedRequestError("deepen goes with no other limit")
