"""Templates, and the style sheet and script of the page, with all that depends on their content."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

import vost
from vost.serve.page import wording

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "_/page/"

_HERE = Path(__file__).parent
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFile(NamedTuple):
    """A file that browsers load beside a page.

    Attributes:
        content: Its bytes.
        digest: A hash of them: another content has another URL.
        kind: Its media type.
    """

    content: bytes
    digest: str
    kind: str


class Assets:
    """All of them, read from the package. Blocks for some milliseconds when it is made.

    Attributes:
        static: The static files, by what follows the base path in their URLs.
        version: Stands for everything that makes pages of the same content different.
    """

    def __init__(self) -> None:
        self.static: dict[str, StaticFile] = {}
        self._names: dict[str, str] = {}
        digest = hashlib.sha256(vost.__version__.encode())
        for path in sorted(_HERE.glob("static/*")):
            content = path.read_bytes()
            digest.update(content)
            own = hashlib.sha256(content).hexdigest()[:16]
            url = f"{PREFIX}{own}/{path.name}"
            self.static[url] = StaticFile(content, own, _MEDIA_TYPES[path.suffix])
            self._names[path.name] = url
        for path in sorted(_HERE.glob("templates/*.html")):
            digest.update(path.read_bytes())
        self.version = digest.hexdigest()[:12]
        self._environment = _environment()
        for name in self._environment.list_templates():
            self._environment.get_template(name)  # compiled now, and not while somebody waits

    def url(self, base: str, name: str) -> str:
        """Return the link to a static file.

        Args:
            base: What links begin with.
            name: Its name, such as ``page.css``.
        """
        return f"{base}/{self._names[name]}"

    def render(self, template: str, values: Mapping[str, object]) -> bytes:
        """Return a page in UTF-8. Takes its time: to be called in a worker thread.

        Args:
            template: File name of its template.
            values: What the template asks for.
        """
        return self._environment.get_template(template).render(values).encode()


@cache
def assets() -> Assets:
    """Return the assets: the same for all servers of a process."""
    return Assets()


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(("html",), default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "plain": wording.plain,
        "seen": wording.seen,
        "seen_line": wording.seen_line,
        "size": wording.size_text,
        "day": wording.day_text,
        "minute": wording.minute_text,
        "iso": wording.iso_text,
        "subject": wording.subject,
        "rest": wording.rest_of,
    }
    made.globals["count"] = wording.count_text
    return made
