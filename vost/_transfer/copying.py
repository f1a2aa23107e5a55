"""Copies within a repository, file by file: what goes where, by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vost._engine.comparing import changed_entry
from vost._engine.lookup import canonical_mode, entries, find, find_entry, walk_files
from vost._engine.trees import Entry
from vost._model.changes import ChangeError, ChangeReport
from vost._model.errors import (
    AllFailedError,
    InvalidPathError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
)
from vost._model.paths import decode_name, normalize_writable_path, parents_of
from vost._model.types import MODE_GITLINK, MODE_LINK, MODE_TREE
from vost._transfer.failures import all_failed
from vost._transfer.rearranging import report_on
from vost._transfer.sources import below
from vost._transfer.submodules import KEPT, submodule_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vost._engine.grafting import Grafting
    from vost._engine.repository import Reader
    from vost._model.objects import Oid
    from vost._transfer.sources import Source


class CopyRequest(NamedTuple):
    """What ``copy_from_refs`` is asked to do, its arguments checked.

    Attributes:
        sources: What is copied, each with the root tree of its snapshot.
        dest: The directory of the repository that it lands in; ``""``: the root.
        delete: Whether everything below ``dest`` goes that no source has.
        ignore_existing: Whether what is there stays as it is.
        ignore_errors: Whether what fails is reported and the rest goes on.
        strict: Whether nothing may be lost by accident: see ``copy_from_refs``.
        mode: Git mode of every regular file; ``None``: each its own.
    """

    sources: Sequence[tuple[Oid, Source]]
    dest: str
    delete: bool
    ignore_existing: bool
    ignore_errors: bool
    strict: bool
    mode: int | None


class Copy:
    """One copy within a repository.

    Args:
        grafting: The tree that is changed; nothing is changed in it yet.
        request: What is asked for.
        check: Called between directories; raises when the caller was cancelled.
    """

    def __init__(self, grafting: Grafting, request: CopyRequest, check: Callable[[], None]) -> None:
        self._grafting = grafting
        self._base = grafting.root
        self._request = request
        self._check = check
        self._report = ChangeReport()
        self._wanted: dict[str, Entry] = {}
        self._directories: set[str] = set()
        self._kept: set[str] = set()

    def preview(self) -> ChangeReport:
        """Return what would be done. Without ``delete``, what exists counts as an update."""
        due = self._plan()
        if self._request.delete:
            return self._carry_out(due)
        for path, entry in due.items():
            is_new = find_entry(self._grafting, self._base, path) is None
            changed = self._report.add if is_new else self._report.update
            changed.append(changed_entry(path, entry.mode, None))
        return self._report

    def run(self) -> ChangeReport:
        """Copy, and return what was done.

        Raises:
            AllFailedError: If errors are ignored and no source could be found.
        """
        due = self._plan()
        errors = self._report.errors
        if errors and not self._wanted:
            raise AllFailedError(all_failed(errors), errors)
        return self._carry_out(due)

    def _carry_out(self, due: dict[str, Entry]) -> ChangeReport:
        gone = self._leftovers() if self._request.delete and not self._report.errors else []
        self._grafting.exchange(gone, due.items())
        done = report_on(self._grafting, self._base, with_sources=False)
        done.errors += self._report.errors
        done.warnings[:0] = self._report.warnings
        return done

    def _plan(self) -> dict[str, Entry]:
        """Find out what goes where; return what is to be put."""
        self._check_destination()
        for root, source in self._request.sources:
            try:
                for path, target, entry in self._files(root, source):
                    self._want(path, target, entry)
            except (PathNotFoundError, PathNotDirectoryError) as error:
                self._fail(source.text, error)
        due = {}
        for path, entry in list(self._wanted.items()):
            try:
                if not self._stays(path):
                    due[path] = entry
            except (PathIsDirectoryError, PathNotDirectoryError) as error:
                del self._wanted[path]
                self._fail(path, error)
        return due

    def _check_destination(self) -> None:
        """Refuse to make a directory equal to another one that is, or would be in, a submodule."""
        request = self._request
        blocking = _blocking(self._grafting, self._base, f"{request.dest}/")
        if request.delete and blocking is not None and blocking[1].mode == MODE_GITLINK:
            raise PathNotDirectoryError(f"Not a directory: {blocking[0]}")

    def _files(self, root: Oid, source: Source) -> Iterator[tuple[str, str, Entry]]:
        """Yield what a source has: path, place to go to, and entry of each file and link."""
        entry = find(self._grafting, root, source.path)
        if source.needs_directory and (entry is None or entry.mode != MODE_TREE):
            raise PathNotDirectoryError(f"Not a directory: {source.text!r}")
        if entry is None:
            raise PathNotFoundError(f"No such file or directory in the snapshot: {source.text!r}")
        target = below(self._request.dest, source.landing)
        if entry.mode != MODE_TREE:
            yield source.path, target, entry
            return
        pending = [(source.path, target, entry.oid)]
        while pending:
            self._check()
            directory, place, oid = pending.pop()
            for raw, child in entries(self._grafting, oid, directory):
                name = decode_name(raw)
                path, at = below(directory, name), below(place, name)
                mode = canonical_mode(child.mode)
                if mode is None:
                    text = "A submodule is left out: its content is not in the repository"
                    self._report.warnings.append(ChangeError(path, text))
                elif mode == MODE_TREE:
                    pending.append((path, at, child.oid))
                else:
                    yield path, at, Entry(mode, child.oid)

    def _want(self, path: str, target: str, entry: Entry) -> None:
        if normalize_writable_path(target) != target:
            raise InvalidPathError(f"Invalid path segment in {target!r}")
        request = self._request
        outer = list(parents_of(target))
        if (request.delete or request.strict) and (
            target in self._wanted
            or target in self._directories
            or any(parent in self._wanted for parent in outer)
        ):
            text = f"Overlapping destination {target!r}: skipping (kept earlier source)"
            self._report.warnings.append(ChangeError(path, text))
            return
        if request.mode is not None and entry.mode != MODE_LINK:
            entry = Entry(request.mode, entry.oid)
        self._wanted.pop(target, None)  # so that the later one comes later
        self._wanted[target] = entry
        self._directories.update(outer)

    def _stays(self, path: str) -> bool:
        """Tell whether what is at a path is left alone.

        Raises:
            PathIsDirectoryError: If a directory or submodule would have to go, which must not be
                lost.
            PathNotDirectoryError: If a file would have to go for a directory, likewise.
        """
        request = self._request
        old = find_entry(self._grafting, self._base, path)
        blocking = None if old is not None else _blocking(self._grafting, self._base, path)
        if request.ignore_existing and not request.delete:
            return old is not None or blocking is not None
        if request.ignore_existing and old is not None and old.mode != MODE_TREE:
            return True
        if request.delete:
            return self._keeps_submodule(path, old, blocking)
        if request.strict:
            if blocking is not None:
                raise PathNotDirectoryError(f"Not a directory: {blocking[0]}")
            if old is not None and old.mode == MODE_TREE:
                raise PathIsDirectoryError(f"Is a directory: {path}")
            if old is not None and old.mode == MODE_GITLINK:
                raise PathIsDirectoryError(f"Is a submodule: {path}")
        return False

    def _keeps_submodule(
        self, path: str, old: Entry | None, blocking: tuple[str, Entry] | None
    ) -> bool:
        """Tell whether a submodule is in the way, which is not deleted; warn of each once."""
        place, entry = (path, old) if blocking is None else blocking
        submodule = None if entry is None else submodule_in(self._grafting, entry, place)
        if submodule is None:
            return False
        if place not in self._kept:
            self._kept.add(place)
            self._report.warnings.append(ChangeError(submodule, KEPT))
        return True

    def _leftovers(self) -> list[str]:
        """Return the files at or below the destination that no source has."""
        dest = self._request.dest
        there = find(self._grafting, self._base, dest)
        if there is None:
            return []
        if there.mode != MODE_TREE:
            return [] if dest in self._wanted else [dest]
        files = walk_files(self._grafting, there.oid, dest)
        return [
            path
            for path, _ in files
            if path not in self._wanted and self._kept.isdisjoint(parents_of(path))
        ]

    def _fail(self, path: str, error: OSError) -> None:
        if not self._request.ignore_errors:
            raise error
        self._report.errors.append(ChangeError(path, str(error)))


def _blocking(reader: Reader, root: Oid, path: str) -> tuple[str, Entry] | None:
    """Return the file or submodule in the place of a directory above ``path``, if there is one."""
    for parent in parents_of(path):
        entry = find_entry(reader, root, parent)
        if entry is None:
            return None
        if entry.mode != MODE_TREE:
            return parent, entry
    return None
