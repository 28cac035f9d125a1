"""A headless chromium for measuring what a person waits for on the page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import UnavailableError


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a playwright Browser, closed in the end.

    Raises:
        UnavailableError: playwright or chromium is not installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise UnavailableError("playwright is not installed; run: make setup-dev") from error
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise UnavailableError("chromium is not installed; run: sh tests/browser.sh")
    with sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
