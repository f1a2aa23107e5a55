"""What can go wrong with a mount."""

from __future__ import annotations

__all__ = ("MountError",)


class MountError(Exception):
    """Raised when something cannot be mounted; the message says what to do about it."""
