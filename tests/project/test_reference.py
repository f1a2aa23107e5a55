"""docs/reference.md says what the code says."""

from __future__ import annotations

import vost
from tests.support.reference import TARGET, render


def test_reference_is_what_the_docstrings_make_of_it() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run `python -m tests.support.reference`"


def test_reference_mentions_every_public_name() -> None:
    text = TARGET.read_text(encoding="utf-8")
    missing = [
        name for name in vost.__all__ if f"`{name}" not in text and f"### {name}" not in text
    ]
    assert [name for name in missing if f" {name}(" not in text] == []
