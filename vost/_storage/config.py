"""The configuration file of a repository: a read-only view, and setting single values.

Files that it includes are not read: a repository must not make us open files elsewhere.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from vost._model.errors import GitError

from .intent import PLAIN
from .lockfiles import LockFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dulwich.config import ConfigFile

CONFIG_NAME = "config"

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

# What the groups of core.fsync stand for.
# Source: https://git-scm.com/docs/git-config#Documentation/git-config.txt-corefsync
_OBJECTS = frozenset({"loose-object", "pack"})
_FSYNC_GROUPS = {
    "objects": _OBJECTS,
    "derived-metadata": frozenset({"pack-metadata", "commit-graph"}),
    "committed": _OBJECTS | {"reference"},
    "added": _OBJECTS | {"reference", "index"},
    "all": _OBJECTS | {"pack-metadata", "commit-graph", "index", "reference"},
}
_FSYNC_DEFAULT = frozenset({"pack", "pack-metadata", "commit-graph"})


class RepositoryConfig:
    """What a repository's configuration says, at the moment when it was read.

    Args:
        path: The file.
        file: Its content.
    """

    def __init__(self, path: str, file: ConfigFile) -> None:
        self.path = path
        self._file = file

    def get(self, section: str, name: str) -> str | None:
        """Return the last value of a variable; ``None`` if it is not set."""
        try:
            value = self._file.get((section.encode(),), name.encode())
        except KeyError:
            return None
        return value.decode("utf-8", "surrogateescape")

    def boolean(self, section: str, name: str) -> bool | None:
        """Return a variable as a truth value; ``None`` if it is not set or means nothing."""
        value = self.get(section, name)
        if value is None or value.lower() not in _TRUE | _FALSE:
            return None
        return value.lower() in _TRUE

    def integer(self, section: str, name: str) -> int | None:
        """Return a variable as a number, with Git's ``k``, ``m`` and ``g``; ``None`` if none."""
        value = (self.get(section, name) or "").strip().lower()
        unit = _UNITS.get(value[-1:], 1)
        with suppress(ValueError):
            return int(value[:-1] if unit > 1 else value) * unit
        return None

    def extensions(self) -> dict[str, str]:
        """Return the repository's format extensions, by their names in lower case."""
        try:
            items = list(self._file.items((b"extensions",)))
        except KeyError:
            return {}
        return {
            name.decode("utf-8", "replace").lower(): value.decode("utf-8", "replace")
            for name, value in items
        }

    @property
    def loose_compression(self) -> int | None:
        """The deflate level for loose objects, -1 to 9; ``None`` if it is not set."""
        level = self.integer("core", "looseCompression")
        return self.integer("core", "compression") if level is None else level

    @property
    def big_file_threshold(self) -> int | None:
        """Bytes from which Git treats a file as big; ``None`` if it is not set."""
        return self.integer("core", "bigFileThreshold")

    @property
    def fsync_components(self) -> frozenset[str]:
        """What is synced to disk, as Git names it: ``loose-object``, ``pack``, ``reference``..."""
        value = self.get("core", "fsync")
        if value is None:
            old = self.boolean("core", "fsyncObjectFiles")
            return _FSYNC_DEFAULT | {"loose-object"} if old else _FSYNC_DEFAULT
        components = set(_FSYNC_DEFAULT)
        for word in (part.strip() for part in value.split(",")):
            if word == "none":
                components.clear()
            elif word.startswith("-"):
                components -= _FSYNC_GROUPS.get(word[1:], {word[1:]})
            elif word:
                components |= _FSYNC_GROUPS.get(word, {word})
        return frozenset(components)

    @property
    def syncs_loose_objects(self) -> bool:
        """Whether loose objects are to be synced before a commit counts."""
        return "loose-object" in self.fsync_components


def read_config(git_dir: str | os.PathLike[str]) -> RepositoryConfig:
    """Read the configuration of a repository; a missing file is an empty one.

    Raises:
        GitError: If the file is malformed.
    """
    path = f"{os.fspath(git_dir)}/{CONFIG_NAME}"
    return _parse(path, _read(path))


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | PLAIN & ~getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return b""
    with open(fd, "rb") as file:
        return file.read()


def _parse(path: str, data: bytes) -> RepositoryConfig:
    # Imported late: a process that opens no repository need not pay for it.
    from dulwich.config import ConfigFile

    try:
        file = ConfigFile.from_file(io.BytesIO(data), expand_includes=False)
    except ValueError as error:
        raise GitError(f"{path} is malformed: {error}") from error
    return RepositoryConfig(path, file)


def set_values(git_dir: str | os.PathLike[str], values: Mapping[str, str]) -> None:
    """Set variables such as ``core.compression``; everything else in the file stays as it is.

    Call it with the writers' lock held.

    Args:
        git_dir: The Git directory.
        values: New values by ``section.name``; sections have no subsections.

    Raises:
        Busy: If another program has locked the file.
        GitError: If the file is malformed.
        ValueError: If a value has a line end in it.
    """
    path = f"{os.fspath(git_dir)}/{CONFIG_NAME}"
    files = LockFiles(os.fspath(git_dir))
    try:
        while True:
            before = _read(path)
            claim = files.claim(CONFIG_NAME, _edited(path, before, values))
            try:
                if _read(path) == before:  # nobody was faster
                    files.commit(claim)
                    return
            finally:
                files.release(claim)
    finally:
        files.finish()
        files.close()


def _edited(path: str, data: bytes, values: Mapping[str, str]) -> bytes:
    for key, value in values.items():
        section, _, name = key.partition(".")
        if "\n" in value or "\0" in value:
            raise ValueError(f"no value for {key}: {value!r}")
        edited = _with_value(data, section, name, value)
        if _parse(path, edited).get(section, name) != value:
            # Written in a way that the line editor does not know: the last one counts.
            edited = data + f"\n[{section}]\n\t{name} = {value}\n".encode()
            _parse(path, edited)
        data = edited
    return data


def _with_value(data: bytes, section: str, name: str, value: str) -> bytes:
    """Return the file with one value replaced, or added to its section, or at the end."""
    lines = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    new = f"\t{name} = {value}\n"
    header = found = -1
    inside = False
    for number, line in enumerate(lines):
        text = line.strip().lower()
        if text.startswith("["):
            inside = text == f"[{section.lower()}]"
            header = number if inside else header
        elif inside and text.partition("=")[0].rstrip() == name.lower():
            found = number
    if found >= 0 and not lines[found].rstrip().endswith("\\"):
        lines[found] = new
    elif header >= 0:
        lines.insert(header + 1, new)
    else:
        lines.append(f"[{section}]\n{new}")
    return "".join(lines).encode("utf-8", "surrogateescape")
