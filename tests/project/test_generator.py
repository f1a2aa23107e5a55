"""The generated package is up to date, and the generator notices whatever it cannot translate."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.sources import GENERATED_MARK, ROOT, is_generated
from vost_sync._generate import HAND_WRITTEN, differences, generate, main
from vost_sync._generate_rules import GeneratorError, Rules, Table, TextRules, vost_rules

SAMPLE = {
    "__init__": '''
"""A sample."""
from aio._values import Value
from aio.thing import Thing, Other, find
__all__ = ("Other", "Thing", "Value", "find")
''',
    "_values": '''
"""Values."""
class Value:
    """A value."""
''',
    "_base": '''
"""A base."""
from __future__ import annotations
from typing import TYPE_CHECKING
from aio._values import Value
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from typing_extensions import Self
    from aio.thing import Thing
class Base:
    """A base class.

    Attributes:
        child: What is below.
    """

    def __init__(self, name: str) -> None:
        self.child = Thing(name)

    def __repr__(self) -> str:
        return "Base"

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def get(self, path: str = "a", *others: int, value: Value | None = None) -> Value:
        """Get it."""

    @property
    async def up(self) -> Thing | None:
        """What is above."""

    @property
    def plain(self) -> int:
        """A number."""

    async def walk(self, tops: Sequence[Thing] | None = None) -> AsyncGenerator[Thing, None]:
        """Walk."""
        yield self

    async def names(self) -> AsyncGenerator[str, None]:
        """Name."""
        yield ""

    async def set_plain(self, number: int) -> None:
        """Set it."""

    async def named(self) -> dict[str, Thing]:
        """Give names."""
        return {}

    async def long(
        self, first_parameter: str, second_parameter: str, *, third_parameter: str = "x", o: int = 0
    ) -> Thing:
        """Be long."""

    async def _private(self, x) -> None:
        pass
''',
    "thing": '''
"""Things."""
from __future__ import annotations
from collections.abc import AsyncGenerator, Callable
from aio._base import Base
__all__ = ("Other", "Thing", "find")
class Thing(Base):
    """A thing.

    Example:
        >>> async with thing as t:
        ...     await t.get("x")
    """

    async def get(self, path: str) -> str:
        """Get something else."""
class Other:
    """Without any waiting, but it makes things."""

    def make(self) -> Thing:
        """Make one."""
async def find(thing: Thing) -> Thing:
    """Find it."""
''',
}


def sample_rules() -> Rules:
    """Return rules that the sample uses, all of them."""
    return Rules(
        annotations=Table("annotation", {"AsyncGenerator": "Iterator"}),
        specials=Table("special method", {"__aenter__": "__enter__"}),
        members=Table("member", {"Thing.set_plain": "setter of plain"}),
        bases=Table("base class", {}),
        files=Table("file method", {}),
        classes=Table("hand-written module", {}),
        transcribed=Table("transcribed function", {}),
        skipped=Table("skipped module", {}),
        text=TextRules("docstring", (("", r"\basync with\b", "with"), ("", r"\bawait ", ""))),
        code=TextRules("code", ()),
    )


def write_sample(tmp_path: Path, **changes: str) -> Path:
    package = tmp_path / "aio"
    package.mkdir()
    for name, text in (SAMPLE | changes).items():
        (package / f"{name}.py").write_text(text.lstrip(), encoding="utf-8")
    return package


def generate_sample(tmp_path: Path, rules: Rules | None = None, **changes: str) -> dict[str, str]:
    return generate(write_sample(tmp_path, **changes), "blocking", rules or sample_rules())


def test_generated_package_is_up_to_date():
    files = generate(ROOT / "vost", "vost_sync", vost_rules())
    assert differences(files, ROOT / "vost_sync") == []


def test_generated_files_are_those_that_say_so():
    files = generate(ROOT / "vost", "vost_sync", vost_rules())
    marked = {path.name for path in (ROOT / "vost_sync").glob("*.py") if is_generated(path)}
    assert marked == set(files)
    assert not marked & HAND_WRITTEN
    assert all(text.startswith(GENERATED_MARK) for text in files.values())


def test_git_attributes_tell_generated_files_from_hand_written_ones():
    lines = (ROOT / ".gitattributes").read_text().splitlines()
    assert "/vost_sync/*.py                linguist-generated=true" in lines
    assert "/vost_sync/_*.py               linguist-generated=false" in lines
    assert "/vost_sync/__init__.py         linguist-generated=true" in lines


@pytest.fixture
def copies(tmp_path) -> Path:
    """Return the blocking package in a copy of the project."""
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("vost", "vost_sync"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    return tmp_path / "vost_sync"


def test_generator_runs_as_a_file_when_the_package_cannot_be_imported(copies):
    (copies / "__init__.py").write_text("raise ImportError\n")
    command = [sys.executable, copies / "_generate.py"]
    subprocess.run(command, check=True, cwd=copies.parent)
    assert differences(generate(ROOT / "vost", "vost_sync", vost_rules()), copies) == []


def test_main_mends_what_check_finds(copies, capsys):
    (copies / "fs.py").unlink()
    with (copies / "refs.py").open("a") as file:
        file.write("x = 1\n")
    assert main(["--check"], copies) == 1
    said = capsys.readouterr().err
    assert "fs.py is missing\nrefs.py is out of date:\n" in said
    assert "Run `python -m vost_sync._generate`." in said
    assert main([], copies) == 0
    assert main(["--check"], copies) == 0
    assert capsys.readouterr() == ("", "")


def test_main_does_not_mend_orphans(copies, capsys):
    (copies / "orphan.py").touch()
    assert main([], copies) == 1
    assert "orphan.py is neither generated nor known" in capsys.readouterr().err


def test_main_says_which_rule_is_missing(copies, capsys):
    path = copies.parent / "vost" / "retry.py"
    path.write_text(path.read_text().replace("retries: int = 5", "retries=5"))
    assert main([], copies) == 2
    assert capsys.readouterr().err == "retry.py: retries has no annotation\n"


def test_main_checks_the_package_and_says_nothing_when_it_is_up_to_date(capsys):
    assert main(["--check"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def written(tmp_path) -> tuple[dict[str, str], Path]:
    """Return generated files, and a directory with them and the hand-written ones."""
    files = generate_sample(tmp_path)
    directory = tmp_path / "blocking"
    directory.mkdir()
    for name in HAND_WRITTEN:
        (directory / name).touch()
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    assert differences(files, directory) == []
    return files, directory


def test_differences_finds_an_edited_line(written):
    files, directory = written
    (directory / "thing.py").write_text(files["thing.py"].replace("Be long", "Be short"))
    found = differences(files, directory)
    assert found[0] == "thing.py is out of date:"
    assert '-        """Be short."""' in found


def test_differences_finds_an_appended_tail(written):
    files, directory = written
    (directory / "thing.py").write_text(files["thing.py"] + "x = 1\n")
    assert differences(files, directory)[0] == "thing.py is out of date:"


@pytest.mark.parametrize("name", ["orphan.py", "sub/orphan.py", "_orphan.py"])
def test_differences_finds_an_orphan(written, name):
    files, directory = written
    (directory / name).parent.mkdir(exist_ok=True)
    (directory / name).write_text(GENERATED_MARK)
    assert differences(files, directory) == [
        f"{name} is neither generated nor known as hand-written"
    ]


def test_differences_finds_missing_files(written):
    files, directory = written
    (directory / "thing.py").unlink()
    (directory / "_drive.py").unlink()
    assert differences(files, directory) == [
        "thing.py is missing",
        "_drive.py is listed as hand-written, but missing",
    ]


@pytest.mark.parametrize("field", ["members", "specials", "annotations", "bases", "skipped"])
def test_generate_refuses_an_unused_rule(tmp_path, field):
    rules = sample_rules()
    table = getattr(rules, field)
    rules = replace(rules, **{field: Table(table.title, {**table.rules, "Unused.rule": "omit"})})
    with pytest.raises(GeneratorError, match=rf"match nothing:\n  {table.title}: Unused.rule"):
        generate_sample(tmp_path, rules)


def test_generate_refuses_an_unused_text_rule(tmp_path):
    unused = ("", "no such text", "")
    known = sample_rules().text
    rules = replace(sample_rules(), text=TextRules("docstring", (*known.rules, unused)))
    with pytest.raises(GeneratorError, match="docstring: no such text"):
        generate_sample(tmp_path, rules)


@pytest.fixture
def thing(tmp_path) -> str:
    """Return the generated module of the sample's class."""
    return generate_sample(tmp_path)["thing.py"]


