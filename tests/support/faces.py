"""One scenario for both faces of vost: asyncio, trio, and blocking without an event loop.

How to write a scenario
-----------------------
A scenario is an ``async def test_...`` in ``tests/scenarios``, written against the async API. It
runs on asyncio and on trio against ``vost``, and a third time against ``vost_sync``: there the
objects are wrapped in ``Blocking``, which has the async spelling of design section 4 on the
outside and calls the real blocking API inside, and the scenario is driven without an event loop.

* Fixtures (see ``tests/scenarios/conftest.py``): ``store`` is an empty store with a branch
  ``main``, on disk and in memory; ``disk_store`` is on disk only, at ``repo``; ``face`` is the
  package under test: ``await face.GitStore.open(path)``, ``face.FS(store, oid)``,
  ``await face.retry_write(store, ...)``.
* Values and errors are the same in both faces: import them from ``vost``
  (``from vost import FileType, StaleSnapshotError``), the functional names from ``face``.
* Await nothing but vost: no ``anyio.sleep``, no task groups. What needs these is no scenario:
  restrict such a test to the async faces with
  ``pytestmark = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)``.
* ``collect(fs.log())`` makes a list of an async iterator.
* ``face.is_blocking`` tells the faces apart where they differ on purpose; ``unwrapped(obj)`` is
  the real object behind a wrapper.
* After each scenario ``git fsck --strict`` judges every ``tmp_path/*.git``, and nothing temporary
  may be left in them. A test that damages a repository says so:
  ``@pytest.mark.damages("what it breaks")``.
"""

from __future__ import annotations

import inspect
import io
from dataclasses import dataclass
from types import GeneratorType, ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import vost
import vost.files

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine

Backend = tuple[str, dict[str, Any]]
"""A value of the fixture ``anyio_backend``."""

ASYNC_FACES: tuple[Backend, ...] = (("asyncio", {}), ("trio", {}))
"""The event loops, as values of the fixture ``anyio_backend``."""

BLOCKING: Backend = ("blocking", {})
"""The value of the fixture ``anyio_backend`` for the blocking face."""

# Async methods whose blocking spelling is another one: design section 4.
_SPELLINGS: dict[tuple[str, str], Callable[..., Any]] = {
    ("RefDict", "set"): lambda refs, *args, **options: _set_and_fetch(refs, *args, **options),
    ("RefDict", "delete"): lambda refs, name: refs.__delitem__(name),
    ("RefDict", "contains"): lambda refs, name: name in refs,
    ("RefDict", "count"): len,
    ("RefDict", "keys"): lambda refs: list(refs.keys()),
    ("RefDict", "values"): lambda refs: list(refs.values()),
    ("RefDict", "items"): lambda refs: list(refs.items()),
    ("RefDict", "set_current"): lambda refs, name: setattr(refs, "current", name),
    ("NoteNamespace", "set"): lambda notes, key, text: notes.__setitem__(key, text),
    ("NoteNamespace", "delete"): lambda notes, key: notes.__delitem__(key),
    ("NoteNamespace", "contains"): lambda notes, key: key in notes,
    ("NoteNamespace", "count"): len,
    ("NoteNamespace", "keys"): lambda notes: list(notes.keys()),
    ("NoteNamespace", "values"): lambda notes: list(notes.values()),
    ("NoteNamespace", "items"): lambda notes: list(notes.items()),
    ("NoteNamespace", "set_for_current_branch"): (
        lambda notes, text: setattr(notes, "for_current_branch", text)
    ),
    ("NoteDict", "contains"): lambda notes, name: name in notes,
    ("NotesBatch", "set"): lambda batch, key, text: batch.__setitem__(key, text),
    ("NotesBatch", "delete"): lambda batch, key: batch.__delitem__(key),
}

# The wrapper of each object, so that `is` means the same in both faces.
_wrappers: WeakValueDictionary[int, Blocking] = WeakValueDictionary()


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end without an event loop.

    Raises:
        RuntimeError: If it suspends: it awaited something that needs a loop.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} suspended: a scenario may await nothing but vost")


async def collect(iterator: AsyncIterable[Any]) -> list[Any]:
    """Return all items of an async iterator."""
    return [item async for item in iterator]


def face_id(backend: Backend) -> str:
    """Return the name of a face, for the ids of parametrised tests."""
    return backend[0]


@dataclass(frozen=True)
class Face:
    """The package under test, in its async spelling.

    Args:
        name: ``"asyncio"``, ``"trio"`` or ``"blocking"``.
        package: ``vost`` or ``vost_sync``.
    """

    name: str
    package: ModuleType

    @property
    def is_blocking(self) -> bool:
        """Whether this is the blocking face."""
        return self.name == "blocking"

    def __getattr__(self, name: str) -> Any:
        """Return a public class or function of the package."""
        found = getattr(self.package, name)
        if found is getattr(vost, name):
            return found  # the async face, or a value or error that both faces share
        if isinstance(found, type):
            return BlockingClass(found)
        return _spelled_as(getattr(vost, name), found)


