"""``vost archive_out``, ``zip`` and ``tar``; ``archive_in``, ``unzip`` and ``untar``."""

from __future__ import annotations

import os
import re
from contextlib import aclosing
from functools import wraps
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar, cast

import asyncclick as click

import vost
from vost.cli import output, streams
from vost.cli.completing import local_files
from vost.cli.creating import existing_or_new, once_more
from vost.cli.errors import Failure
from vost.cli.formats import TAR, ZIP, archive_format, family_of_name
from vost.cli.options import (
    branch_option,
    filter_options,
    pass_session,
    repo_option,
    write_options,
)
from vost.cli.progress import progress_bar
from vost.cli.resolving import Filters, Resolver
from vost.cli.writing import check_new_repository, until_current

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost.cli.session import Session
    from vost.cli.writing import WriteOptions

    F = TypeVar("F", bound=Callable[..., object])

STANDARD_STREAM = "-"
_HARD_LINK = "skipping hard link"
_SUBMODULE = "commit"

_format_option = click.option(
    *("--format", "family"), type=click.Choice([ZIP, TAR]), help="What it is (else: by its name)."
)
_target = click.argument("file", shell_complete=local_files)


class _Limits(NamedTuple):
    """What an archive may hold at most; 0: no limit."""

    size: int
    members: int


def _limit_options(function: F) -> F:
    """Add the limits of what is read, handed on as one ``limits``."""

    @wraps(function)
    def with_limits(*args: object, max_size: int, max_members: int, **kwargs: object) -> object:
        return function(*args, limits=_Limits(max_size, max_members), **kwargs)

    for name, default, what in (
        ("--max-members", 1_000_000, "Refuse an archive of more members (0: no limit)."),
        ("--max-size", 10 << 30, "Refuse an archive of more bytes, unpacked (0: no limit)."),
    ):
        kind = click.IntRange(min=0)
        option = click.option(
            name, type=kind, default=default, show_default=True, metavar="N", help=what
        )
        with_limits = option(with_limits)
    return cast("F", with_limits)


def _source(*, must_exist: bool = False) -> Callable[[F], F]:
    """Return the argument for the archive to read; missing or ``-``: stdin."""

    def check(_: click.Context, __: click.Parameter, value: str) -> str:
        is_there = os.path.exists(value) and not os.path.isdir(value)
        if value != STANDARD_STREAM and not is_there:
            shown = output.printable(value)
            raise click.BadParameter(f"File '{shown}' does not exist or is no file.")
        return value

    callback = check if must_exist else None
    return click.argument(
        "file", default=STANDARD_STREAM, callback=callback, shell_complete=local_files
    )


@click.command("archive_out")
@_target
@_format_option
@branch_option
@filter_options
@repo_option
@pass_session
async def archive_out_command(
    session: Session, file: str, family: str | None, branch: str | None, filters: Filters
) -> None:
    """Write a snapshot to a zip or tar archive ("-": stdout).

    A tar is compressed as its name says: .tar.gz, .tar.bz2, .tar.xz. The archive appears when it
    is complete.

    Example: vost archive_out release.tar.gz --ref v1.0
    """
    if file == STANDARD_STREAM and family is None:
        raise Failure("Use --format with stdout (-)")
    await _export(session, file, family or family_of_name(file), branch, filters)


@click.command("zip")
@_target
@branch_option
@filter_options
@repo_option
@pass_session
async def zip_command(session: Session, file: str, branch: str | None, filters: Filters) -> None:
    """Write a snapshot to a zip archive ("-": stdout).

    Example: vost zip data.zip --ref v1.0
    """
    await _export(session, file, ZIP, branch, filters)


@click.command("tar")
@_target
@branch_option
@filter_options
@repo_option
@pass_session
async def tar_command(session: Session, file: str, branch: str | None, filters: Filters) -> None:
    """Write a snapshot to a tar archive ("-": stdout).

    It is compressed as its name says: .tar.gz, .tar.bz2, .tar.xz.

    Example: vost tar - | ssh host tar -x -C /srv/data
    """
    await _export(session, file, TAR, branch, filters)


@click.command("archive_in")
@_source()
@_format_option
@branch_option
@write_options(create=True, parents=False)
@_limit_options
@repo_option
@pass_session
async def archive_in_command(
    session: Session,
    file: str,
    family: str | None,
    branch: str | None,
    writing: WriteOptions,
    limits: _Limits,
) -> None:
    """Add the files of a zip or tar archive to the repository, in one commit.

    Without FILE, or with "-", it comes on stdin. How a tar is compressed is seen in its data.
    What the branch has besides stays.

    Example: vost archive_in data.tar.gz
    """
    if file == STANDARD_STREAM and family is None:
        raise Failure("Use --format when reading from stdin")
    await _import(session, file, family or family_of_name(file), branch, writing, limits)


@click.command("unzip")
@_source(must_exist=True)
@branch_option
@write_options(create=True, parents=False)
@_limit_options
@repo_option
@pass_session
async def unzip_command(
    session: Session, file: str, branch: str | None, writing: WriteOptions, limits: _Limits
) -> None:
    """Add the files of a zip archive to the repository, in one commit.

    Without FILE, or with "-", it comes on stdin.

    Example: vost unzip data.zip -b imported
    """
    await _import(session, file, ZIP, branch, writing, limits)


