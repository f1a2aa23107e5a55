"""The ``vost`` group: finds commands, turns errors into messages, ends quietly when interrupted."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, cast

import asyncclick as click

import vost
from vost.cli import errors, interrupts, output
from vost.cli.completing import VARIABLE, local_files
from vost.cli.descriptors import fill_gaps
from vost.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

# By command: its module in vost.cli.commands, and its summary, so that the help of all of them need
# not import them. A command pays only for what it needs itself.
_COMMANDS = {
    "archive_in": (
        "archives",
        "Add the files of a zip or tar archive to the repository, in one commit.",
    ),
    "archive_out": ("archives", 'Write a snapshot to a zip or tar archive ("-": stdout).'),
    "backup": (
        "mirrors",
        "Make the refs of another repository equal to those of this one, or write a bundle.",
    ),
    "branch": ("refs", "List, make, move and delete branches; alone: list them."),
    "cat": ("reading", "Print the contents of files, one after the other."),
    "cmp": (
        "comparing",
        "Tell by the exit status whether two files are equal: 0 yes, 1 no, 2 trouble.",
    ),
    "completion": (
        "completing",
        "Print a script by which a shell completes commands, options, refs and paths.",
    ),
    "cp": ("copying", "Copy files and directories from disk, to disk, or within the repository."),
    "destroy": ("repositories", "Delete the repository, with all of its history."),
    "diff": ("comparing", "Show which files differ between the branch and a snapshot."),
    "gc": (
        "repositories",
        "Tidy up (garbage collection): pack loose objects, merge packs, remove leftovers.",
    ),
    "gitserve": (
        "gitserving",
        "Serve the repository over HTTP to git clone and git fetch, read-only.",
    ),
    "hash": ("reading", "Print the id of a commit, or of what is at a path: 40 digits."),
    "info": (
        "information",
        "Show what is in the repository: branches, tags, sizes, objects, last commits.",
    ),
    "init": ("repositories", "Make a new repository with one branch."),
    "log": ("history", "Show the history of a branch, newest first."),
    "ls": ("listing", "List directories; without PATH the root."),
    "mount": ("mounting", "Mount a snapshot as a read-only file system (FUSE)."),
    "mv": ("moving", "Move or rename files within a branch, in one commit."),
    "note": ("notes", "Attach text to commits without changing them, as git notes does."),
    "pack": ("repositories", "Pack loose objects into one file."),
    "redo": (
        "history",
        "Move a branch to where it was before, so many movements (1) back in its reflog.",
    ),
    "reflog": ("history", "Show where a branch has been, oldest first."),
    "restore": (
        "mirrors",
        "Make the refs of this repository equal to those of another one, or of a bundle.",
    ),
    "rm": ("moving", "Remove files from the repository, in one commit."),
    "serve": (
        "serving",
        "Serve repository files over HTTP, with a page for browsers; new commits show at once.",
    ),
    "sync": ("syncing", "Make a directory equal to another one: what is extra in DEST is removed."),
    "tag": ("refs", "List, make and delete tags; alone: list them."),
    "tar": ("archives", 'Write a snapshot to a tar archive ("-": stdout).'),
    "undo": ("history", "Move a branch back by so many commits (1)."),
    "untar": ("archives", "Add the files of a tar archive to the repository, in one commit."),
    "unzip": ("archives", "Add the files of a zip archive to the repository, in one commit."),
    "write": ("writing", "Store what comes on stdin as a file."),
    "zip": ("archives", 'Write a snapshot to a zip archive ("-": stdout).'),
}

# What these do can take long: they show progress, and stop between two items when interrupted. All
# others do their blocking work right where they are: that spares starting a thread, and importing
# what starts it, which takes longer than they do.
_LONG = frozenset(
    {"archive_in", "archive_out", "backup", "cp", "gc", "gitserve", "pack", "restore"}
    | {"serve", "sync", "tar", "untar", "unzip", "write", "zip"}
)

_SERVERS = frozenset({"gitserve", "serve"})

# These never wait for anything but such work: they do without an event loop as well.
_SHORT = frozenset(
    {"branch", "completion", "destroy", "diff", "hash", "info", "init", "log", "ls", "mount"}
    | {"note", "redo", "reflog", "tag", "undo", ""}
)
_TAKES_PATH = re.compile("-[vq]*r|--repo")

_PASSED_ON = (click.ClickException, click.exceptions.Exit, click.Abort)


class Application(click.Group):
    """The group of all commands."""

    is_alone = False
    """Whether this process is there for one command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, sorted."""
        return sorted(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return a command by its name, importing it."""
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        found = getattr(import_module(f"vost.cli.commands.{module}"), f"{cmd_name}_command")
        assert isinstance(found, click.Command)
        return found

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the names and summaries of all commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in sorted(_COMMANDS)])

    async def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's signature
        """Run the command, or tell a shell what may be typed next."""
        if os.environ.get(VARIABLE):
            import_module("vost.cli.shells")
        return await super().main(*args, **kwargs)

    async def invoke(self, ctx: click.Context) -> object:
        """Run the command; errors become messages.

        Raises:
            Failure: In place of each error.
            UsageError: If the command line is wrong.
            Exit: If nobody reads the output any more.
        """
        try:
            return await super().invoke(ctx)
        except click.UsageError as error:
            # Some of click's messages have arguments as they are. One is a help text.
            if not isinstance(error, click.exceptions.NoArgsIsHelpError):
                error.message = output.printable(error.message)  # type: ignore[misc]
            raise
        except _PASSED_ON:
            raise
        except BrokenPipeError:
            _drop_output()
            raise click.exceptions.Exit(errors.CLOSED_PIPE) from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EBADF:
                _drop_output()  # it would fail again
            if ctx.ensure_object(Session).verbose > 1:
                for line in traceback.format_exc().rstrip().split("\n"):
                    output.note(line)
            failure: errors.Failure = errors.failure_of(error)
            raise failure from error

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401 - click's signature
        """Run in an event loop of its own; SIGINT and SIGTERM end it, half-done work undone.

        Raises:
            SystemExit: Always, with the exit status.
        """
        self.is_alone = True
        fill_gaps()
        try:
            given = args[0] if args else kwargs.get("args")
            _run(self.main(*args, **kwargs), sys.argv[1:] if given is None else given)
            status: Any = 0
        except SystemExit as end:
            status = end.code
            if isinstance(end.__context__, click.Abort):  # click's own status for it is 1
                status = interrupts.exit_status()
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):
                output.note("")
                output.note("Aborted!")
            status = interrupts.exit_status()
        except OSError as error:  # of --help: what commands raise is a message by now
            status = _lost(error)
        interrupts.guard()
        sys.exit(_flushed() or status)


