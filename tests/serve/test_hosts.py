"""Only known hosts are answered: a page of a foreign site must not read what is served here."""

from __future__ import annotations

import asyncio

import pytest

from vost.serve.hosts import HostCheck


async def accept(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def answer(check: HostCheck, *hosts: bytes, version: str = "1.1") -> tuple[int, bytes]:
    scope = {
        "type": "http",
        "http_version": version,
        "method": "GET",
        "headers": [(b"accept", b"*/*"), *((b"host", host) for host in hosts)],
    }
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(check(scope, None, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    "host",
    [
        *(b"localhost", b"localhost:8000", b"LocalHost.", b"127.0.0.1", b"127.0.0.1:80"),
        *(b"[::1]", b"[::1]:8000", b"[0:0:0:0:0:0:0:1]:8000", b"files.example:8000"),
        *(b"[fd00::1]:80", b"localhost:"),
    ],
)
def test_known_host_is_answered_again_and_again(host: bytes) -> None:
    check = HostCheck(accept, ["Files.Example", "fd00::1"])
    assert [answer(check, host)[0] for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    "host",
    [
        *(b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example:8000"),
        *(b"evil.example@localhost", b"localhost@evil.example", b"", b"localhost:80:80"),
        *(b"::1", b"[::1", b"10.0.0.1", b"localhost, evil.example", b"localhost/evil"),
        *(b"\xff", b"[::ffff:10.0.0.1]", b"2130706433", b"localhost\x00"),
    ],
)
def test_foreign_host_is_refused(host: bytes) -> None:
    status, body = answer(HostCheck(accept), host)
    assert status == 403
    assert body.startswith(b"Host not allowed: ")


def test_refusal_shows_the_name_escaped() -> None:
    _, body = answer(HostCheck(accept), b"a\x1b<b>")
    assert body.startswith(rb"Host not allowed: a\x1b<b> (start the server with --allow-host")


@pytest.mark.parametrize("hosts", [[], [b"localhost", b"localhost"], [b"localhost", b"evil"]])
def test_there_has_to_be_one_host(hosts: list[bytes]) -> None:
    assert answer(HostCheck(accept), *hosts)[0] == 400


def test_client_of_http_1_0_need_not_name_a_host() -> None:
    assert answer(HostCheck(accept), version="1.0")[0] == 200


def test_server_on_all_addresses_answers_to_each_address_and_to_no_name() -> None:
    check = HostCheck(accept, ["0.0.0.0"], any_address=True)
    assert answer(check, b"10.0.0.1:8000")[0] == 200
    assert answer(check, b"[fd00::2]:8000")[0] == 200
    assert answer(check, b"evil.example")[0] == 403


def test_star_allows_all() -> None:
    assert answer(HostCheck(accept, ["*"]), b"evil.example")[0] == 200
