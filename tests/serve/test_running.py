"""The runner: limits and time-outs, errors, and how it stops. Real sockets, no sleeps."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import threading

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.support.serving import Running, received
from vost.serve.running import Address, Limits, serve, stopping

QUICK = Limits(head_time=0.2, body_time=0.2, write_time=0.2, idle_time=0.2, stop_time=0.2)
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def echo(scope, receive, send):
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % len(body)})


async def endless(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
        await asyncio.sleep(0)


def status_of(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer
    return int(found[1])


@pytest.fixture(params=["httptools", "h11"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "h11":
        monkeypatch.setattr("vost.serve.connections.Base", H11Protocol)
    return request.param


def test_banner_has_the_port_that_the_system_chose_and_clients_can_connect() -> None:
    with Running(hello) as server:
        assert server.address.port > 0
        assert server.url == f"http://127.0.0.1:{server.address.port}/"
        assert server.get("/").body == b"hello"


def test_ipv6_host_is_served_and_shown_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6: {error}")
    with Running(hello, host="::1") as server:
        assert server.url == f"http://[::1]:{server.address.port}/"
        assert server.get("/").body == b"hello"


def test_localhost_is_served_on_one_port() -> None:
    with Running(hello, host="localhost") as server:
        assert server.get("/").body == b"hello"
        with socket.create_connection(("127.0.0.1", server.address.port)) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"hello" in received(connection)


@pytest.mark.parametrize(
    "address, reason",
    [
        (Address("host.invalid", 0), "host.invalid:0: "),
        (Address("127.0.0.1", 70_000), "127.0.0.1:70000: "),
        (Address("a..b", 0), "a..b:0: "),
        (Address("192.0.2.1", 0), "192.0.2.1:0: cannot assign requested address"),
    ],
)
def test_where_nobody_can_listen_is_an_error_that_says_where(address, reason) -> None:
    with pytest.raises(OSError, match=re.escape(f"Cannot listen on {reason}")):
        asyncio.run(serve(hello, address, on_listening=lambda _: None))


def test_port_in_use_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = Address("127.0.0.1", other.getsockname()[1])
        with pytest.raises(OSError, match="address already in use") as raised:
            asyncio.run(serve(hello, address, on_listening=lambda _: None))
    assert raised.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 500_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 20_000,
    ],
    ids=["target", "header", "endless header", "many headers", "endless headers"],
)
def test_head_beyond_the_limits_is_refused(parser: str, head: bytes) -> None:
    with Running(hello, QUICK) as server:
        assert status_of(server.exchange(head)) in {414, 431}
        assert server.get("/").body == b"hello"


def test_head_at_the_limit_is_served(parser: str) -> None:
    with Running(hello) as server:
        assert server.get("/" + "a" * 64_000).status == 200


def test_header_sent_during_an_answer_is_bounded() -> None:
    """The next request may come early, but not without an end. (With h11 it is not read at all.)"""
    with Running(endless, QUICK) as server, server.connect() as connection:
        connection.sendall(GET)
        assert connection.recv(1) == b"H"
        reader = threading.Thread(target=received, args=[connection])
        reader.start()
        with pytest.raises(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
            while True:
                connection.sendall(bytes(b"a" * 65_536))
        reader.join()


@pytest.mark.parametrize(
    "tail", [b"0\r\nX: " + b"a" * 400_000, b"1;" + b"a" * 400_000], ids=["trailer", "extension"]
)
def test_what_is_no_body_is_bounded_in_chunks(parser: str, tail: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Running(echo, QUICK) as server:
        assert not server.exchange(head + tail).startswith(b"HTTP/1.1 200")
        assert server.request("POST", "/", body=b"abc").body == b"3"


def test_thousands_of_requests_at_once_are_refused() -> None:
    with Running(hello, QUICK) as server:
        assert server.exchange(GET * 10_000).count(b"HTTP/1.1 200") < 100
        assert server.get("/").body == b"hello"


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"\r\n"], ids=["nothing", "half", "line end"])
def test_head_that_does_not_come_in_time_is_not_waited_for(parser: str, sent: bytes) -> None:
    with Running(hello, QUICK) as server:
        # A line end alone is no request to h11.
        assert status_of(server.exchange(sent)) == (
            400 if (parser, sent) == ("h11", b"\r\n") else 408
        )


def test_bytes_that_trickle_in_do_not_buy_time(parser: str) -> None:
    with Running(hello, QUICK) as server, server.connect() as connection:
        connection.sendall(GET)
        assert connection.recv(1) == b"H"
        done = threading.Event()

        def trickle() -> None:
            while not done.wait(0.02):
                try:
                    connection.sendall(b"\r\n")
                except OSError:
                    return

        trickling = threading.Thread(target=trickle)
        trickling.start()
        assert received(connection)
        done.set()
        trickling.join()


def test_body_that_stops_coming_ends_the_connection(parser: str) -> None:
    with Running(echo, QUICK) as server:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
        assert server.exchange(head) == b""


def test_idle_connection_is_closed(parser: str) -> None:
    with Running(hello, QUICK) as server:
        assert server.exchange(GET).endswith(b"hello\r\n0\r\n\r\n")


def test_client_that_reads_nothing_is_closed(parser: str) -> None:
    ended = threading.Event()

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        task = asyncio.ensure_future(endless(scope, receive, send))
        await receive()  # the request
        await receive()  # the end of the connection
        task.cancel()
        ended.set()

    with Running(app, QUICK) as server, server.connect() as connection:
        connection.sendall(GET)
        assert ended.wait(20)


def test_too_many_connections_are_told_so(parser: str) -> None:
    with Running(hello, Limits(connections=2)) as server:
        with server.connect() as first, server.connect() as second:
            first.sendall(GET)
            second.sendall(GET)
            assert first.recv(1) == second.recv(1) == b"H"
            answer = server.exchange(GET)
            assert status_of(answer) == 503
            assert b"Too many connections: try again later" in answer
        assert server.get("/").status in {200, 503}


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_request_is_answered_with_400(parser: str, sent: bytes) -> None:
    async def reading(scope, receive, send):
        assert scope["type"] == "http"
        while (await receive())["type"] != "http.disconnect":
            pass

    with Running(reading, QUICK) as server:
        answer = server.exchange(sent)
        assert not answer or status_of(answer) == 400
        assert server.shown_lines == [] or "Traceback" not in "".join(server.shown_lines)


@pytest.mark.parametrize("method", ["FOO", "get", "BREW-COFFEE"])
def test_methods_that_nobody_knows_are_not_allowed(parser: str, method: str) -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        headers = [(b"allow", b"GET, HEAD, OPTIONS"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 405, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    with Running(app, QUICK) as server:
        answer = server.exchange(GET.replace(b"GET", method.encode()))
    assert status_of(answer) == 405
    assert b"\r\nallow: GET, HEAD, OPTIONS\r\n" in answer


def test_error_before_the_answer_is_a_500_and_one_line_in_the_log() -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        raise ValueError("line\none")

    server = Running(app, quiet=True)
    with server:
        answer = server.get("/x?y=1")
    assert (answer.status, answer.body) == (500, b"Internal server error")
    assert server.shown_lines == ["ERROR: GET /x?y=1 HTTP/1.1: ValueError: line\\x0aone"]


def test_error_in_the_middle_of_an_answer_cuts_it_off(parser: str) -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise ValueError("no")

    with Running(app) as server:
        answer = server.exchange(GET)
    assert b"part" in answer
    assert not answer.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("pieces", [[b"part", b"", b"last"], [b"all"], [b""], [b"part", b""]])
def test_old_clients_get_no_chunks(parser: str, pieces: list[bytes]) -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number, piece in enumerate(pieces, 1):
            more = number < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    with Running(app) as server:
        answer = server.exchange(b"GET /a HTTP/1.0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"chunked" not in head.lower()
        assert b"connection: close" in head.lower()
        assert body == b"".join(pieces)
        assert b"chunked" in server.exchange(GET.replace(b"Host", b"Connection: close\r\nHost"))
    assert not [line for line in server.shown_lines if "ERROR" in line]


def test_stop_lets_an_answer_finish() -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        begun.set()
        await asyncio.to_thread(go_on.wait)
        await send({"type": "http.response.body", "body": b"last"})

    with Running(app) as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert begun.wait(20)
        server.stop_soon()
        while True:  # it accepts nobody any more
            try:
                server.connect().close()
            except ConnectionError:
                break
        go_on.set()
        assert b"last" in received(connection)


def test_stop_ends_answers_that_do_not_end(parser: str) -> None:
    cancelled = threading.Event()

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        try:
            await endless(scope, receive, send)
        finally:
            cancelled.set()

    with Running(app, QUICK) as server, server.connect() as connection:
        connection.sendall(GET)
        assert connection.recv(1) == b"H"
        server.stop()
        assert cancelled.is_set()


def test_answers_without_end_learn_that_the_server_stops() -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        event = stopping(scope)
        assert event is not None
        await event.wait()
        await send({"type": "http.response.body", "body": b"last"})

    with Running(app, Limits(stop_time=1000)) as server, server.connect() as connection:
        connection.sendall(GET)
        assert connection.recv(1) == b"H"
        server.stop()
        assert b"last" in received(connection)


def test_stopping_is_unknown_under_another_server() -> None:
    assert stopping({"type": "http"}) is None


def test_many_slow_clients_do_not_delay_a_fast_one() -> None:
    with Running(hello) as server:
        slow = [server.connect() for _ in range(200)]
        try:
            for connection in slow:
                connection.sendall(b"GET / HTTP/1.1\r\nX")
            assert server.get("/").body == b"hello"
        finally:
            for connection in slow:
                connection.close()