@pytest.mark.parametrize(
    "expected",
    [
        'class Thing(Facade["aio.Thing"]):\n    """A thing.\n\n    Example:\n'
        '        >>> with thing as t:\n        ...     t.get("x")\n    """\n\n    __slots__ = ()\n',
        "    def __init__(self, name: str) -> None:\n        self._stand_for(aio.Thing(name))\n",
        "    def child(self) -> Thing:\n"
        '        """What is below."""\n'
        "        return Thing._of(self._aio.child)\n",
        "    def __enter__(self) -> Self:\n"
        '        """Begin."""\n'
        "        return self._of(run(self._aio.__aenter__()))\n",
        '    def get(self, path: str) -> str:\n        """Get something else."""\n'
        "        return run(self._aio.get(path))\n",
        '    @property\n    def up(self) -> Thing | None:\n        """What is above."""\n'
        "        return optional(Thing._of, run(self._aio.up))\n",
        "        return self._aio.plain\n",
        "    @plain.setter\n    def plain(self, number: int) -> None:\n"
        "        run(self._aio.set_plain(number))\n",
        "    def walk(self, tops: Sequence[Thing] | None = None) -> Iterator[Thing]:\n"
        '        """Walk."""\n'
        "        return iterate_as(Thing._of, self._aio.walk(aio_each(tops)))\n",
        "        return iterate(self._aio.names())\n",
        "    def named(self) -> dict[str, Thing]:\n"
        '        """Give names."""\n'
        "        return each_value(Thing._of, run(self._aio.named()))\n",
        "        return Thing._of(\n            run(\n                self._aio.long(\n"
        "                    first_parameter, second_parameter, third_parameter=third_parameter"
        ", o=o\n"
        "                )\n            )\n        )\n",
        'class Other(Facade["aio.Other"]):',
        "        return Thing._of(self._aio.make())\n",
        'def find(thing: Thing) -> Thing:\n    """Find it."""\n'
        "    return Thing._of(run(aio.find(aio(thing))))\n",
    ],
)
def test_generate_translates(thing, expected):
    assert expected in thing


