"""Real git, run with an environment in which nothing of the machine's or the user's counts."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 120
"""Seconds that one git command may take: more is a hang."""

# What `git fsck` says of sound repositories too.
_HARMLESS = ("notice: ", "dangling ", "unreachable ", "Checking ")


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment for git: no system or user configuration, a fixed identity.

    Args:
        home: An empty directory that serves as ``HOME``.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Git Test",
        "GIT_AUTHOR_EMAIL": "git@test.example",
        "GIT_COMMITTER_NAME": "Git Test",
        "GIT_COMMITTER_EMAIL": "git@test.example",
        "LC_ALL": "C",
        "TZ": "UTC",
    }


@dataclass(frozen=True)
class Git:
    """Runs git commands on repositories.

    Args:
        home: An empty directory that serves as ``HOME``.
    """

    home: Path

    def __call__(
        self,
        repository: str | os.PathLike[str],
        *args: str | os.PathLike[str],
        stdin: bytes | str = b"",
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run ``git --git-dir=<repository> <args>`` and return what it prints, stripped."""
        return self.raw(repository, *args, stdin=stdin, env=env).decode("utf-8", "replace").strip()

    def raw(
        self,
        repository: str | os.PathLike[str],
        *args: str | os.PathLike[str],
        stdin: bytes | str = b"",
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run git as ``__call__`` does and return its bytes as they are.

        Raises:
            AssertionError: If git fails; the message has what it said.
        """
        result = self.attempt(repository, *args, stdin=stdin, env=env)
        if result.returncode != 0:
            said = result.stderr.decode("utf-8", "replace")
            raise AssertionError(f"git {args} failed with {result.returncode}: {said}")
        return result.stdout

    def attempt(
        self,
        repository: str | os.PathLike[str],
        *args: str | os.PathLike[str],
        stdin: bytes | str = b"",
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git and return what happened, failure or not."""
        return subprocess.run(
            ["git", f"--git-dir={os.fspath(repository)}", *[os.fspath(arg) for arg in args]],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env=clean_environment(self.home) | dict(env or {}),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )

    def plain(self, *args: str | os.PathLike[str]) -> str:
        """Run ``git <args>``, not on a repository of ours, and return all that it says.

        Raises:
            AssertionError: If git fails.
        """
        result = subprocess.run(
            ["git", *args],
            env=clean_environment(self.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
            check=False,
        )
        said = result.stdout.decode("utf-8", "replace").strip()
        if result.returncode != 0:
            raise AssertionError(f"git {args} failed with {result.returncode}: {said}")
        return said

    def init(self, path: str | os.PathLike[str], *options: str) -> Path:
        """Create a bare repository with a branch ``main`` that has no commit yet."""
        subprocess.run(
            ["git", "init", "--bare", "--quiet", "--initial-branch=main", *options, "--", path],
            env=clean_environment(self.home),
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
        )
        return Path(path)


def fsck_complaints(path: str | os.PathLike[str]) -> list[str]:
    """Return what ``git fsck --strict --full`` has against a repository: nothing if it is sound."""
    home = Path(path) / "no-such-home"
    result = Git(home).attempt(path, "fsck", "--strict", "--full", "--no-progress")
    lines = (result.stdout + result.stderr).decode("utf-8", "replace").splitlines()
    complaints = [line for line in lines if line and not line.startswith(_HARMLESS)]
    if result.returncode != 0 and not complaints:
        complaints.append(f"git fsck ended with {result.returncode}: {lines}")
    return complaints


def assert_fsck_clean(path: str | os.PathLike[str]) -> None:
    """Fail unless git finds the repository sound: no error and no warning."""
    complaints = fsck_complaints(path)
    assert not complaints, f"git fsck of {os.fspath(path)}:\n" + "\n".join(complaints)
