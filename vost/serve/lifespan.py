"""What an ASGI application is told besides requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vost.serve.asgi import Receive, Scope, Send


async def answer_other(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is no HTTP request: there is nothing to start, and there are no web sockets.

    Args:
        scope: The ASGI scope.
        receive: Gives the messages.
        send: Takes the answers.

    Raises:
        ValueError: If nothing of the kind is known.
    """
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
    else:
        raise ValueError(f"Unknown kind of ASGI connection: {scope['type']}")
