"""The public surface of both packages is the contract's: names, parameters, values, errors."""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any

import pytest

import vost
import vost_sync
from tests.contract import surface

FACES = [pytest.param(package, id=package.__name__) for package in (vost_sync, vost)]
CLASSES = sorted(surface.METHODS)
MAPPINGS = ("RefDict", "NoteNamespace")

Shape = tuple[list[tuple[str, Any]], dict[str, Any]]


def shape(function: Any, *, skip_self: bool = False) -> Shape:
    """Return the parameters of a function: those by position, in order, and those by keyword."""
    parameters = list(inspect.signature(function).parameters.values())[skip_self:]
    by_position = [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_keyword = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert len(by_position) + len(by_keyword) == len(parameters), "neither *args nor **kwargs"
    return by_position, by_keyword


def documented(parameters: str, added: str = "") -> Shape:
    """Return the shape of a function that has these parameters, and others by keyword only."""
    positional, star, keywords = parameters.partition("*")
    if added:
        keywords = f"{keywords}, {added}" if star else f", {added}"
        positional += ", " if positional and not star else ""
        star = "*"
    return shape(eval(f"lambda {positional}{star}{keywords}: None"))


def methods(package: ModuleType, name: str) -> dict[str, str]:
    """Return the documented methods of a class in a face, with their parameters."""
    found = surface.METHODS[name] | surface.ADDED_METHODS.get(name, {})
    return found | (surface.ASYNC_ONLY.get(name, {}) if package is vost else {})


CASES = [
    pytest.param(package, name, method, id=f"{package.__name__}.{name}.{method}")
    for package in (vost_sync, vost)
    for name in CLASSES
    for method in methods(package, name)
]


def raw(package: ModuleType, name: str, member: str) -> Any:
    """Return a member of a class as the class body has it: the function, if it is one."""
    found = inspect.getattr_static(getattr(package, name), member)
    return getattr(found, "__func__", found)


@pytest.mark.parametrize("package", FACES)
def test_documented_names_are_exported(package: ModuleType) -> None:
    assert set(surface.NAMES) - set(package.__all__) == set()
    assert [name for name in surface.NAMES if not hasattr(package, name)] == []


@pytest.mark.parametrize("package", FACES)
def test_package_has_a_version(package: ModuleType) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", package.__version__)
    assert package.__version__ == vost.__version__


@pytest.mark.parametrize("package, name, method", CASES)
def test_method_has_the_documented_parameters(package: ModuleType, name: str, method: str) -> None:
    added = surface.ADDED_PARAMETERS.get(f"{name}.{method}", "")
    expected = documented(methods(package, name)[method], added)
    assert shape(raw(package, name, method), skip_self=True) == expected


@pytest.mark.parametrize("package, name, method", CASES)
def test_method_is_awaited_iterated_or_entered(package: ModuleType, name: str, method: str) -> None:
    function = raw(package, name, method)
    full_name = f"{name}.{method}"
    is_iterator = full_name in surface.ITERATORS
    awaits = not is_iterator and full_name not in surface.OPENERS
    assert inspect.iscoroutinefunction(function) is (awaits and package is vost)
    assert inspect.isasyncgenfunction(function) is (is_iterator and package is vost)


@pytest.mark.parametrize("package", FACES)
@pytest.mark.parametrize("name", CLASSES)
def test_class_has_no_other_public_members(package: ModuleType, name: str) -> None:
    expected = set(methods(package, name))
    expected |= surface.PROPERTIES.get(name, set()) | surface.WAITING_PROPERTIES.get(name, set())
    expected |= set(surface.MAPPING) if name in MAPPINGS else set()
    if (package, name) == (vost, "GitStore"):
        expected -= surface.PROPERTIES[name]  # attributes of the object
    expected |= surface.ADDED_PROPERTIES.get(name, set())
    public = {member for member in dir(getattr(package, name)) if not member.startswith("_")}
    assert public == expected


@pytest.mark.parametrize("package", FACES)
@pytest.mark.parametrize("name", sorted(surface.WAITING_PROPERTIES))
def test_properties_that_wait_are_awaited(package: ModuleType, name: str) -> None:
    for member in surface.WAITING_PROPERTIES[name]:
        found = raw(package, name, member)
        assert isinstance(found, property)
        assert inspect.iscoroutinefunction(found.fget) is (package is vost)
        can_set = package is vost_sync and f"{name}.{member}" in surface.SETTERS
        assert (found.fset is not None) is can_set


@pytest.mark.parametrize("package", FACES)
@pytest.mark.parametrize("name", sorted(set(surface.PROPERTIES) - {"GitStore"}))
def test_properties_that_know_are_plain(package: ModuleType, name: str) -> None:
    for member in surface.PROPERTIES[name]:
        found = raw(package, name, member)
        assert isinstance(found, property)
        assert not inspect.iscoroutinefunction(found.fget)
        assert found.fset is None


@pytest.mark.parametrize("name", MAPPINGS)
def test_mappings_of_the_blocking_face_are_real_ones(name: str) -> None:
    assert issubclass(getattr(vost_sync, name), MutableMapping)


@pytest.mark.parametrize("name", MAPPINGS)
@pytest.mark.parametrize("method", sorted(surface.MAPPING))
def test_mappings_of_the_async_face_have_the_same_methods(name: str, method: str) -> None:
    function = raw(vost, name, method)
    assert inspect.iscoroutinefunction(function)
    by_position, by_keyword = shape(function, skip_self=True)
    expected, _ = documented(surface.MAPPING[method])
    assert by_keyword == {}
    if method == "pop":  # without a default it raises
        assert by_position[1][1] is not inspect.Parameter.empty
        return
    assert [default for _, default in by_position] == [default for _, default in expected]


@pytest.mark.parametrize("package", FACES)
@pytest.mark.parametrize("name", sorted(surface.CONSTRUCTORS))
def test_constructor_has_the_documented_parameters(package: ModuleType, name: str) -> None:
    class_name, _, method = name.partition(".")
    found = getattr(package, class_name)
    assert shape(getattr(found, method) if method else found) == documented(
        surface.CONSTRUCTORS[name]
    )


@pytest.mark.parametrize("package", FACES)
@pytest.mark.parametrize("name", sorted(surface.FUNCTIONS))
def test_function_has_the_documented_parameters(package: ModuleType, name: str) -> None:
    function = getattr(package, name)
    assert shape(function) == documented(surface.FUNCTIONS[name])
    assert inspect.iscoroutinefunction(function) is (package is vost)


def test_change_report_is_empty_by_default_and_counts() -> None:
    report = vost.ChangeReport()
    assert report == vost.ChangeReport(add=[], update=[], delete=[], errors=[], warnings=[])
    assert list(inspect.signature(vost.ChangeReport).parameters) == [
        "add",
        "update",
        "delete",
        "errors",
        "warnings",
    ]
    assert (report.in_sync, report.total, report.actions()) == (True, 0, [])
    report.delete.append(vost.FileEntry("b", vost.FileType.BLOB))
    report.add.append(vost.FileEntry.from_mode("a", 0o100755))
    assert (report.in_sync, report.total) == (False, 2)
    assert report.actions() == [
        vost.ChangeAction("a", vost.ChangeActionKind.ADD),
        vost.ChangeAction("b", vost.ChangeActionKind.DELETE),
    ]
    assert vost.ChangeReport() == vost.ChangeReport()  # no list is shared


def test_enumerations_are_their_texts() -> None:
    assert {kind.name: kind.value for kind in vost.ChangeActionKind} == {
        "ADD": "add",
        "UPDATE": "update",
        "DELETE": "delete",
    }
    assert vost.ChangeActionKind.ADD == "add"
    assert {kind.name: (str(kind), kind.filemode) for kind in vost.FileType} == {
        "BLOB": ("blob", 0o100644),
        "EXECUTABLE": ("executable", 0o100755),
        "LINK": ("link", 0o120000),
        "TREE": ("tree", 0o040000),
    }
    for kind in vost.FileType:
        assert vost.FileType.from_filemode(kind.filemode) is kind


@pytest.mark.parametrize("name", sorted({*surface.NAMES, *surface.ERRORS}))
def test_values_and_errors_are_shared_by_the_faces(name: str) -> None:
    has_faces = name in {*CLASSES, *surface.FUNCTIONS}
    assert (getattr(vost, name) is getattr(vost_sync, name)) is not has_faces


def test_every_exported_error_is_listed() -> None:
    exported = {
        name
        for name in vost.__all__
        if isinstance(getattr(vost, name), type) and issubclass(getattr(vost, name), BaseException)
    }
    assert exported == set(surface.ERRORS)


@pytest.mark.parametrize("name", sorted(surface.ERRORS))
def test_error_has_its_builtin_base_and_the_common_root(name: str) -> None:
    error = getattr(vost, name)
    assert issubclass(error, surface.ERRORS[name])
    assert issubclass(error, vost.VostError)
    assert error.__module__ == "vost"
    # A KeyError, a ValueError ... that callers catch is never another builtin one by the way.
    others = {*surface.ERRORS.values()} - {surface.ERRORS[name], Exception}
    assert [other for other in others if issubclass(error, other)] == []


@pytest.mark.parametrize("name", sorted(surface.ERRORS))
def test_error_survives_pickling(name: str) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        error = getattr(vost, name)("main", "no such branch: 'main'")
        copy = pickle.loads(pickle.dumps(error, protocol))
        assert type(copy) is type(error)
        assert (copy.args, str(copy)) == (error.args, str(error))
        one = getattr(vost, name)("nothing is at 'a/b'")
        assert str(pickle.loads(pickle.dumps(one, protocol))) == str(one) == "nothing is at 'a/b'"


@pytest.mark.parametrize(
    "value",
    [
        vost.BlobOid(b"0" * 40),
        vost.ChangeReport(add=[vost.FileEntry("a", vost.FileType.LINK, "/src")]),
        vost.ReflogEntry("0" * 40, "1" * 40, "a <a@example.com>", 1.0, "message"),
        vost.Signature("a", "a@example.com"),
        vost.StatResult(0o100644, vost.FileType.BLOB, 1, "0" * 40, 1, 1.0),
        vost.WalkEntry("a", b"0" * 40, 0o100644),
        vost.WriteEntry(target="a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_value_equals_its_pickled_copy(value: Any) -> None:
    copy = pickle.loads(pickle.dumps(value))
    assert type(copy) is type(value)
    assert copy == value


def test_objects_of_the_blocking_face_show_what_they_are(tmp_path: Any) -> None:
    store = vost_sync.GitStore.open(tmp_path / "data.git")
    fs = store.branches["main"]
    store.tags["v1"] = fs
    short = fs.commit_hash[:7]
    assert repr(store) == f"GitStore('{tmp_path / 'data.git'}/')"
    assert repr(store.branches) == "RefDict('branches', len=1)"
    assert repr(store.tags) == "RefDict('tags', len=1)"
    assert repr(fs) == f"FS(ref_name='main', commit={short})"
    assert repr(store.tags["v1"]) == f"FS(ref_name='v1', commit={short}, readonly)"
    assert repr(store.fs(fs.commit_hash)) == f"FS(commit={short}, readonly)"
    assert repr(store.notes.commits) == "NoteNamespace('commits', len=0)"
    assert "NoteDict" in repr(store.notes)
