"""What an import is asked to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vost._model.types import MODE_LINK, resolve_mode

if TYPE_CHECKING:
    from vost._model.types import FileType
    from vost._transfer.exclude import WalkRules
    from vost._transfer.sources import Source


class ImportRequest(NamedTuple):
    """One call of ``copy_in`` or ``sync_in``, its arguments checked.

    Attributes:
        sources: What is copied, in order.
        dest: The directory of the repository that it lands in; ``""``: the root.
        follow_symlinks: Whether symbolic links count as what they lead to.
        mode: Git mode of every regular file; ``None``: from disk.
        ignore_existing: Whether what the repository has stays as it is.
        delete: Whether everything below ``dest`` goes that no source has.
        ignore_errors: Whether a file that fails is reported and the rest goes on.
        checksum: Whether contents are compared even if the times say that nothing changed;
            ``None``: where the times leave no doubt, they count.
        rules: What is left out; ``None``: nothing.
        is_sync: Whether the one source is a directory by definition, not by its slash.
        strict: Whether nothing may be lost by accident: see ``copy_in``.
        by_existence: Whether all that exists counts as an update, whatever it contains.
    """

    sources: tuple[Source, ...]
    dest: str
    follow_symlinks: bool = False
    mode: int | None = None
    ignore_existing: bool = False
    delete: bool = False
    ignore_errors: bool = False
    checksum: bool | None = True
    rules: WalkRules | None = None
    is_sync: bool = False
    strict: bool = False
    by_existence: bool = False

    @property
    def refuses_clashes(self) -> bool:
        """Whether a file must not take the place of a directory, nor a directory that of a file.

        Nor may anything take the place of a submodule.
        """
        return self.strict and not self.delete


def regular_mode(mode: FileType | int | None) -> int | None:
    """Return the Git mode that all regular files get; ``None``: each its own.

    Raises:
        ValueError: If it is no mode of a regular file.
    """
    number = resolve_mode(mode)
    if number == MODE_LINK:
        raise ValueError("mode is for regular files: expected BLOB or EXECUTABLE, not LINK")
    return number