def _run(command: Coroutine[Any, Any, object], args: Sequence[str]) -> None:
    """Run a command: in an event loop if it needs one, whose import takes longer than many do.

    Raises:
        RuntimeError: If it turns out to need one after all.
    """
    name = _command_name(args)
    try:
        _import_command(name)
        if name not in _SHORT:
            run = _runner(name)  # late: see above
            interrupts.raise_interrupts()
            run(command)
            return
        interrupts.raise_interrupts()
        command.send(None)
    except StopIteration:
        return
    finally:
        command.close()  # else it would complain that nobody waited for it
    raise RuntimeError("a command without an event loop waited for something")


def _runner(name: str) -> Callable[[Coroutine[Any, Any, object]], object]:
    """Return what runs a command in an event loop; servers get the faster one if there is one."""
    if name in _SERVERS:
        with contextlib.suppress(ImportError):
            return cast("Callable[..., object]", import_module("uvloop").run)
    import asyncio

    return asyncio.run


def _import_command(name: str) -> None:
    """Import what a command needs while an interrupt still ends the process on the spot.

    An event loop would let it cancel the command, which would not notice before it has to wait.
    """
    if name in _COMMANDS:
        with contextlib.suppress(ImportError):  # to be reported when the command is looked up
            import_module(f"vost.cli.commands.{_COMMANDS[name][0]}")
            import_module("vost.store")


def _command_name(args: Sequence[str]) -> str:
    """Return the name of the command in a command line; ``""``: there is none."""
    words = iter(args)
    for word in words:
        if _TAKES_PATH.fullmatch(word):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _flushed() -> int:
    """Write what is still buffered for stdout; return a status other than 0 if that is an error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        return _lost(error)
    return 0


def _lost(error: OSError) -> int:
    """Say that output cannot be written and return the exit status."""
    _drop_output()
    output.note(f"Error: {errors.describe(error)}")
    return errors.FAILURE


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
    if main.is_alone and ctx.invoked_subcommand not in _LONG:
        from vost._offload import inline  # late: the help of all commands needs nothing of it

        # asyncio's own handler would wait for blocking work.
        interrupts.raise_interrupts()
        ctx.with_resource(inline())
