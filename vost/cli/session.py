"""What one run of a command works with: which repository, and how much to say."""

from __future__ import annotations

import os
from dataclasses import dataclass

import vost
from vost.cli import output
from vost.cli.errors import Failure, cannot_make

REPOSITORY_VARIABLE = "VOST_REPO"


@dataclass
class Session:
    """The options that all commands share.

    Attributes:
        repo: The repository as ``-r`` names it; the deepest ``-r`` wins. ``None``: not given.
        verbose: How often ``-v`` was given: 1 for status lines, 2 for tracebacks as well.
        quiet: Show no progress.
    """

    repo: str | None = None
    verbose: int = 0
    quiet: bool = False

    def say(self, text: str) -> None:
        """Print a status line on stderr if ``-v`` was given."""
        if self.verbose:
            output.note(text)

    @property
    def path(self) -> str:
        """Where the repository is, as the user named it.

        Raises:
            Failure: If nobody said.
        """
        path = self.repo or os.environ.get(REPOSITORY_VARIABLE)
        if not path:
            raise Failure(f"No repository specified. Use --repo or set {REPOSITORY_VARIABLE}.")
        return path

    @property
    def is_named(self) -> bool:
        """Whether anybody said where the repository is."""
        return bool(self.repo or os.environ.get(REPOSITORY_VARIABLE))

    async def open(self) -> vost.GitStore:
        """Open the repository, which must exist.

        Raises:
            Failure: If it does not, or is none.
        """
        return await self._open(create=False)

    async def open_existing(self) -> vost.GitStore | None:
        """Open the repository; ``None``: nothing is there.

        Raises:
            Failure: If something is there that is no repository.
        """
        return await self._open(create=False) if os.path.lexists(self.path) else None

    async def create(self, branch: str | None = "main") -> vost.GitStore:
        """Make the repository, or open it if somebody was faster.

        Args:
            branch: Its first and current branch; ``None``: no branch.

        Raises:
            Failure: If it cannot be made.
        """
        return await self._open(create=True, branch=branch)

    def missing(self) -> Failure:
        """Return the error that says that the repository does not exist."""
        return Failure(f"Repository not found: {self.path}")

    async def _open(self, *, create: bool, branch: str | None = "main") -> vost.GitStore:
        path = self.path
        try:
            return await vost.GitStore.open(path, create=create, branch=branch)
        except FileNotFoundError:
            raise self.missing() from None
        except vost.UnsupportedRepositoryError as error:
            raise Failure(str(error)) from error
        except vost.NotARepositoryError as error:
            raise Failure(f"Not a git repository: {path}") from error
        except OSError as error:
            if not create or isinstance(error, vost.VostError):
                raise
            raise cannot_make(path, error) from error
