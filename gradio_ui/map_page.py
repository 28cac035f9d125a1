"""A map as one self-contained page: opened from disk, mailed, without any network."""

import base64
import html
import json
import posixpath
import re
from pathlib import Path

from core.projection import GalleryMap
from core.storage import write_bytes

_ASSETS = Path(__file__).resolve().parent / "assets"
_ENTRY = "map/offline.js"
_IMPORT = re.compile(r'(from|import)(\s*)"(\.{1,2}/[^"]+)"')
_MOST_BYTES = 40_000_000  # of pictures; beyond, the next smaller size is taken

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' data:; \
style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>{css}
body {{ margin: 0; padding: 16px 24px; }}
h1 {{ margin: 0 0 12px; font: 500 23px/1.3 var(--pm-serif); }}
.pm-map-frame {{ height: max(420px, calc(100vh - 120px)); }}</style>
<script type="importmap">{imports}</script>
<h1>{title}</h1>
<main class="pm-map"></main>
<script type="application/json" id="files">{files}</script>
<script type="module">
import {{ start }} from "{entry}";
start(document.querySelector(".pm-map"), JSON.parse(document.getElementById("files").textContent));
</script>
</html>
"""


def write_page(map_: GalleryMap, target: Path, title: str) -> int:
    """Write the map as one HTML file and return its size in bytes.

    Of the atlases one size is included: the largest that keeps the file below some 50 MB.

    Args:
        map_: to write.
        target: file, replaced.
        title: of the page.
    """
    page = _PAGE.format(
        title=html.escape(title),
        css="\n".join((_ASSETS / name).read_text() for name in ("pentimento.css", "map.css")),
        imports=json.dumps({"imports": _modules()}),
        files=json.dumps(_files(map_)),
        entry=_name(_ENTRY),
    )
    data = page.encode()
    write_bytes(target, data)
    return len(data)


def _modules() -> dict[str, str]:
    """Return every module that the page needs, as data URLs under names without a path: those work from disk."""
    found: dict[str, str] = {}
    waiting = [_ENTRY]
    while waiting:
        path = waiting.pop()
        if _name(path) in found:
            continue
        folder = posixpath.dirname(path)
        text = (_ASSETS / path).read_text()
        needed = [posixpath.normpath(posixpath.join(folder, match[3])) for match in _IMPORT.finditer(text)]
        for match, target in zip(list(_IMPORT.finditer(text)), needed, strict=True):
            text = text.replace(match[0], f'{match[1]}{match[2]}"{_name(target)}"')
        found[_name(path)] = "data:text/javascript;base64," + _base64(text.encode())
        waiting += needed
    return found


def _name(path: str) -> str:
    return "pentimento/" + path


def _files(map_: GalleryMap) -> dict[str, str]:
    """Return the map's public files in base64, with one size of the atlases."""
    sizes = map_.summary["atlas"]["sizes"]
    chosen = _chosen_size(map_.public, sizes)
    files = {}
    for path in sorted(map_.public.rglob("*")):
        name = path.relative_to(map_.public).as_posix()
        if not path.is_file() or (name.startswith("atlas/") and not name.startswith(f"atlas/{chosen}/")):
            continue
        data = path.read_bytes()
        if name == "map.json" and sizes:
            summary = {**map_.summary, "atlas": {**map_.summary["atlas"], "sizes": [chosen]}}
            data = json.dumps(summary).encode()
        files[name] = _base64(data)
    return files


def _chosen_size(public: Path, sizes: list[int]) -> int:
    for size in reversed(sizes):
        if sum(page.stat().st_size for page in (public / "atlas" / str(size)).iterdir()) <= _MOST_BYTES:
            return size
    return sizes[0] if sizes else 0


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
