"""What is at a path of a snapshot, and the contents of small files, remembered.

A snapshot never changes, so that nothing here is ever out of date: only memory is limited.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

    import vost

T = TypeVar("T")

SMALL_FILE = 64 * 1024
"""Files up to so many bytes are read whole and remembered."""

_REMEMBERED_ENTITIES = 20_000
_REMEMBERED_BYTES = 32 * 1024 * 1024


class Entity(NamedTuple):
    """A file, a link, a directory or a submodule.

    Attributes:
        hash: Id of the blob, of the tree, or of the submodule's commit.
        size: Bytes; 0 for a directory.
        mode: Git's mode of it.
        is_directory: Whether it is one; submodules are, and empty.
    """

    hash: str
    size: int
    mode: int
    is_directory: bool


class Remembered(Generic[T]):
    """What was used last, up to a weight in all.

    Args:
        limit: The weight of all that is kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """Return what is known under a key; ``None``: nothing."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: T, weight: int = 1) -> None:
        """Remember something, and forget what was not used for longest."""
        if key in self._kept:
            self._weight -= self._kept.pop(key)[1]
        self._kept[key] = (value, weight)
        self._weight += weight
        while self._weight > self._limit:
            _, (_, gone) = self._kept.popitem(last=False)
            self._weight -= gone


class Entities:
    """Finds what is at a path, and reads small files."""

    def __init__(self) -> None:
        self._entities: Remembered[Entity] = Remembered(_REMEMBERED_ENTITIES)
        self._contents: Remembered[bytes] = Remembered(_REMEMBERED_BYTES)

    async def find(self, fs: vost.FS, path: str) -> Entity:
        """Return what is at a path.

        Raises:
            FileNotFoundError: If nothing is.
            NotADirectoryError: If a parent of it is a file.
            ValueError: If no path can be like that.
        """
        key = (fs.commit_hash, path)
        known = self._entities.get(key)
        if known is None:
            stat = await fs.stat(path or None)
            is_directory = stat.mode in (_TREE, _GITLINK)
            known = Entity(stat.hash, stat.size, stat.mode, is_directory)
            self._entities.put(key, known)
        return known

    async def find_any(self, fs: vost.FS, path: str) -> Entity:
        """Return what is at a path as ``find`` does, or the submodule, which ``find`` passes over.

        Raises:
            FileNotFoundError: If nothing is.
            NotADirectoryError: If a parent of it is a file.
            ValueError: If no path can be like that.
        """
        try:
            return await self.find(fs, path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            submodule = await _submodule(fs, path)
            if submodule is None:
                raise
            return submodule

    async def content(self, store: vost.GitStore, entity: Entity) -> bytes | None:
        """Return the content of a file; ``None`` if it is not small.

        Args:
            store: The repository.
            entity: The file.
        """
        if entity.size > SMALL_FILE:
            return None
        known = self._contents.get(entity.hash)
        if known is None:
            known = await store.read_by_hash(entity.hash)
            self._contents.put(entity.hash, known, len(known) + 200)
        return known

    def derived(self, key: Hashable) -> bytes | None:
        """Return what was made of a content, such as its compressed form; ``None``: not yet."""
        return self._contents.get(key)

    def remember_derived(self, key: Hashable, data: bytes) -> None:
        """Remember what was made of a content."""
        self._contents.put(key, data, len(data) + 200)


async def _submodule(fs: vost.FS, path: str) -> Entity | None:
    """Return a submodule, which is nothing to everybody but those who list entries."""
    try:
        found = (await fs.entries(path, details=False)).entries
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if len(found) != 1 or found[0].mode != _GITLINK or found[0].path != path:
        return None
    return Entity(found[0].hash, 0, _GITLINK, is_directory=True)


_TREE = 0o040000
_GITLINK = 0o160000
