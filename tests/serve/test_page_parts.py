"""The parts of the page that need no repository: differences, texts, words, Markdown."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost.serve.page import assets, wording
from vost.serve.page.linediff import CONTEXT, difference, hunks
from vost.serve.page.texts import text_of

LINES = st.lists(st.sampled_from("abcd"), max_size=30)


def common_length(old, new):
    """Return the length of a longest common subsequence, the slow way."""
    row = [0] * (len(new) + 1)
    for line in old:
        before = row
        row = [0]
        for number, other in enumerate(new):
            row.append(before[number] + 1 if line == other else max(before[number + 1], row[-1]))
    return row[-1]


@given(LINES, LINES)
def test_a_difference_has_both_texts_and_nothing_changed_in_vain(old, new):
    lines = difference(old, new)
    assert [line.text for line in lines if line.kind != "+"] == old
    assert [line.text for line in lines if line.kind != "-"] == new
    assert [line.old for line in lines if line.old] == list(range(1, len(old) + 1))
    assert [line.new for line in lines if line.new] == list(range(1, len(new) + 1))
    assert sum(line.kind == " " for line in lines) == common_length(old, new)
    for line in lines:
        assert (line.old is None, line.new is None) == (line.kind == "+", line.kind == "-")


@given(LINES, LINES)
def test_hunks_have_every_change_once_and_some_lines_around(old, new):
    lines = difference(old, new)
    found = list(hunks(lines))
    changed = [line for line in lines if line.kind != " "]
    assert [line for hunk in found for line in hunk if line.kind != " "] == changed
    assert len({id(line) for hunk in found for line in hunk}) == sum(map(len, found))
    for hunk in found:
        kinds = "".join(line.kind for line in hunk)
        assert len(kinds) - len(kinds.lstrip(" ")) <= CONTEXT
        assert len(kinds) - len(kinds.rstrip(" ")) <= CONTEXT
        assert " " * (2 * CONTEXT + 2) not in kinds.strip(" ")


def test_too_many_changes_count_as_one_block():
    old = [f"old {number}" for number in range(5000)]
    new = [f"new {number}" for number in range(5000)]
    new[2500] = old[2500]
    lines = difference(["same", *old], ["same", *new])
    assert [line.kind for line in lines] == [" ", *"-" * 5000, *"+" * 5000]


@pytest.mark.parametrize(
    "size, text",
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (3 * 1024**6, "3072.0 PiB"),
    ],
)
def test_sizes_are_written_for_people(size, text):
    assert wording.size_text(size) == text


def test_numbers_have_their_nouns():
    assert wording.count_text(1, "entry", "entries") == "1 entry"
    assert wording.count_text(2000, "entry", "entries") == "2,000 entries"
    assert wording.count_text(0, "line") == "0 lines"


def test_times_are_written_in_utc():
    moment = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert wording.day_text(moment) == "2025-12-31"
    assert wording.minute_text(moment) == "2025-12-31 23:30 UTC"
    assert wording.iso_text(moment) == "2025-12-31T23:30:00Z"


@pytest.mark.parametrize(
    "message, subject, rest",
    [
        ("a", "a", ""),
        ("\n\na\n\nb\nc\n", "a", "b\nc"),
        ("", "(no message)", ""),
        ("\n", "(no message)", ""),
        ("x" * 300, "x" * 200 + "\u2026", ""),
    ],
)
def test_messages_have_a_first_line_and_a_rest(message, subject, rest):
    assert wording.subject(message) == subject
    assert wording.rest_of(message) == rest


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_seen_can_be_sent_and_hides_nothing(text):
    seen = str(wording.seen(text))
    seen.encode()
    for character in "\x00\x1b\x7f\x85\u061c\u200b\u202e\u2028\u2066\ufeff<":
        assert character not in seen.replace('<span class="unseen">', "").replace("</span>", "")
    lines = str(wording.seen_line(text))
    assert lines.count("\n") == text.count("\n")
    assert lines.count("\t") == text.count("\t")


@given(st.binary())
def test_any_content_is_text_or_not(data):
    text = text_of(data)
    if text is not None:
        assert not any("\n" in line for line in text.lines)
        assert data or text.lines == []


@pytest.mark.parametrize(
    "data, lines, encoding",
    [
        (b"", [], "ASCII"),
        (b"a", ["a"], "ASCII"),
        (b"a\n\nb\n", ["a", "", "b"], "ASCII"),
        ("\u00e4".encode(), ["\u00e4"], "UTF-8"),
        (b"\xff\xfea\0", ["a"], "UTF-16"),
        (b"\xe4", ["\u00e4"], "not UTF-8: shown as ISO 8859-1"),
        (b"\x1b[31mred\x1b[m", ["\x1b[31mred\x1b[m"], "ASCII"),
    ],
)
def test_texts_have_lines_and_an_encoding(data, lines, encoding):
    text = text_of(data)
    assert text is not None
    assert (text.lines, text.encoding) == (lines, encoding)


@pytest.mark.parametrize(
    "data", [b"\0", b"\x89PNG\r\n\x1a\n\0", b"\xff\xfe\0\xd8\0", b"\x01\x02\x03"]
)
def test_what_is_no_text_is_none(data):
    assert text_of(data) is None


def test_what_pages_load_changes_its_url_with_its_content():
    made = assets.assets()
    assert made is assets.assets()
    for url, file in made.static.items():
        assert file.digest in url
        assert url.startswith("_/page/")
    text = {url.rpartition("/")[2]: file.content.decode() for url, file in made.static.items()}
    for outside in ("http://", "https://", "//cdn", "@import", "url("):
        assert outside not in text["page.css"]
        assert outside not in text["page.js"]
