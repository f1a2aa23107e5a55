"""Options that several commands have. Each decorator hands them on as one value."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeVar

import asyncclick as click

from vost.cli import completing
from vost.cli.resolving import Filters
from vost.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    F = TypeVar("F", bound=Callable[..., object])

_FILTER_OPTIONS = (
    click.option(
        "--ref",
        metavar="REF",
        shell_complete=completing.refs,
        help="Branch, tag or commit to read from.",
    ),
    click.option(
        *("--path", "at_path"),
        metavar="PATH",
        shell_complete=completing.repository_paths,
        help="The newest commit that changed this path.",
    ),
    click.option(
        "--match", metavar="PATTERN", help="The newest commit whose message matches 'deploy*'."
    ),
    click.option(
        "--before",
        metavar="DATE",
        help="The newest commit of this time or earlier (ISO 8601; UTC without a zone).",
    ),
    click.option("--back", type=int, default=0, metavar="N", help="So many commits before that."),
)

pass_session = click.make_pass_decorator(Session, ensure=True)


def repo_option(function: F) -> F:
    """Add ``-r``: the deepest one wins."""

    def remember(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        if value:
            session = ctx.ensure_object(Session)
            session.repo = value

    return click.option(
        *("-r", "--repo"),
        metavar="PATH",
        expose_value=False,
        callback=remember,
        shell_complete=completing.local_files,
        help="The repository (else $VOST_REPO).",
    )(function)


def branch_option(function: F) -> F:
    """Add ``-b``, handed on as ``branch``; ``None``: the current branch."""
    return click.option(
        *("-b", "--branch"),
        metavar="NAME",
        callback=_none_if_empty,
        shell_complete=completing.branches,
        help="The branch (else the current one).",
    )(function)


def filter_options(function: F) -> F:
    """Add the options that choose a snapshot, handed on as one ``filters``."""
    return _with_filters(function, _FILTER_OPTIONS)


def filter_options_without_ref(function: F) -> F:
    """Add the same options less ``--ref``: for commands whose argument is the ref."""
    return _with_filters(function, _FILTER_OPTIONS[1:])


def _with_filters(function: F, options: Sequence[Callable[[F], F]]) -> F:
    @wraps(function)
    def with_filters(
        *args: object,
        ref: str | None = None,
        at_path: str | None,
        match: str | None,
        before: str | None,
        back: int,
        **kwargs: object,
    ) -> object:
        filters = Filters.parse(ref, at_path, match, before, back)
        return function(*args, filters=filters, **kwargs)

    return _with_options(with_filters, options)  # type: ignore[return-value,arg-type]


def write_options(*, create: bool, parents: bool = True) -> Callable[[F], F]:
    """Add the options of commands that commit, handed on as one ``writing``.

    Args:
        create: Whether the command makes a missing repository (``--no-create`` forbids it).
        parents: Whether it takes ``--parent``.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def with_writing(
            *args: object,
            message: str | None,
            tag: str | None,
            force_tag: bool,
            no_create: bool = not create,
            parent: tuple[str, ...] = (),
            **kwargs: object,
        ) -> object:
            from vost.cli.writing import WriteOptions  # late: most commands only read

            writing = WriteOptions(
                message=message or None,
                tag=tag,
                force_tag=force_tag,
                create=not no_create,
                parents=tuple(filter(None, parent)),
            )
            return function(*args, writing=writing, **kwargs)

        options = _writing_options(create=create, parents=parents)
        return _with_options(with_writing, options)  # type: ignore[return-value]

    return decorate


def dry_run_option(function: F) -> F:
    """Add ``-n``, handed on as ``dry_run``."""
    return click.option(
        *("-n", "--dry-run"), is_flag=True, help="Show what would be done; change nothing."
    )(function)


def format_option(function: F) -> F:
    """Add ``--format text|json|jsonl``, handed on as ``output_format``."""
    return click.option(
        *("--format", "output_format"),
        type=click.Choice(["text", "json", "jsonl"]),
        default="text",
        show_default=True,
        help="How to print it.",
    )(function)


def no_glob_option(function: F) -> F:
    """Add ``--no-glob``, handed on as ``no_glob``."""
    return click.option("--no-glob", is_flag=True, help="Take * and ? literally.")(function)


def _none_if_empty(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    return value or None


def _writing_options(*, create: bool, parents: bool) -> list[Callable[[F], F]]:
    message = "Commit message; {default}, {add_count}, {op} ... are filled in."
    added = [
        click.option(*("-m", "--message"), metavar="TEXT", help=message),
        click.option(
            "--tag", metavar="NAME", shell_complete=completing.tags, help="Tag the new commit."
        ),
        click.option("--force-tag", is_flag=True, help="Let --tag replace a tag."),
    ]
    if create:
        never = "Do not make a repository that is missing."
        added.append(click.option("--no-create", is_flag=True, help=never))
    if parents:
        further = "A further parent of the new commit: REF[~N] (repeatable)."
        complete = completing.refs
        added.append(
            click.option(
                "--parent", multiple=True, metavar="REF", shell_complete=complete, help=further
            )
        )
    return added


def _with_options(function: F, options: Sequence[Callable[[F], F]]) -> F:
    for option in reversed(options):
        function = option(function)
    return function
