"""File types, modes and values: exactly what the contract names, and nothing odd gets in."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest

from vost._model.types import (
    MODE_GITLINK,
    BlobOid,
    FileType,
    ReflogEntry,
    Signature,
    StatResult,
    WalkEntry,
    WriteEntry,
    resolve_mode,
)

MODES = [
    (FileType.BLOB, 0o100644),
    (FileType.EXECUTABLE, 0o100755),
    (FileType.LINK, 0o120000),
    (FileType.TREE, 0o040000),
]


@pytest.mark.parametrize("file_type, mode", MODES)
def test_file_type_and_mode_belong_together(file_type: FileType, mode: int) -> None:
    assert file_type.filemode == mode
    assert FileType.from_filemode(mode) is file_type


@pytest.mark.parametrize("file_type", FileType)
def test_file_type_text_is_its_value(file_type: FileType) -> None:
    assert str(file_type) == f"{file_type}" == file_type.value == file_type


@pytest.mark.parametrize(
    "mode, expected",
    [
        (0o100664, FileType.BLOB),
        (0o100600, FileType.BLOB),
        (0o100000, FileType.BLOB),
        (0o100655, FileType.BLOB),
        (0o100775, FileType.EXECUTABLE),
        (0o100700, FileType.EXECUTABLE),
        (0o104755, FileType.EXECUTABLE),
    ],
)
def test_odd_regular_mode_counts_by_the_owners_bit(mode: int, expected: FileType) -> None:
    assert FileType.from_filemode(mode) is expected


@pytest.mark.parametrize(
    "mode", [MODE_GITLINK, 0, 0o644, 0o020000, 0o010644, 0o140000, 0o040755, 0o120777, -1, 1 << 40]
)
def test_mode_without_a_type_is_refused(mode: int) -> None:
    with pytest.raises(ValueError, match=r"mode -?0o"):
        FileType.from_filemode(mode)


def test_submodule_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="submodule"):
        FileType.from_filemode(MODE_GITLINK)


@pytest.mark.parametrize(
    "mode, expected",
    [
        (None, None),
        (FileType.BLOB, 0o100644),
        (FileType.EXECUTABLE, 0o100755),
        (FileType.LINK, 0o120000),
        (0o100644, 0o100644),
        (0o100755, 0o100755),
        (0o120000, 0o120000),
    ],
)
def test_resolve_mode_accepts_files_and_links(mode: Any, expected: int | None) -> None:
    assert resolve_mode(mode) == expected


@pytest.mark.parametrize(
    "mode",
    [FileType.TREE, 0o040000, 0o160000, 0o644, 0o755, 0o100664, 0, True, False, 33188.0, "blob"],
)
def test_resolve_mode_refuses_everything_else(mode: Any) -> None:
    with pytest.raises(ValueError, match="invalid mode"):
        resolve_mode(mode)


def test_walk_entry_is_a_tuple_that_knows_its_type() -> None:
    entry = WalkEntry("run", b"a" * 40, 0o100755)
    name, oid, mode = entry
    assert (name, oid, mode) == ("run", b"a" * 40, 0o100755)
    assert entry.file_type is FileType.EXECUTABLE


def test_walk_entry_of_a_submodule_has_no_file_type() -> None:
    with pytest.raises(ValueError, match="submodule"):
        _ = WalkEntry("sub", b"a" * 40, MODE_GITLINK).file_type


def test_blob_oid_is_bytes_with_a_meaning() -> None:
    oid = BlobOid(b"a" * 40)
    assert isinstance(oid, bytes)
    assert oid == b"a" * 40
    assert oid.decode() == "a" * 40


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": b"x", "target": "t"}, "Cannot specify both data and target"),
        ({"data": b"", "target": ""}, "Cannot specify both data and target"),
        ({}, "Must specify either data or target"),
        ({"mode": 0o100644}, "Must specify either data or target"),
        ({"target": "t", "mode": FileType.BLOB}, "Cannot specify mode for symlinks"),
        ({"data": b"x", "mode": FileType.TREE}, "invalid mode"),
        ({"data": b"x", "mode": 0o644}, "invalid mode"),
        ({"target": "a\0b"}, "NUL"),
    ],
)
def test_write_entry_misuse_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WriteEntry(**arguments)


@pytest.mark.parametrize("arguments", [{"data": 1}, {"data": [b"x"]}, {"target": b"t"}])
def test_write_entry_of_another_type_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(arguments))):
        WriteEntry(**arguments)


@pytest.mark.parametrize(
    "data", [b"", b"x", bytearray(b"x"), memoryview(b"x"), "text", "", Path("f")]
)
def test_write_entry_takes_content_text_and_local_files(data: Any) -> None:
    assert WriteEntry(data).data == data


def test_write_entry_takes_an_empty_target_and_positional_mode() -> None:
    assert WriteEntry(target="").target == ""
    assert WriteEntry(b"x", 0o100755).mode == 0o100755


@pytest.mark.parametrize(
    "value",
    [
        WriteEntry(b"x", FileType.EXECUTABLE),
        StatResult(0o100644, FileType.BLOB, 3, "a" * 40, 1, 1.5),
        ReflogEntry("0" * 40, "a" * 40, "A <a@b>", 1, "commit: + a"),
    ],
)
def test_values_are_frozen_slotted_and_picklable(value: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, None)
    assert not hasattr(value, "__dict__")
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize("field", ["name", "email"])
@pytest.mark.parametrize("character", ["<", ">", "\n", "\0", "\udcff"])
def test_signature_refuses_what_would_corrupt_a_commit(field: str, character: str) -> None:
    values = {"name": "Ada", "email": "ada@example.org"}
    with pytest.raises(ValueError, match=field):
        Signature(**(values | {field: f"a{character}b"}))
    signature = Signature(**values)
    with pytest.raises(ValueError, match=field):
        setattr(signature, field, f"a{character}b")
    assert signature == Signature(**values)


def test_signature_refuses_other_types() -> None:
    with pytest.raises(TypeError, match="email must be str, not NoneType"):
        Signature("Ada", None)  # type: ignore[arg-type]


def test_signature_is_mutable_and_compares_by_value() -> None:
    signature = Signature("Ada", "ada@example.org")
    signature.name = "Grace Höpper"
    assert signature == Signature("Grace Höpper", "ada@example.org")
    assert str(signature) == "Grace Höpper <ada@example.org>"
    assert copy.deepcopy(signature) == pickle.loads(pickle.dumps(signature)) == signature


def test_signature_may_be_empty() -> None:
    assert str(Signature("", "")) == " <>"
