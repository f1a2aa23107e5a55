"""What the commands that serve have in common: where to listen, what to say, how to end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

import asyncclick as click

from vost.cli import output
from vost.cli.completing import local_files
from vost.cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost.serve.asgi import ASGIApp

    F = TypeVar("F", bound=Callable[..., object])

_OPTIONS = (
    click.option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        metavar="HOST",
        help="Where to listen; 0.0.0.0 and :: let other machines in.",
    ),
    click.option(
        *("-p", "--port"),
        type=click.IntRange(0, 65_535),
        default=8000,
        show_default=True,
        help="Port; 0: the system chooses one.",
    ),
    click.option(
        "--allow-host",
        multiple=True,
        metavar="NAME",
        help='Another name that clients may use in the URL (repeatable; "*": any).',
    ),
    click.option(
        "--log-file",
        metavar="FILE",
        shell_complete=local_files,
        help="Append a line for each request, in the common log format.",
    ),
    click.option(*("-q", "--quiet"), is_flag=True, help="Show no requests."),
)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options of a server.

    Attributes:
        host: Where it listens.
        port: Where it listens; 0: the system chooses one.
        allowed_hosts: Names besides those of this machine that clients may use.
        log_file: Where a line for each request is appended; ``None``: nowhere.
        quiet: Whether requests are not shown.
    """

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    log_file: str | None
    quiet: bool


def server_options(function: F) -> F:
    """Add the options of a server, handed on as one ``server``."""

    @wraps(function)
    def with_server(
        *args: object,
        host: str,
        port: int,
        allow_host: tuple[str, ...],
        log_file: str | None,
        quiet: bool,
        **kwargs: object,
    ) -> object:
        server = ServerOptions(host, port, allow_host, log_file or None, quiet)
        return function(*args, server=server, **kwargs)

    decorated: Callable[..., object] = with_server
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[return-value]


async def run_server(
    app: ASGIApp,
    server: ServerOptions,
    banner: str,
    *,
    path: str = "",
    on_url: Callable[[str], object] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        app: The application.
        server: Where, and how much is said.
        banner: What is served; the URL is put behind it.
        path: What the URL ends with, without a slash at its start.
        on_url: Called with the URL once clients can connect.

    Raises:
        Failure: If it cannot listen there, or the log cannot be written.
    """
    import asyncio  # late, as all that only servers need

    from vost.serve.hosts import HostCheck
    from vost.serve.running import AccessLog, Address, serve

    address = Address(server.host.removeprefix("[").removesuffix("]"), server.port)
    checked = HostCheck(app, (address.host, *server.allowed_hosts), any_address=address.is_wildcard)

    def listening(bound: Address) -> None:
        url = bound.url + path
        output.note(f"{banner} at {url}")
        output.note("Press Ctrl+C to stop.")
        if on_url is not None:
            on_url(url)

    try:
        log = await asyncio.to_thread(AccessLog, output.note, server.log_file, quiet=server.quiet)
    except OSError as error:
        raise Failure(f"Cannot write the log {server.log_file}: {error.strerror}") from error
    await serve(checked, address, on_listening=listening, log=log)
    output.note("")
    output.note("Stopped.")
