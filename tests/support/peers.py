"""Real Git servers on 127.0.0.1: git daemon, git http-backend behind HTTP, and sshd.

Each is started by a context manager and ended with it.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.gitcli import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 10.0
_COPIED = ("CONTENT_TYPE", "HTTP_GIT_PROTOCOL", "HTTP_CONTENT_ENCODING")


@dataclass
class Peer:
    """A server that is running.

    Args:
        url: URL of the directory that it serves.
        pids: Processes that belong to it.
        requests: For HTTP: method, path and authorization of each request.
    """

    url: str
    pids: list[int] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens on a port of 127.0.0.1.

    Raises:
        AssertionError: If the process ends before, or takes too long.
    """
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            threading.Event().wait(0.02)
        else:
            return
    raise AssertionError(f"{process.args!r} does not listen on port {port}")


@contextmanager
def _running(
    command: list[str], port: int, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(port, process)
        yield process
    finally:
        # git is a parent of git-daemon: the session of ours has no other processes.
        os.killpg(process.pid, 15)
        process.wait(_PATIENCE)


@contextmanager
def git_daemon(directory: Path, home: Path) -> Iterator[Peer]:
    """Serve all repositories below a directory with ``git daemon``, for pushing too."""
    port = free_port()
    command = ["git", "daemon", "--export-all", "--enable=receive-pack", "--reuseaddr"]
    command += ["--listen=127.0.0.1", f"--port={port}", f"--base-path={directory}", "--", directory]  # type: ignore[list-item]
    with _running(command, port, clean_environment(home)) as process:
        yield Peer(f"git://127.0.0.1:{port}", [process.pid])


class _Backend(BaseHTTPRequestHandler):
    """Runs ``git http-backend`` for each request, as a web server would."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        given = self.headers.get("Authorization")
        self.server.peer.requests.append((self.command, self.path, given))
        redirect = self.server.redirects.get(parts.path.split("/")[1])
        if redirect is not None:
            self._send(302, {"Location": redirect + self.path.split("/", 2)[2]}, b"")
            return
        login = self.server.login
        if login is not None:
            expected = "Basic " + base64.b64encode(":".join(login).encode()).decode()
            if given != expected:
                self._send(401, {"WWW-Authenticate": 'Basic realm="test"'}, b"who are you?\n")
                return
        environment = self.server.environment | {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "tester",
            "REMOTE_ADDR": "127.0.0.1",
        }
        result = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env=environment,
            capture_output=True,
            check=False,
            timeout=_PATIENCE * 6,
        )
        head, _, content = result.stdout.partition(b"\r\n\r\n")
        headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n") if line)
        status = int(headers.pop("Status", "200").split()[0])
        self._send(status, headers, content)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: clients may hang up."""

    environment: dict[str, str]
    login: tuple[str, str] | None
    redirects: dict[str, str]
    peer: Peer


@contextmanager
def http_backend(
    directory: Path,
    home: Path,
    *,
    login: tuple[str, str] | None = None,
    redirects: dict[str, str] | None = None,
    certificate: Path | None = None,
) -> Iterator[Peer]:
    """Serve all repositories below a directory over HTTP.

    Args:
        directory: Where they are.
        home: An empty directory that serves as ``HOME``.
        login: User and password that are asked for; ``None``: none.
        redirects: First component of a path, to the URL that it is redirected to.
        certificate: A file with a key and its certificate, to be used for HTTPS.
    """
    server = _Server(("127.0.0.1", 0), _Backend)
    server.environment = clean_environment(home) | {
        "GIT_PROJECT_ROOT": str(directory),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.receivepack",
        "GIT_CONFIG_VALUE_0": "true",
    }
    server.login = login
    server.redirects = redirects or {}
    scheme = "http"
    if certificate is not None:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # Clients shake hands in a thread of their own: one that breaks off disturbs nobody.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.peer = Peer(f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(path: Path) -> Path:
    """Write a new key and its certificate for 127.0.0.1, signed by itself, to a file."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = subprocess.run([*command, "-keyout", "-"], check=True, capture_output=True)
    path.write_bytes(made.stdout)
    return path


def find_sshd() -> str | None:
    """Return the path of sshd, which must be called by it; ``None``: it is not installed."""
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@dataclass
class SshPeer(Peer):
    """An sshd that is running.

    Args:
        command: The value of ``GIT_SSH_COMMAND`` with which it is reached.
    """

    command: str = ""


@contextmanager
def ssh_server(directory: Path, home: Path) -> Iterator[SshPeer]:
    """Run sshd as an ordinary process: its own configuration, key and port, login by key only.

    Args:
        directory: Where the repositories are, for the URL.
        home: A directory for keys and configuration.
    """
    sshd = find_sshd()
    assert sshd is not None
    for name in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True
        )
    keys = home / "authorized_keys"
    keys.write_text((home / "user_key.pub").read_text())
    keys.chmod(0o600)
    port = free_port()
    config = home / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home / 'host_key'}\n"
        f"AuthorizedKeysFile {keys}\nPidFile none\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        "AcceptEnv GIT_*\n"
    )
    known = home / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(home / 'host_key.pub').read_text()}")
    privileges = Path("/run/sshd")
    if os.geteuid() == 0:
        privileges.mkdir(exist_ok=True)  # where Debian's sshd wants an empty directory
    command = (
        f"ssh -F /dev/null -i {home / 'user_key'} -o IdentitiesOnly=yes"
        f" -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes"
    )
    with _running([sshd, "-D", "-e", "-f", str(config)], port, clean_environment(home)) as process:
        yield SshPeer(f"ssh://127.0.0.1:{port}{directory}", [process.pid], command=command)
