"""Commit messages: the automatic ones, and placeholders that reach no further than their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost._model.changes import ChangeReport, FileEntry
from vost._model.messages import PLACEHOLDERS, commit_message, validate_message
from vost._model.types import FileType


def entries(*paths: str, file_type: FileType = FileType.BLOB) -> list[FileEntry]:
    return [FileEntry(path, file_type) for path in paths]


MIXED = ChangeReport(add=entries("a", "b"), update=entries("c"), delete=entries("d", "e", "f"))


def automatic(report: ChangeReport, operation: str | None = None) -> str:
    return commit_message(report, message=None, operation=operation)


def custom(message: str, operation: str | None = None, report: ChangeReport = MIXED) -> str:
    return commit_message(report, message=message, operation=operation)


@pytest.mark.parametrize(
    "report, operation, expected",
    [
        (ChangeReport(), None, "No changes"),
        (ChangeReport(add=entries("a.txt")), None, "+ a.txt"),
        (ChangeReport(update=entries("d/a")), None, "~ d/a"),
        (ChangeReport(delete=entries("a")), None, "- a"),
        (ChangeReport(add=entries("a")), "import", "+ a"),
        (MIXED, None, "Batch: +2 ~1 -3"),
        (MIXED, "", "Batch: +2 ~1 -3"),
        (MIXED, "cp", "Batch cp: +2 ~1 -3"),
        (ChangeReport(add=entries("a"), delete=entries("b")), "mv", "Batch mv: +1 -1"),
        (ChangeReport(delete=entries("a", "b")), "rm", "Batch rm: -2"),
    ],
)
def test_automatic_message(report: ChangeReport, operation: str | None, expected: str) -> None:
    assert automatic(report, operation) == expected


@pytest.mark.parametrize(
    "file_type, suffix",
    [
        (FileType.BLOB, ""),
        (FileType.EXECUTABLE, " (executable)"),
        (FileType.LINK, " (link)"),
        (FileType.TREE, " (tree)"),
        ("B", ""),
    ],
)
def test_type_shows_for_a_single_add_or_update_only(file_type: FileType, suffix: str) -> None:
    changed = entries("x", file_type=file_type)
    assert automatic(ChangeReport(add=changed)) == f"+ x{suffix}"
    assert automatic(ChangeReport(update=changed)) == f"~ x{suffix}"
    assert automatic(ChangeReport(delete=changed)) == "- x"


@pytest.mark.parametrize(
    "path, shown",
    [
        ("a b/ä", "a b/ä"),
        ('say "hi"\\', 'say "hi"\\'),
        ("a{op}b", "a{op}b"),
        ("a\nb", r'"a\nb"'),
        ("\x1b[31m", r'"\033[31m"'),
        ('a\t"b"\\\r', r'"a\t\"b\"\\\r"'),
        ("a\x85b", r'"a\302\205b"'),
        ("a\u2028b", r'"a\342\200\250b"'),
        ("caf\udce9", "caf\ufffd"),
        ("\ud800", "\ufffd"),
    ],
)
def test_path_cannot_break_the_subject_line(path: str, shown: str) -> None:
    assert automatic(ChangeReport(add=entries(path))) == f"+ {shown}"


@pytest.mark.parametrize(
    "message, expected",
    [
        ("plain", "plain"),
        ("two\n\nparts\n", "two\n\nparts\n"),
        ("lone } brace", "lone } brace"),
        ("}} stays without an opening one", "}} stays without an opening one"),
        ("{default}", "Batch cp: +2 ~1 -3"),
        ("{op}|{default}", "cp|Batch cp: +2 ~1 -3"),
        ("{add_count}/{update_count}/{delete_count}/{total_count}", "2/1/3/6"),
        ("{{x}}", "{x}"),
        ("{{{op}}}", "{cp}"),
        ("{{op}} {op}", "{op} cp"),
        ("{{}}", "{}"),
        ("caf\udce9 {op}", "caf\ufffd cp"),
    ],
)
def test_custom_message(message: str, expected: str) -> None:
    assert custom(message, "cp") == expected


@pytest.mark.parametrize("message", [None, ""])
def test_no_message_means_the_automatic_one(message: str | None) -> None:
    assert commit_message(MIXED, message=message, operation=None) == "Batch: +2 ~1 -3"


def test_missing_operation_is_empty_text() -> None:
    assert custom("[{op}]") == "[]"


def test_braces_in_a_path_are_not_substituted() -> None:
    report = ChangeReport(add=entries("{op}{nope}{"))
    assert custom("{default} ({op})", "cp", report) == "+ {op}{nope}{ (cp)"


@pytest.mark.parametrize(
    "message",
    [
        "{unknown}",
        "{}",
        "{0}",
        "{ op }",
        "{OP}",
        "{op.upper}",
        "{add_count.real}",
        "{op[0]}",
        "{op!r}",
        "{total_count:>9999999999}",
        "{op.__class__.__mro__}",
        'fix: {"a": 1}',
        "first {op} then {nope}",
        "{line\nbreak}",
    ],
)
def test_anything_but_a_known_name_is_a_key_error(message: str) -> None:
    with pytest.raises(KeyError, match="Unknown placeholder"):
        validate_message(message)
    with pytest.raises(KeyError, match="Unknown placeholder"):
        custom(message)


@pytest.mark.parametrize("message", ["{", "{op", "{op}}", "a {{ b } c", '{"a": {"b": 1}}', "{{{"])
def test_unbalanced_brace_is_a_value_error(message: str) -> None:
    with pytest.raises(ValueError, match="Unbalanced"):
        validate_message(message)
    with pytest.raises(ValueError, match="Unbalanced"):
        custom(message)


def test_nul_is_refused_in_message_and_operation() -> None:
    with pytest.raises(ValueError, match="message must not contain NUL"):
        validate_message("a\0b")
    with pytest.raises(ValueError, match="operation must not contain NUL"):
        commit_message(MIXED, message="fine", operation="a\0b")


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="message must be str or None, not bytes"):
        validate_message(b"x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="operation must be str or None, not int"):
        validate_message(None, 1)  # type: ignore[arg-type]


pieces = st.sampled_from(["{", "}", "{{", "}}", "\0", ".", *(f"{{{n}}}" for n in PLACEHOLDERS)])
messages = st.lists(pieces | st.text(max_size=5)).map("".join)


@given(messages)
def test_validation_decides_what_can_be_substituted(message: str) -> None:
    try:
        validate_message(message, "op")
    except (KeyError, ValueError) as error:
        with pytest.raises(type(error)):
            custom(message, "op")
    else:
        custom(message, "op").encode()


@given(st.text(alphabet=st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_doubled_braces_give_any_text_back(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    assert custom("{op}" + escaped) == text


@given(st.text(alphabet=st.characters(), min_size=1))
def test_automatic_message_is_one_storable_line(path: str) -> None:
    message = automatic(ChangeReport(add=entries(path)))
    message.encode()
    assert message.splitlines() == [message]
