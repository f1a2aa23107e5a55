"""Time for scenarios: a store whose clock stands still until it is told to go on."""

from __future__ import annotations

from typing import Any

from tests.support.faces import unwrapped
from vost.testing import FixedClock


def stop_clock(store: Any, seconds: float = 1_700_000_000.0) -> FixedClock:
    """Give a store of either face a clock that stands still, and return the clock."""
    clock = FixedClock(seconds)
    real = unwrapped(store)
    getattr(real, "_aio", real)._repository.clock = clock
    return clock
