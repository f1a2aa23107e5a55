"""Entity tags and conditions: RFC 9110 sections 8.8.3 and 13, contract 5.4, 5.5 and 9.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.asgi import request
from vost.serve import files
from vost.serve.conditions import entity_tag, is_unchanged, range_applies
from vost.serve.targets import headers_of

TAG = '"abc-json"'
JSON = {"Accept": "application/json"}


@pytest.mark.parametrize(
    "header, unchanged",
    [
        ('"abc-json"', True),
        ('W/"abc-json"', True),
        ('  "abc-json"  ', True),
        ('"x", "abc-json"', True),
        ('"x","abc-json","y"', True),
        ('W/"x" , W/"abc-json"', True),
        (',, "x",, "abc-json"', True),
        ('"a,b", "abc-json"', True),
        ("*", True),
        (" * ", True),
        ("abc-json", True),
        ('"x"', False),
        ('"ABC-JSON"', False),
        ('"abc', False),
        ("", False),
        ('"x" "abc-json"', False),
        ('"*"', False),
        ('w/"abc-json"', False),
        ('"x", garbage, "abc-json"', False),
    ],
)
def test_if_none_match_in_all_its_forms(header, unchanged):
    assert is_unchanged(header, TAG) is unchanged


@given(st.text(max_size=200))
def test_whatever_if_none_match_says_is_answered(header):
    assert is_unchanged(header, TAG) in (True, False)


def test_long_headers_are_judged_in_the_time_that_a_test_has():
    for header in ('"x",' * 20_000, "," * 60_000, '"' * 60_000, " " * 60_000, "W/" * 30_000):
        assert not is_unchanged(header, TAG)


@pytest.mark.parametrize(
    "header, applies",
    [
        (None, True),
        ('"abc-json"', True),
        ('W/"abc-json"', False),
        ('"x"', False),
        ("Wed, 21 Oct 2015 07:28:00 GMT", False),
        ("*", False),
    ],
)
def test_if_range_compares_strongly(header, applies):
    assert range_applies(header, TAG) is applies


def test_tags_are_different_for_different_parts():
    tags = [
        entity_tag("a", *parts)
        for parts in [(), ("b",), ("b", "c"), ("b/c",), ("b\0c",), ("\u00e4",)]
    ]
    assert len(set(tags)) == len(tags)
    assert all(tag.isascii() and tag[0] == tag[-1] == '"' and '"' not in tag[1:-1] for tag in tags)


@pytest.mark.parametrize("target", ["/hello.txt", "/big.bin", "/data", "/", "/data?archive=zip"])
@pytest.mark.parametrize("headers", [{}, JSON], ids=["plain", "json"])
async def test_who_has_it_gets_304(store, target, headers):
    app = files(store, "main", page=False)
    tag = (await request(app, target, headers))["etag"]
    for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        for method in ("GET", "HEAD"):
            reply = await request(app, target, {**headers, "If-None-Match": value}, method)
            assert (reply.status, reply.body, reply["etag"]) == (304, b"", tag)
            assert reply["cache-control"] == "no-cache"
    assert (await request(app, target, {**headers, "If-None-Match": '"x"'})).status == 200


async def test_a_commit_elsewhere_changes_no_tag_but_those_that_show_it(store):
    app = files(store, "main")
    asked = [("/hello.txt", {}), ("/hello.txt", JSON), ("/data", {}), ("/data", JSON), ("/", JSON)]
    before = [(await request(app, *one))["etag"] for one in asked]
    await (await store.branches["main"]).write("other/file", b"x")
    after = [(await request(app, *one))["etag"] for one in asked]
    assert before[:4] == after[:4]
    assert before[4] != after[4]
    assert len(set(after)) == len(after)


async def test_the_condition_comes_before_the_range(store):
    app = files(store, "main")
    tag = (await request(app, "/hello.txt"))["etag"]
    reply = await request(app, "/hello.txt", {"If-None-Match": tag, "Range": "bytes=0-1"})
    assert reply.status == 304


def test_a_list_may_come_in_several_lines():
    lines = [(b"accept", b"*/*"), (b"if-none-match", b'"x"'), (b"if-none-match", b'W/"y"')]
    headers = headers_of({"type": "http", "headers": lines})
    assert headers["if-none-match"] == '"x", W/"y"'
    assert headers["accept"] == "*/*"
