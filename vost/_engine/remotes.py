"""Where another repository is: reading URLs and paths. No I/O happens here.

What is local and what is remote is decided once, by Git's rule: no scheme and no colon before the
first slash means a local path. Whatever could be taken for an option of a program, or could smuggle
a second line into a protocol, is refused.

Source of the forms: https://git-scm.com/docs/git-clone#_git_urls and ``connect.c`` of Git.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from vost._model.urls import redact

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9._~-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?")
_NETWORK = ("http", "https", "git", "ssh")
_LOCAL = "local"


class Remote(NamedTuple):
    """Where another repository is.

    Attributes:
        scheme: ``"local"``, ``"http"``, ``"https"``, ``"git"`` or ``"ssh"``.
        path: The path: on the local disk, or on the host (for HTTP still percent-encoded).
        display: How messages and reflogs name it: never with credentials.
        host: The host; ``""`` for a local path.
        port: Its port; ``None``: the usual one of the scheme.
        user: Who logs in; ``None``: nobody in particular.
        password: The password; ``None``: there is none.
    """

    scheme: str
    path: str
    display: str
    host: str = ""
    port: int | None = None
    user: str | None = None
    password: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is on the local disk."""
        return self.scheme == _LOCAL

    @property
    def base_url(self) -> str:
        """The URL without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def without_secrets(self, text: str) -> str:
        """Return ``text`` with every occurrence of the password, or of a token, masked."""
        # A user without a password is a token, or a name that is no secret: in doubt a token.
        secret = self.password or (self.user if self.scheme.startswith("http") else None)
        for spelling in (secret, quote(secret, safe="")) if secret else ():
            text = text.replace(spelling, "***")
        return text


def parse_remote(url: str | os.PathLike[str]) -> Remote:
    """Read where another repository is.

    Args:
        url: ``http://``, ``https://``, ``ssh://``, ``git://`` or ``file://``, or a local path.
            A path object is always a local path.

    Raises:
        ValueError: If it is of another form (``host:path``, ``ext::``, ``ftp://``), malformed, or
            looks like an option. The message has no credentials.
        TypeError: If it is neither ``str`` nor a path of ``str``.
    """
    if not isinstance(url, str):
        path = os.fspath(url)
        if not isinstance(path, str):
            raise TypeError(f"a url must be str or os.PathLike[str], not {type(url).__name__}")
        return _local(path)
    match = _SCHEME.match(url)
    if match is None:
        if _looks_like_scp(url):
            raise ValueError(_unsupported(url))
        return _local(url)
    scheme = match[1].lower()
    if scheme != "file" and scheme not in _NETWORK:
        raise ValueError(_unsupported(url))
    shown = redact(url)
    if _CONTROL.search(url) or " " in url.partition("://")[2].partition("/")[0]:
        raise ValueError(f"a URL must not contain control characters: {shown!r}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"malformed URL: {shown!r}") from None
    if scheme == "file":
        return _file(parts, shown)
    return _network(scheme, parts, port, shown)


def _looks_like_scp(url: str) -> bool:
    """Tell whether a string without a known scheme names a host, as ``scp`` would read it."""
    before, colon, _ = url.partition(":")
    if not colon or "/" in before or "\\" in before:
        return False
    return "@" in before or len(before) > 1 or before == "["  # "C:" is a drive


def _unsupported(url: str) -> str:
    return (
        f"scp-style URL not supported: {redact(url)!r} — use ssh:// format instead "
        "(or http://, https://, git://, file://, or a local path such as ./name)"
    )


def _local(path: str) -> Remote:
    if not path:
        raise ValueError("a url must not be empty")
    if "\0" in path:
        raise ValueError(f"a path must not contain NUL: {path!r}")
    _refuse_option("path", path, path)
    return Remote(_LOCAL, path, path)


def _file(parts: SplitResult, shown: str) -> Remote:
    if parts.netloc.lower() not in {"", "localhost"}:
        raise ValueError(f"a file URL names no other host: {shown!r} (write file:///path)")
    path = unquote(parts.path, errors="surrogateescape")
    if parts.query or parts.fragment:
        raise ValueError(f"a file URL has no query and no fragment: {shown!r} (encode ? and #)")
    return _local(path)._replace(display=f"file://{parts.path}")


def _network(scheme: str, parts: SplitResult, port: int | None, shown: str) -> Remote:
    host = parts.hostname or ""
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    path = parts.path if scheme.startswith("http") else unquote(parts.path)
    _refuse_option("user", user or "", shown)
    _refuse_option("host", host, shown)
    if not _HOST.fullmatch(host):
        raise ValueError(f"not a host name in {shown!r} (international names in their xn-- form)")
    if any(_CONTROL.search(part) for part in (user or "", password or "", unquote(path))):
        raise ValueError(f"a URL must not encode control characters: {shown!r}")
    if parts.query or parts.fragment:
        raise ValueError(f"the URL of a repository has no query and no fragment: {shown!r}")
    if path in {"", "/"} and not scheme.startswith("http"):
        raise ValueError(f"the URL names no repository: {shown!r}")
    _refuse_option("path", path.lstrip("/"), shown, strict=scheme == "ssh")
    if scheme == "git" and (user is not None or password is not None):
        raise ValueError(f"git:// has no users and passwords: {shown!r} (use ssh:// or https://)")
    if scheme == "ssh" and password is not None:
        raise ValueError(
            f"a password in an ssh URL cannot be used: {shown!r} (use a key, or an ssh agent)"
        )
    remote = Remote(scheme, path, "", host, port, user, password)
    display = remote.base_url
    if scheme == "ssh" and user is not None:
        display = display.replace("://", f"://{user}@", 1)
    return remote._replace(display=display)


def _refuse_option(what: str, value: str, shown: str, *, strict: bool = True) -> None:
    if strict and value.startswith("-"):
        raise ValueError(
            f"the {what} of {shown!r} begins with '-', like an option of a program: refused"
            + (" (write ./ before it)" if what == "path" else "")
        )
