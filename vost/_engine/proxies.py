"""What the environment says about connections to HTTP servers: proxies and certificates.

The variables are those that curl and git read: ``https_proxy``, ``http_proxy``, ``all_proxy``,
``no_proxy`` (also in capital letters) and ``GIT_SSL_CAINFO``; OpenSSL reads ``SSL_CERT_FILE``.
"""

from __future__ import annotations

import os
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import urllib3.exceptions
import urllib3.util
from dulwich.client import check_for_proxy_bypass

from vost._model.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Proxy(NamedTuple):
    """A proxy.

    Attributes:
        url: Where it is, without credentials.
        headers: What it is told with each request: the credentials.
    """

    url: str
    headers: Mapping[str, str]


def find_proxy(url: str) -> Proxy | None:
    """Return the proxy for a URL; ``None``: there is a direct way.

    Raises:
        RemoteError: If it is none that can be used.
    """
    parts = urlsplit(url)
    named = getproxies_environment()
    proxy = named.get(parts.scheme) or named.get("all")
    # The one knows capital letters and ports, the other one networks.
    if not proxy or proxy_bypass(parts.netloc) or check_for_proxy_bypass(url):
        return None
    try:
        place = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
    except urllib3.exceptions.LocationParseError:
        # It may hold a password, and its cause repeats it.
        raise RemoteError(f"the environment names a malformed proxy for {parts.scheme}") from None
    if place.scheme not in {"http", "https"} or not place.host:
        raise RemoteError(
            f"the environment names a proxy for {parts.scheme} that is none for HTTP, "
            f"but {place.scheme}://: no other kind can be used"
        )
    headers = {}
    if place.auth is not None:
        login = b64encode(unquote(place.auth).encode())
        headers["proxy-authorization"] = f"Basic {login.decode()}"
    return Proxy(place._replace(auth=None).url, headers)


def certificates() -> str | None:
    """Return the file with the certificates that are trusted; ``None``: the system's."""
    return os.environ.get("GIT_SSL_CAINFO") or None
