"""Connections to other repositories: dulwich's clients with time limits and without prompts.

``_connect`` is the method that dulwich's clients are meant to bring; it returns a ``Protocol``. A
connection that fails halfway is closed with the client.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import urllib3
from dulwich.client import (
    TraditionalGitClient,
    Urllib3HttpGitClient,
    default_user_agent_string,
)
from dulwich.protocol import TCP_GIT_PORT, Protocol

from vost._engine.pipes import ProgramPipes
from vost._engine.proxies import certificates, find_proxy
from vost._model.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_STDERR_LIMIT = 8192


class _Client(TraditionalGitClient):
    """A client that knows which connections it has opened."""

    def __init__(self) -> None:
        super().__init__(thin_packs=False)
        self._open: list[Protocol] = []

    def close(self) -> None:
        """Close all connections. Idempotent."""
        while self._open:
            self._open.pop().close()


class DaemonClient(_Client):
    """A client of ``git daemon``.

    Args:
        host: Its name or address.
        port: Its port; ``None``: 9418.
        timeout: Seconds to wait for a connection, and for each answer.
    """

    def __init__(self, host: str, port: int | None, *, timeout: float) -> None:
        super().__init__()
        self._address = (host, port or TCP_GIT_PORT)
        self._timeout = timeout

    def _connect(
        self, cmd: bytes, path: str | bytes, protocol_version: int | None = None
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        del protocol_version
        raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        connection = socket.create_connection(self._address, timeout=self._timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = connection.makefile("rb")

        def write(data: bytes) -> int:
            connection.sendall(data)
            return len(data)

        def close() -> None:
            reader.close()
            connection.close()

        protocol = Protocol(reader.read, write, close)
        self._open.append(protocol)
        host, port = self._address
        named = f"[{host}]" if ":" in host else host
        where = named if port == TCP_GIT_PORT else f"{named}:{port}"
        protocol.send_cmd(b"git-" + cmd, _without_slash(raw), b"host=" + where.encode())
        return protocol, lambda: False, None


class ShellClient(_Client):
    """A client of a repository behind ssh.

    Args:
        host: The host.
        port: Its port; ``None``: as ssh is configured.
        user: Who logs in; ``None``: as ssh is configured.
        timeout: Seconds to wait for a connection, and for each answer.
    """

    def __init__(self, host: str, port: int | None, user: str | None, *, timeout: float) -> None:
        super().__init__()
        self._destination = host if user is None else f"{user}@{host}"
        self._port = port
        self._timeout = timeout
        self._said: IO[bytes] | None = None

    def _connect(
        self, cmd: bytes, path: str | bytes, protocol_version: int | None = None
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        del protocol_version
        raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        # The login shell of the other side reads this: the path is one word for it.
        quoted = b"'" + _without_slash(raw).replace(b"'", b"'\\''") + b"'"
        command = [*ssh_command(self._port, self._timeout), "--", self._destination]
        # A pipe that nobody reads would fill up: what ssh says goes to a file without a name.
        said = self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        process = subprocess.Popen(
            [*command, b"git-" + cmd + b" " + quoted],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_ssh_environment(),
        )
        pipes = ProgramPipes(process, self._timeout, patient=_is_interactive())
        protocol = Protocol(pipes.read, pipes.write, pipes.close)
        self._open.append(protocol)
        return protocol, lambda: False, None

    def close(self) -> None:
        """Close the connection. Idempotent."""
        try:
            super().close()
        finally:
            if self._said is not None:
                self._said.close()
                self._said = None

    def complaint(self) -> str:
        """Return what ssh and the other side wrote to their standard error."""
        while self._open:  # ssh may be about to say it
            self._open.pop().close()
        if self._said is None:
            return ""
        self._said.seek(0)
        return self._said.read(_STDERR_LIMIT).decode("utf-8", "replace").strip()


def ssh_command(port: int | None, timeout: float) -> list[str]:
    """Return the command that runs ssh, up to its destination.

    ``GIT_SSH_COMMAND`` and ``GIT_SSH`` count as they do for git, but no shell reads them. ssh may
    ask on a terminal; without one, it must not.

    Raises:
        RemoteError: If ``GIT_SSH_COMMAND`` cannot be read.
    """
    try:
        program = shlex.split(os.environ.get("GIT_SSH_COMMAND") or "")
    except ValueError as error:
        raise RemoteError(f"GIT_SSH_COMMAND is no command: {error}") from None
    program = program or [os.environ.get("GIT_SSH") or "ssh"]
    command = [*program]
    if Path(program[0]).name.removesuffix(".exe") == "ssh":
        seconds = max(1, int(timeout))
        command += ["-x", "-o", f"ConnectTimeout={seconds}"]
        command += ["-o", f"ServerAliveInterval={seconds // 4 or 1}", "-o", "ServerAliveCountMax=4"]
        if not _is_interactive():
            command += ["-o", "BatchMode=yes"]
    return command if port is None else [*command, "-p", str(port)]


def _is_interactive() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def _ssh_environment() -> dict[str, str]:
    """Return the environment for ssh: no windows that ask for passwords."""
    kept = {name: text for name, text in os.environ.items() if name != "GIT_PROTOCOL"}
    return kept if _is_interactive() else kept | {"SSH_ASKPASS_REQUIRE": "never"}


def _without_slash(path: bytes) -> bytes:
    """Return the path as git sends it: ``/~user/x`` is one in a home directory."""
    return path[1:] if path.startswith(b"/~") else path


class HttpClient(Urllib3HttpGitClient):
    """A client of an HTTP server.

    Args:
        url: The URL, without credentials.
        user: Who logs in; ``None``: nobody. It goes into a header, and only to this host.
        password: The password.
        timeout: Seconds to wait for a connection, and for each answer.
    """

    def __init__(self, url: str, user: str | None, password: str | None, *, timeout: float) -> None:
        self._pool = _make_pool(url, timeout)
        # Into the header goes UTF-8, as curl does it: urllib3 would make Latin-1 of it.
        user, password = _as_bytes(user), _as_bytes(password)
        super().__init__(
            url, pool_manager=self._pool, username=user, password=password, thin_packs=False
        )

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._pool.clear()


class GuardedPool(urllib3.PoolManager):
    """Connections to HTTP servers: no redirect to another scheme, and none of what was posted."""

    def urlopen(  # type: ignore[override]
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 - the signature of urllib3
        **kw: Any,  # noqa: ANN401
    ) -> urllib3.BaseHTTPResponse:
        """Make a request; redirects come here too.

        Raises:
            RemoteError: If a redirect leads to another scheme.
        """
        scheme = url.partition("://")[0].lower()
        first = self.__dict__.setdefault("first_scheme", scheme)
        if scheme != first:
            raise RemoteError(f"refused a redirect from {first}:// to {scheme}://")
        if kw.get("retries") is None:
            kw["retries"] = urllib3.Retry(connect=1, read=0, redirect=5, status=0, other=0)
        response = super().urlopen(method, url, redirect=redirect and method == "GET", **kw)
        self.__dict__.setdefault("responses", []).append(response)
        return response

    def clear(self) -> None:
        """Close all connections, also those of responses that nobody has read to the end."""
        for response in self.__dict__.pop("responses", []):
            response.close()
        super().clear()


class GuardedProxy(GuardedPool, urllib3.ProxyManager):
    """Connections to HTTP servers through a proxy."""


def _make_pool(url: str, timeout: float) -> GuardedPool:
    settings: dict[str, Any] = {
        "headers": {"User-Agent": default_user_agent_string()},
        "timeout": timeout,
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": certificates(),
    }
    proxy = find_proxy(url)
    if proxy is None:
        return GuardedPool(**settings)
    return GuardedProxy(proxy.url, proxy_headers=proxy.headers, **settings)


def _as_bytes(text: str | None) -> str | None:
    """Return a text whose characters are the bytes of ``text`` in UTF-8."""
    return None if text is None else text.encode("utf-8", "surrogateescape").decode("latin-1")
