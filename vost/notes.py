"""Git notes: text attached to commits without changing them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar, overload

from vost._arguments import Missing
from vost._engine import notes as engine
from vost._model.errors import NoteNotFoundError
from vost._model.refnames import check_notes_namespace
from vost._offload import check, run, run_exclusive, stream
from vost._snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from vost.fs import FS
    from vost.store import GitStore

__all__ = ("NoteDict", "NoteNamespace", "NotesBatch")

D = TypeVar("D")


class NoteDict:
    """The notes of a store, by namespace: ``notes.commits`` or ``notes["reviews"]``.

    Args:
        store: The store.
    """

    def __init__(self, store: GitStore) -> None:
        self._store = store
        self._repository = store._repository

    def __repr__(self) -> str:
        """Show the namespaces that exist."""
        return f"NoteDict({engine.namespaces(self._repository)!r})"

    @property
    def commits(self) -> NoteNamespace:
        """The default namespace, which ``git notes`` and ``git log`` show."""
        return self["commits"]

    def __getitem__(self, name: str) -> NoteNamespace:
        """Return a namespace; it comes into being with its first note.

        Args:
            name: Name below ``refs/notes/``.

        Raises:
            ValueError: If no namespace may have that name.
            TypeError: If ``name`` is not ``str``.
        """
        check_notes_namespace(name)
        return NoteNamespace(self._store, name)

    # Without it, `x in notes` and `iter(notes)` would ask for `notes[0]`, `notes[1]` ... for ever.
    __iter__ = None

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        """Yield the names of the namespaces that exist, sorted."""
        async with aclosing(stream(lambda: iter(engine.namespaces(self._repository)))) as items:
            async for name in items:
                yield name

    async def contains(self, name: object) -> bool:
        """Tell whether a namespace exists: whether it ever had a note.

        Args:
            name: Name below ``refs/notes/``.
        """
        return name in await run(engine.namespaces, self._repository)


class NoteNamespace:
    """The notes of one namespace: a mapping from commit to text.

    A key is a commit id of 40 hexadecimal characters, a branch name, a tag name or a snapshot.

    Args:
        store: The store.
        name: Name below ``refs/notes/``.
    """

    def __init__(self, store: GitStore, name: str) -> None:
        self._store = store
        self._repository = store._repository
        self._name = name

    def __repr__(self) -> str:
        """Show name and number of notes."""
        count = len(engine.keys(self._repository, self._name))
        return f"NoteNamespace({self._name!r}, len={count})"

    async def __getitem__(self, key: str | FS) -> str:
        """Return the note of a commit.

        Args:
            key: The commit.

        Raises:
            KeyError: If it has none.
            ValueError: If the key names no commit.
            TypeError: If it is neither text nor a snapshot.
        """
        name = note_key(key)
        return await run(lambda: self._read(name))

    @overload
    async def get(self, key: str | FS) -> str | None: ...

    @overload
    async def get(self, key: str | FS, default: D) -> str | D: ...

    async def get(self, key: str | FS, default: D | None = None) -> str | D | None:
        """Return the note of a commit, or ``default`` if it has none.

        Args:
            key: The commit.
            default: What to return instead.

        Raises:
            ValueError: If the key names no commit.
            TypeError: If it is neither text nor a snapshot.
        """
        try:
            return await self[key]
        except NoteNotFoundError:
            return default

    async def set(self, key: str | FS, text: str) -> None:
        """Attach a note to a commit, in place of the one it has.

        Args:
            key: The commit; an id need not exist in the store.
            text: The note, kept exactly as it is.

        Raises:
            ValueError: If the key names no commit.
            TypeError: If ``text`` is not ``str``, or the key is neither text nor a snapshot.
        """
        check_note_text(text)
        await self._edit({note_key(key): text}, batch=False)

    async def delete(self, key: str | FS) -> None:
        """Remove the note of a commit.

        Args:
            key: The commit.

        Raises:
            KeyError: If it has none.
            ValueError: If the key names no commit.
        """
        await self._edit({note_key(key): None}, batch=False)

    async def contains(self, key: object) -> bool:
        """Tell whether a commit has a note; what names no commit has none.

        Args:
            key: The commit.
        """
        if not isinstance(key, (str, Snapshot)):
            return False
        name = note_key(key)

        def look() -> bool:
            try:
                found = engine.resolve_key(self._repository, name)
            except ValueError:
                return False
            return engine.has_note(self._repository, self._name, found)

        return await run(look)

    async def count(self) -> int:
        """Return how many notes there are."""
        return len(await self.keys())

    # Without it, `x in notes` and `iter(notes)` would ask for `notes[0]`, `notes[1]` ... for ever.
    __iter__ = None

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        """Yield the commit ids that have a note, sorted."""
        async with aclosing(
            stream(lambda: iter(engine.keys(self._repository, self._name)))
        ) as items:
            async for key in items:
                yield key

    async def keys(self) -> list[str]:
        """Return the commit ids that have a note, sorted."""
        return await run(engine.keys, self._repository, self._name)

    async def values(self) -> list[str]:
        """Return the notes, sorted by commit id."""
        return [text for _, text in await self.items()]

    async def items(self) -> list[tuple[str, str]]:
        """Return commit ids and notes, sorted by commit id."""
        return await run(engine.items, self._repository, self._name)

    @overload
    async def pop(self, key: str | FS) -> str: ...

    @overload
    async def pop(self, key: str | FS, default: D) -> str | D: ...

    async def pop(self, key: str | FS, default: D | Missing = Missing.MISSING) -> str | D:
        """Remove the note of a commit and return it.

        Args:
            key: The commit.
            default: What to return if it has none.

        Raises:
            NoteNotFoundError: (a ``KeyError``) If it has none, and there is no default.
        """
        try:
            text = await self[key]
            await self.delete(key)
        except NoteNotFoundError:
            if isinstance(default, Missing):
                raise
            return default
        return text

    async def popitem(self) -> tuple[str, str]:
        """Remove the first note and return the id of its commit and its text.

        Raises:
            NoteNotFoundError: (a ``KeyError``) If there are none.
        """
        keys = await self.keys()
        if not keys:
            raise NoteNotFoundError(f"there are no notes in {self._name!r}")
        return keys[0], await self.pop(keys[0])

    async def setdefault(self, key: str | FS, default: str | None = None) -> str:
        """Return the note of a commit; if it has none, attach ``default`` to it.

        Args:
            key: The commit.
            default: The note to attach.

        Raises:
            TypeError: If ``default`` is needed and is no text.
            ValueError: If the key names no commit.
        """
        try:
            return await self[key]
        except NoteNotFoundError:
            if default is None:
                raise TypeError("a note must be str, not NoneType") from None
            await self.set(key, default)
            return default

    async def clear(self) -> None:
        """Remove all notes, each in a commit of its own."""
        for key in await self.keys():
            await self.pop(key, None)

    async def update(self, other: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Set several notes in one commit.

        Args:
            other: Commits and texts.

        Raises:
            ValueError: If a key names no commit.
            TypeError: If a text is not ``str``.
        """
        pairs = other.items() if hasattr(other, "items") else other
        async with self.batch() as batch:
            for key, text in list(pairs):
                await batch.set(key, text)

    @property
    async def for_current_branch(self) -> str:
        """The note of the commit at the tip of the current branch.

        Raises:
            RuntimeError: If there is no current branch.
            KeyError: If the commit has no note.
        """
        return await run(
            lambda: engine.read_note(
                self._repository, self._name, engine.current_key(self._repository)
            )
        )

    async def set_for_current_branch(self, text: str) -> None:
        """Attach a note to the commit at the tip of the current branch.

        Args:
            text: The note.

        Raises:
            RuntimeError: If there is no current branch.
            TypeError: If ``text`` is not ``str``.
        """
        check_note_text(text)
        key = await run(engine.current_key, self._repository)
        await self._edit({key: text}, batch=False)

    def batch(self) -> NotesBatch:
        """Collect many changes of notes into one commit.

        Example:
            >>> async with store.notes.commits.batch() as b:
            ...     await b.set(first, "note one")
            ...     await b.set(second, "note two")
        """
        return NotesBatch(self)

    def _read(self, name: str) -> str:
        key = engine.resolve_key(self._repository, name)
        return engine.read_note(self._repository, self._name, key)

    async def _resolve(self, key: str | FS) -> str:
        return await run(engine.resolve_key, self._repository, note_key(key))

    async def _edit(self, changes: dict[str, str | None], *, batch: bool) -> None:
        edit = engine.NotesEdit(self._repository, self._name, changes, batch=batch, check=check)
        await run_exclusive(edit)


