"""Runs the coroutines of vost to their end, right here on the caller's thread.

In the seam's inline mode nothing below a public coroutine ever suspends, so one ``send(None)``
carries it to its result. There is no event loop and no other thread: it works inside a running
loop too (which it blocks, as any blocking call does), after a fork, and ``KeyboardInterrupt``
lands in the caller.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload
from weakref import WeakValueDictionary

# Set directly: the context manager around it would cost as much as all the rest of a call.
from vost._offload import _inline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

    from _typeshed import SupportsKeysAndGetItem
    from typing_extensions import Self

T = TypeVar("T")
U = TypeVar("U")
Aio = TypeVar("Aio")

# Every live facade by the id of what it stands for. A facade keeps that object alive, so an id
# can only be used again when its facade is gone. It makes facades as identical as what they stand
# for: `fs.back(0) is fs`, as in the async API.
_facades: WeakValueDictionary[int, Facade[Any]] = WeakValueDictionary()

_set_inline = _inline.set
_reset_inline = _inline.reset


class Facade(Generic[Aio]):
    """A blocking object that stands for an async one."""

    __slots__ = ("__weakref__", "_aio")

    _aio: Aio

    def __init_subclass__(cls) -> None:
        """Show the public place of the class in messages and pickles."""
        cls.__module__ = cls.__module__.partition(".")[0]

    def __init__(self, *_args: object, **_options: object) -> None:
        raise TypeError(f"{type(self).__name__} objects are not made by hand")

    def _stand_for(self, aio: Aio) -> None:
        self._aio = aio
        _facades[id(aio)] = self

    @classmethod
    def _of(cls, aio: Aio) -> Self:
        """Return the one facade of an async object."""
        facade = _facades.get(id(aio))
        if facade is None:
            facade = cls.__new__(cls)
            facade._stand_for(aio)
        return cast("Self", facade)

    def __repr__(self) -> str:
        return repr(self._aio)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of vost to its end and return its result.

    Raises:
        RuntimeError: If the coroutine suspends: it awaited something else than the seam.
    """
    token = _set_inline(True)  # noqa: FBT003  # a context variable takes its value so
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        _reset_inline(token)
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} suspended: blocking calls can await nothing but the seam")


def iterate(iterator: AsyncIterator[T]) -> Iterator[T]:
    """Yield the items of an async iterator of vost, each fetched when it is asked for."""
    try:
        while True:
            try:
                item = _without_hooks(iterator.__anext__)
            except StopAsyncIteration:
                return
            yield item
    finally:
        if isinstance(iterator, AsyncGenerator):
            _without_hooks(iterator.aclose)


def iterate_as(make: Callable[[T], U], iterator: AsyncIterator[T]) -> Iterator[U]:
    """Yield the items of an async iterator of vost, each passed through ``make``."""
    for item in iterate(iterator):
        yield make(item)


def optional(make: Callable[[T], U], value: T | None) -> U | None:
    """Return ``value`` passed through ``make``, or ``None``."""
    return None if value is None else make(value)


def each_value(make: Callable[[T], U], values: dict[str, T]) -> dict[str, U]:
    """Return a dictionary of the same keys, each value passed through ``make``."""
    return {key: make(value) for key, value in values.items()}


@overload
def aio(value: Facade[Aio]) -> Aio: ...


@overload
def aio(value: T) -> T: ...


def aio(value: object) -> object:
    """Return what a facade stands for; anything else as it is, for vost to accept or refuse."""
    return value._aio if isinstance(value, Facade) else value


@overload
def aio_each(values: None) -> None: ...


@overload
def aio_each(values: Iterable[Facade[Aio]]) -> list[Aio]: ...


@overload
def aio_each(values: Iterable[Facade[Aio]] | None) -> list[Aio] | None: ...


def aio_each(values: object) -> object:
    """Return a list of what the given facades stand for; what is no list of them as it is."""
    if isinstance(values, (str, bytes, Facade)) or not isinstance(values, Iterable):
        return aio(values)
    return [aio(value) for value in values]


def aio_items(
    items: SupportsKeysAndGetItem[Any, Any] | Iterable[tuple[Any, Any]], named: dict[str, Any]
) -> dict[Any, Any]:
    """Return a dictionary of what the keys and values stand for, as ``dict.update`` takes them."""
    return {aio(key): aio(value) for key, value in dict(items, **named).items()}


def _without_hooks(step: Callable[[], Awaitable[T]]) -> T:
    """Run one step of an iterator, and let no event loop that runs here adopt its generators.

    A loop would close them later, as tasks of its own, in which nothing is inline.
    """
    hooks = sys.get_asyncgen_hooks()
    if hooks == (None, None):
        return run(cast("Coroutine[Any, Any, T]", step()))
    sys.set_asyncgen_hooks(None, None)
    try:
        return run(cast("Coroutine[Any, Any, T]", step()))
    finally:
        sys.set_asyncgen_hooks(*hooks)
