"""What is local, what is remote, and what is refused before anything is asked or opened."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from vost._engine.remotes import Remote, parse_remote
from vost._model.urls import redact


@pytest.mark.parametrize(
    "url, path",
    [
        ("/abs/repo.git", "/abs/repo.git"),
        ("relative", "relative"),
        ("./x:y", "./x:y"),
        ("/abs/with:colon", "/abs/with:colon"),
        ("/abs/me@host:x", "/abs/me@host:x"),
        ("dir/me@host:x", "dir/me@host:x"),
        ("C:\\x", "C:\\x"),
        ("dir\\x:y", "dir\\x:y"),
        ("me@host", "me@host"),
        ("with space", "with space"),
        ("file:///abs/a%20b", "/abs/a b"),
        ("FILE:///abs", "/abs"),
        ("file://localhost/abs", "/abs"),
        ("file:///me@host", "/me@host"),
        (Path("host:path"), "host:path"),
        (PurePosixPath("https://x"), "https:/x"),
    ],
)
def test_local_path_is_recognised(url: str | Path, path: str) -> None:
    remote = parse_remote(url)
    assert (remote.scheme, remote.path, remote.is_local) == ("local", path, True)


@pytest.mark.parametrize(
    "url, expected",
    [
        (
            "https://git.example/a/b.git",
            Remote("https", "/a/b.git", "https://git.example/a/b.git", "git.example"),
        ),
        (
            "https://me%40x:se%3Acret@git.example:8443/a%20b",
            Remote(
                "https",
                "/a%20b",
                "https://git.example:8443/a%20b",
                "git.example",
                8443,
                "me@x",
                "se:cret",
            ),
        ),
        ("http://[::1]:80/x", Remote("http", "/x", "http://[::1]:80/x", "::1", 80)),
        ("git://h/a%20b", Remote("git", "/a b", "git://h/a b", "h")),
        ("ssh://git@h:22/~/x", Remote("ssh", "/~/x", "ssh://git@h:22/~/x", "h", 22, "git")),
        ("SSH://H/x", Remote("ssh", "/x", "ssh://h/x", "h")),
    ],
)
def test_remote_is_taken_apart(url: str, expected: Remote) -> None:
    assert parse_remote(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "user@host:path",
        "host:path",
        "host:",
        "host:/abs/path",
        "[::1]:path",
        "ext::sh -c touch% evil",
        "ext::x",
        "fd::7",
        "ftp://x",
        "ftps://x/y",
        "rsync://x/y",
        "git+ssh://h/x",
        "http+unix://x",
        "javascript:alert(1)",
        "-oProxyCommand=x:y",
        "data://x",
        "ht tp://x",
    ],
)
def test_other_forms_are_refused_in_the_documented_words(url: str) -> None:
    with pytest.raises(
        ValueError, match=r"scp-style URL not supported: .* use ssh:// format instead"
    ):
        parse_remote(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-x",
        "--upload-pack=touch evil",
        Path("-x"),
        "a\0b",
        "ssh://-oProxyCommand=touch%20evil/x",
        "ssh://%2DoProxyCommand=x@h/x",
        "ssh://-oProxyCommand=x@h/x",
        "ssh://h/-x",
        "ssh://me:secret@h/x",
        "ssh://h",
        "ssh:///x",
        "ssh://h:port/x",
        "ssh://h:99999/x",
        "ssh://h/a%0ab",
        "ssh://h/a\nb",
        "git://-x/y",
        "git://me@h/x",
        "git://h/x%00",
        "git://h/",
        "https://-x/y",
        "https://h%0aost/x",
        "https://me:a%0ahost=evil@h/x",
        "https://me:a%0dhost=evil@h/x",
        "https://h/x?service=evil",
        "https://h/x#y",
        "https:///x",
        "https://hö.example/x",
        "https://a b/x",
        "https://[::1/x",
        "file://other.example/x",
        "file:///x?y",
        "file:///a%00b",
        "file://",
    ],
)
def test_malformed_and_dangerous_urls_are_refused(url: str | Path) -> None:
    with pytest.raises(ValueError) as caught:
        parse_remote(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", [None, 7, b"/x", ["x"]])
def test_other_types_are_refused(url: object) -> None:
    with pytest.raises(TypeError):
        parse_remote(url)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://me:s3cret@h/x",
        "ftp://me:s3cret/@x@h/x",
        "me:s3cret@host:path",
        "https://me:s3cret@h:bad/x",
        "https://me:s3cret@-h/x",
        "https://s3cret@h/x?y",
        "ssh://me:s3cret@h/x",
        "git://me:s3cret@h/x",
        "https://me:s3cret%0a@h/x",
    ],
)
def test_refusal_does_not_repeat_a_password(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_remote(url)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in redact(url)


def test_secrets_are_masked_in_what_others_say() -> None:
    remote = parse_remote("https://me:p%40ss@h/x")
    assert remote.without_secrets("bad p@ss or p%40ss for me") == "bad *** or *** for me"
    assert "ss" not in remote.display + remote.base_url
    token = parse_remote("https://token@h/x")
    assert token.without_secrets("bad token") == "bad ***"
    assert "token" not in token.display + token.base_url
    assert parse_remote("ssh://git@h/x").without_secrets("git said no") == "git said no"
