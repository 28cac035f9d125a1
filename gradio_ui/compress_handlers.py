"""What the Compress tab asks: plain values in, plain values out; pictures that were coded are kept for a while."""

import hashlib
import io
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from core.codec import other_formats, quality
from core.codec.modes import Coded, Mode
from core.codec.pixels import describe_kind, read_pixels
from core.errors import ImageError
from core.imaging import open_image
from core.settings import Settings
from core.types import Image, Json
from gradio_ui.shelf import Shelf

if TYPE_CHECKING:
    from core.codec import LearnedCodec, Stream
    from core.search import Engine

POSITIONS_APART = 4  # of the slider: half a quality
EAGER_PIXELS = 1_500_000  # up to here every position of the slider is measured without being asked for
MOST_PIXELS = 40_000_000
_KEPT_PICTURES = 6
_CURVE_QUALITIES = 6  # points of a format's curve


@dataclass
class Opened:
    """A picture that is being worked on, and what is known of it."""

    key: str
    name: str
    image: Image
    file_bytes: int
    url: str
    streams: "dict[int, tuple[Stream, Image, Json]]" = field(default_factory=dict)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        return self.image.shape[0] * self.image.shape[1]


class Workbench:
    """Codes pictures for the tab. Visitors share it; the least recently used pictures are forgotten."""

    def __init__(self, engine: "Engine", settings: Settings, shelf: Shelf) -> None:
        self.engine = engine
        self.settings = settings
        self.shelf = shelf
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._lock = threading.Lock()
        self._working = threading.Lock()  # one picture is coded at a time: two would only take twice as long

    @cached_property
    def codec(self) -> "LearnedCodec":
        """The shipped model, loaded when first needed."""
        from core.codec import LearnedCodec

        return LearnedCodec(threads=self.settings.threads)

    def open(self, source: Path, name: str, title: str) -> Json:
        """Read a picture and return {key, name, title, width, height, url, file_bytes, positions, eager}.

        Raises:
            ImageError: it cannot be read, has too many pixels, or is of a kind that only the lossless mode keeps.
        """
        data = source.read_bytes()
        key = hashlib.sha256(data).hexdigest()[:32]
        with self._lock:
            opened = self._opened.get(key)
        if opened is None:
            pixels = read_pixels(source, max_pixels=min(MOST_PIXELS, self.settings.max_pixels))
            kept_as = "" if pixels.ndim == 3 and pixels.shape[2] == 3 else describe_kind(pixels)
            if kept_as:
                raise ImageError(
                    f"{name} is {kept_as}: such pictures are stored by the lossless mode only; "
                    "on the command line: python -m core compress"
                )
            image: Image = pixels  # type: ignore[assignment]
            opened = Opened(key, name, image, len(data), self.shelf.put(_png(image), "original.png"))
            with self._lock:
                self._opened[key] = opened
                while len(self._opened) > _KEPT_PICTURES:
                    self._opened.popitem(last=False)
        height, width = opened.image.shape[:2]
        shape = self.codec.shape
        positions = list(range(0, shape.n_positions, POSITIONS_APART))
        return {
            "key": key, "name": name, "title": title, "width": width, "height": height, "url": opened.url,
            "file_bytes": opened.file_bytes, "raw_bytes": 3 * width * height, "positions": positions,
            "qualities": [self.codec.quality_of(position) for position in positions],
            "eager": opened.pixels <= EAGER_PIXELS,
        }  # fmt: skip

    def measure(self, key: str, position: int) -> Json:
        """Code at a position and return bytes, ratio, bpp, PSNR, SSIM, MS-SSIM and times, all measured."""
        return self._coded(self._get(key), position)[2]

    def show(self, key: str, position: int) -> Json:
        """Return `measure` and the URLs of the restored picture and of the difference."""
        opened = self._get(key)
        _, restored, facts = self._coded(opened, position)
        return facts | self._urls(opened, restored, f"restored-{position}.png")

    def rival(self, key: str, name: str, n_bytes: int) -> Json:
        """Return what a standard format makes of at most `n_bytes`, or of the fewest that it can do."""
        opened = self._get(key)
        with self._working:
            started = time.perf_counter()
            found = other_formats.at_bytes(opened.image, name, n_bytes)
            elapsed = time.perf_counter() - started
        picture = found.picture
        facts = self._facts(opened, picture, len(found.data)) | {
            "name": name, "title": other_formats.TITLES[name], "fits": found.fits, "search_ms": 1000 * elapsed,
        }  # fmt: skip
        return facts | self._urls(opened, picture, f"{name}.png")

    def curve(self, key: str, name: str) -> Json:
        """Measure some qualities of a format on this picture, for the chart, and return the points."""
        opened = self._get(key)
        if name not in opened.curves:
            chosen = other_formats.QUALITIES[name][:: max(1, len(other_formats.QUALITIES[name]) // _CURVE_QUALITIES)]
            with self._working:
                files = [other_formats.encode(opened.image, name, setting) for setting in chosen]
            opened.curves[name] = [
                (float(len(file)), quality.psnr(opened.image, other_formats.decode(file, name))) for file in files
            ]
        return {"points": opened.curves[name]}

    def chart(self, key: str, position: int, width: int = 0) -> Json:
        """Return the rate-distortion chart of what has been measured on this picture, as SVG."""
        from core.evaluation.rd_chart import rd_chart

        opened = self._get(key)
        ours = sorted((facts["bytes"], facts["psnr_db"]) for _, _, facts in opened.streams.values())
        curves = {"ours": ("Pentimento", ours)} if ours else {}
        curves |= {name: (other_formats.TITLES[name], points) for name, points in opened.curves.items()}
        now = opened.streams.get(position)
        marked = (now[2]["bytes"], now[2]["psnr_db"]) if now else None
        if sum(len(points) for _, points in curves.values()) < 3:
            return {"svg": ""}
        title = f"Rate and distortion of {opened.name}"
        return {"svg": rd_chart(curves, marked=marked, title=title, width=min(1200, max(340, width or 760)))}

    def downloads(self, key: str, position: int) -> Json:
        """Return URLs of the archive with this one picture and of the restored PNG, with their bytes."""
        from core.archive.pack import Item, PackOptions, pack

        opened = self._get(key)
        _, restored, _ = self._coded(opened, position)
        stem = Path(opened.name).stem or "picture"
        with tempfile.TemporaryDirectory() as folder:
            original = Path(folder) / f"{stem}.png"
            original.write_bytes(_png(opened.image))
            target = Path(folder) / f"{stem}.pent"
            options = PackOptions(quality=self.codec.quality_of(position))
            report = pack([Item(original.name, original)], target, self.codec, self.settings, options=options)
            archive = self.shelf.put(target.read_bytes(), target.name)
        png = _png(restored)
        return {
            "archive": archive, "archive_bytes": report.archive_bytes, "archive_name": f"{stem}.pent",
            "restored": self.shelf.put(png, f"{stem}-restored.png"), "restored_bytes": len(png),
        }  # fmt: skip

    def restored(self, key: str, position: int) -> tuple[Image, Image]:
        """Return the original and the restored picture."""
        opened = self._get(key)
        return opened.image, self._coded(opened, position)[1]

    def _get(self, key: str) -> Opened:
        with self._lock:
            opened = self._opened.get(key)
            if opened is None:
                raise ValueError("this picture has been put away meanwhile; open it again")
            self._opened.move_to_end(key)
            return opened

    def _coded(self, opened: Opened, position: int) -> "tuple[Stream, Image, Json]":
        if not 0 <= position < self.codec.shape.n_positions:
            raise ValueError(f"position must be between 0 and {self.codec.shape.n_positions - 1}, got {position}")
        with self._working:
            if position not in opened.streams:
                started = time.perf_counter()
                stream = self.codec.encode([opened.image], position)[0]
                encoded = time.perf_counter()
                restored = self.codec.decode([stream])[0]
                decoded = time.perf_counter()
                facts = self._facts(opened, restored, len(stream.data)) | {
                    "position": position,
                    "quality": self.codec.quality_of(position),
                    "encode_ms": 1000 * (encoded - started),
                    "decode_ms": 1000 * (decoded - encoded),
                }
                opened.streams[position] = (stream, restored, facts)
            return opened.streams[position]

    @staticmethod
    def _facts(opened: Opened, restored: Image, n_bytes: int) -> Json:
        return {
            "bytes": n_bytes,
            "ratio": 3 * opened.pixels / max(1, n_bytes),
            "bpp": 8 * n_bytes / opened.pixels,
            "psnr_db": quality.psnr(opened.image, restored),
            "ssim": quality.ssim(opened.image, restored),
            "ms_ssim": quality.ms_ssim(opened.image, restored),
        }

    def _urls(self, opened: Opened, restored: Image, name: str) -> Json:
        difference = quality.difference_picture(opened.image, restored)
        return {
            "url": self.shelf.put(_png(restored), name),
            "difference_url": self.shelf.put(_png(difference), f"difference-{name}"),
        }


def source_of(engine: "Engine", request: Mapping[str, Any], uploaded_path: Path | None) -> tuple[Path, str, str]:
    """Return the file, its name and what to call it: an upload, or a gallery's picture {"gallery", "image_id"}."""
    if uploaded_path is not None:
        name = str(request.get("name") or uploaded_path.name)
        return uploaded_path, name, name
    gallery, image_id = str(request["gallery"]), int(request["image_id"])
    record = engine.record(gallery, image_id)
    name = Path(record.path).name
    return engine.dataset(gallery).source_path(record), name, record.title or name


def lossless_preview(record: Coded, pixels: Any) -> Image:
    """Return RGB pixels to show a record of any mode."""
    if record.mode == Mode.LOSSLESS and pixels.ndim == 2 and pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return open_image(pixels) if pixels.ndim == 2 or pixels.shape[2] != 2 else open_image(pixels[:, :, 0])


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
