"""Where a repository is, what it is, and how a new one comes to be."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import (
    GitError,
    NotARepositoryError,
    RepositoryNotFoundError,
    UnsupportedRepositoryError,
)

from .config import RepositoryConfig, read_config
from .directories import sync_directory
from .lockfiles import write_new
from .refchecks import check_symbolic, is_ref_name

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK_NAME = "vost.lock"
UNBORN = "refs/heads/master"
"""What ``HEAD`` of a repository without branches points at."""

_CONFIG = b"""\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogAllRefUpdates = always
[gc]
\treflogExpire = never
\treflogExpireUnreachable = never
"""
_DIRECTORIES = ("objects/info", "objects/pack", "refs/heads", "refs/tags")

# Extensions that change nothing for us; preciousObjects and partialClone bind gc and fetch.
# Source: https://git-scm.com/docs/repository-version
_HARMLESS_EXTENSIONS = frozenset(
    {"noop", "noop-v1", "preciousobjects", "partialclone", "worktreeconfig", "relativeworktrees"}
)
_LONGEST_LINK = 4096


class RepositoryLayout(NamedTuple):
    """Where the parts of an existing repository are. All paths are absolute.

    Attributes:
        git_dir: The directory that holds objects and refs.
        lock_path: The file of the writers' lock.
        bare: Whether there is no work tree.
        root: The work tree, or the Git directory of a bare repository.
    """

    git_dir: Path
    lock_path: Path
    bare: bool
    root: Path


def discover(path: str | os.PathLike[str]) -> RepositoryLayout:
    """Find the repository at ``path``: bare, or a work tree with ``.git`` in it.

    Raises:
        RepositoryNotFoundError: If nothing is there.
        NotARepositoryError: If something else is there, an empty directory for example.
        UnsupportedRepositoryError: If it is a repository of a kind that cannot be used.
    """
    root = Path(os.path.abspath(path))
    if not os.path.lexists(root):
        raise RepositoryNotFoundError(errno.ENOENT, "no repository here", str(root))
    if not root.is_dir():
        raise NotARepositoryError(f"{root} is no repository: expected a directory")
    dot_git = root / ".git"
    if os.path.lexists(dot_git) and (git_dir := _behind(dot_git)) is not None:
        bare = False
    elif _is_git_dir(root):
        git_dir, bare = root, True
    else:
        content = "an empty directory" if not any(root.iterdir()) else "a directory without them"
        raise NotARepositoryError(
            f"{root} is no Git repository: expected HEAD, objects and refs, or .git; found "
            f"{content} (to make a repository, name a path that does not exist)"
        )
    _refuse_links(git_dir)
    config = _supported_config(git_dir)
    if bare and root.name == ".git" and not config.boolean("core", "bare"):
        # Named by its Git directory; the lock must be the one that others take for the work tree.
        root, bare = root.parent, False
    return RepositoryLayout(git_dir=git_dir, lock_path=root / LOCK_NAME, bare=bare, root=root)


def _is_git_dir(path: Path) -> bool:
    return (
        os.path.lexists(path / "HEAD") and (path / "objects").is_dir() and (path / "refs").is_dir()
    )


def _behind(dot_git: Path) -> Path | None:
    """Return the Git directory that ``.git`` is or names; ``None`` if it is neither."""
    if dot_git.is_dir():
        return dot_git if _is_git_dir(dot_git) else None
    if not dot_git.is_file():
        return None
    with dot_git.open("rb") as file:
        line = os.fsdecode(file.read(_LONGEST_LINK)).partition("\n")[0].rstrip("\r")
    if not line.startswith("gitdir:"):
        return None
    git_dir = Path(os.path.abspath(dot_git.parent / line[len("gitdir:") :].strip()))
    if (git_dir / "commondir").exists():
        raise UnsupportedRepositoryError(
            f"{dot_git.parent} is a linked worktree of another repository, which vost does not "
            f"support: open that repository itself ({git_dir} belongs to it)"
        )
    if not _is_git_dir(git_dir):
        raise NotARepositoryError(f"{dot_git} names {git_dir}, which is no Git directory")
    return git_dir


def _refuse_links(git_dir: Path) -> None:
    """Refuse parts of a repository that are links to somewhere outside.

    Raises:
        UnsupportedRepositoryError: If there is one.
    """
    inside = os.path.realpath(git_dir) + os.sep
    for name in ("objects", "refs", "HEAD"):
        part = git_dir / name
        if not part.is_symlink():
            continue
        if name == "HEAD" and is_ref_name(os.readlink(part)):
            continue  # Git's own symbolic ref of old times
        if not os.path.realpath(part).startswith(inside):
            raise UnsupportedRepositoryError(
                f"{part} is a symbolic link to outside the repository, which vost does not "
                "follow: open the repository that it points to, or copy it"
            )


def _supported_config(git_dir: Path) -> RepositoryConfig:
    """Read the configuration and refuse repository formats that vost does not know.

    Raises:
        UnsupportedRepositoryError: If the format is unknown or the configuration unreadable.
    """
    try:
        config = read_config(git_dir)
    except GitError as error:
        raise UnsupportedRepositoryError(f"{error} (git config --list says more)") from error
    version = config.integer("core", "repositoryFormatVersion") or 0
    if version > 1:
        raise UnsupportedRepositoryError(
            f"{git_dir} has repository format {version}; vost knows 0 and 1 "
            "(clone it with git into a repository of the usual format)"
        )
    extensions = config.extensions()
    if extensions.get("objectformat", "sha1").lower() != "sha1":
        raise UnsupportedRepositoryError(
            f"{git_dir} uses {extensions['objectformat']} object ids; vost knows SHA-1 only "
            "(make the repository with: git init --object-format=sha1)"
        )
    if extensions.get("refstorage", "files").lower() != "files":
        raise UnsupportedRepositoryError(
            f"{git_dir} keeps its refs as {extensions['refstorage']}; vost knows files only "
            "(convert it with: git refs migrate --ref-format=files)"
        )
    if version == 1:
        known = _HARMLESS_EXTENSIONS | {"objectformat", "refstorage"}
        unknown = sorted(set(extensions) - known)
        if unknown:
            raise UnsupportedRepositoryError(
                f"{git_dir} uses extensions that vost does not know: {', '.join(unknown)} "
                "(clone it with git into a repository without them)"
            )
    return config


def create(
    path: str | os.PathLike[str], *, head: str | None, prepare: Callable[[Path], None]
) -> RepositoryLayout:
    """Make a bare repository, visible under its name only when it is complete.

    Programs that make the same one at the same time all succeed: the first one's counts.

    Args:
        path: Where; missing parent directories are made.
        head: The branch (short name) that ``HEAD`` points at; ``None``: none yet.
        prepare: Called with the Git directory while nobody else can see it, to write the first
            commit. Everything it opens there must be closed again.

    Returns:
        The layout of the repository that is at ``path`` now.

    Raises:
        NotARepositoryError: If something else is at ``path``, an empty directory for example.
        InvalidRefNameError: If ``head`` is no branch name.
    """
    import shutil  # late: most processes make no repository

    target = f"refs/heads/{head}" if head is not None else UNBORN
    check_symbolic("HEAD", target)
    final = Path(os.path.abspath(path))
    if os.path.lexists(final):
        return discover(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = _make_temporary(final)
    try:
        _fill(temporary, target)
        prepare(temporary)
        for directory in (*_DIRECTORIES, "objects", "refs", "."):
            sync_directory(str(temporary / directory))
        _put_in_place(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    with suppress(OSError):
        sync_directory(str(final.parent))
    return discover(final)


def _make_temporary(final: Path) -> Path:
    # Not tempfile.mkdtemp: the repository is to have the permissions that the umask gives. Of the
    # name only a part, for people to recognise: the whole of it may be as long as names can be.
    while True:
        temporary = final.parent / f".{final.name[:40]}.vost-{os.urandom(4).hex()}"
        with suppress(FileExistsError):
            temporary.mkdir()
            return temporary


def _fill(git_dir: Path, target: str) -> None:
    for directory in _DIRECTORIES:
        (git_dir / directory).mkdir(parents=True)
    write_new(str(git_dir / "config"), _CONFIG)
    write_new(str(git_dir / "HEAD"), f"ref: {target}\n".encode("utf-8", "surrogateescape"))


def _put_in_place(temporary: Path, final: Path) -> None:
    """Give a complete repository its name, unless another one has it by now."""
    # A rename replaces an empty directory; whoever made that one meant something else.
    if os.path.lexists(final):
        return
    try:
        os.rename(temporary, final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES):
            raise
        if not os.path.lexists(final):
            raise
