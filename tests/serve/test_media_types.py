"""Media types by name: contract cli.md 5.3 and 9.2."""

from __future__ import annotations

import pytest

from vost.serve.mediatypes import (
    PLAIN_TEXT,
    UNKNOWN,
    is_compressible,
    is_text,
    media_type,
    runs_in_browsers,
)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a.txt", "text/plain"),
        ("dir.d/a.TXT", "text/plain"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.html", "text/html"),
        ("a.css", "text/css"),
        ("a.js", "text/javascript"),
        ("a.md", "text/markdown"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"),
        ("a.ogg", "audio/ogg"),
        ("a.woff2", "font/woff2"),
        ("a.zip", "application/zip"),
        ("a.tar.gz", "application/gzip"),
        ("a.json", PLAIN_TEXT),
        ("a.geojson", PLAIN_TEXT),
        ("a.yaml", PLAIN_TEXT),
        ("a.yml", PLAIN_TEXT),
        ("a.xml", "text/xml; charset=utf-8"),
        ("a.rs", PLAIN_TEXT),
        ("a.toml", PLAIN_TEXT),
        ("a.ts", PLAIN_TEXT),
        ("a.py", PLAIN_TEXT),
        ("Makefile", PLAIN_TEXT),
        ("src/Dockerfile", PLAIN_TEXT),
        ("Dockerfile.test", PLAIN_TEXT),
        ("LICENSE", PLAIN_TEXT),
        (".gitignore", PLAIN_TEXT),
        ("a.xyz123", UNKNOWN),
        ("noextension", UNKNOWN),
        ("", UNKNOWN),
        ("a.", UNKNOWN),
        ("a.exe\n", UNKNOWN),
        ("a.\udcff", UNKNOWN),
        ("a." + "x" * 5000, UNKNOWN),
    ],
)
def test_a_name_has_this_type(name, expected):
    assert media_type(name) == expected


def test_types_are_known_for_what_they_are():
    assert is_text("text/plain; charset=utf-8")
    assert is_text("image/svg+xml")
    assert not is_text("image/png")
    assert is_compressible("application/wasm")
    assert not is_compressible("video/mp4")
    assert runs_in_browsers("text/html")
    assert runs_in_browsers("image/svg+xml")
    assert not runs_in_browsers("image/png")
    assert not runs_in_browsers("text/plain; charset=utf-8")
