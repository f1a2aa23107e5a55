"""URLs of repositories, as text."""

from __future__ import annotations

import re


def redact(url: str) -> str:
    """Return a URL, which may be malformed, without anything that may be a credential.

    Whatever is before the last ``@`` goes: a password that was not encoded may contain anything.
    """
    if "://" in url:
        return re.sub(r"://.*@", "://", url, flags=re.DOTALL)
    return re.sub(r"\A([^@:/]*):[^@]*@", r"\1@", url, flags=re.DOTALL)
