"""How long a person waits for an upload on the page: from choosing a 12-megapixel file until results are there.

The page is `app.py` in a process of its own, looked at by a headless chromium on the same machine. Time runs in the
page: from the file input's change until the results have replaced those before.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UnavailableError
from core.evaluation.chromium import chromium
from core.settings import Settings
from core.types import Json, Progress, no_progress

_APP = Path(__file__).resolve().parents[2] / "app.py"
_START_S = 120.0
WARMING = 2  # uploads that are not counted: the first loads encoder, features and index

_WATCH = """() => {
  const input = document.querySelector(".pm-file"), results = document.querySelector(".pm-results");
  let began = 0, asked = false;
  window.waits = [];
  input.addEventListener("change", () => {
    began = performance.now();
    asked = false;
    performance.clearResourceTimings();
  }, true);
  new MutationObserver(() => {
    const busy = results.getAttribute("aria-busy") === "true";
    if (busy) asked = true;
    else if (asked && began && document.querySelector(".pm-cell")) {
      const parts = {};
      for (const one of performance.getEntriesByType("resource"))
        parts[["upload", "component_server"].find((path) => one.name.includes(path))] = one.duration;
      const { upload, component_server: search } = parts;
      window.waits.push({ total: performance.now() - began, upload: upload ?? 0, search: search ?? 0 });
      began = 0;
    }
  }).observe(results, { attributes: true, attributeFilter: ["aria-busy"] });
}"""


def bench_page(settings: Settings, address: str, files: Sequence[bytes], *, progress: Progress = no_progress) -> Json:
    """Upload files to the page, one after the other.

    Args:
        settings: where the gallery is.
        address: of a prepared gallery.
        files: JPEGs that differ, two more than are counted.

    Returns:
        {"count", "p50_ms", "p95_ms", "median_parts_ms": {"upload", "search", "page"}}; "page" is what is neither of
        the two requests.

    Raises:
        UnavailableError: playwright or chromium is not installed, or the page does not start.
    """
    with chromium() as browser, tempfile.TemporaryDirectory() as folder, _served(settings, Path(folder)) as url:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{url}?gallery={address}")
        page.wait_for_selector(".pm-cell")
        page.evaluate(_WATCH)
        for number, data in enumerate(files):
            progress(number, len(files), "choosing 12-megapixel files on the page")
            path = Path(folder) / f"picture{number}.jpg"
            path.write_bytes(data)
            page.set_input_files(".pm-file", path)
            # Looking at every frame, as is the default, would make the page draw frames.
            page.wait_for_function("(count) => window.waits.length > count", arg=number, polling=100)
        waits = page.evaluate("window.waits")[WARMING:]
    return _summary(waits)


def _summary(waits: Sequence[Json]) -> Json:
    totals = [float(one["total"]) for one in waits]
    parts = {name: float(np.median([one[name] for one in waits])) for name in ("upload", "search")}
    rest = float(np.median([one["total"] - one["upload"] - one["search"] for one in waits]))
    return {
        "count": len(totals),
        "p50_ms": float(np.percentile(totals, 50)),
        "p95_ms": float(np.percentile(totals, 95)),
        "median_parts_ms": {**parts, "page": rest},
    }


@contextmanager
def _served(settings: Settings, folder: Path) -> Iterator[str]:
    """Serve the page in another process and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, str(_APP), "--port", str(port), "--root", str(settings.root)]
    environment = {**os.environ, "PENTIMENTO_THREADS": str(settings.threads)}
    with (folder / "server.log").open("w+") as log:
        server: Any = subprocess.Popen(command, cwd=_APP.parent, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(url, server)
            yield url
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            server.kill()


def _wait(url: str, server: Any) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and server.poll() is None:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise UnavailableError(f"the page did not start; try: {sys.executable} {_APP}")
