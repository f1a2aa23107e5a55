"""A real browser: Debian's Chromium, driven by Playwright, that tells what goes wrong in it."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)
TIMEOUT = 20_000
"""Milliseconds after which a step is stuck."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser; skip the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: .ci/run installs it")
        pytest.skip("chromium is not installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browsing(
    browser: Browser,
    *,
    script: bool = True,
    complaints: list[str] | None = None,
) -> Generator[Page, None, None]:
    """Give a page; whatever the browser complained about fails the test at the end.

    Args:
        browser: The browser.
        script: Whether scripts run.
        complaints: Takes what the browser complained about, which is no failure then.
    """
    expected = complaints is not None
    found: list[str] = [] if complaints is None else complaints
    context: BrowserContext = browser.new_context(
        viewport={"width": 1280, "height": 800},
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT)

    def heard(message: ConsoleMessage) -> None:
        # A page about what is not found is not found itself, and that is said.
        if "the server responded with a status of 4" not in message.text:
            found.append(f"{message.type}: {message.text}")

    try:
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: found.append(str(error)))
        page.on("dialog", lambda dialog: found.append(f"a dialog: {dialog.message}"))
        yield page
        assert expected or found == []
    finally:
        context.close()


FAINT_TEXT = """() => {
  const rgb = (text) => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    return parts.length < 4 ? [...parts, 1] : parts;
  };
  const light = (color) => {
    const [r, g, b] = color.map((v) => v / 255).map(
      (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgb(getComputedStyle(e).backgroundColor);
      if (color[3] === 1) return color;
    }
    return [255, 255, 255, 1];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("option, optgroup, svg")) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${walker.currentNode.textContent.trim()}`);
  }
  return faint;
}"""
"""Returns the texts of a page with a contrast below 4.5 (WCAG 2, level AA)."""


def wait_until(page: Page, condition: str) -> None:
    """Wait until a condition in JavaScript holds, on a page that stays.

    Playwright's own ``wait_for_function`` evaluates text in the page, which our pages forbid.
    """
    page.evaluate(
        f"async () => {{ const end = performance.now() + {TIMEOUT}; while (!({condition})) {{"
        f" if (performance.now() > end) throw new Error({json.dumps(condition)});"
        " await new Promise((done) => requestAnimationFrame(done)); } }"
    )
