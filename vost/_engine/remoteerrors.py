"""What goes wrong between two repositories, in our own errors and without credentials."""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import urllib3.exceptions
from dulwich.client import HTTPProxyUnauthorized, HTTPUnauthorized, InvalidWants
from dulwich.errors import (
    GitProtocolError,
    HangupException,
    NotGitRepository,
    SendPackError,
)

from vost._engine.connections import ShellClient
from vost._model.errors import (
    RemoteAccessError,
    RemoteConnectionError,
    RemoteError,
    RepositoryNotFoundError,
    VostError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dulwich.client import GitClient
    from typing_extensions import ParamSpec

    from vost._engine.remotes import Remote

    P = ParamSpec("P")

T = TypeVar("T")
_Client = TypeVar("_Client", bound="GitClient")

_LONGEST = 500
_NOT_FOUND = re.compile(
    r"not exported|not found|does not appear to be a git repository|no such|does not exist"
    r"|not a git repository",
    re.IGNORECASE,
)
_NO_ACCESS = re.compile(
    r"permission denied|access denied|authentication|unauthorized|\b40[13]\b|host key verification"
    r"|service not enabled",
    re.IGNORECASE,
)
_NO_CONNECTION = re.compile(
    r"could not resolve|connection (?:refused|reset|closed|timed out)|timed out|no route|"
    r"network is unreachable|broken pipe",
    re.IGNORECASE,
)
# What is wrong with the connection itself.
_BROKEN = (OSError, urllib3.exceptions.HTTPError)
# What dulwich raises when the other side does not speak the protocol: it expects good manners.
_BAD_MANNERS = (
    AssertionError,
    AttributeError,
    IndexError,
    InvalidWants,
    KeyError,
    NotImplementedError,
    TypeError,
    ValueError,
)


class Conversation:
    """What happens with one remote: its client, and what our own code raised meanwhile."""

    def __init__(self) -> None:
        self.client: GitClient | None = None
        self.own_error: BaseException | None = None

    def enter(self, client: _Client) -> _Client:
        """Take a client, which is closed at the end."""
        self.client = client
        return client

    def guard(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return ``function`` so that its errors are told apart from those of the conversation."""

        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                self.own_error = error
                raise

        return guarded

    def guard_each(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items of an iterator of ours, whose errors are told apart likewise."""
        try:
            yield from items
        except GeneratorExit:
            raise  # nobody wants more: that is no error of ours
        except BaseException as error:
            self.own_error = error
            raise


@contextmanager
def translated(remote: Remote, check: Callable[[], None]) -> Iterator[Conversation]:
    """Turn whatever a conversation with a remote raises into errors of ours.

    Args:
        remote: The remote.
        check: Raises when the caller was cancelled: that goes before every other error.

    Raises:
        RemoteError: If the conversation fails.
        RepositoryNotFoundError: If there is no repository at that place.
    """
    conversation = Conversation()
    try:
        yield conversation
    except Exception as error:
        check()
        own = conversation.own_error
        if own is not None and own is not error:
            raise own from own.__cause__  # dulwich or urllib3 have made something else of it
        if own is error or isinstance(error, VostError):
            raise
        problem = translate(error, remote, conversation.client)
        if problem is None:
            raise
        raise problem from error
    finally:
        if conversation.client is not None:
            conversation.client.close()


def translate(error: Exception, remote: Remote, client: GitClient | None) -> VostError | None:
    """Return the error of ours for one of dulwich or the system; ``None``: it is a bug."""
    where = remote.display
    if isinstance(error, NotGitRepository):
        return _not_found(where)
    if isinstance(error, HTTPProxyUnauthorized):
        return RemoteAccessError(errno.EACCES, "no access: the proxy wants credentials", where)
    if isinstance(error, HTTPUnauthorized):
        given = "the credentials are refused" if remote.user else "credentials are needed"
        return RemoteAccessError(errno.EACCES, f"no access: {given}", where)
    said = client.complaint() if isinstance(client, ShellClient) else ""
    if not said and isinstance(error, GitProtocolError) and not isinstance(error, HangupException):
        said = _text_of(error)
    said = printable(remote.without_secrets(said))[:_LONGEST]
    if isinstance(error, SendPackError):
        return RemoteError(f"{where} could not take in the objects: {said}")
    if _is_about_connecting(error) or (
        isinstance(error, HangupException) and (not said or _NO_CONNECTION.search(said))
    ):
        reason = _reason(error)
        if not isinstance(_root(error), TimeoutError):
            reason = said or reason
        elif said not in {"", reason}:
            reason += f" ({said})"  # a greeting, or what it was about
        return RemoteConnectionError(errno.ECONNABORTED, f"no connection: {reason}", where)
    if not isinstance(error, (GitProtocolError, OSError, *_BAD_MANNERS)):
        return None
    if _NOT_FOUND.search(said):
        return _not_found(where, said)
    if _NO_ACCESS.search(said):
        return RemoteAccessError(errno.EACCES, f"no access: {said}", where)
    if _NO_CONNECTION.search(said):
        return RemoteConnectionError(errno.ECONNABORTED, f"no connection: {said}", where)
    if isinstance(error, _BAD_MANNERS):
        return RemoteError(f"{where} does not speak Git's protocol, or speaks it wrongly")
    return RemoteError(f"{where}: {said or _reason(error)}")


def printable(text: str) -> str:
    """Return what the other side said, without what would steer a terminal."""
    lines = " ".join(text.split())
    return "".join(char if char.isprintable() else "?" for char in lines)


def _not_found(where: str, said: str = "") -> RepositoryNotFoundError:
    more = f" ({said})" if said else ""
    return RepositoryNotFoundError(errno.ENOENT, f"Repository not found{more}", where)


def _is_about_connecting(error: Exception) -> bool:
    # dulwich makes its own errors of what breaks a connection, but not always.
    return isinstance(error, _BROKEN) or isinstance(error.__cause__, _BROKEN)


def _text_of(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    if isinstance(cause, urllib3.exceptions.ProxyError):
        return f"the proxy: {_reason(cause)}"
    return str(error) if not isinstance(cause, _BROKEN) else _reason(cause)


def _reason(error: BaseException) -> str:
    error = _root(error)
    if isinstance(error, HangupException):
        return "the other side hung up"
    if isinstance(error, TimeoutError):
        return "the other side does not answer"
    if isinstance(error, OSError):
        name = f": {error.filename}" if isinstance(error.filename, str) else ""
        return (error.strerror or str(error) or type(error).__name__) + name
    return type(error).__name__


def _root(error: BaseException) -> BaseException:
    """Return what is below the errors of dulwich and urllib3: mostly an error of the system."""
    below: object = error
    while isinstance(below, BaseException):
        error = below
        if isinstance(error, OSError):
            break
        wrapped = (getattr(error, "reason", None), *error.args, error.__cause__)
        below = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)
    return error
