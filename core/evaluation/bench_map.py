"""How fast maps are drawn, explored and laid out: a headless chromium with software rendering, and UMAP on one core.

The page measured is the renderer itself with its real files over HTTP, without Gradio around it. Points are
Gaussian clouds with a class each; thumbnails are distinct coloured squares. Numbers belong to the machine that is
printed with them: compare ratios.
"""

import functools
import http.server
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.chromium import chromium
from core.projection.columns import Column
from core.projection.publish import Frame, Point, publish
from core.types import Image, Json, Progress, no_progress

_ASSETS = Path(__file__).resolve().parents[2] / "gradio_ui" / "assets"
_CLASSES = 12
_PAGE = """<!doctype html><meta charset="utf-8"><body class="pm-map" style="margin:0">
<link rel="stylesheet" href="/assets/map.css">
<div id="stage" class="pm-map-stage" style="width:1200px;height:800px" tabindex="0"></div>
<script type="module">
const { httpSource, MapData } = await import("/assets/map/data.js");
const { PictureMap } = await import("/assets/map/map.js");
const { under } = await import("/assets/map/control.js");
const { enclosed } = await import("/assets/map/lasso.js");
const began = performance.now();
const data = await MapData.open(httpSource("/public/", "1", ""));
const map = new PictureMap(document.getElementById("stage"), data, { theme: "light", draw: "splat" });
const frame = () => new Promise((done) => requestAnimationFrame(done));
while (!map.painter.drawn) await frame();
await frame();
window.first = performance.now() - began;
await map.colourBy(0);
window.map = map;
window.measure = {
  async drag(frames) {
    map.painter.redraw();
    while (map.painter.full) await frame();
    const times = [];
    let before = performance.now();
    for (let k = 0; k < frames; k++) {
      map.setView(map.view.panned(9 * Math.cos(k / 9), 7 * Math.sin(k / 7)));
      await frame();
      times.push(performance.now() - before);
      before = performance.now();
    }
    return times;
  },
  hover(rounds) {
    const began = performance.now();
    let hits = 0;
    for (let k = 0; k < rounds; k++) hits += under(map, (k * 37) % 1200, (k * 53) % 800) >= 0;
    return { ms: (performance.now() - began) / rounds, hits: hits / rounds };
  },
  lasso(rounds) {
    const outline = [];
    for (let k = 0; k < 40; k++) {
      const angle = (k / 40) * 2 * Math.PI, radius = 0.45 * (1 + 0.2 * Math.sin(7 * angle));
      outline.push(radius * Math.cos(angle), radius * Math.sin(angle));
    }
    const began = performance.now();
    let found = 0;
    for (let k = 0; k < rounds; k++) found = enclosed(data.grid, outline).length;
    return { ms: (performance.now() - began) / rounds, found };
  },
  async pictures() {
    map.setView(map.fit.centred(0, 0, 29 / data.info.spacing));
    map.settle();
    for (let quiet = 0; quiet < 5; ) {
      await frame();
      quiet = map.painter.frame || map.atlas.loading || map.painter.full ? 0 : quiet + 1;
      if (!quiet) await new Promise((done) => setTimeout(done, 50));
    }
    const times = await measure.drag(60);
    return { count: map.painter.pictures.length, times };
  },
};
window.ready = true;
</script>"""


def bench_drawing(n: int, *, pictures: bool, progress: Progress = no_progress) -> Json:
    """Measure a map of n points in a headless chromium.

    Args:
        n: points.
        pictures: with thumbnails; up to 200,000 of them are distinct.
        progress: told what is being done.

    Returns:
        first_ms from opening the map to its first picture (cold, then warm; the page has loaded the scripts with
        itself), drag_fps and its worst frame, hover_ms, lasso_ms, heap_mb, and with pictures the
        frames per second with so many in view.

    Raises:
        UnavailableError: playwright or chromium is not installed.
    """
    with chromium() as browser, tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as url:
        progress(0, None, f"writing a map of {n:,} points")
        write_synthetic(Path(folder) / "public", n, pictures=pictures, progress=progress)
        (Path(folder) / "index.html").write_text(_PAGE)
        progress(0, None, f"drawing {n:,} points")
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.set_default_timeout(120_000)
        first = []
        for _ in range(4):  # the first visit is cold, the later ones find the files in the browser's cache
            page.goto(url)
            page.wait_for_function("window.ready")
            first.append(float(page.evaluate("first")))
        drag = page.evaluate("measure.drag(120)")
        result: Json = {
            "points": n,
            "first_ms_cold": round(first[0]),
            "first_ms_warm": round(float(np.median(first[1:]))),
            "drag_fps": round(1000 * len(drag) / sum(drag), 1),
            "drag_worst_ms": round(max(drag), 1),
            "hover_ms": round(page.evaluate("measure.hover(2000)")["ms"], 4),
            "lasso_ms": round(page.evaluate("measure.lasso(20)")["ms"], 1),
            "heap_mb": round(_heap_mb(page), 1),
        }
        if pictures:
            shown = page.evaluate("measure.pictures()")
            result["pictures_in_view"] = shown["count"]
            result["pictures_fps"] = round(1000 * len(shown["times"]) / sum(shown["times"]), 1)
    return result


