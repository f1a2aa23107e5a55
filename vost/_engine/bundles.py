"""Bundles: refs and all that they lead to, in one file.

Written are bundles of version 2 with complete history; read are also those of version 3 for SHA-1,
and such that build on commits which are here.

Source of the format: https://git-scm.com/docs/gitformat-bundle
"""

from __future__ import annotations

import os
import stat
import tempfile
from typing import IO, TYPE_CHECKING, NamedTuple

from vost._engine.commits import serialize_commit
from vost._engine.mirror import Landing, Lines, MirrorOptions, plain_refs, receive, require_history
from vost._engine.packing import pack_chunks
from vost._engine.reachable import missing_objects
from vost._engine.refspecs import SHORT_NAMESPACES, compare
from vost._model.errors import CorruptObjectError, InvalidBundleError, MissingObjectError
from vost._model.objects import ObjectType, Oid, hash_object, is_hex_oid, oid_from_hex, oid_to_hex
from vost._storage.refchecks import is_ref_name
from vost._storage.wholefiles import write_whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost._engine.repository import Repository
    from vost._model.mirror import MirrorDiff

_VERSION_2 = b"# v2 git bundle\n"
_VERSION_3 = b"# v3 git bundle\n"
_LONGEST_LINE = 1 << 16
_LONGEST_HEADER = 64 << 20
_CHUNK = 1 << 20


class BundleExport:
    """An export of refs to a bundle.

    Args:
        repository: The source.
        path: The file; an existing one is replaced.
        options: What is asked for.
        squash: Whether each ref becomes one commit without parents.
        lines: Takes progress messages.
        check: Raises when the caller was cancelled.
    """

    def __init__(
        self,
        repository: Repository,
        path: str,
        options: MirrorOptions,
        lines: Lines,
        check: Callable[[], None],
        *,
        squash: bool,
    ) -> None:
        self._source = repository
        self._path = path
        self._options = options
        self._squash = squash
        self._lines = lines
        self._check = check
        self._made: dict[Oid, bytes] = {}

    def prepare(self) -> MirrorDiff:
        """Write the bundle, unless it is a dry run.

        Raises:
            ValueError: If there is no ref to export, or two would get one name.
            RefNotFoundError: If a ref that was asked for does not exist.
            UnsupportedRepositoryError: If the source lacks history (a shallow clone).
            OSError: If the file cannot be written.
        """
        source = self._source
        refs = plain_refs(source)
        if self._options.selection.is_everything:
            refs = {name: oid for name, oid in refs.items() if name.startswith(SHORT_NAMESPACES)}
        picked = self._options.selection.pick(refs, f"in {source.location}")
        if not picked:
            raise ValueError(f"{source.location}: there is no ref to put into a bundle")
        require_history(source)
        targets = list(dict.fromkeys(picked.values()))
        if self._squash:
            trees = {name: self._tree(name, oid) for name, oid in picked.items()}
            picked = {name: self._squashed(tree) for name, tree in trees.items()}
            targets = list(dict.fromkeys(trees.values()))
        diff = compare(picked, {}, delete=False)
        if not self._options.dry_run:
            oids = [reached.oid for reached in missing_objects(source, targets, (), self._check)]
            self._lines(b"counting objects: %d, done.\n" % (len(oids) + len(self._made)))
            write_whole_file(self._path, self._chunks(picked, oids), self._check)
        return diff

    def commit(self) -> None:
        """Do nothing: no ref of a repository changes."""

    def close(self) -> None:
        """Do nothing: the file is complete or was removed."""

    def _chunks(self, refs: dict[str, Oid], oids: list[Oid]) -> Iterator[bytes]:
        yield _VERSION_2
        for name, oid in sorted(refs.items()):
            yield f"{oid_to_hex(oid)} {name}\n".encode("utf-8", "surrogateescape")
        yield b"\n"
        yield from pack_chunks(self._source, oids, self._made, self._check)

    def _tree(self, name: str, oid: Oid) -> Oid:
        peeled = self._source.peel(oid)
        if peeled is None:
            raise ValueError(f"{name} does not point to a commit: it cannot be squashed")
        return self._source.commit(peeled).tree

    def _squashed(self, tree: Oid) -> Oid:
        source = self._source
        data = serialize_commit(tree, (), source.signature, source.now(), "squash")
        oid = hash_object(ObjectType.COMMIT, data)
        self._made[oid] = data
        return oid


