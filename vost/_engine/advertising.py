"""The refs that a server shows to clients of Git, and how protocols 0, 1 and 2 write them.

Sources of the formats: https://git-scm.com/docs/gitprotocol-http,
https://git-scm.com/docs/gitprotocol-pack and https://git-scm.com/docs/gitprotocol-v2
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vost._engine.commits import tag_target
from vost._engine.mirror import plain_refs
from vost._engine.pktlines import DELIMITER, FLUSH, MalformedRequestError, packet
from vost._model.errors import GitError
from vost._model.objects import ObjectType, Oid, oid_to_hex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vost._engine.repository import Repository

_BRANCHES = "refs/heads/"
_TAGS = "refs/tags/"
_TAG_DEPTH = 50
_NO_OID = "0" * 40
_AGENT = b"agent=vost"
_CAPABILITIES = (
    b"multi_ack_detailed no-done side-band side-band-64k ofs-delta shallow deepen-since "
    b"deepen-not deepen-relative no-progress include-tag object-format=sha1"
)


class ShownRef(NamedTuple):
    """A ref as clients see it.

    Attributes:
        name: Its full name.
        oid: What it points to.
        peeled: What an annotated tag leads to in the end; ``None``: it is none.
    """

    name: str
    oid: Oid
    peeled: Oid | None


class Shown(NamedTuple):
    """All that clients see.

    Attributes:
        refs: The refs, sorted by name.
        head: What ``HEAD`` leads to; ``None``: nothing.
        target: The branch that ``HEAD`` names; ``None``: it is detached.
    """

    refs: list[ShownRef]
    head: Oid | None
    target: str | None

    @property
    def tips(self) -> set[Oid]:
        """All ids that clients were shown."""
        found = {ref.oid for ref in self.refs}
        found.update(ref.peeled for ref in self.refs if ref.peeled is not None)
        return found if self.head is None else found | {self.head}


def shown_refs(repository: Repository) -> Shown:
    """Return the refs whose objects exist, and ``HEAD``.

    A ``HEAD`` that names no branch is shown as the first branch: else a clone would have no files.
    """
    named = plain_refs(repository)
    present = repository.objects.has_many(list(dict.fromkeys(named.values())))
    refs = [
        ShownRef(name, oid, _peeled(repository, oid) if name.startswith(_TAGS) else None)
        for name, oid in sorted(named.items(), key=lambda item: _encoded(item[0]))
        if oid in present
    ]
    target = repository.refs.get_symbolic("HEAD")
    if target is None:
        head = repository.refs.get("HEAD")
        return Shown(refs, head if head and repository.objects.has_many([head]) else None, None)
    by_name = {ref.name: ref.oid for ref in refs}
    if target not in by_name:
        target = next((name for name in by_name if name.startswith(_BRANCHES)), target)
    return Shown(refs, by_name.get(target), target)


def advertisement(repository: Repository, protocol: int) -> bytes:
    """Return the answer to ``GET /info/refs?service=git-upload-pack``.

    Args:
        repository: The repository.
        protocol: The version that the client speaks: 0, 1 or 2.
    """
    if protocol == 2:
        lines = (b"version 2", _AGENT, b"ls-refs=unborn", b"fetch=shallow", b"object-format=sha1")
        return b"".join(packet(line + b"\n") for line in lines) + FLUSH
    service = packet(b"# service=git-upload-pack\n") + FLUSH
    version = packet(b"version 1\n") if protocol == 1 else b""
    return service + version + b"".join(_lines(repository)) + FLUSH


def _lines(repository: Repository) -> Iterator[bytes]:
    shown = shown_refs(repository)
    capabilities = b"\0" + _CAPABILITIES + b" " + _AGENT
    if shown.target is not None and shown.head is not None:
        capabilities += b" symref=HEAD:" + _encoded(shown.target)
    named: list[tuple[str, Oid]] = [] if shown.head is None else [("HEAD", shown.head)]
    for ref in shown.refs:
        named.append((ref.name, ref.oid))
        if ref.peeled is not None:
            named.append((ref.name + "^{}", ref.peeled))
    if not named:
        yield packet(f"{_NO_OID} capabilities^{{}}".encode() + capabilities + b"\n")
    for name, oid in named:
        yield packet(oid_to_hex(oid).encode() + b" " + _encoded(name) + capabilities + b"\n")
        capabilities = b""
    for oid in sorted(repository.shallow):
        yield packet(f"shallow {oid_to_hex(oid)}\n".encode())


def list_refs(repository: Repository, arguments: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the answer to the command ``ls-refs`` of protocol 2.

    Raises:
        MalformedRequestError: If an argument is unknown.
    """
    asked = set(arguments)
    prefixes = tuple(
        argument.removeprefix(b"ref-prefix ")
        for argument in asked
        if argument.startswith(b"ref-prefix ")
    )
    flags = {argument for argument in asked if not argument.startswith(b"ref-prefix ")}
    if flags - {b"peel", b"symrefs", b"unborn"}:
        raise MalformedRequestError("ls-refs has an unknown argument")
    shown = shown_refs(repository)
    symref = b""
    if b"symrefs" in flags and shown.target is not None:
        symref = b" symref-target:" + _encoded(shown.target)
    if not prefixes or b"HEAD".startswith(prefixes):
        if shown.head is not None:
            yield packet(oid_to_hex(shown.head).encode() + b" HEAD" + symref + b"\n")
        elif b"unborn" in flags and symref:
            yield packet(b"unborn HEAD" + symref + b"\n")
    for ref in shown.refs:
        name = _encoded(ref.name)
        if prefixes and not name.startswith(prefixes):
            continue
        line = oid_to_hex(ref.oid).encode() + b" " + name
        if b"peel" in flags and ref.peeled is not None:
            line += b" peeled:" + oid_to_hex(ref.peeled).encode()
        yield packet(line + b"\n")
    yield FLUSH


def split_command(lines: list[bytes | None]) -> tuple[bytes, list[bytes]]:
    """Return the command of protocol 2 and its arguments.

    Raises:
        MalformedRequestError: If there is none, or it is not ended.
    """
    if not lines or lines[-1] is not None or None in lines[:-1]:
        raise MalformedRequestError("a command has to end in a flush packet")
    given = [line for line in lines if line is not None]
    end = given.index(DELIMITER) if DELIMITER in given else len(given)
    head, arguments = given[:end], given[end + 1 :]
    commands = [line.removeprefix(b"command=") for line in head if line.startswith(b"command=")]
    if len(commands) != 1 or DELIMITER in arguments:
        raise MalformedRequestError("there has to be one command")
    if any(line.startswith(b"object-format=") and line != b"object-format=sha1" for line in head):
        raise MalformedRequestError("the object format is not sha1")
    return commands[0], arguments


def tag_chain(repository: Repository, oid: Oid) -> list[Oid]:
    """Return an annotated tag and what it leads to, the last of which is no tag.

    Raises:
        GitError: If something is missing, or there are too many.
    """
    chain = [oid]
    while repository.objects.header(oid).type is ObjectType.TAG:
        if len(chain) > _TAG_DEPTH:
            raise GitError(f"tag {oid_to_hex(chain[0])}: more than {_TAG_DEPTH} tags in a row")
        oid, _ = tag_target(oid, repository.objects.get(oid)[1])
        chain.append(oid)
    return chain


def _peeled(repository: Repository, oid: Oid) -> Oid | None:
    try:
        chain = tag_chain(repository, oid)
    except GitError:
        return None  # whoever wants it is told what is wrong with it
    return chain[-1] if len(chain) > 1 else None


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
