"""What a mirror operation changes: the refs on one side that differ from those on the other."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RefChange:
    """A ref that changes.

    Args:
        ref: Full name, such as ``"refs/heads/main"``.
        old_target: Id before, 40 hexadecimal characters; ``None``: the ref is new. An annotated
            tag counts by the id of the tag object.
        new_target: Id after; ``None``: the ref is deleted.
    """

    ref: str
    old_target: str | None = None
    new_target: str | None = None


@dataclass(frozen=True, slots=True)
class MirrorDiff:
    """The refs that a backup or restore changes, or would change. Each list is sorted by name.

    Args:
        add: Refs that do not exist on the side that is written.
        update: Refs that point elsewhere there.
        delete: Refs that exist only there.

    Example:
        >>> MirrorDiff(add=[RefChange("refs/heads/main", new_target="1" * 40)]).total
        1
    """

    add: list[RefChange] = field(default_factory=list)
    update: list[RefChange] = field(default_factory=list)
    delete: list[RefChange] = field(default_factory=list)

    @property
    def in_sync(self) -> bool:
        """True when there is nothing to change."""
        return not (self.add or self.update or self.delete)

    @property
    def total(self) -> int:
        """Number of refs that change."""
        return len(self.add) + len(self.update) + len(self.delete)
