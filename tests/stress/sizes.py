"""How much a test does: a little every day, all of it when the marker ``stress`` asks for it."""

from __future__ import annotations

from typing import TypeVar

import pytest

T = TypeVar("T")

FULL_TIMEOUT = 1800
"""Seconds that a test at full size may take."""


def small_and_full(small: T, full: T) -> list[object]:
    """Return the parameters of a test that has an everyday size and a full one."""
    marks = [pytest.mark.stress, pytest.mark.timeout(FULL_TIMEOUT)]
    return [
        pytest.param(small, id="small"),
        pytest.param(full, id="full", marks=marks),
    ]
