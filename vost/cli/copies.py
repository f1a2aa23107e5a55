"""What ``cp`` and ``sync`` have in common: directions, what is left out, what is reported."""

from __future__ import annotations

import io
import os
import re
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING

import asyncclick as click

import vost
from vost.cli import output, streams
from vost.cli.arguments import parse_target
from vost.cli.creating import existing_or_new
from vost.cli.errors import Failure
from vost.cli.resolving import Resolver
from vost.cli.writing import check_new_repository

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from typing import TypeVar

    from vost.cli.arguments import Target
    from vost.cli.resolving import Filters
    from vost.cli.session import Session
    from vost.cli.writing import WriteOptions

    F = TypeVar("F", bound=Callable[..., object])


# How Python shows errors of the operating system: "[Errno 2] No such file or directory: 'name'".
_SYSTEM_ERROR = re.compile(r"\[Errno \d+\] (.*?)(?:: '.*')?", re.DOTALL)


class Direction(Enum):
    """Between which places files are copied."""

    IN = "disk to repository"
    OUT = "repository to disk"
    WITHIN = "repository to repository"


@dataclass(frozen=True, slots=True)
class Excludes:
    """What a copy from disk leaves out, as typed.

    Attributes:
        patterns: The patterns.
        file: A file with more of them; ``None``: none.
        gitignore: Whether ``.gitignore`` files count.
    """

    patterns: Sequence[str] = ()
    file: str | None = None
    gitignore: bool = False
    _kept: list[vost.ExcludeFilter] = field(default_factory=list, init=False, repr=False)

    def check(self, verb: str) -> None:
        """Refuse them for a copy that is not from disk to the repository.

        Args:
            verb: What is done: ``copying`` or ``syncing``.

        Raises:
            Failure: If there are any.
        """
        if self.patterns or self.file is not None:
            raise Failure(f"--exclude/--exclude-from only apply when {verb} from disk to repo")
        if self.gitignore:
            raise Failure(f"--gitignore only applies when {verb} from disk to repo")

    async def read(self) -> vost.ExcludeFilter | None:
        """Return the filter, its file read anew; ``None``: nothing is left out.

        What comes through a pipe comes once: that filter stays.

        Raises:
            OSError: If the file cannot be read.
        """
        if self._kept:
            return self._kept[0]
        if not (self.patterns or self.file is not None or self.gitignore):
            return None
        if self.file is None or os.path.isfile(self.file) or os.path.isdir(self.file):
            return vost.ExcludeFilter(
                patterns=self.patterns, exclude_from=self.file, gitignore=self.gitignore
            )
        patterns = [*self.patterns, *await _piped_patterns(self.file)]
        self._kept.append(vost.ExcludeFilter(patterns=patterns, gitignore=self.gitignore))
        return self._kept[0]


async def _piped_patterns(local_path: str) -> list[str]:
    """Read the patterns that come through a pipe, as the library reads them from a file.

    Opening it there would wait for a writer, and Ctrl-C would not end that.
    """
    async with aclosing(streams.pipe_chunks(local_path)) as chunks:
        data = b"".join([chunk async for chunk in chunks])
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="surrogateescape")
    lines = [line.strip() for line in text]
    return [line for line in lines if line and not line.startswith("#")]


def exclude_options(function: F) -> F:
    """Add the options that leave files out, handed on as one ``excludes``."""

    @wraps(function)
    def with_excludes(
        *args: object,
        exclude: tuple[str, ...],
        exclude_from: str | None,
        gitignore: bool,
        **kwargs: object,
    ) -> object:
        excludes = Excludes(exclude, exclude_from, gitignore)
        return function(*args, excludes=excludes, **kwargs)

    patterns = "Leave out what matches, in the syntax of gitignore (repeatable)."
    files = "Leave out what the patterns in a file match."
    ignored = "Leave out what the .gitignore files in the source say, and these files."
    decorated = click.option("--gitignore", is_flag=True, help=ignored)(with_excludes)
    path = click.Path(exists=True)
    decorated = click.option("--exclude-from", type=path, metavar="FILE", help=files)(decorated)
    option = click.option("--exclude", multiple=True, metavar="PATTERN", help=patterns)
    return option(decorated)  # type: ignore[return-value]


async def read_targets(session: Session, texts: Sequence[str]) -> list[Target]:
    """Read path arguments that may be on disk or in the repository.

    The repository is looked at only for what may be a ref with a slash: ``feature/x:file``.

    Raises:
        Failure: If one cannot be read.
    """
    targets = [parse_target(text) for text in texts]
    unsure = [t for t in targets if t.is_local and _may_name_a_ref(t.text)]
    if not unsure or not session.is_named:
        return targets
    store = await session.open_existing()
    if store is None:
        return targets
    resolver = Resolver(store)
    return [await resolver.target(text) for text in texts]


