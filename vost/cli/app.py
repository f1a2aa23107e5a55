"""The ``vost`` group: finds commands, turns errors into messages, ends quietly when interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import asyncclick as click

import vost
from vost.cli import errors, output
from vost.cli.completing import VARIABLE, local_files
from vost.cli.session import Session

if TYPE_CHECKING:
    from types import FrameType

# Module in vost.cli.commands by command. They are imported one by one: a command pays only for
# what it needs itself.
_MODULES = {
    "archive_in": "archives",
    "archive_out": "archives",
    "backup": "mirrors",
    "branch": "refs",
    "cat": "reading",
    "completion": "completing",
    "cmp": "comparing",
    "cp": "copying",
    "destroy": "repositories",
    "diff": "comparing",
    "gc": "repositories",
    "hash": "reading",
    "info": "information",
    "init": "repositories",
    "log": "history",
    "ls": "listing",
    "mv": "moving",
    "note": "notes",
    "pack": "repositories",
    "redo": "history",
    "reflog": "history",
    "restore": "mirrors",
    "rm": "moving",
    "sync": "syncing",
    "tag": "refs",
    "tar": "archives",
    "undo": "history",
    "untar": "archives",
    "unzip": "archives",
    "write": "writing",
    "zip": "archives",
}


_PASSED_ON = (click.ClickException, click.exceptions.Exit, click.Abort)


class Application(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, sorted."""
        return sorted(_MODULES)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return a command by its name, importing it."""
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        found = getattr(import_module(f"vost.cli.commands.{module}"), f"{cmd_name}_command")
        assert isinstance(found, click.Command)
        return found

    async def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's signature
        """Run the command, or tell a shell what may be typed next."""
        if os.environ.get(VARIABLE):
            import_module("vost.cli.shells")
        return await super().main(*args, **kwargs)

    async def invoke(self, ctx: click.Context) -> object:
        """Run the command; errors become messages.

        Raises:
            Failure: In place of each error.
            Exit: If nobody reads the output any more.
        """
        try:
            return await super().invoke(ctx)
        except _PASSED_ON:
            raise
        except BrokenPipeError:
            _drop_output()
            raise click.exceptions.Exit(errors.CLOSED_PIPE) from None
        except Exception as error:
            if ctx.ensure_object(Session).verbose > 1:
                output.note(traceback.format_exc().rstrip())
            failure: errors.Failure = errors.failure_of(error)
            raise failure from error

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401 - click's signature
        """Run in an event loop of its own; SIGINT and SIGTERM end it, half-done work undone.

        Raises:
            SystemExit: Always, with the exit status.
        """
        terminated: list[int] = []

        def terminate(number: int, _: FrameType | None) -> None:
            terminated.append(number)
            signal.raise_signal(signal.SIGINT)

        signal.signal(signal.SIGTERM, terminate)
        try:
            super().__call__(*args, **kwargs)
            sys.exit(0)
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):
                output.note("")
                output.note("Aborted!")
            sys.exit(errors.TERMINATED if terminated else errors.INTERRUPTED)
        finally:
            _flush()


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()


def _drop_output() -> None:
    """Let what is still buffered for stdout go nowhere: the interpreter flushes it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@click.command(cls=Application, context_settings={"help_option_names": ["--help"]})
@click.version_option(vost.__version__, prog_name="vost", message="%(prog)s, version %(version)s")
@click.option(
    *("-r", "--repo"),
    metavar="PATH",
    shell_complete=local_files,
    help="The repository (else $VOST_REPO).",
)
@click.option("-v", "--verbose", count=True, help="Say what was done; -vv also where it failed.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def main(ctx: click.Context, repo: str | None, verbose: int, *, quiet: bool) -> None:
    """A versioned filesystem in a bare Git repository.

    Paths in the repository begin with a colon (":file", "main:file", "v1.0:dir/", "main~3:file");
    anything else is a path on the local disk.
    """
    ctx.obj = Session(repo=repo or None, verbose=verbose, quiet=quiet)
