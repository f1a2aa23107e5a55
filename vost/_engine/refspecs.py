"""Which refs a mirror operation is about, under which names, and what changes thereby."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from vost._engine.branches import BRANCHES, TAGS
from vost._engine.notes import NOTES
from vost._model.errors import RefNotFoundError
from vost._model.mirror import MirrorDiff, RefChange
from vost._model.objects import Oid, oid_to_hex
from vost._model.refnames import check_branch_name
from vost._storage.refchecks import check_ref_name, names_above

RefNames: TypeAlias = "Iterable[str] | Mapping[str, str] | None"
"""What users give: names, or names with new names; ``None``: all refs."""

SHORT_NAMESPACES = (BRANCHES, TAGS, NOTES)
"""Where short names are looked for, in this order."""


class Selection(NamedTuple):
    """The refs that were asked for.

    Attributes:
        renames: Source name, short or full, to destination name; ``None``: all refs.
    """

    renames: dict[str, str] | None

    @property
    def is_everything(self) -> bool:
        """Whether all refs are meant, so that the two sides become equal."""
        return self.renames is None

    def pick(self, refs: Mapping[str, Oid], where: str) -> dict[str, Oid]:
        """Return the refs of a source under the names that they get.

        Args:
            refs: All refs of the source, by full name.
            where: What the source is called in messages.

        Raises:
            RefNotFoundError: If a name does not exist.
            ValueError: If two refs would get the same name.
        """
        return {new: refs[old] for old, new in self.names(refs, where).items()}

    def names(self, refs: Mapping[str, Oid], where: str) -> dict[str, str]:
        """Return the full names of the chosen refs of a source, with the names that they get.

        Raises:
            RefNotFoundError: If a name does not exist.
            ValueError: If two refs would get the same name.
        """
        if self.renames is None:
            return {name: name for name in sorted(refs)}
        chosen: dict[str, str] = {}
        for given, wanted in self.renames.items():
            name = _find(given, refs, where)
            new = wanted if wanted.startswith("refs/") else _namespace(name) + wanted
            if chosen.setdefault(name, new) != new or list(chosen.values()).count(new) > 1:
                raise ValueError(f"refs: {new} is asked for twice, or {name} under two names")
            check_ref_name(new)
        return chosen


def make_selection(refs: RefNames) -> Selection:
    """Read the ``refs`` argument of a mirror operation.

    Raises:
        TypeError: If it is one string, or holds something else than strings.
        ValueError: If a name is none that a ref may have.
    """
    if refs is None:
        return Selection(None)
    if isinstance(refs, (str, bytes)) or not isinstance(refs, Iterable):
        raise TypeError(
            f"refs must be a list of names or a dict of names to names, not {type(refs).__name__}"
        )
    renames: dict[str, str] = {}
    for name in list(refs):
        if not isinstance(name, str):
            raise TypeError(f"refs must hold str, not {type(name).__name__}")
        new = refs[name] if isinstance(refs, Mapping) else name
        if not isinstance(new, str):
            raise TypeError(f"refs must map to str, not {type(new).__name__}")
        if isinstance(refs, Mapping):
            _check_name(new)
        renames[name] = new
    return Selection(renames)


def _check_name(name: str) -> None:
    if name.startswith("refs/"):
        check_ref_name(name)
    else:
        check_branch_name(name)


def _find(given: str, refs: Mapping[str, Oid], where: str) -> str:
    candidates = [given] if given.startswith("refs/") else []
    candidates += [prefix + given for prefix in SHORT_NAMESPACES]
    for name in candidates:
        if name in refs:
            return name
    raise RefNotFoundError(given, f"ref not found: {given!r} (nothing of that name {where})")


def _namespace(name: str) -> str:
    """Return the part of a full name that its kind takes, such as ``refs/tags/``."""
    return "/".join(name.split("/", 2)[:2]) + "/"


def compare(source: Mapping[str, Oid], target: Mapping[str, Oid], *, delete: bool) -> MirrorDiff:
    """Return what must change so that the target has the refs of the source.

    Args:
        source: What the refs are to be, by full name.
        target: What they are.
        delete: Whether refs go that only the target has.
    """
    diff = MirrorDiff()
    for name, oid in sorted(source.items()):
        old = target.get(name)
        if old is None:
            diff.add.append(RefChange(name, None, oid_to_hex(oid)))
        elif old != oid:
            diff.update.append(RefChange(name, oid_to_hex(old), oid_to_hex(oid)))
    if delete:
        for name, oid in sorted(target.items()):
            if name not in source:
                diff.delete.append(RefChange(name, oid_to_hex(oid), None))
    return diff


def in_the_way(diff: MirrorDiff) -> list[RefChange]:
    """Return the deletions that must come first: of a name that another one has as a directory."""
    added = {change.ref for change in diff.add}
    directories = {above for name in added for above in names_above(name)}
    return [
        change
        for change in diff.delete
        if change.ref in directories or not added.isdisjoint(names_above(change.ref))
    ]


def require_refs(
    refs: Mapping[str, Oid], selection: Selection, where: str, *, allow_empty: bool
) -> None:
    """Refuse a mirror of nothing, which would delete everything.

    Raises:
        ValueError: If the source has no ref at all, and that was not asked for.
    """
    if selection.is_everything and not refs and not allow_empty:
        raise ValueError(
            f"{where} has no refs at all: mirroring it would delete every ref on the other side "
            "(pass allow_empty=True if that is meant)"
        )
