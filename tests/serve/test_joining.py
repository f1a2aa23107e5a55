"""Small writes of one moment reach the system as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from vost.serve.joining import JoiningTransport

if TYPE_CHECKING:
    from collections.abc import Callable


class Transport:
    """What is below: remembers what comes."""

    def __init__(self) -> None:
        self.came: list[bytes | str] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.came.append(data)

    def write_eof(self) -> None:
        self.came.append("eof")

    def close(self) -> None:
        self.came.append("close")
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 7


class Loop:
    """Turns when it is told to."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], object]] = []

    def call_soon(self, call: Callable[[], object]) -> None:
        self.soon.append(call)

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


def made() -> tuple[JoiningTransport, Transport, Loop]:
    transport, loop = Transport(), Loop()
    return JoiningTransport(transport, loop.call_soon), transport, loop


def test_writes_before_the_next_turn_are_one():
    joining, transport, loop = made()
    joining.write(b"head")
    joining.write(b"body")
    assert transport.came == []
    assert joining.get_write_buffer_size() == 15
    loop.turn()
    assert transport.came == [b"headbody"]
    assert joining.get_write_buffer_size() == 7
    loop.turn()
    joining.write(b"next")
    loop.turn()
    assert transport.came == [b"headbody", b"next"]


def test_what_is_large_goes_at_once_with_what_was_before():
    joining, transport, _ = made()
    joining.write(b"head")
    joining.write(b"x" * 100_000)
    assert transport.came == [b"head" + b"x" * 100_000]
    joining.write(b"y" * 100_000)
    assert len(transport.came) == 2


def test_an_end_comes_after_what_was_written():
    for end in ("eof", "close"):
        joining, transport, _ = made()
        joining.write(b"last")
        (joining.write_eof if end == "eof" else joining.close)()
        assert transport.came == [b"last", end]


def test_nothing_is_written_to_what_closes_already():
    joining, transport, _ = made()
    joining.write(b"late")
    transport.closing = True
    joining.close()
    assert transport.came == ["close"]


def test_all_else_is_asked_of_the_transport():
    joining, transport, _ = made()
    assert joining.is_closing() is False
    transport.closing = True
    assert joining.is_closing() is True


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=5), st.just(b"z" * 70_000), st.none())))
def test_every_byte_arrives_once_and_in_order(steps):
    joining, transport, loop = made()
    for step in steps:
        if step is None:
            loop.turn()
        else:
            joining.write(step)
    loop.turn()
    assert b"".join(transport.came) == b"".join(step for step in steps if step)
