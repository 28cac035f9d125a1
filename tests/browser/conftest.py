"""One live page for all browser tests, and a headless chromium to look at it with.

Fixtures: `live` (its address, its settings and a direct engine), `page` (a fresh browser context at 1440 x 900 that
fails the test on a script error or a request to another host), `visit` (opens a path and waits for the page) and
`expect_ids` (waits until the wall shows these pictures, in this order).
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.search import Engine
from core.settings import Settings

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

playwright.expect.set_options(timeout=20_000)  # a busy machine

PROJECT = Path(__file__).resolve().parents[2]
_START_S = 90  # a busy two-core machine takes 20


@dataclass(frozen=True)
class Live:
    """A served page.

    Attributes:
        url: its address, ending in a slash.
        settings: what it serves.
        engine: answers the same questions directly.
        log: file of what the server wrote.
    """

    url: str
    settings: Settings
    engine: Engine
    log: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, so that `-m "not browser"` leaves it out."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def live(prepared: Settings, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Live]:
    """The page as `app.py` serves it, in a process of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    log = tmp_path_factory.mktemp("live") / "server.log"
    command = [sys.executable, str(PROJECT / "app.py"), "--port", str(port), "--root", str(prepared.root)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait(url, server, log)
        yield Live(url, prepared, Engine(prepared), log)
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator["playwright.Browser"]:
    """Debian's chromium, headless."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium on this machine; tests/browser.sh installs one")
    with playwright.sync_playwright() as runner:
        started = runner.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        yield started
        started.close()


@pytest.fixture
def make_page(browser: "playwright.Browser", live: Live) -> Iterator[Callable[..., "playwright.Page"]]:
    """Make pages in contexts of their own; at the end, no script has failed and no other host was asked."""
    contexts = []
    faults: list[str] = []

    def make(width: int = 1440, height: int = 900, **options: object) -> "playwright.Page":
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
        page.on("request", lambda request: _note_foreign(request.url, live.url, faults))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults, "\n".join([*faults, live.log.read_text()[-2000:]])


@pytest.fixture
def page(make_page: Callable[..., "playwright.Page"]) -> "playwright.Page":
    """A page of a desktop."""
    return make_page()


@pytest.fixture
def visit(page: "playwright.Page", live: Live) -> Callable[[str], "playwright.Page"]:
    """Open a path such as "?gallery=satellite&id=3" and wait until pictures, or an error, are shown."""

    def go(path: str = "") -> "playwright.Page":
        page.goto(live.url + path)
        settled(page)
        return page

    return go


@pytest.fixture
def expect_ids() -> Callable[["playwright.Page", list[int]], None]:
    """Wait until the wall shows exactly these pictures in this order."""

    def check(page: "playwright.Page", ids: list[int]) -> None:
        expected = [str(value) for value in ids]
        shown = "() => [...document.querySelectorAll('.pm-open')].map((one) => one.dataset.id)"
        try:
            page.wait_for_function(f"(want) => JSON.stringify(({shown})()) === JSON.stringify(want)", arg=expected)
        except playwright.TimeoutError:
            assert page.evaluate(shown) == expected

    return check


def settled(page: "playwright.Page") -> None:
    """Wait until the Search tab has an answer to what was asked last."""
    playwright.expect(page.locator(".pm-results")).to_have_attribute("aria-busy", "false")
    playwright.expect(page.locator(".pm-cell, .pm-trouble:visible").first).to_be_visible()


def _note_foreign(asked: str, own: str, faults: list[str]) -> None:
    parts = urlsplit(asked)
    if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(own).netloc:
        faults.append(f"a request to another host: {asked}")


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"the page did not start:\n{log.read_text()[-4000:]}")
