"""Reads HTML as strictly as the pages of the server are to be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

_VOID = {"meta", "link", "input", "img", "br", "hr"}
_SHAPES = {"path", "use"}
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


@dataclass
class Element:
    """An element of a document.

    Attributes:
        tag: Its name.
        attributes: What it has.
        pieces: The text in it, that of elements in it included.
    """

    tag: str
    attributes: dict[str, str | None]
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text in it, blanks taken together."""
        return " ".join("".join(self.pieces).split())

    def __getitem__(self, name: str) -> str:
        """Return the value of an attribute that is there."""
        return self.attributes[name] or ""


class Document(HTMLParser):
    """A document that is well-formed, or an assertion fails.

    Args:
        text: The HTML.

    Attributes:
        elements: All elements, in order.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        assert text.startswith("<!DOCTYPE html>")
        self.feed(text)
        self.close()
        assert self._open == [], "something is left open"
        self._check()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element; one that nobody may write is an error."""
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: {tag} {attrs}"
        assert not [name for name in names if name.startswith("on") or name == "style"], attrs
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element of SVG that has no content."""
        assert tag in _SHAPES
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close an element: the one that was opened last."""
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Take text."""
        for element in self._open:
            element.pieces.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a name that have some attributes (``class_``: one of them)."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag
            and all(
                value in (element.attributes.get(name) or "").split(" ")
                for name, value in wanted.items()
            )
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        """Return the only such element."""
        (element,) = self.all(tag, **attributes)
        return element

    def link(self, text: str) -> str:
        """Return where the only link of a text leads."""
        (url,) = {element["href"] for element in self.all("a") if element.text == text}
        return url

    @property
    def links(self) -> list[str]:
        """Where all links lead."""
        return [element["href"] for element in self.all("a") if "href" in element.attributes]

    def _check(self) -> None:
        assert self.one("html")["lang"] == "en"
        self.one("main")
        assert self.one("title").text
        ids = [e["id"] for e in self.elements if "id" in e.attributes]
        assert len(ids) == len(set(ids)), "an id twice"
        self._check_headings()
        self._check_names(set(ids))
        self._check_urls()

    def _check_headings(self) -> None:
        self.one("h1")
        levels = [_HEADINGS.index(e.tag) for e in self.elements if e.tag in _HEADINGS]
        assert levels[0] == 0
        for before, after in pairwise(levels):
            assert after <= before + 1, "a level of headings is left out"

    def _check_names(self, ids: set[str]) -> None:
        labelled = {e.attributes.get("for") for e in self.all("label")}
        for element in self.elements:
            if element.tag in ("input", "select") and element.attributes.get("type") != "hidden":
                assert element["id"] in labelled, element
            if element.tag in ("nav", "iframe", "video", "audio"):
                assert element.attributes.get("aria-label") or element.attributes.get("title")
            if element.tag in ("a", "button", "summary") and element.attributes.get("href") != "":
                has_picture = element.tag == "a" and not element.text
                assert element.text or has_picture, element
            if element.tag == "img":
                assert "alt" in element.attributes
            for name in ("aria-labelledby", "aria-describedby"):
                if name in element.attributes:
                    assert element[name] in ids, element

    def _check_urls(self) -> None:
        for element in self.elements:
            for name in ("href", "src", "action", "data-events"):
                url = element.attributes.get(name)
                if url is None:
                    continue
                inside = url.startswith(("/", "#")) and not url.startswith(("//", "/\\"))
                outside = element.tag == "a" and "noopener" in (element.attributes.get("rel") or "")
                assert inside or outside, element
        for script in self.all("script"):
            assert script["src"].endswith("/page.js")
            assert script.text == ""
        assert self.all("style") == []
