"""Byte ranges: RFC 9110 section 14, contract cli.md 9.3."""

from __future__ import annotations

import email.parser
import email.policy
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serve.conftest import FILES
from tests.support.asgi import request
from vost.serve import files
from vost.serve.ranges import MOST_PARTS, Span, UnsatisfiableRangeError, parse_ranges

BIG = FILES["big.bin"]


@pytest.mark.parametrize(
    "header, spans",
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-99", [(0, 100)]),
        ("bytes=0-100", [(0, 100)]),
        ("bytes=0-", [(0, 100)]),
        ("bytes=99-", [(99, 100)]),
        ("bytes=-1", [(99, 100)]),
        ("bytes=-100", [(0, 100)]),
        ("bytes=-1000", [(0, 100)]),
        ("Bytes=5-9", [(5, 10)]),
        ("bytes = 5-9", [(5, 10)]),
        ("bytes=0-1,5-6", [(0, 2), (5, 7)]),
        ("bytes=5-6, 0-1", [(0, 2), (5, 7)]),
        ("bytes=0-1,,\t5-6,", [(0, 2), (5, 7)]),
        ("bytes=0-5,3-9", [(0, 10)]),
        ("bytes=0-4,5-9", [(0, 10)]),
        ("bytes=0-,0-,0-,0-", [(0, 100)]),
        ("bytes=0-1,200-300", [(0, 2)]),
        ("bytes=-0,5-6", [(5, 7)]),
        ("bytes=" + "9" * 30 + "-,1-1", [(1, 2)]),
        (None, None),
        ("", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=5-2", None),
        ("bytes=1-2-3", None),
        ("bytes=1", None),
        ("bytes=+1-2", None),
        ("bytes=1- 2", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=0x1-2", None),
        ("bytes=1e30-", None),
        ("bytes=" + "9" * 31 + "-", None),
        ("lines=0-1", None),
        ("bytes=0-1,x", None),
        ("bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(16)), "sixteen"),
        ("bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(17)), None),
        ("bytes=" + ",".join(["0-0"] * 10_000), None),
    ],
)
def test_a_header_means_these_spans_of_a_hundred_bytes(header, spans):
    if spans == "sixteen":
        spans = [(2 * n, 2 * n + 1) for n in range(MOST_PARTS)]
    assert parse_ranges(header, 100) == spans


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=-0", "bytes=200-300", "bytes=100-,500-"])
def test_what_lies_behind_the_end_cannot_be_satisfied(header):
    with pytest.raises(UnsatisfiableRangeError):
        parse_ranges(header, 100)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=5-"])
def test_an_empty_file_has_no_ranges(header):
    assert parse_ranges(header, 0) is None


NUMBERS = st.one_of(st.just(""), st.integers(0, 150).map(str))
SPECS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30)


@given(SPECS)
def test_spans_cover_what_each_range_asks_for_and_no_more(specs):
    header = "bytes=" + ",".join(f"{first}-{last}" for first, last in specs)
    wanted: set[int] = set()
    for first, last in specs:
        if first:
            wanted |= set(range(int(first), min(int(last or 99), 99) + 1))
        elif last:
            wanted |= set(range(max(100 - int(last), 0), 100))
    malformed = any(
        (not first and not last) or (first and last and int(last) < int(first))
        for first, last in specs
    )
    try:
        spans = parse_ranges(header, 100)
    except UnsatisfiableRangeError:
        assert not wanted
        assert not malformed
        return
    if malformed:
        assert spans is None
    elif spans is not None:
        assert {n for span in spans for n in range(span.start, span.stop)} == wanted
        pairs = itertools.pairwise(spans)
        assert all(before.stop < after.start for before, after in pairs)


@given(st.text(max_size=60), st.integers(0, 1000))
def test_whatever_a_range_says_is_answered(text, size):
    for header in (text, f"bytes={text}"):
        try:
            spans = parse_ranges(header, size)
        except UnsatisfiableRangeError:
            continue
        assert spans is None or all(0 <= span.start < span.stop <= size for span in spans)


def test_a_span_knows_what_to_say():
    assert Span(5, 10).content_range(100) == "bytes 5-9/100"
    assert Span(5, 10).length == 5


@pytest.mark.parametrize("target", ["/big.bin", "/data/sub/deep.bin"])
async def test_a_part_of_a_file_is_sent(store, target):
    content = FILES[target[1:]]
    app = files(store, "main")
    whole = await request(app, target)
    for header, start, stop in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=-7", len(content) - 7, len(content)),
        ("bytes=50-", 50, len(content)),
        ("bytes=10-19,15-29", 10, 30),
    ]:
        reply = await request(app, target, {"Range": header})
        assert (reply.status, reply.body) == (206, content[start:stop])
        assert reply["content-range"] == f"bytes {start}-{stop - 1}/{len(content)}"
        assert reply["content-length"] == str(stop - start)
        assert reply["etag"] == whole["etag"]
        assert reply["content-type"] == whole["content-type"]


async def test_several_parts_come_as_multipart(store):
    reply = await request(files(store, "main"), "/big.bin", {"Range": "bytes=5-9,0-1,-3"})
    assert reply.status == 206
    head = f"Content-Type: {reply['content-type']}\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        head + b"\r\n" + reply.body
    )
    assert message.get_content_type() == "multipart/byteranges"
    parts = [
        (part["Content-Range"], part.get_payload(decode=True)) for part in message.iter_parts()
    ]
    end = len(BIG)
    assert parts == [
        (f"bytes 0-1/{end}", BIG[0:2]),
        (f"bytes 5-9/{end}", BIG[5:10]),
        (f"bytes {end - 3}-{end - 1}/{end}", BIG[-3:]),
    ]
    assert not [defect for part in message.walk() for defect in part.defects]
    assert re.search(rb"\r\nContent-Type: application/octet-stream\r\n", reply.body)


async def test_a_range_that_means_nothing_gets_the_whole_file(store):
    app = files(store, "main")
    for header in (
        "bytes=x",
        "lines=1-2",
        "bytes=5-2",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 99, 2)),
    ):
        reply = await request(app, "/big.bin", {"Range": header})
        assert (reply.status, reply.body) == (200, BIG)
    reply = await request(app, "/empty", {"Range": "bytes=0-"})
    assert (reply.status, reply.body) == (200, b"")


async def test_a_range_behind_the_end_is_refused_with_the_size(store):
    reply = await request(files(store, "main"), "/hello.txt", {"Range": "bytes=999-9999"})
    assert (reply.status, reply.body) == (416, b"")
    assert reply["content-range"] == "bytes */7"


async def test_a_range_of_what_has_changed_gets_all_of_it(store):
    app = files(store, "main")
    tag = (await request(app, "/hello.txt"))["etag"]
    fresh = await request(app, "/hello.txt", {"Range": "bytes=0-1", "If-Range": tag})
    assert (fresh.status, fresh.body) == (206, b"He")
    for stale in ('"x"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        reply = await request(app, "/hello.txt", {"Range": "bytes=0-1", "If-Range": stale})
        assert (reply.status, reply.body) == (200, FILES["hello.txt"])


async def test_ranges_are_of_files_and_of_get_only(store):
    app = files(store, "main")
    for target, headers, method in [
        ("/data", {}, "GET"),
        ("/hello.txt", {"Accept": "application/json"}, "GET"),
        ("/hello.txt", {}, "HEAD"),
    ]:
        reply = await request(app, target, {**headers, "Range": "bytes=0-1"}, method)
        assert reply.status == 200
        assert "content-range" not in reply
