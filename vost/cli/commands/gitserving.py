"""``vost gitserve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import asyncclick as click

from vost.cli import output
from vost.cli.options import pass_session, repo_option
from vost.cli.servers import ServerOptions, run_server, server_options

if TYPE_CHECKING:
    from vost.cli.session import Session


@click.command("gitserve")
@click.option(
    "--backend",
    type=click.Choice(["vost", "git"]),
    default="vost",
    show_default=True,
    help="Who makes the packs: vost, or an installed git.",
)
@server_options
@repo_option
@pass_session
async def gitserve_command(
    session: Session, server: ServerOptions, backend: Literal["vost", "git"]
) -> None:
    """Serve the repository over HTTP to git clone and git fetch, read-only.

    "git clone http://127.0.0.1:8000/ copy" gets branches, tags and notes; pushes are refused. Only
    this machine can connect unless --host says otherwise; there are no passwords.

    Example: vost gitserve -p 8000
    """
    from vost.serve import git  # late, as all that only servers need

    async with await session.open() as store:
        app = git(store, backend=backend)
        await run_server(app, server, f"Serving {output.printable(session.path)}")