class BundleImport:
    """An import of refs from a bundle: it adds and updates, and never deletes.

    Args:
        repository: The one whose refs change.
        path: The file.
        options: What is asked for.
        lines: Takes progress messages.
        check: Raises when the caller was cancelled.
    """

    def __init__(
        self,
        repository: Repository,
        path: str,
        options: MirrorOptions,
        lines: Lines,
        check: Callable[[], None],
    ) -> None:
        self._path = path
        self._lines = lines
        self._check = check
        self._landing = Landing(
            repository, options._replace(delete=False), f"restore: {path}", check
        )
        self.commit = self._landing.commit
        self.close = self._landing.close

    def prepare(self) -> MirrorDiff:
        """Compare, and unless it is a dry run take in the objects.

        Raises:
            FileNotFoundError: If there is no such file.
            InvalidBundleError: If it is no bundle, damaged, or builds on commits that are not here.
            ValueError: If two refs would get one name.
            RefNotFoundError: If a ref that was asked for is not in it.
        """
        landing = self._landing
        mode = os.stat(self._path).st_mode  # noqa: PTH116 - the user's spelling in errors
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InvalidBundleError(f"{self._path} is no regular file")  # a pipe may never end
        with open(self._path, "rb") as file:  # noqa: PTH123 - the user's spelling in errors
            header = read_header(file, self._path)
            landing.plan(header.refs, self._path)
            if not landing.wanted:
                return landing.diff
            self._require(header.prerequisites)
            with tempfile.TemporaryFile(dir=landing.target.spool_dir) as spool:
                # A copy, so that nobody changes under our hands what was verified.
                while chunk := file.read(_CHUNK):
                    self._check()
                    spool.write(chunk)
                try:
                    receive(spool, landing, self._lines)
                except (CorruptObjectError, MissingObjectError) as error:
                    raise InvalidBundleError(f"{self._path}: damaged bundle: {error}") from error
        return landing.diff

    def _require(self, oids: list[Oid]) -> None:
        missing = set(oids) - self._landing.target.objects.has_many(oids)
        if missing:
            raise InvalidBundleError(
                f"{self._path} builds on commit {oid_to_hex(min(missing))}, which is not here: "
                "import the bundle that it continues first"
            )


class BundleHeader(NamedTuple):
    """What a bundle says before its pack: its refs, and the commits that it builds on."""

    refs: dict[str, Oid]
    prerequisites: list[Oid]


def read_header(file: IO[bytes], path: str) -> BundleHeader:
    """Read the header of a bundle; the file is then at its pack.

    Args:
        file: The bundle, at its start.
        path: What it is called in messages.

    Raises:
        InvalidBundleError: If it is no bundle, or one of another kind.
    """
    first = file.readline(len(_VERSION_2))
    if first not in {_VERSION_2, _VERSION_3}:
        raise InvalidBundleError(f"{path} is no Git bundle of version 2 or 3")
    refs: dict[str, Oid] = {}
    prerequisites: list[Oid] = []
    size = 0
    while (line := file.readline(_LONGEST_LINE)) != b"\n":
        size += len(line)
        if not line.endswith(b"\n") or size > _LONGEST_HEADER:
            raise InvalidBundleError(f"{path}: damaged bundle: its header breaks off")
        text = line[:-1].decode("utf-8", "surrogateescape")
        if text.startswith("@") and first == _VERSION_3:
            if text != "@object-format=sha1":
                raise InvalidBundleError(f"{path}: unknown kind of bundle: {text}")
            continue
        oid, _, name = text.removeprefix("-").partition(" ")
        if not is_hex_oid(oid):
            raise InvalidBundleError(f"{path}: damaged bundle: {text!r} names no object")
        if text.startswith("-"):
            prerequisites.append(oid_from_hex(oid))
        elif name != "HEAD":
            if not name.startswith("refs/") or not is_ref_name(name):
                raise InvalidBundleError(f"{path} names a malformed ref: {name!r}")
            refs[name] = oid_from_hex(oid)
    return BundleHeader(refs, prerequisites)
