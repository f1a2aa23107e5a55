"""Lines about requests: their form, what is escaped, and where they go."""

from __future__ import annotations

import re

from tests.support.serving import Running
from vost.serve.accesslog import escaped

GET = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LINE = re.compile(
    r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(.*)" (\d{3}) (\d+)'
)


async def hello(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello ", "more_body": True})
    await send({"type": "http.response.body", "body": b"world"})


def fields(line: str) -> tuple[str, ...]:
    found = LINE.fullmatch(line)
    assert found, line
    return found.groups()


def test_each_request_is_one_line_with_the_bytes_of_its_body() -> None:
    server = Running(hello)
    with server:
        server.get("/hello.txt?a=1")
        server.get("/b", method="HEAD")
    assert [fields(line) for line in server.shown_lines] == [
        ("GET /hello.txt?a=1 HTTP/1.1", "200", "11"),
        ("HEAD /b HTTP/1.1", "200", "0"),
    ]


def test_file_gets_the_lines_even_when_quiet(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    server = Running(hello, quiet=True, log_file=path)
    with server:
        server.get("/a")
        server.get("/b")
    assert server.shown == []
    before, first, second = path.read_text().splitlines()
    assert before == "before"
    assert [fields(first)[0], fields(second)[0]] == ["GET /a HTTP/1.1", "GET /b HTTP/1.1"]


def test_client_cannot_forge_a_line() -> None:
    server = Running(hello)
    with server:
        server.exchange(
            b'GET /a"\\\x1b[31m\x7f\xc3\xa9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        )
        server.exchange(b'GET /%0a%22" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    for line in server.shown_lines:
        assert line.isascii()
        assert line.isprintable()
        fields(line)
    assert fields(server.shown_lines[-1])[0] == 'GET /%0a%22\\" HTTP/1.1'


def test_control_characters_are_escaped() -> None:
    assert escaped('a"b\\c\n\x1b[2J\x7f\x85é\u202e') == (
        'a\\"b\\\\c\\x0a\\x1b[2J\\x7f\\xc2\\x85\\xc3\\xa9\\xe2\\x80\\xae'
    )


def test_client_that_goes_before_the_answer_is_logged_as_499() -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        while (await receive())["type"] != "http.disconnect":
            pass

    server = Running(app)
    with server, server.connect() as connection:
        connection.sendall(GET)
        connection.shutdown(1)
        connection.recv(1)
    assert [fields(line) for line in server.shown_lines] == [("GET /a HTTP/1.1", "499", "0")]


def test_screen_that_fails_does_not_keep_the_server_from_serving(tmp_path) -> None:
    def broken(_: str) -> None:
        raise OSError("closed")

    path = tmp_path / "log"
    server = Running(hello, log_file=path)
    server.shown = type("Broken", (), {"append": staticmethod(broken)})()
    with server:
        assert server.get("/").status == 200
    assert len(path.read_text().splitlines()) == 1
