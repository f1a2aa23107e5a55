"""Which names a server answers to.

A page of a foreign site can let its own name lead to 127.0.0.1 and then read what a server there
answers (DNS rebinding). Its requests carry that name in ``Host``, so only known names are answered.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from vost.serve.accesslog import escaped
from vost.serve.answers import respond

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vost.serve.asgi import ASGIApp, Receive, Scope, Send

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
ANY = "*"

# RFC 3986, 3.2.2 and 3.2.3: a name or IPv4 address, or an IPv6 address in brackets, and a port.
_HOST = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._~!$&'()*+,;=%-]+))(?::[0-9]*)?")


class HostCheck:
    """Answers requests for unknown hosts with 403, and hands all others on.

    Args:
        app: Who answers those.
        names: Names and addresses (IPv6 with or without brackets) besides those of this machine
            itself (``LOCAL_NAMES``); ``"*"``: all.
        any_address: Accept every address: of a server that listens on all of them. What is no
            name cannot be led elsewhere.
    """

    def __init__(
        self, app: ASGIApp, names: Iterable[str] = (), *, any_address: bool = False
    ) -> None:
        self._app = app
        self._names = frozenset(_normal(name) for name in (*LOCAL_NAMES, *names))
        self._any = ANY in self._names
        self._any_address = any_address
        # What was accepted, as it came: the next request will say the same.
        self._accepted: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or self._any:
            await self._app(scope, receive, send)
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and hosts[0] in self._accepted:
            await self._app(scope, receive, send)
        elif len(hosts) > 1 or (not hosts and scope["http_version"] != "1.0"):
            # RFC 9112, 3.2
            await respond(scope, send, 400, "There has to be one Host header")
        elif hosts and not self._is_known(hosts[0]):
            name = escaped(hosts[0][:255].decode("latin-1"))
            text = f"Host not allowed: {name} (start the server with --allow-host to allow it)"
            await respond(scope, send, 403, text)
        else:
            if hosts and len(self._accepted) < 64:
                self._accepted.add(hosts[0])
            await self._app(scope, receive, send)

    def _is_known(self, host: bytes) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = _normal((found[1] or found[2]).decode("ascii"))
        return name in self._names or (self._any_address and _is_address(name))


def _normal(name: str) -> str:
    name = name.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
