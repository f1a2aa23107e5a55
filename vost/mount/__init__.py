"""A snapshot, or a branch as it moves, as a read-only file system (FUSE).

It needs the extra ``fuse`` (mfusepy) and libfuse; both are looked for when something is mounted, so
that this package can be imported without them. ``Operations`` answers the file system's calls over
the blocking API and knows nothing of FUSE; ``mounting`` hands it to libfuse.
"""

from __future__ import annotations

from vost.mount.errors import MountError
from vost.mount.mounting import (
    MountOptions,
    check_mountpoint,
    mount,
    mount_in_background,
    require,
)
from vost.mount.operations import Operations
from vost.mount.views import Choice, FixedView, FollowingView, Shown, View

__all__ = (
    "Choice",
    "FixedView",
    "FollowingView",
    "MountError",
    "MountOptions",
    "Operations",
    "Shown",
    "View",
    "check_mountpoint",
    "mount",
    "mount_in_background",
    "require",
)