def _may_name_a_ref(text: str) -> bool:
    return "/" in text.partition(":")[0] and ":" in text and not text.startswith((".", "/"))


def check_filters(direction: Direction, filters: Filters) -> None:
    """Refuse options that choose a snapshot where none is read.

    Raises:
        Failure: If there are any.
    """
    if direction is Direction.IN and filters.given:
        raise Failure("--ref/--path/--match/--before only apply when reading from repo")


def check_repository(session: Session, writing: WriteOptions) -> None:
    """Refuse to write to no repository, or to one that is missing and may not be made.

    Raises:
        Failure: If that is asked for.
    """
    path = session.path
    if not writing.create and not os.path.lexists(path):
        raise session.missing()


@asynccontextmanager
async def store_for(
    session: Session, writing: WriteOptions, dest: Target, branch: str | None, *, dry_run: bool
) -> AsyncIterator[vost.GitStore]:
    """Give the repository that files are copied to from disk; a missing one is made.

    It is there when the block ends without an error. In a dry run it stays missing, and an empty
    one takes its place.

    Args:
        session: Which repository.
        writing: How it is written to.
        dest: Where files go.
        branch: ``-b``.
        dry_run: Whether nothing is to be made.

    Yields:
        The repository.

    Raises:
        Failure: If it is missing and may not be made, or would not have the branch.
    """
    existing = await session.open_existing()
    first = branch or "main"
    if existing is None:
        check_new_repository(session, writing, first, back=dest.back)
        if dest.ref and dest.ref != first:
            raise Failure(f"Branch not found: {dest.ref}")
        if dry_run:
            async with await vost.GitStore.memory(branch=first) as empty:
                yield empty
            return
    async with existing_or_new(session, existing, first) as store:
        yield store


def name_new_repository(report: vost.ChangeReport | None, store: vost.GitStore, path: str) -> None:
    """Call a repository by its name in what a copy warns of: a new one gets it afterwards.

    Args:
        report: What the copy says.
        store: What was copied to.
        path: Where the repository is, as typed.
    """
    if report is None or store.git_dir is None or store.git_dir.exists():
        return
    own, temporary = os.path.basename(os.path.abspath(path)), store.git_dir.name
    for number, warning in enumerate(report.warnings):
        directory, slash, name = warning.path.rpartition("/")
        if name == temporary:
            report.warnings[number] = vost.ChangeError(directory + slash + own, warning.error)


@asynccontextmanager
async def errors_shown(earlier: Sequence[vost.ChangeError] = ()) -> AsyncIterator[None]:
    """Show all errors of a copy that ignores them, if everything failed.

    Args:
        earlier: What failed before it.

    Raises:
        Exit: With status 1, if everything failed.
    """
    try:
        yield
    except vost.AllFailedError as error:
        show_errors([*earlier, *error.errors])
        raise click.exceptions.Exit(1) from None


def show_errors(errors: Sequence[vost.ChangeError]) -> None:
    """Print on stderr what failed."""
    for error in errors:
        found = _SYSTEM_ERROR.fullmatch(error.error)
        reason = found[1] if found else error.error.removesuffix(f": {error.path!r}")
        output.note(f"ERROR: {error.path}: {reason}")


def show_troubles(
    report: vost.ChangeReport | None, errors: Sequence[vost.ChangeError] = ()
) -> None:
    """Print on stderr what a copy warns of, and what failed.

    Args:
        report: What the copy says.
        errors: What failed before it.

    Raises:
        Exit: With status 1, if anything failed.
    """
    failed = list(errors)
    if report is not None:
        output.warn(report.warnings)
        failed += report.errors
    show_errors(failed)
    if failed:
        raise click.exceptions.Exit(1)


def is_same_branch(source: vost.FS, dest: vost.FS) -> bool:
    """Tell whether two snapshots are the same state of the same branch."""
    return (source.commit_hash, source.ref_name) == (dest.commit_hash, dest.ref_name)


def whole_paths(report: vost.ChangeReport | None, dest: str) -> vost.ChangeReport | None:
    """Return a report of a copy from disk with paths from the root of the repository.

    Args:
        report: What the copy says: paths relative to its destination.
        dest: The destination.
    """
    if report is None:
        return None
    prefix = f"{dest}/" if dest else ""

    def placed(entries: list[vost.FileEntry]) -> list[vost.FileEntry]:
        return [vost.FileEntry(prefix + entry.path, entry.type) for entry in entries]

    gone = [vost.FileEntry(entry.src or entry.path, entry.type) for entry in report.delete]
    return vost.ChangeReport(placed(report.add), placed(report.update), gone)
