"""Where a server listens."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Any

_BACKLOG = 1024
_ATTEMPTS = 8
_LAST_PORT = 65_535
# A name such as localhost may lead to an address of a family that this machine does without.
_NO_SUCH_FAMILY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port.

    Attributes:
        host: A name, or an address without brackets.
        port: 0: the system chooses one.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL of what is served there: ``http://[::1]:8000/``."""
        return f"http://{self}/"

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for all addresses of this machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False


async def listen(address: Address) -> list[socket.socket]:
    """Bind and listen: on each address that the host's name leads to, all with one port.

    Args:
        address: Where; with port 0 the system chooses one.

    Returns:
        The sockets, at least one.

    Raises:
        OSError: If that cannot be; the text says where and why.
    """
    host = address.host.removeprefix("[").removesuffix("]")
    try:
        if not 0 <= address.port <= _LAST_PORT:  # the system would take the lower 16 bits
            raise OSError(errno.EINVAL, f"a port is a number from 0 to {_LAST_PORT}")
        found = await asyncio.get_running_loop().getaddrinfo(
            host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # The same address may be found several times.
        places: list[tuple[int, tuple[Any, ...]]]
        places = list(dict.fromkeys((family, place) for family, _, _, _, place in found))
        for _ in range(_ATTEMPTS - 1):
            try:
                return _bind_all(places)
            except OSError as error:
                # The port that the system chose for one family may be taken in the other.
                if address.port or error.errno != errno.EADDRINUSE:
                    raise
        return _bind_all(places)
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        number = getattr(error, "errno", None) or errno.EINVAL
        raise OSError(number, f"Cannot listen on {address}: {reason}") from error


def _bind_all(places: list[tuple[int, tuple[Any, ...]]]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    several = len({family for family, _ in places}) > 1
    try:
        for family, place in places:
            port = sockets[0].getsockname()[1] if sockets else place[1]
            try:
                sockets.append(_bind(family, (place[0], port, *place[2:]), v6_only=several))
            except OSError as error:
                if error.errno not in _NO_SUCH_FAMILY:
                    raise
                missing = error
        if missing is not None and not sockets:
            raise missing
    except BaseException:
        for made in sockets:
            made.close()
        raise
    return sockets


def _bind(family: int, place: tuple[Any, ...], *, v6_only: bool) -> socket.socket:
    # Said to be TCP, so that asyncio has small packets sent at once: whoever waits for the second
    # of two would wait for 40 ms (Nagle's algorithm, and the delayed acknowledgement).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setblocking(False)  # noqa: FBT003 - its signature
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6_only)
        made.bind(place)
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
