"""What a repository must look like after whatever was done to it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.support.gitcli import assert_fsck_clean

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git

# What belongs into a bare repository of ours, relative to it.
_ORDINARY = re.compile(
    r"HEAD|config|packed-refs|vost\.lock|vost\.intent|vost\.stat"
    r"|refs/.+(?<!\.lock)|logs/.+(?<!\.lock)"
    r"|objects/[0-9a-f]{2}/[0-9a-f]{38}"
    r"|objects/pack/pack-[0-9a-f]{40}\.(pack|idx|rev|bitmap|mtimes)"
    r"|objects/pack/multi-pack-index|objects/info/.+"
    r"|gc\.log|info/.+|hooks/.+|description|branches"
)
# What a killed writer may leave until gc comes by: nobody takes it for anything.
_HARMLESS = re.compile(
    r"objects/(?:[0-9a-f]{2}/|pack/|)tmp_(?:obj|pack|idx)_\w+|objects/pack/pack-[0-9a-f]{40}\.keep"
)


def files(repository: Path) -> list[str]:
    """Return all files of a repository, relative to it, sorted."""
    top = os.fspath(repository)
    return sorted(
        os.path.relpath(os.path.join(directory, name), top)
        for directory, _, names in os.walk(top)
        for name in names
    )


def leftovers(repository: Path) -> list[str]:
    """Return what dead writers left and gc is to remove."""
    return [name for name in files(repository) if _HARMLESS.fullmatch(name)]


def strangers(repository: Path) -> list[str]:
    """Return the files that should not be there at all: lock files, forgotten temporary ones."""
    return [
        name
        for name in files(repository)
        if not _ORDINARY.fullmatch(name) and not _HARMLESS.fullmatch(name)
    ]


def assert_tidy(repository: Path) -> None:
    """Fail unless nothing temporary is left anywhere, neither ours nor a dead writer's."""
    left = strangers(repository) + leftovers(repository)
    assert not left, f"left behind: {left}"


def assert_usable(repository: Path) -> None:
    """Fail unless git finds it sound and no lock or stray file lies about."""
    assert_fsck_clean(repository)
    left = strangers(repository)
    assert not left, f"left behind: {left}"
    assert (repository / "vost.intent").stat().st_size == 0, "a note of a dead writer is left"


def first_parents(git: Git, repository: Path, name: str = "refs/heads/main") -> list[str]:
    """Return the commits of a branch along first parents, newest first."""
    return git(repository, "rev-list", "--first-parent", name).split()


def reflog_tips(repository: Path, name: str = "refs/heads/main") -> list[tuple[str, str]]:
    """Return the movements of a ref as its log has them, oldest first: (old, new)."""
    try:
        text = (repository / "logs" / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [(line[:40], line[41:81]) for line in text.splitlines()]


def tip(repository: Path, name: str = "refs/heads/main") -> str:
    """Return what the file of a ref says."""
    return (repository / name).read_text(encoding="ascii").strip()