class BlockingClass:
    """A class of the blocking face in its async spelling: call it, or its class methods.

    Args:
        real: The class.
    """

    def __init__(self, real: type) -> None:
        self._real = real

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return wrapped(self._real(*unwrapped(args), **unwrapped(kwargs)))

    def __getattr__(self, name: str) -> Any:
        return _spelled_as(
            getattr(getattr(vost, self._real.__name__), name), getattr(self._real, name)
        )


class Blocking:
    """An object of the blocking face in its async spelling.

    What the async class has as a coroutine method is one here that makes the blocking call when
    it is awaited; the same goes for async properties, iterators and context managers.

    Args:
        real: The object.
        model: The class of the async face that it corresponds to.
    """

    def __init__(self, real: Any, model: type) -> None:
        self._real = real
        self._model = model

    def __repr__(self) -> str:
        return repr(self._real)

    def __getattr__(self, name: str) -> Any:
        model = inspect.getattr_static(self._model, name, None)
        spelling = _SPELLINGS.get((self._model.__name__, name))
        if spelling is not None:
            return _spelled_as(model, lambda *args, **kwargs: spelling(self._real, *args, **kwargs))
        if isinstance(model, property):
            return _spelled_property(model, lambda: getattr(self._real, name))
        found = getattr(self._real, name)
        return _spelled_as(model, found) if callable(found) else wrapped(found)

    def __getitem__(self, key: Any) -> Any:
        model = inspect.getattr_static(self._model, "__getitem__")
        return _spelled_as(model, self._real.__getitem__)(key)

    async def __aenter__(self) -> Any:
        return wrapped(self._real.__enter__())

    async def __aexit__(self, *exc_info: Any) -> Any:
        return self._real.__exit__(*exc_info)

    def __aiter__(self) -> AsyncIterator[Any]:
        return _spelled_iterator(iter(self._real))


def wrapped(value: Any) -> Any:
    """Return a value of the blocking face in its async spelling; plain values as they are."""
    if type(value) in (list, tuple):
        return type(value)(wrapped(item) for item in value)
    if type(value) is dict:
        return {key: wrapped(item) for key, item in value.items()}
    model = _model_of(type(value))
    if model is None:
        return value
    wrapper = _wrappers.get(id(value))
    if wrapper is None:
        wrapper = _wrappers[id(value)] = Blocking(value, model)
    return wrapper


def unwrapped(value: Any) -> Any:
    """Return the real object behind a wrapper, also inside of plain containers."""
    if isinstance(value, Blocking):
        return value._real
    if type(value) in (list, tuple, set):
        return type(value)(unwrapped(item) for item in value)
    if type(value) is dict:
        return {key: unwrapped(item) for key, item in value.items()}
    if isinstance(value, GeneratorType):
        return (unwrapped(item) for item in value)
    return value


def _model_of(kind: type) -> type | None:
    """Return the async class that a class of the blocking face corresponds to."""
    if kind.__module__.partition(".")[0] != "vost_sync":
        return None
    name = kind.__name__.replace("TextWriter", "Writer")
    model = getattr(vost, name, None) or getattr(vost.files, name, None)
    if model is None and issubclass(kind, io.IOBase):
        raise TypeError(f"no async class corresponds to {kind}")
    return model


def _spelled_as(model: Any, real: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``real`` as a coroutine function, an async generator or a plain one, as ``model``."""
    model = inspect.unwrap(getattr(model, "__func__", model)) if model is not None else None

    def call(*args: Any, **kwargs: Any) -> Any:
        return wrapped(real(*unwrapped(args), **unwrapped(kwargs)))

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    def iterated(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        return _spelled_iterator(real(*unwrapped(args), **unwrapped(kwargs)))

    if inspect.iscoroutinefunction(model):
        return awaited
    return iterated if inspect.isasyncgenfunction(model) else call


def _spelled_property(model: property, fetch: Callable[[], Any]) -> Any:
    async def awaited() -> Any:
        return wrapped(fetch())

    return awaited() if inspect.iscoroutinefunction(model.fget) else wrapped(fetch())


async def _spelled_iterator(real: Any) -> AsyncIterator[Any]:
    for item in real:
        yield wrapped(item)


def _set_and_fetch(refs: Any, name: Any, fs: Any, **options: Any) -> Any:
    if options:
        return refs.set(name, fs, **options)
    refs[name] = fs
    return refs[name]
