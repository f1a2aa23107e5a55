"""The rules by which async code becomes blocking code. A rule that is never used is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class GeneratorError(Exception):
    """Raised when a source holds something that no rule covers, or a rule covers nothing."""


@dataclass
class Table:
    """Rules by key, which remember whether they were used.

    Args:
        title: What the table is called in messages.
        rules: The rules.
    """

    title: str
    rules: Mapping[str, str]
    _used: set[str] = field(default_factory=set)

    def get(self, key: str) -> str | None:
        """Return the rule of that key, if there is one."""
        found = self.rules.get(key)
        if found is not None:
            self._used.add(key)
        return found

    def unused(self) -> Iterator[str]:
        """Yield a description of each rule that was not used."""
        for key in self.rules:
            if key not in self._used:
                yield f"{self.title}: {key}"


@dataclass
class TextRules:
    """Ordered replacements in docstrings and transcribed code.

    Args:
        title: What the rules are called in messages.
        rules: A place, a regular expression and its replacement each. The place is that of a
            docstring, such as ``FS.open``; an empty one means everywhere.
    """

    title: str
    rules: tuple[tuple[str, str, str], ...]
    _used: set[tuple[str, str, str]] = field(default_factory=set)

    def apply(self, text: str, place: str = "") -> str:
        """Return the text with every rule applied that is for this place, in order."""
        for rule in self.rules:
            where, pattern, replacement = rule
            if where in {"", place}:
                text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
                if count:
                    self._used.add(rule)
        return text

    def unused(self) -> Iterator[str]:
        """Yield a description of each rule that matched nothing."""
        for rule in self.rules:
            if rule not in self._used:
                yield f"{self.title}: {rule[0]} {rule[1]}".replace("  ", " ")


@dataclass
class Rules:
    """All rules of one generation.

    Args:
        annotations: Names in annotations.
        specials: Special methods that have another name.
        members: ``Class.method`` to what it becomes: ``omit``, ``setter of NAME``, the name of a
            special method, or several of these, separated by commas; ``keep`` keeps it too.
        bases: Further base classes of a facade class.
        files: ``Class.method`` of methods that open files to the function of ``_files`` that
            wraps the result, and its class for each mode.
        classes: Modules whose public classes have hand-written counterparts in ``_files``.
        transcribed: Functions whose body is translated, because what they call is part of their
            documented behaviour; and the module-level names that the body needs beside it.
        skipped: Modules that the facade leaves out.
        text: Replacements in docstrings.
        code: Replacements in transcribed code.
    """

    annotations: Table
    specials: Table
    members: Table
    bases: Table
    files: Table
    classes: Table
    transcribed: Table
    skipped: Table
    text: TextRules
    code: TextRules

    def require_all_used(self) -> None:
        """Check that each rule was used at least once.

        Raises:
            GeneratorError: If one was not.
        """
        tables = (getattr(self, name) for name in self.__dataclass_fields__)
        unused = [description for table in tables for description in table.unused()]
        if unused:
            raise GeneratorError("rules that match nothing:\n  " + "\n  ".join(unused))


_MAPPINGS = {"NoteNamespace": "MutableMapping[str, str]", "RefDict": "MutableMapping[str, FS]"}

_DOCSTRINGS = (
    ("vost", r", for async programs\.", ", for blocking programs."),
    (
        "vost",
        r"``vost_sync`` is the same API for blocking programs\.",
        "``vost`` is the same API for async programs, and what runs below.",
    ),
    # The blocking open() finds the file at once.
    (
        "FS.open",
        r"A reader, to be used in ``async with``; its first step finds the file\.",
        "A reader.",
    ),
    ("FS.open", r"On the first step, if", "If"),
    # A MutableMapping takes keyword arguments too.
    *(
        (f"{name}.update", r"^( +)other: .+$", r"\g<0>\n\1**named: More of them, by keyword.")
        for name in _MAPPINGS
    ),
    ("", r"await (\w+)\.set\((\w+), (\"[^\"]*\")\)", r"\1[\2] = \3"),
    ("", r"\basync (with|for)\b( await\b)?", r"\1"),
    ("", r"\bawait ", ""),
)

# What a MutableMapping makes of its other methods.
_MIXED_IN = ("clear", "get", "items", "keys", "pop", "popitem", "setdefault", "values")

_MEMBERS = {
    # A repository is not part of the public API: open() makes stores.
    "GitStore.__init__": "omit",
    "NoteDict.contains": "__contains__",
    "NoteNamespace.contains": "__contains__",
    "NoteNamespace.count": "__len__",
    "NoteNamespace.delete": "__delitem__",
    "NoteNamespace.set": "__setitem__",
    "NoteNamespace.set_for_current_branch": "setter of for_current_branch",
    "NoteNamespace.update": "update",
    "NotesBatch.delete": "__delitem__",
    "NotesBatch.set": "__setitem__",
    "RefDict.contains": "__contains__",
    "RefDict.count": "__len__",
    "RefDict.delete": "__delitem__",
    "RefDict.set": "keep, __setitem__",
    "RefDict.set_current": "setter of current",
    "RefDict.update": "update",
    **{f"{name}.{one}": "omit" for name in _MAPPINGS for one in _MIXED_IN},
}


def vost_rules() -> Rules:
    """Return the rules for vost, fresh: none of them is marked as used."""
    return Rules(
        annotations=Table("annotation", {"AsyncGenerator": "Iterator"}),
        specials=Table(
            "special method",
            {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"},
        ),
        members=Table(
            "member",
            _MEMBERS,
        ),
        bases=Table("base class", _MAPPINGS),
        files=Table(
            "file method",
            {
                "FS.open": "open_reader rb=Reader r=TextReader",
                "FS.writer": "open_writer wb=SnapshotWriter w=SnapshotTextWriter",
                "Batch.writer": "open_batch_writer wb=BatchWriter w=BatchTextWriter",
            },
        ),
        classes=Table(
            "hand-written module",
            {
                "files": "BatchTextWriter BatchWriter Reader SnapshotTextWriter SnapshotWriter"
                " TextReader Writer"
            },
        ),
        transcribed=Table("transcribed function", {"retry_write": "_FIRST_DELAY _LONGEST_DELAY"}),
        skipped=Table(
            "skipped module", {"testing": "is for tests of storages, which block anyway"}
        ),
        text=TextRules("docstring", _DOCSTRINGS),
        code=TextRules(
            "code",
            (("", r"\bawait ", ""), ("", r"\bsleep\(", "time.sleep(")),
        ),
    )