@click.command("untar")
@_source()
@branch_option
@write_options(create=True, parents=False)
@_limit_options
@repo_option
@pass_session
async def untar_command(
    session: Session, file: str, branch: str | None, writing: WriteOptions, limits: _Limits
) -> None:
    """Add the files of a tar archive to the repository, in one commit.

    Without FILE, or with "-", it comes on stdin. How it is compressed is seen in its data.

    Example: curl https://host.example/data.tar.xz | vost untar
    """
    await _import(session, file, TAR, branch, writing, limits)


async def _export(
    session: Session, file: str, family: str, branch: str | None, filters: Filters
) -> None:
    chosen = archive_format(family, file)
    store = await session.open()
    fs = await Resolver(store, branch, filters).snapshot()
    await _warn_of_submodules(fs)
    with progress_bar(session) as show:
        counter = _Counter(show)
        if file == STANDARD_STREAM:
            async with aclosing(fs.archive(chosen, progress=counter)) as pieces:
                async for piece in pieces:
                    await streams.write_stdout(piece)
        else:
            await fs.archive_out(file, format=chosen, progress=counter)
    session.say(f"Wrote {counter.done} file(s) to {file}")


async def _warn_of_submodules(fs: vost.FS) -> None:
    listing = await fs.entries(recursive=True, details=False)
    text = "A submodule is left out: its content is not in the repository"
    paths = [entry.path for entry in listing.entries if entry.kind == _SUBMODULE]
    output.warn(vost.ChangeError(path, text) for path in paths)


async def _import(
    session: Session,
    file: str,
    family: str,
    branch: str | None,
    writing: WriteOptions,
    limits: _Limits,
) -> None:
    async def attempt() -> None:
        await _import_once(session, file, family, branch, writing, limits)

    writing.check()
    if file != STANDARD_STREAM:
        _check_readable(file)
    if _may_be_read_again(file):
        await once_more(attempt)
    else:
        await attempt()


async def _import_once(
    session: Session,
    file: str,
    family: str,
    branch: str | None,
    writing: WriteOptions,
    limits: _Limits,
) -> None:
    existing = await session.open_existing()
    if existing is None:
        check_new_repository(session, writing, branch)
    else:
        await Resolver(existing, branch).branch()
        await writing.check_in(existing)
    async with existing_or_new(session, existing, branch or "main") as store:
        resolver = Resolver(store, branch)
        with progress_bar(session) as show:
            counter = _Counter(show)

            async def attempt() -> vost.FS:
                fs = writing.tagging(await resolver.branch())
                return await _read(fs, file, family, writing.message, limits, counter)

            # What came through a pipe cannot be read again.
            again = _may_be_read_again(file)
            imported = await (until_current(attempt) if again else attempt())
    changes = imported.changes
    warnings = [] if changes is None else [warning.error for warning in changes.warnings]
    for warning in warnings:
        output.note(f"Warning: {warning}")
    skipped = sum(warning.startswith(_HARD_LINK) for warning in warnings)
    more = f" ({skipped} hard link(s) skipped)" if skipped else ""
    session.say(f"Imported {counter.done} file(s) from {file}{more}")


async def _read(
    fs: vost.FS, file: str, family: str, message: str | None, limits: _Limits, counter: _Counter
) -> vost.FS:
    async def read(source: str | IO[bytes]) -> vost.FS:
        return await fs.archive_in(
            source,
            format=family,
            message=message,
            strict=False,
            replace=False,
            max_size=limits.size or None,
            max_members=limits.members or None,
            progress=counter,
        )

    try:
        if _may_be_read_again(file):
            return await read(file)
        is_stdin = file == STANDARD_STREAM
        chunks = streams.stdin_chunks() if is_stdin else streams.pipe_chunks(file)
        name = "stdin" if is_stdin else file
        return await streams.read_chunks(
            chunks, name, lambda incoming: read(cast("IO[bytes]", incoming))
        )
    except FileNotFoundError:
        raise _not_found(file) from None
    except vost.ArchiveError as error:
        # What a caller of the library passes as an argument is an option here.
        text = re.sub(r"max_(size|members)= sets", r"--max-\1 sets", str(error))
        raise Failure(text) from error


def _check_readable(file: str) -> None:
    """Refuse an archive that cannot be read, before anything is made.

    Raises:
        Failure: If there is none.
        OSError: If it may not be read.
    """
    if not os.path.exists(file):
        raise _not_found(file)
    if os.path.isdir(file):
        raise Failure(f"Is a directory: {file}")
    if os.path.isfile(file):  # what is in a pipe can be read once only
        with open(file, "rb"):
            pass


def _may_be_read_again(file: str) -> bool:
    """Tell whether an archive is a file: what comes through a pipe comes once."""
    return file != STANDARD_STREAM and os.path.isfile(file)


def _not_found(file: str) -> Failure:
    return Failure(f"File not found: {file}")


class _Counter:
    """Passes on how far an operation is, and knows how many files it was in the end."""

    def __init__(self, show: Callable[[vost.Progress], None] | None) -> None:
        self._show = show
        self.done = 0

    def __call__(self, report: vost.Progress) -> None:
        self.done = report.done
        if self._show is not None:
            self._show(report)
