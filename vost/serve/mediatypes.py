"""Which media type a file has: by its name, never by its content.

What browsers would offer to download although it is text is served as plain text. The table of the
standard library is used without what the system adds to it: the same file has the same type
everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from mimetypes import MimeTypes

UNKNOWN = "application/octet-stream"
PLAIN_TEXT = "text/plain; charset=utf-8"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Said by the contract, whatever the table says.
_OVERRIDES = {
    "geojson": PLAIN_TEXT,
    "json": PLAIN_TEXT,
    "xml": "text/xml; charset=utf-8",
    "yaml": PLAIN_TEXT,
    "yml": PLAIN_TEXT,
}

# Newer than the table of the oldest Python that we run on, or not in any.
_ADDED = {
    "7z": "application/x-7z-compressed",
    "apng": "image/apng",
    "avif": "image/avif",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "flac": "audio/flac",
    "gz": "application/gzip",
    "jxl": "image/jxl",
    "m4a": "audio/mp4",
    "markdown": "text/markdown",
    "md": "text/markdown",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "mkv": "video/x-matroska",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "otf": "font/otf",
    "parquet": "application/vnd.apache.parquet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rst": "text/x-rst",
    "ttf": "font/ttf",
    "wasm": "application/wasm",
    "weba": "audio/webm",
    "webm": "video/webm",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

# Text that the table does not know, or has under a type that browsers do not show.
_TEXT = _words(
    """
    ada adb adoc ads ahk applescript asciidoc asm astro awk bas bash bat bazel bib bzl c cabal cc
    cfg cjs cl clj cljs cls cmake cmd coffee conf config cpp cr cs csv csx cu cxx d dart def diff
    dockerfile dot editorconfig edn el elm env ejs erb erl ex exs f f77 f90 f95 fish for fs fsi fsx
    gd geojsonl gitattributes gitignore gitmodules glsl go gql gradle graphql groovy gv h haml hbs
    hcl hh hpp hrl hs hxx ical ini ino ipynb iss java jl js json5 jsonc jsonl jsonld jsx kt kts
    latex less lhs lisp list lock log lua m mak markdown md mdx mk ml mli mm mustache ndjson nim nix
    nsi opml org pas patch php pl plist pm po pod pot pp proto ps1 psd1 psm1 pug puppet purs py pyi
    pyx qml r rake rb reg rego rest rkt rs rst s sas sass sbt scala scm scss sed sh sol sparql sql
    srt star styl sty sv svelte svh swift tab tcl tex text tf tfvars thrift toml topojson ts tsv tsx
    twig txt v vala vb vbs vhd vhdl vim vtt vue wast wat wgsl xsd xsl yang zig zsh
    """
)
_TEXT_NAMES = _words(
    """
    .bashrc .dockerignore .editorconfig .env .gitattributes .gitignore .gitmodules .npmrc .profile
    .zshrc authors build changelog changes cmakelists.txt codeowners contributing copying copyright
    dockerfile gemfile gnumakefile history install jenkinsfile justfile license licence maintainers
    makefile news notice pipfile procfile rakefile readme thanks todo vagrantfile version workspace
    """
)

# Source code that the table has under types that browsers download, or takes for something else
# of the same extension (`.ts` for a video).
_RATHER_TEXT = _words(
    """
    bat csh ipynb jsonld jsx latex m mak mod php pl py rs sh sql tcl tex toml ts tsx
    """
)

_table = MimeTypes(filenames=())


@lru_cache(4096)
def media_type(name: str) -> str:
    """Return the media type of a file.

    Args:
        name: Its name, or path.
    """
    base = name.rpartition("/")[2].lower()
    extension = base.rpartition(".")[2] if "." in base else ""
    if extension in _OVERRIDES:
        return _OVERRIDES[extension]
    if extension in _RATHER_TEXT:
        return PLAIN_TEXT
    if extension in _ADDED:
        return _ADDED[extension]
    known, encoding = _table.guess_type(f"x.{extension}") if extension else (None, None)
    if known is not None and encoding is None:
        return known
    if encoding is not None:
        return f"application/{'gzip' if encoding == 'gzip' else f'x-{encoding}'}"
    if extension in _TEXT or base in _TEXT_NAMES or base.rpartition(".")[0] in _TEXT_NAMES:
        return PLAIN_TEXT
    return UNKNOWN


def is_text(kind: str) -> bool:
    """Tell whether a media type is one of text, so that a person can read it."""
    essence = kind.partition(";")[0].strip()
    return essence.startswith("text/") or essence.endswith(("+xml", "+json"))


def is_compressible(kind: str) -> bool:
    """Tell whether content of this type becomes smaller when it is compressed."""
    essence = kind.partition(";")[0].strip()
    return is_text(kind) or essence in _COMPRESSIBLE


_COMPRESSIBLE = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/wasm",
        "application/xml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/x-icon",
        "image/vnd.microsoft.icon",
    }
)


def runs_in_browsers(kind: str) -> bool:
    """Tell whether a browser may run scripts in it: all but what is known to be passive.

    A PDF counts as passive: browsers show it in a viewer of their own, which a sandbox breaks.
    """
    essence = kind.partition(";")[0].strip()
    if essence in ("application/pdf", "text/plain", UNKNOWN):
        return False
    return essence == "image/svg+xml" or not essence.startswith(
        ("image/", "audio/", "video/", "font/")
    )