class NotesBatch:
    """Changes of notes that become one commit, or none.

    Used in ``async with``: leaving the block commits, an exception abandons everything.

    Args:
        namespace: Which notes.
    """

    def __init__(self, namespace: NoteNamespace) -> None:
        self._namespace = namespace
        self._changes: dict[str, str | None] = {}

    async def __aenter__(self) -> Self:
        """Begin; nothing happens yet."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, unless the block raised or nothing was changed.

        Raises:
            KeyError: If a note to delete does not exist; nothing is changed then.
        """
        if exc_type is None and self._changes:
            await self._namespace._edit(self._changes, batch=True)
            self._changes = {}

    async def set(self, key: str | FS, text: str) -> None:
        """Attach a note when the batch is committed.

        Args:
            key: The commit, resolved now.
            text: The note.

        Raises:
            ValueError: If the key names no commit.
            TypeError: If ``text`` is not ``str``, or the key is neither text nor a snapshot.
        """
        check_note_text(text)
        self._changes[await self._namespace._resolve(key)] = text

    async def delete(self, key: str | FS) -> None:
        """Remove a note when the batch is committed; it must exist then.

        Args:
            key: The commit, resolved now.

        Raises:
            ValueError: If the key names no commit.
        """
        self._changes[await self._namespace._resolve(key)] = None


def note_key(key: object) -> str:
    """Return the text that a key of a note stands for: a snapshot is its commit id.

    Raises:
        TypeError: If it is neither text nor a snapshot.
    """
    if isinstance(key, Snapshot):
        return key.commit_hash
    if not isinstance(key, str):
        raise TypeError(f"a note's key must be str or FS, not {type(key).__name__}")
    return key


def check_note_text(text: object) -> None:
    """Check the text of a note.

    Raises:
        TypeError: If it is not ``str``.
    """
    if not isinstance(text, str):
        raise TypeError(f"a note must be str, not {type(text).__name__}")
