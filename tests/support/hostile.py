"""Names and texts that may have been chosen to do harm, and what no terminal must ever get."""

from __future__ import annotations

import re

BIDI = "bidi\u202egnp"
LONG = "/".join(["n" * 240] * 17)
"""A path of 4 KiB."""

NAMES = ["new\nline", "\x1b[31mred", "c1\x9b31m", BIDI, "-dash", LONG, "not utf-8 \udcff8"]

# What names of refs may hold as far as git is concerned.
REF_NAMES = [
    "$(touch${IFS}x)",
    "`touch${IFS}x`",
    *("a'b", 'a"b', "a;b", "a&b|c", "<x>", "!x", "#c", "%s{}", "a,b", "c1\x9bx", BIDI),
]

_HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def assert_harmless(*texts: str) -> None:
    """Fail if a terminal would act on a text: only line ends may control it."""
    for text in texts:
        assert not _HARMFUL.search(text), ascii(text)


def shown(name: str) -> str:
    """Return a name as it is printed in text."""
    code = "\\x{:02x}", "\\u{:04x}"
    escaped = _HARMFUL.sub(lambda found: code[found[0] > "\xff"].format(ord(found[0])), name)
    return escaped.replace("\n", "\\n")
