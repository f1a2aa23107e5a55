"""Talking to another repository over a network, through dulwich's clients.

What is ours: connections with time limits, no prompts and no shell; redirects that keep the scheme;
a look at every ref's result; and errors of our own, without credentials. The protocol is dulwich's,
in version 0, which is the one that tells all refs of a repository.

This module is imported late: dulwich's client takes a tenth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dulwich.errors import GitProtocolError
from dulwich.objects import ZERO_SHA
from dulwich.pack import UnpackedObject

from vost._engine.connections import DaemonClient, HttpClient, ShellClient
from vost._engine.packing import entry_chunks, outgoing
from vost._engine.reachable import missing_objects
from vost._engine.remoteerrors import printable, translated
from vost._model.errors import RemoteError, RemoteRejectedError
from vost._model.objects import Oid, is_hex_oid, oid_from_hex, oid_to_hex
from vost._storage.refchecks import is_ref_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dulwich.client import GitClient

    from vost._engine.remoteerrors import Conversation
    from vost._engine.remotes import Remote
    from vost._engine.repository import Repository
    from vost._model.mirror import MirrorDiff

    Lines = Callable[[bytes], None]
    """Takes what the other side says about its progress, as it comes."""

TIMEOUT = 60.0
"""Seconds without a byte from the other side after which it counts as gone."""

# The acknowledgements of so many fit into the buffers between two programs.
_HAVES = 512
_PROTOCOL = 0
_SHA256_DIGITS = 64


class Advertised(NamedTuple):
    """What a remote says of itself.

    Attributes:
        refs: Its refs by full name; tag objects by their own id.
        head: The branch that its ``HEAD`` names, in full; ``None``: unknown.
    """

    refs: dict[str, Oid]
    head: str | None


class Transport:
    """One remote repository.

    Args:
        remote: Where it is.
        lines: Takes its progress messages.
        check: Raises when the caller was cancelled.
    """

    def __init__(self, remote: Remote, lines: Lines, check: Callable[[], None]) -> None:
        self._remote = remote
        self._lines = lines
        self._check = check

    def fetch(
        self,
        repository: Repository,
        choose: Callable[[dict[str, Oid]], Sequence[Oid]],
        sink: Callable[[bytes], object],
    ) -> Advertised:
        """Fetch objects in one conversation: the refs, and a pack with what is missing here.

        Args:
            repository: Where the objects are to go: what its refs name is not sent again.
            choose: Told the refs of the remote, returns the objects that are wanted.
            sink: Takes the pack, piece by piece; it is never called if nothing is wanted.

        Raises:
            RemoteError: If the conversation fails.
            RepositoryNotFoundError: If there is no repository at that place.
        """
        found: dict[str, Oid] = {}

        def determine_wants(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:
            del depth
            if getattr(client, "dumb", False):
                raise RemoteError(f"{self._remote.display} is no Git server: it only serves files")
            found.update(read_refs(refs, self._remote.display))
            return [oid_to_hex(oid).encode() for oid in dict.fromkeys(choose(found))]

        def take(data: bytes) -> int:
            self._check()
            sink(data)
            return len(data)

        with translated(self._remote, self._check) as conversation:
            client = conversation.enter(open_client(self._remote))
            result = client.fetch_pack(
                self._path,
                conversation.guard(determine_wants),  # type: ignore[arg-type]
                Haves(repository),  # type: ignore[arg-type]
                conversation.guard(take),
                progress=conversation.guard(self._lines),
                protocol_version=_PROTOCOL,
            )
        symrefs = result.symrefs or {}
        head = symrefs.get(b"HEAD")  # type: ignore[call-overload]
        return Advertised(found, None if head is None else _text(head))

    def push(
        self,
        repository: Repository,
        plan: Callable[[dict[str, Oid]], MirrorDiff],
        *,
        dry_run: bool,
    ) -> MirrorDiff:
        """Change refs of the remote in one conversation, all or none where it can do that.

        Args:
            repository: Where the objects are.
            plan: Told the refs of the remote, returns what is to change there.
            dry_run: Only ask what there is.

        Returns:
            What ``plan`` returned.

        Raises:
            RemoteRejectedError: If the remote refuses a change.
            RemoteError: If the conversation fails.
            RepositoryNotFoundError: If there is no repository at that place.
        """
        try:
            return self._push(repository, plan, atomic=True, dry_run=dry_run)
        except _NoAtomicPushError:
            return self._push(repository, plan, atomic=False, dry_run=dry_run)

    def _push(
        self,
        repository: Repository,
        plan: Callable[[dict[str, Oid]], MirrorDiff],
        *,
        atomic: bool,
        dry_run: bool,
    ) -> MirrorDiff:
        diffs: list[MirrorDiff] = []

        def update_refs(old: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
            if getattr(client, "dumb", False):
                raise RemoteError(f"{self._remote.display} is no Git server: it only serves files")
            diff = plan(read_refs(old, self._remote.display))
            diffs.append(diff)
            changes: dict[bytes, bytes] = {}
            for change in () if dry_run else (*diff.add, *diff.update, *diff.delete):
                new = ZERO_SHA if change.new_target is None else change.new_target.encode()
                changes[change.ref.encode("utf-8", "surrogateescape")] = new
            return changes

        def pack_data(
            have: set[bytes], want: set[bytes], **_: object
        ) -> tuple[int, Iterator[UnpackedObject]]:
            known = [oid_from_hex(text) for text in have if is_hex_oid(_text(text))]
            wanted = [oid_from_hex(text) for text in want]
            oids = [
                reached.oid for reached in missing_objects(repository, wanted, known, self._check)
            ]
            self._lines(b"counting objects: %d, done.\n" % len(oids))
            return len(oids), conversation.guard_each(self._records(repository, oids, conversation))

        with translated(self._remote, self._check) as conversation:
            client = conversation.enter(open_client(self._remote))
            try:
                result = client.send_pack(
                    self._path,  # type: ignore[arg-type]
                    conversation.guard(update_refs),  # type: ignore[arg-type]
                    conversation.guard(pack_data),  # type: ignore[arg-type]
                    progress=conversation.guard(self._lines),
                    atomic=atomic,
                )
            except GitProtocolError as error:
                if atomic and not diffs and "atomic" in str(error):
                    raise _NoAtomicPushError from error
                raise
        diff = diffs[-1]
        if not dry_run and not diff.in_sync:
            self._require_accepted(diff, result.ref_status)
        return diff

    def _records(
        self, repository: Repository, oids: list[Oid], conversation: Conversation
    ) -> Iterator[UnpackedObject]:
        total = len(oids)
        for done, item in enumerate(outgoing(repository.objects, oids, self._check)):
            self._lines(b"writing objects: %d%% (%d/%d)\r" % (100 * done // total, done, total))
            # The kind does not matter: the entry comes complete, with its header.
            record = UnpackedObject(1, sha=item.oid)
            chunks = conversation.guard_each(entry_chunks(repository, item))
            record.comp_chunks = chunks  # type: ignore[assignment]
            yield record
        self._lines(b"writing objects: 100%% (%d/%d), done.\n" % (total, total))

    def _require_accepted(
        self, diff: MirrorDiff, status: Mapping[bytes, str | None] | None
    ) -> None:
        """Check that the remote has confirmed every change.

        Raises:
            RemoteRejectedError: If it has refused one.
            RemoteError: If it has not said what became of one.
        """
        where, told = self._remote.display, status or {}
        refused = [
            f"{_text(ref)} ({printable(self._remote.without_secrets(reason))})"
            for ref, reason in sorted(told.items())
            if reason is not None
        ]
        if refused:
            raise RemoteRejectedError(f"{where} refused: {', '.join(refused)}")
        confirmed = {_text(ref) for ref in told}
        for change in (*diff.add, *diff.update, *diff.delete):
            if change.ref not in confirmed:
                raise RemoteError(f"{where} does not say what became of {change.ref}: look there")

    @property
    def _path(self) -> str:
        # dulwich joins the path to the base URL, which has it already.
        return "" if self._remote.scheme.startswith("http") else self._remote.path


class _NoAtomicPushError(Exception):
    """The remote cannot change several refs together."""


class Haves:
    """Tells a server what is here: the tips of all refs, and some history behind them.

    Nothing of a shallow clone: the server would take it for complete.

    Args:
        repository: What has it.
    """

    def __init__(self, repository: Repository) -> None:
        self.shallow: set[bytes] = set()
        self._found = self._walk(repository)

    def __next__(self) -> bytes | None:
        return next(self._found, None)

    def next(self) -> bytes | None:
        """Return the next id, or ``None`` at the end."""
        return next(self._found, None)

    def ack(self, oid: bytes) -> None:
        """Take note that the server has that object: nothing follows from it here."""

    def nak(self) -> None:
        """Take note that the server has none of what it was told."""

    @staticmethod
    def _walk(repository: Repository) -> Iterator[bytes]:
        if repository.shallow:
            return
        peeled = map(repository.peel, dict.fromkeys(repository.refs.list("refs/").values()))
        pending = [oid for oid in peeled if oid is not None]
        seen = set(pending)
        for _ in range(_HAVES):
            if not pending:
                return
            later = []
            for oid in pending:
                yield oid_to_hex(oid).encode()
                later += [p for p in repository.commit(oid).parents if p not in seen]
                seen.update(later)
            pending = list(dict.fromkeys(later))
            if len(seen) > _HAVES:
                return


def open_client(remote: Remote) -> GitClient:
    """Return dulwich's client for a remote; it connects when it is used."""
    if remote.scheme == "git":
        return DaemonClient(remote.host, remote.port, timeout=TIMEOUT)
    if remote.scheme == "ssh":
        return ShellClient(remote.host, remote.port, remote.user, timeout=TIMEOUT)
    return HttpClient(remote.base_url, remote.user, remote.password, timeout=TIMEOUT)


def read_refs(refs: Mapping[bytes, bytes], display: str) -> dict[str, Oid]:
    """Return the refs that a remote named, without ``HEAD`` and peeled tags.

    Raises:
        RemoteError: If a name or an id is malformed: it would be a path outside of the repository.
            Or if ids are of another kind.
    """
    found: dict[str, Oid] = {}
    for raw, text in refs.items():
        name = _text(raw)
        if not name.startswith("refs/") or name.endswith("^{}"):
            continue
        if len(text) == _SHA256_DIGITS:
            raise RemoteError(f"{display} uses sha256 object ids; vost knows SHA-1 only")
        if not is_ref_name(name) or not is_hex_oid(_text(text)):
            raise RemoteError(f"{display} names a malformed ref: {printable(name)!r}")
        found[name] = oid_from_hex(text)
    return found


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
