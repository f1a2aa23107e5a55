"""Markdown as HTML that does no harm: no HTML of its own, no scripts, nothing loaded from outside.

Links that are relative lead to the files of the same snapshot, and so do images. An image that lies
elsewhere becomes a link: looking at a README tells nobody that somebody does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from vost.serve.page.wording import plain_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

    from vost.serve.shown import Place
    from vost.serve.targets import RequestTarget

_LONGEST = 128 * 1024
_MOST_BRACKETS = 4000

_NAMES = re.compile(r"(?i).+\.(md|markdown|mdown|mkd)")
_SCHEMES = frozenset({"http", "https", "mailto"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NO_WORD = re.compile(r"[^\w\- ]")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BREAK = re.compile(r"(?i)<br */?>")
_ANCHOR = "text-"


class Surroundings(NamedTuple):
    """Where a text stands.

    Attributes:
        target: Makes links.
        place: Of the snapshot that it is in.
        directory: What its relative links begin in.
        level: Its headings are so many levels deeper than they say.
    """

    target: RequestTarget
    place: Place
    directory: str
    level: int


def is_markdown(name: str) -> bool:
    """Tell whether a file is written in Markdown, by its name."""
    return _NAMES.fullmatch(name) is not None


def is_renderable(text: str) -> bool:
    """Tell whether a text can be rendered in some seconds at most, whoever wrote it."""
    # The time for brackets that nothing closes grows with the square of their number.
    return len(text) <= _LONGEST and text.count("[") <= _MOST_BRACKETS


def rendered(text: str, around: Surroundings) -> Markup:
    """Return a text in Markdown as HTML. Takes its time: to be called in a worker thread.

    Args:
        text: The text.
        around: Where it stands.
    """
    environment: dict[str, Any] = {"around": around}
    tokens = _parser.parse(plain_lines(text.replace("\r\n", "\n")), environment)
    _adapt(tokens, around)
    return Markup(_parser.renderer.render(tokens, _parser.options, environment))


def resolved(link: str, around: Surroundings, query: str = "") -> str | None:
    """Return where a link of a text leads; ``None``: nowhere that we would lead to.

    Args:
        link: As it is written.
        around: Where.
        query: What follows ``?`` in a link within the snapshot.
    """
    link = link.strip()
    scheme = _SCHEME.match(link)
    if scheme is not None:
        return link if scheme[1].lower() in _SCHEMES else None
    if link.startswith(("//", "\\", "/\\")):
        return None
    if link.startswith("#"):
        return f"#{_ANCHOR}{link[1:]}"
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    path = unquote_to_bytes(parts.path).decode("utf-8", "surrogateescape")
    names = [] if path.startswith("/") else around.directory.split("/")
    for name in path.split("/"):
        if name == "..":
            names = names[:-1]
        elif name not in ("", "."):
            names.append(name)
    url = around.place.link(around.target, "/".join(filter(None, names)), query)
    return f"{url}#{_ANCHOR}{parts.fragment}" if parts.fragment and not query else url


def _adapt(tokens: Sequence[Token], around: Surroundings) -> None:
    known: dict[str, int] = {}
    for number, token in enumerate(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + around.level, 6)}"
        if token.type == "heading_open":
            token.attrSet("id", _anchor(tokens[number + 1], known))
        if token.type == "th_open":
            token.attrSet("scope", "col")
        _align(token)
        depth = 0
        for child in token.children or ():
            if child.type == "link_open":
                _adapt_link(child, around)
            if child.type.startswith("link_"):
                depth += child.nesting
            child.meta["in link"] = depth > 0


def _adapt_link(token: Token, around: Surroundings) -> None:
    href = resolved(str(token.attrGet("href") or ""), around)
    if href is None:
        token.attrs.pop("href", None)
        return
    token.attrSet("href", href)
    if _SCHEME.match(href):
        token.attrSet("rel", "noopener noreferrer nofollow")


def _align(token: Token) -> None:
    """Say by a class how a cell is aligned: styles in attributes are forbidden on the page."""
    style = token.attrs.pop("style", None)
    if isinstance(style, str):
        token.attrSet("class", f"to-{style.rpartition(':')[2]}")


def _anchor(inline: Token, known: dict[str, int]) -> str:
    """Return the id of a heading: its text as GitHub makes ids of it, behind a prefix of ours."""
    text = "".join(
        child.content for child in inline.children or () if child.type in ("text", "code_inline")
    )
    slug = _NO_WORD.sub("", text.strip().lower()).replace(" ", "-")
    number = known.get(slug, 0)
    known[slug] = number + 1
    return f"{_ANCHOR}{slug}-{number}" if number else f"{_ANCHOR}{slug}"


def _image(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    environment: dict[str, Any],
) -> str:
    token = tokens[index]
    words = escape(renderer.renderInlineAsText(token.children, options, environment))
    source = str(token.attrGet("src") or "")
    around: Surroundings = environment["around"]
    url = resolved(source, around, "raw")
    if url is None or url.startswith("#"):
        return str(words)
    if not _SCHEME.match(url):
        return str(Markup('<img src="{}" alt="{}" loading="lazy">').format(url, words))
    text = words or Markup("image")
    if token.meta["in link"]:
        return str(Markup('<span class="outside">{}</span>').format(text))
    link = Markup('<a class="outside" href="{}" rel="noopener noreferrer nofollow">{}</a>')
    return str(link.format(url, text))


def _table_open(*_: object) -> str:
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _html(
    _: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,  # noqa: ARG001 - what a rule is called with
    environment: dict[str, Any],  # noqa: ARG001
) -> str:
    """Return HTML as the text that it is; comments, which nobody is to see, as nothing."""
    token = tokens[index]
    text = _COMMENT.sub("", token.content)
    if token.type == "html_inline":
        return "<br>" if _BREAK.fullmatch(text) else str(escape(text))
    return str(Markup("<p>{}</p>\n").format(text.strip())) if text.strip() else ""


def _made() -> MarkdownIt:
    # HTML is told apart from text, but only to leave out comments: no rule here ever renders it.
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: (  # type: ignore[method-assign]
        (found := _SCHEME.match(url.strip())) is None or found[1].lower() in _SCHEMES
    )
    rules: dict[str, Callable[..., str]] = {
        "image": _image,
        "html_block": _html,
        "html_inline": _html,
        "table_open": _table_open,
        "table_close": _table_close,
    }
    for kind, rule in rules.items():
        parser.add_render_rule(kind, rule)
    return parser


_parser = _made()