def bench_layout(n: int = 10_000, dim: int = 1280, *, progress: Progress = no_progress) -> Json:
    """Measure laying n vectors out, once everything is compiled: seconds of processor time, neighbours included."""
    from core.arrays import normalize
    from core.projection.neighbours import mutual_neighbours
    from core.projection.umap_adapter import UmapProjection

    rng = np.random.default_rng(0)
    small = rng.normal(size=(300, 16)).astype(np.float32)
    progress(0, None, "compiling UMAP")
    started = time.process_time()
    UmapProjection().fit(small, mutual_neighbours(small, 15))
    compiled = time.process_time()
    centres = rng.normal(size=(45, dim))
    vectors = normalize((centres[rng.integers(45, size=n)] + rng.normal(size=(n, dim))).astype(np.float32))
    progress(0, None, f"laying out {n:,} vectors")
    before = time.process_time()
    near = mutual_neighbours(vectors, 15)
    found = time.process_time()
    UmapProjection().fit(vectors, near)
    done = time.process_time()
    return {
        "vectors": n,
        "dim": dim,
        "compile_cpu_s": round(compiled - started, 1),
        "neighbours_cpu_s": round(found - before, 1),
        "umap_cpu_s": round(done - found, 1),
    }


def machine() -> Json:
    """Return what the numbers belong to; a load beyond the number of cores makes all of them worse."""
    facts: Json = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    return {**facts, "load_average": round(os.getloadavg()[0], 1)} if hasattr(os, "getloadavg") else facts


def write_synthetic(folder: Path, n: int, *, pictures: bool, progress: Progress = no_progress) -> None:
    """Write the public files of a map of n points in twelve clouds."""
    rng = np.random.default_rng(0)
    group = rng.integers(_CLASSES, size=n)
    centres = rng.normal(size=(_CLASSES, 2))
    layout = (centres[group] + 0.35 * rng.normal(size=(n, 2))).astype(np.float32)
    column = Column(
        "group", "Group", "choice", group.astype(np.uint8), tuple((f"group {g}", n) for g in range(_CLASSES))
    )
    trust: NDArray[np.float32] = rng.random(n).astype(np.float32)
    shades = rng.integers(0, 255, (n if pictures else 0, 3), dtype=np.uint8)

    def picture(row: int) -> Image:
        return np.broadcast_to(shades[row], (48, 64, 3)).copy()

    publish(
        folder,
        layout,
        np.arange(1, n + 1, dtype=np.int64),
        frame=Frame.around(layout),
        points=lambda row: Point(f"Picture {row}", "", f"group {group[row]}"),
        columns=[column],
        clusters=[],
        trust=trust,
        picture_of=picture if pictures else None,
        facts={"gallery": "bench", "projection": "umap", "trustworthiness": None, "n_placed": 0},
        progress=progress,
    )


def _heap_mb(page: Any) -> float:
    """Return the page's JavaScript heap with its typed arrays, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Serve the folder and our assets; yield the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            plain = path.split("?")[0]
            if plain.startswith("/assets/"):
                return str(_ASSETS / plain.removeprefix("/assets/"))
            return str(folder / plain.lstrip("/"))

        def log_message(self, format: str, *args: Any) -> None:
            return

        def end_headers(self) -> None:
            if "?v=" in self.path:
                self.send_header("Cache-Control", "private, max-age=31536000, immutable")
            super().end_headers()

    (folder / "index.html").write_text("")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/index.html"
    finally:
        server.shutdown()
        server.server_close()
