"""Names of branches, tags and notes namespaces to try."""

from __future__ import annotations

LEGAL_NAMES = (
    "x",
    "feature/my-thing.v2",
    "é",
    "日本/語",
    "refs/heads/x",
    "a-",
    "a@b",
    "@a",
    "a/HEAD",
    "head",
    "a.b",
    "{}",
    "a'b\"c",
    "#1",
    "n" * 200,
    "a/b/c/d/e/f",
)
"""Names that git allows, and we do too."""

ILLEGAL_NAMES = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a..b",
    "a.",
    "a.lock",
    "a.lock/b",
    "a@{b",
    "a b",
    "a\tb",
    "a\nb",
    "a\0b",
    "a\x7fb",
    "a~b",
    "a^b",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\\b",
    "@",
    "HEAD",
    "-a",
    "\ud800",
)
"""Names that git refuses, or that its commands could not tell from something else."""