def test_generate_leaves_private_names_out(thing):
    assert "_private" not in thing
    assert "__repr__" not in thing


def test_generate_shares_values_and_imports_facades(tmp_path):
    init = generate_sample(tmp_path)["__init__.py"]
    assert "from aio import Value\nfrom blocking.thing import Other, Thing, find\n" in init
    assert '__all__ = ("Other", "Thing", "Value", "find")' in init


@pytest.mark.parametrize(
    "addition, complaint",
    [
        ('    async def f(self) -> list[Thing]:\n        """F."""\n', "no rule for a result"),
        ('    async def f(self, x) -> None:\n        """F."""\n', "x has no annotation"),
        ('    async def f(self):\n        """F."""\n', "f has no return annotation"),
        ("    async def f(self) -> None:\n        pass\n", "Thing.f has no docstring"),
        ('    async def f(self, x: Hidden) -> None:\n        """F."""\n', "uses Hidden, which is"),
        ('    @staticmethod\n    def f() -> int:\n        """F."""\n', "no rule for .'staticm"),
        ('    @cache\n    def f(self) -> int:\n        """F."""\n', "no rule for .'cache'"),
        ('    async def f(self, x: int, /) -> None:\n        """F."""\n', "positional-only"),
        ('    async def f(self) -> None:\n        """Use an event loop."""\n', "'event loop'"),
        (
            '    async def f(self, x: dict[str, Thing]) -> None:\n        """F."""\n',
            "no rule for an",
        ),
        ("    async def f(self, x: Callable[[Thing], int]) -> None: 'F.'\n", "no rule for an arg"),
        ("    async def f(self) -> AsyncGenerator[list[Thing], None]: 'F.'\n", "no rule for items"),
        ("    x: int = 0\n", "no rule for class attributes"),
        ("    def f(self) -> None:\n        self.x = 1\n", "must be seen"),
        (
            "    @overload\n    def f(self) -> int: ...\n"
            '    def f(self) -> int:\n        """F."""\n',
            "no rule for overloads",
        ),
    ],
)
def test_generate_refuses_what_it_has_no_rule_for(tmp_path, addition, complaint):
    text = SAMPLE["thing"].replace("class Other:", f"{addition}class Other:")
    with pytest.raises(GeneratorError, match=complaint):
        generate_sample(tmp_path, thing=text)


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"thing": SAMPLE["thing"].replace('"""Things."""', "")}, "aio/thing.py has no docstring"),
        ({"thing": SAMPLE["thing"].replace('"""Without', 'x = """Without')}, "Other has no doc"),
        ({"_base": SAMPLE["_base"].replace("child: What", "kid: What")}, "child is not documented"),
        ({"_base": "class Other: pass\n"}, "base class Base not found in aio._base"),
    ],
)
def test_generate_refuses_incomplete_sources(tmp_path, changes, complaint):
    with pytest.raises(GeneratorError, match=complaint):
        generate_sample(tmp_path, **changes)


def test_generate_refuses_a_directory_that_is_no_package(tmp_path):
    with pytest.raises(GeneratorError, match="is no package"):
        generate(tmp_path, "blocking", sample_rules())


def test_generate_copies_a_private_type_alias(tmp_path):
    alias = 'Kind: TypeAlias = "int | Value"\n'
    method = '    async def f(self, x: Kind) -> None:\n        """F."""\n'
    text = SAMPLE["thing"].replace("class Other:", f"{method}class Other:")
    text = text.replace("class Thing", f"from aio._values import Value\n{alias}class Thing")
    module = generate_sample(tmp_path, thing=text)["thing.py"]
    assert f"\n{alias}" in module
    assert "    from aio import Value\n" in module
    assert "    def f(self, x: Kind) -> None:\n" in module
