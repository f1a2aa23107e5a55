"""Asking git and gh for a password: without prompts, and only where it belongs.

Source: https://git-scm.com/docs/git-credential and https://cli.github.com/manual/gh_auth_token
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

TIMEOUT = 5.0
"""Seconds that git or gh may take."""

_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_HOSTS_LINE = re.compile(r"""^["']?([A-Za-z0-9.-]+)["']?:\s*(?:#.*)?$""", re.MULTILINE)
_HOSTS_LIMIT = 1 << 20
_GH_USER = "x-access-token"


def resolve_credentials(url: str) -> str:
    """Return ``url`` with the user and password that git's helpers or gh know for it.

    Anything but an ``https://`` URL without a user comes back as it is, and so does one for which
    nobody knows a password.
    """
    if not url.startswith("https://") or _CONTROL.search(url):
        return url
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return url
    if not host or "@" in parts.netloc or _CONTROL.search(unquote(parts.netloc + parts.path)):
        return url
    found = _ask_git(parts)
    if found is None and _gh_knows(host):
        found = _ask_gh(host)
    if found is None:
        return url
    user, password = (quote(text, safe="") for text in found)
    return f"https://{user}:{password}@" + url[len("https://") :]


def _ask_git(parts: SplitResult) -> tuple[str, str] | None:
    query = f"protocol=https\nhost={parts.netloc}\n"
    path = unquote(parts.path).lstrip("/")
    if path:
        query += f"path={path}\n"
    answer = _run(["git", "credential", "fill"], query + "\n")
    fields = dict(line.split("=", 1) for line in answer.split("\n") if "=" in line)
    user, password = fields.get("username", ""), fields.get("password", "")
    return (user, password) if user and password else None


def _ask_gh(host: str) -> tuple[str, str] | None:
    token = _run(["gh", "auth", "token", "--hostname", host], "").strip()
    return (_GH_USER, token) if token else None


def _gh_knows(host: str) -> bool:
    """Tell whether gh is logged in to a host.

    Asked for any other one, gh may hand out a token from the environment that is for another.
    """
    if host == "github.com" or host.endswith((".github.com", ".ghe.com")):
        return True
    if host == os.environ.get("GH_HOST", "").lower():
        return True
    directory = os.environ.get("GH_CONFIG_DIR")
    if not directory:
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
        directory = f"{base}/gh"
    try:
        with Path(directory, "hosts.yml").open(encoding="utf-8", errors="replace") as file:
            hosts = _HOSTS_LINE.findall(file.read(_HOSTS_LIMIT))
    except OSError:
        return False
    return host in {known.lower() for known in hosts}


def _run(command: list[str], query: str) -> str:
    """Return what a program answers; ``""`` if it fails, is missing or takes too long."""
    try:
        result = subprocess.run(
            command,
            input=query.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
            env=_environment(),
            # The configuration of a repository that happens to be around must not name a helper.
            cwd=os.path.abspath(os.sep),  # noqa: PTH100
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return result.stdout.decode("utf-8", "replace") if result.returncode == 0 else ""


def _environment() -> dict[str, str]:
    """Return the environment without what leads git elsewhere, and without prompts.

    Where the user's own configuration is (``GIT_CONFIG_*``) stays: it names the helpers.
    """
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_") or name == "GIT_EXEC_PATH"
    }
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        # Empty, not missing: then git does not look at core.askPass and SSH_ASKPASS either.
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GCM_INTERACTIVE": "never",
        "GH_PROMPT_DISABLED": "1",
    }
