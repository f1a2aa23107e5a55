"""What a server of Git asks a store for."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from vost._arguments import check_protocol
from vost._offload import check, run, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from vost._engine.repository import Repository


class ServeOperations:
    """Answers to clients of Git.

    Args:
        repository: The repository of the store.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def advertise_refs(self, *, protocol: int = 0) -> bytes:
        """Return what a server of Git says first: the answer to ``git ls-remote`` over HTTP.

        ``vost.serve.git`` is built on it, and on ``upload_pack``.

        Args:
            protocol: The version of Git's protocol that the client speaks: 0, 1 or 2.

        Raises:
            ValueError: If there is no such version.

        Example:
            >>> answer = await store.advertise_refs()
        """
        check_protocol(protocol)

        def work() -> bytes:
            from vost._engine.advertising import advertisement  # late: only servers do it

            return advertisement(self._repository, protocol)

        return await run(work)

    async def upload_pack(
        self, request: bytes, *, protocol: int = 0, gzipped: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Yield the answer to ``git fetch`` and ``git clone`` over HTTP, in bounded memory.

        The pack is of the moment of the request: what is written meanwhile is not in it.

        Args:
            request: The body of the client's request, 16 MiB at most.
            protocol: The version of Git's protocol that the client speaks: 0, 1 or 2.
            gzipped: Whether the body is compressed.

        Returns:
            Pieces of 64 KiB at most, made when they are asked for. What the client may not have is
            refused in them.

        Raises:
            ValueError: On the first step, if the request is malformed, or there is no such version.
            GitError: If an object is missing or damaged; the client was told so.

        Example:
            >>> async for piece in store.upload_pack(body, protocol=2):
            ...     await send(piece)
        """
        check_protocol(protocol)

        def pieces() -> Iterator[bytes]:
            from vost._engine.uploadpack import answer  # late: only servers do it

            return answer(self._repository, request, protocol, check, gzipped=gzipped)

        async with aclosing(stream(pieces)) as answered:
            async for piece in answered:
                yield piece
