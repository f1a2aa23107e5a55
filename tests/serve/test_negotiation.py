"""Accept and Accept-Encoding: RFC 9110 section 12.5, contract cli.md 5.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost.serve.negotiation import Form, accepts_gzip, form_of

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept, form",
    [
        (None, Form.PLAIN),
        ("", Form.PLAIN),
        ("*/*", Form.PLAIN),
        ("text/*", Form.PLAIN),
        ("image/png", Form.PLAIN),
        (BROWSER, Form.PAGE),
        ("text/html", Form.PAGE),
        ("TEXT/HTML;charset=utf-8", Form.PAGE),
        ("text/html;q=0", Form.PLAIN),
        ("text/htmlx", Form.PLAIN),
        ("application/json", Form.JSON),
        ("Application/JSON; q=0.1", Form.JSON),
        ("text/html, application/json;q=0.2", Form.JSON),
        ("application/json;q=0, text/html", Form.PAGE),
        ("application/jsonp", Form.PLAIN),
        (",;,=;q,q=,;;", Form.PLAIN),
        ("a" * 100_000, Form.PLAIN),
    ],
)
def test_forms_are_had_by_naming_them(accept, form):
    assert form_of(accept, page=True) is form
    if form is Form.PAGE:
        assert form_of(accept, page=False) is Form.PLAIN


@pytest.mark.parametrize(
    "header, accepted",
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("GZip", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("br", False),
        ("gzipped", False),
        ("gzip;q=x", True),
    ],
)
def test_gzip_is_accepted_where_it_is_named_and_not_refused(header, accepted):
    assert accepts_gzip(header) is accepted


@given(st.text(max_size=200))
def test_whatever_the_headers_say_is_answered(header):
    assert form_of(header, page=True) in Form
    assert accepts_gzip(header) in (True, False)
