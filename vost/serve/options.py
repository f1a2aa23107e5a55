"""How files are served: what the caller of `vost.serve.files` decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vost import FS


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Options of the file server.

    Attributes:
        ref: The branch, tag or commit that is served; ``None``: the current branch, whichever that
            is when a request comes.
        all_refs: Whether all branches and tags are, each below its name.
        select: Chooses the snapshot to show, given the newest one; raises ``LookupError`` if there
            is none. ``None``: the newest one.
        base_path: Path that all URLs begin with, without slashes at its ends; ``""``: none.
        cors: Whether pages of other origins may read the answers.
        no_cache: Whether nothing may be stored by anybody.
        immutable: Whether caches may keep answers for a year without asking again.
        max_age: Seconds for which they may; ``None``: they ask each time.
        max_file_size: Larger files are refused, in bytes; ``None``: none is.
        upstream: URL of a server that has the blobs which this one lacks; ``None``: none has.
        page: Whether browsers get a page to look around on.
    """

    ref: str | None = None
    all_refs: bool = False
    select: Callable[[FS], Awaitable[FS]] | None = None
    base_path: str = ""
    cors: bool = False
    no_cache: bool = False
    immutable: bool = False
    max_age: int | None = None
    max_file_size: int | None = None
    upstream: str | None = None
    page: bool = True

    def __post_init__(self) -> None:
        """Check what contradicts itself.

        Raises:
            ValueError: If it does, or a number is negative.
        """
        if self.all_refs and (self.ref is not None or self.select is not None):
            raise ValueError("all_refs cannot be combined with ref or select")
        for name in ("max_age", "max_file_size"):
            number = getattr(self, name)
            if number is not None and number < 0:
                raise ValueError(f"{name} must be 0 or more, got {number}")

    @property
    def cache_control(self) -> str:
        """Value of Cache-Control for what was found."""
        if self.no_cache:
            return "no-store"
        if self.immutable:
            return "public, immutable, max-age=31536000"
        return "no-cache" if self.max_age is None else f"public, max-age={self.max_age}"
